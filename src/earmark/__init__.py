"""Earmark takes a wish and ends with verified files on the right shelf, while every torrent keeps its tracker's rules."""

__version__ = "0.1.0"

USER_AGENT = f"Earmark/{__version__}"
"""How Earmark names itself to every tracker and service. Fixed: there is no disguise (decisions.md, 18)."""
