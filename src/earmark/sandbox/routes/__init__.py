"""The stand-in site's addresses, one file per part of the specification."""
