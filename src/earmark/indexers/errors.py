"""What can go wrong with an indexer and nowhere else, each with its own name, message and next step; what goes wrong on
any wire is in `earmark.http`.

The adapters decide which one a reply means; nothing here reads the wire. `site` is a host or an indexer's name, and no
argument ever carries a session id, a key or a download hash.
"""

from __future__ import annotations

from earmark import http
from earmark.core.reasons import JsonValue, PermanentError, Reason, TransientError
from earmark.core.torrentfile import BadTorrent
from earmark.http import RateLimited, WaitError

DAY_SECS = 86_400.0


class SessionMissing(PermanentError):
    """No session id was ever given."""


class SessionExpired(PermanentError):
    """The site does not know the session id (any more)."""


class SessionAddressMismatch(PermanentError):
    """The session is bound to another address or network than the one Earmark calls from."""


class NotAllowed(PermanentError):
    """The session is alive but may not do this."""


class BadSessionId(PermanentError):
    """What was pasted cannot be a session id."""


class SessionNotSaved(TransientError):
    """The site replaced the session id and the new one could not be written down; no call is made until it is."""


class KeyRefused(PermanentError):
    """A Torznab service refused the API key."""


class UnsatisfiedLimitReached(WaitError):
    """The account holds as many not yet satisfied torrents as its class may."""


class GrabsBlocked(WaitError):
    """The site refuses to hand out torrents: the limit is reached or the account is blocked."""


class SearchRefused(PermanentError):
    """The site understood the search and turned it down."""


class TorrentGone(PermanentError):
    """The release is no longer on the site."""


class NotOurRelease(PermanentError):
    """A release was brought to an indexer that never offered it."""


class LinkNotAllowed(PermanentError):
    """A pushed download link leads where Earmark does not go."""


class LinkRefused(PermanentError):
    """The place behind a pushed download link does not let us have the torrent."""


NEW_SESSION = (
    "Create a new session on the site (Preferences → Security), for the address Earmark runs at, and put its mam_id "
    "into the settings."
)


def session_missing(site: str) -> SessionMissing:
    return SessionMissing(Reason("session_missing", f"There is no session id for {site}.", NEW_SESSION))


def session_expired(site: str, sign: str, **evidence: JsonValue) -> SessionExpired:
    """`sign` says what gave it away, e.g. "it answered with its login page"."""
    return SessionExpired(
        Reason("session_expired", f"{site} does not accept the session any more: {sign}.", NEW_SESSION, evidence)
    )


def session_address_mismatch(site: str, **evidence: JsonValue) -> SessionAddressMismatch:
    return SessionAddressMismatch(
        Reason(
            "session_address_mismatch",
            f"{site} refuses the session because it belongs to another address or network than the one in use.",
            "Check whether a VPN or the provider changed the address; then create a session for the present one "
            "(Preferences → Security; ASN-locked survives address changes) and put its mam_id into the settings.",
            evidence,
        )
    )


def not_allowed(site: str, **evidence: JsonValue) -> NotAllowed:
    return NotAllowed(
        Reason(
            "session_not_allowed",
            f"{site} knows the session but does not let it do this.",
            "Create an API session with the needed permission (Preferences → Security); a browser's cookie will not do.",
            evidence,
        )
    )


def bad_session_id(problem: str) -> BadSessionId:
    return BadSessionId(
        Reason(
            "session_id_malformed",
            f"The session id cannot be used: {problem}.",
            "Copy the value the site shows under Preferences → Security, on one line, with or without `mam_id=`.",
        )
    )


def session_not_saved(site: str, why: str) -> SessionNotSaved:
    return SessionNotSaved(
        Reason(
            "session_not_saved",
            f"{site} replaced the session id, and the new one could not be stored ({why}). "
            "Nothing more is asked of the site until it is.",
            "Check that the data directory is writable and its disk has room.",
        )
    )


def rate_limited(site: str, retry_after_secs: float | None) -> RateLimited:
    """The shared error with an indexer's own next step: its pace is in the settings, and accounts are shared."""
    return http.rate_limited(
        site,
        retry_after_secs,
        "Nothing to do: it is tried again later. When this repeats, lower the requests per second in the settings "
        "and see whether another program uses the same account.",
    )


def unsatisfied_limit_reached(site: str, **evidence: JsonValue) -> UnsatisfiedLimitReached:
    return UnsatisfiedLimitReached(
        Reason(
            "unsatisfied_limit",
            f"{site} hands out no torrent: the account has reached its limit of unsatisfied torrents.",
            "Let the torrents in the client seed on; a slot comes free whenever one has seeded for 72 hours.",
            {"retry_after_secs": DAY_SECS, **evidence},
        )
    )


def grabs_blocked(site: str, **evidence: JsonValue) -> GrabsBlocked:
    return GrabsBlocked(
        Reason(
            "grabs_blocked",
            f"{site} hands out no torrents to this account: it is blocked, or its limit of unsatisfied torrents is reached.",
            "Open the site in a browser and look at the account's messages and its unsatisfied torrents.",
            {"retry_after_secs": DAY_SECS, **evidence},
        )
    )


def search_refused(site: str, excerpt: str) -> SearchRefused:
    return SearchRefused(
        Reason(
            "search_refused",
            f"{site} refused the search: {excerpt or 'no reason given'}.",
            "Change the words that are searched for, or look for the release on the site.",
            {"answer": excerpt},
        )
    )


def torrent_gone(site: str, **evidence: JsonValue) -> TorrentGone:
    return TorrentGone(
        Reason(
            "torrent_gone", f"{site} no longer has this release.", "Search again and choose another release.", evidence
        )
    )


def torrent_not_private(site: str) -> BadTorrent:
    return BadTorrent(
        Reason(
            "torrent_not_private",
            f"{site} is a private tracker, but this torrent is not marked private: "
            "a client could announce it to everybody.",
            "Do not add it. Report the torrent to the site's staff and choose another release.",
            {"site": site},
        )
    )


def not_our_release(indexer: str, guid: str) -> NotOurRelease:
    return NotOurRelease(
        Reason(
            "release_not_of_this_indexer",
            f"The indexer {indexer} cannot fetch a release it did not offer.",
            "Search again and choose a release from the new results.",
            {"indexer": indexer, "guid": guid[:200]},
        )
    )


def key_refused(site: str, **evidence: JsonValue) -> KeyRefused:
    return KeyRefused(
        Reason(
            "api_key_refused",
            f"{site} refused the API key.",
            "Copy the key from the service's own page into the settings.",
            evidence,
        )
    )


def link_not_allowed(host: str) -> LinkNotAllowed:
    return LinkNotAllowed(
        Reason(
            "link_not_allowed",
            f"The download link leads to {host}, which is neither a public address nor a service of this house.",
            "Add that service as an indexer in the settings, or push a link that can be reached from outside.",
            {"host": host},
        )
    )


def link_refused(host: str, **evidence: JsonValue) -> LinkRefused:
    return LinkRefused(
        Reason(
            "link_refused",
            f"{host} does not hand out the torrent behind the download link: it wants a key or a sign-in.",
            "Push the release again with a fresh link that carries its own key.",
            evidence,
        )
    )
