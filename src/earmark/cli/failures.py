"""How a failure ends a command: one or two lines on stderr, the exit code of its kind, and never a traceback for anything
that was foreseen."""

from __future__ import annotations

import os

from rich.console import Console
from rich.markup import escape

from earmark.core.reasons import EarmarkError

FAILED, USAGE, UNDECIDED, UNREACHABLE, FORBIDDEN = 1, 2, 3, 4, 5

stderr = Console(stderr=True, highlight=False)


class CommandFailed(Exception):
    """A command ends here: message, next step, exit code."""

    def __init__(self, message: str, action: str = "", code: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.action = action
        self.code = code


def exit_code_of(error: Exception) -> int:
    """Print the error for a person and tell the exit code."""
    if isinstance(error, CommandFailed):
        _say(error.message, error.action)
        return error.code
    if isinstance(error, EarmarkError):
        _say(error.reason.message, error.reason.action)
        return USAGE if error.reason.code == "bad_settings" else FAILED
    if os.environ.get("EARMARK_LOGGING__LEVEL", "").lower() == "debug":
        stderr.print_exception()
    _say(
        f"Something unforeseen happened: {type(error).__name__}: {error}",
        "Run again with EARMARK_LOGGING__LEVEL=debug.",
    )
    return FAILED


def _say(message: str, action: str) -> None:
    stderr.print(f"[bold red]✗[/] {escape(message)}")
    if action:
        stderr.print(f"  [dim]→ {escape(action)}[/]")
