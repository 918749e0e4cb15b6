"""Logs: one line an event, with the ticket id as the thread through all of them. Secrets never reach this point; what might
carry one is redacted where it is made, and once more here."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from earmark.settings import LoggingSettings

_SECRETS = re.compile(r"(mam_id=|apikey=|api_key=|token=|passkey=|/announce/|/tracker\.php/|[Bb]earer )([^\s&\"'/;]+)")


def set_up_logs(settings: LoggingSettings) -> None:
    """Everything to stderr, ours and the libraries'."""
    level = getattr(logging, settings.level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _redact,
    ]
    shown = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # the rich one shows local variables: secrets among them
        )
    )
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, shown]
        if settings.format == "json"
        else [*shared, shown],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s", force=True
    )
    for handler in logging.getLogger().handlers:
        handler.addFilter(_RedactRecords())
    for noisy in ("httpx2", "httpcore2", "uvicorn.error", "alembic"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def redacted(text: str) -> str:
    """The text without the values of cookies, keys and passkeys."""
    return _SECRETS.sub(r"\1[redacted]", text)


def _redact(_: object, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {k: redacted(v) if isinstance(v, str) else v for k, v in event.items()}


class _RedactRecords(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redacted(record.getMessage()), None
        return True
