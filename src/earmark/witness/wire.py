"""What asking has in common, whichever library carries it: loading the library, a deadline, options that a model may refuse,
and the library's exceptions as reasons. Knows neither prompts nor answers."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, cast

from earmark.core.reasons import EarmarkError, PermanentError, TransientError

ANSWER_TOKENS = 8000  # room for an album's mapping and for models that think before they answer


class Library(Protocol):
    """The part of the providers' libraries that both share: their exceptions."""

    @property
    def APIError(self) -> type[Exception]: ...

    @property
    def APIConnectionError(self) -> type[Exception]: ...

    @property
    def APITimeoutError(self) -> type[Exception]: ...


def load_library(name: str) -> Library:
    """The provider's library. Raises PermanentError (`witness_unavailable`) when it is not installed."""
    try:
        return cast("Library", importlib.import_module(name))
    except ImportError as error:
        raise PermanentError.of(
            "witness_unavailable",
            f"The witness cannot be asked: the Python package “{name}” is not installed.",
            "Run: pip install 'earmark[llm]', then restart; or set `[matcher] llm_provider` to none.",
            package=name,
        ) from error


async def ask_with(
    library: Library,
    send: Callable[[Mapping[str, object]], Awaitable[str]],
    options: dict[str, object],
    *,
    who: str,
    timeout_secs: float,
) -> str:
    """Send with these options, and without those that the model turns out to refuse: newer ones know no temperature, older
    ones and small servers no schema. What is refused is taken out of `options` for good. Whatever
    goes wrong is raised as an EarmarkError."""
    try:
        async with asyncio.timeout(timeout_secs):
            while True:
                sent = dict(options)
                try:
                    return await send(sent)
                except library.APIError as error:
                    refused = _refused_option(error, sent)
                    if refused is None:
                        raise
                    options.pop(refused, None)
    except (TimeoutError, library.APITimeoutError) as error:
        raise TransientError.of(
            "witness_late",
            f"{who} did not answer within {timeout_secs:g} s.",
            "Nothing to do: the rules decided. Raise `[matcher] llm_timeout_secs` if it happens often.",
        ) from error
    except library.APIError as error:
        raise _trouble(error, library, who) from error
    except Exception as error:
        # A foreign library, a foreign answer, a key with odd characters: a second opinion must not break the first.
        raise PermanentError.of(
            "witness_broken",
            f"{who} could not be asked: {type(error).__name__}.",
            "Check `[matcher] api_key` and `llm_base_url`; else set llm_provider to none and tell us.",
        ) from error


def _refused_option(error: Exception, options: Mapping[str, object]) -> str | None:
    if _status(error) not in (400, 422):
        return None
    return next((name for name in options if name in str(error)), None)


def _status(error: Exception) -> int | None:
    found = getattr(error, "status_code", None)
    return found if isinstance(found, int) else None


def _trouble(error: Exception, library: Library, who: str) -> EarmarkError:
    """The library's exception as a reason. Its text is not passed on: it may quote the request."""
    status = _status(error)
    if status in (401, 403):
        return PermanentError.of(
            "witness_refused", f"{who} refuses the key (HTTP {status}).", "Check `[matcher] api_key`.", status=status
        )
    if status == 404:
        return PermanentError.of(
            "witness_refused",
            f"{who} does not know the model or the address (HTTP 404).",
            "Check `[matcher] llm_model` and `llm_base_url`.",
            status=status,
        )
    if status is not None and status < 500 and status not in (408, 409, 429):
        return PermanentError.of(
            "witness_refused",
            f"{who} does not take the question (HTTP {status}).",
            "Choose another `[matcher] llm_model`.",
            status=status,
        )
    if status is not None or isinstance(error, library.APIConnectionError):
        told = f"answers HTTP {status}" if status is not None else "cannot be reached"
        return TransientError.of(
            "witness_away",
            f"{who} {told}.",
            "Nothing to do: the rules decided.",
            **({"status": status} if status else {}),
        )
    return TransientError.of(
        "witness_malformed", f"{who} gave an answer its own library cannot read.", "Nothing to do: the rules decided."
    )
