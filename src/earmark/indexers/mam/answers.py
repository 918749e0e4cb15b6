"""What a reply of the site means before anybody reads its contents: is the session good, is the site well (mam-api.md §1).

Every sign of a bad session that clients have seen is recognised here by its own name; what is left is a JSON object.
"""

from __future__ import annotations

import json
import re

from earmark.core.reasons import EarmarkError, JsonValue
from earmark.http import Answer, answer_not_understood, site_unavailable
from earmark.indexers.errors import not_allowed, rate_limited, session_address_mismatch, session_expired
from earmark.indexers.text import excerpt

LOGIN_SIGNS = re.compile(
    r"not logged in|not signed in|login \| my anonamouse|<title>\s*login|invalid download link|/takelogin\.php"
    r"|session type - non|invalid session|no session cookie|missing cookie|invalid cookie",
    re.IGNORECASE,
)
ADDRESS_SIGNS = re.compile(r"(?:\bip\b|\basn\b)[^<]{0,60}?(?:does not match|mismatch)", re.IGNORECASE)
TYPE_SIGNS = re.compile(r"incorrect session type|not allowed this function", re.IGNORECASE)


def json_object(answer: Answer, site: str) -> dict[str, object]:
    """The JSON object of a good reply. Raises the named error for everything else."""
    if trouble := trouble_of(answer, site):
        raise trouble
    try:
        payload: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise _not_json(answer, site) from None
    if not isinstance(payload, dict):
        raise answer_not_understood(site, "JSON, but no object", got=type(payload).__name__)
    message = payload.get("error") or payload.get("msg")
    if isinstance(message, str) and (trouble := session_trouble(answer, site, message)):
        raise trouble
    return payload


def trouble_of(answer: Answer, site: str) -> EarmarkError | None:
    """What the status line and the well-known texts say, or None when the body is worth reading."""
    if answer.status >= 400:
        return _refused(answer, site)
    if answer.status >= 300:
        return _redirected(answer, site)
    if not answer.text:
        return session_expired(site, "its answer is empty", status=answer.status)
    if answer.text.startswith("Error"):
        return session_trouble(answer, site, answer.text) or session_expired(
            site, "it answered with an error text", status=answer.status, answer=excerpt(answer)
        )
    return None


def session_trouble(answer: Answer, site: str, text: str) -> EarmarkError | None:
    """What a text says about the session. The address comes first: "… does not match … and no auth cookie" is its sign."""
    facts: dict[str, JsonValue] = {"status": answer.status, "answer": excerpt(answer)}
    if ADDRESS_SIGNS.search(text):
        return session_address_mismatch(site, **facts)
    if TYPE_SIGNS.search(text):
        return not_allowed(site, **facts)
    if LOGIN_SIGNS.search(text):
        return session_expired(site, "it asks to log in", **facts)
    return None


def _refused(answer: Answer, site: str) -> EarmarkError:
    status = answer.status
    if status == 429:
        return rate_limited(site, answer.retry_after)
    if status >= 500 or status == 408:
        return site_unavailable(site, f"it answered HTTP {status}", answer.retry_after, status=status)
    if status in {401, 403}:
        return session_trouble(answer, site, answer.text) or session_expired(
            site, f"it answered HTTP {status}", status=status, answer=excerpt(answer)
        )
    return answer_not_understood(site, f"HTTP {status}", status=status, answer=excerpt(answer))


def _redirected(answer: Answer, site: str) -> EarmarkError:
    target = answer.location.partition("?")[0][:200]  # without the query, which may hold tokens
    if "login" in answer.location.lower():
        return session_expired(site, "it sends us to its login page", status=answer.status)
    return answer_not_understood(
        site, f"a redirect to {target or 'nowhere'} where an answer belongs", status=answer.status
    )


def _not_json(answer: Answer, site: str) -> EarmarkError:
    if trouble := session_trouble(answer, site, answer.text):
        return trouble
    if answer.is_page:
        return answer_not_understood(site, "a web page instead of JSON", answer=excerpt(answer))
    if "json" not in answer.content_type:
        return session_expired(site, "its answer is plain text instead of JSON", answer=excerpt(answer))
    return answer_not_understood(site, "broken JSON", size=len(answer.body))
