"""The command line. Thin: it parses, calls the running service (or starts one) and renders; heavy libraries are imported
only by the commands that need them, so that every other command answers at once.

Exit codes: 0 done · 1 it failed, and the reason was printed · 2 wrong usage or settings · 3 a person must decide ·
4 the service cannot be reached · 5 the key is wrong or not allowed to · 130 interrupted.
"""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the `earmark` command."""
    from earmark.cli.app import app
    from earmark.cli.failures import exit_code_of

    try:
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        sys.exit(exit_code_of(error))
