"""Pieces the tickets of `web_world` are made of: wishes, releases, candidates, torrents, lines of events."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from earmark.core.decision import Component, ScoredCandidate
from earmark.core.reasons import JsonValue, Reason
from earmark.core.release import Freeleech, Release
from earmark.core.states import (
    TicketState,
)
from earmark.core.ticket import TicketId
from earmark.core.torrents import InfoHash, TorrentEntry, TorrentState
from earmark.core.wish import BookWish, Kind
from earmark.store import Event, TorrentRecord

S = TicketState
NOW = datetime.now(UTC).replace(microsecond=0)
ACTIVE = frozenset(S) - {S.NEEDS_APPROVAL, S.COMPLETED, S.REJECTED, S.FAILED, S.CANCELLED}

SCRIPT_TITLE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
RTL_TITLE = "\u202eאליס בארץ הפלאות — مغامرات أليس \u202dالعجيبة"
LONG_TITLE = "An Uncommonly Long and Winding Title " * 8 + "Unbreakable" * 12


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def book(title: str, author: str = "", narrator: str = "", **more: object) -> BookWish:
    wish = BookWish(title, (author,) if author else (), (narrator,) if narrator else ())
    return replace(wish, **more)  # type: ignore[arg-type]


def release(n: int, title: str, **more: object) -> Release:
    base = Release(
        guid=f"https://www.myanonamouse.net/t/{n}",
        indexer="mam",
        title=title,
        size_bytes=312 * 1024**2 + n * 31_000_000,
        kind=Kind.AUDIOBOOK,
        authors=("Kenneth Grahame",),
        narrators=("Adrian Praetzellis",),
        language="en",
        filetypes=("m4b",),
        file_count=1,
        seeders=41 - n,
        runtime_secs=6.6 * 3600,
        published_at=ago(days=40 + n),
    )
    return replace(base, **more)  # type: ignore[arg-type]


def scored(r: Release, score: float, *, free: bool = False, gates: tuple[Reason, ...] = ()) -> ScoredCandidate:
    parts = (
        Component("title", 0.42, min(1.0, score + 0.08), f"“{r.title}” for “The Wind in the Willows”"),
        Component("author", 0.26, score, f"{', '.join(r.authors)} for Kenneth Grahame"),
        Component("narrator", 0.12, None, "no narrator stated; Adrian Praetzellis is wished"),
        Component("format", 0.05, 0.85, "mp3"),
        Component("size", 0.06, 1.0, "105 kbit/s over 6.6 h"),
        Component("seeders", 0.03, 0.4, f"{r.seeders} seeding"),
    )
    return ScoredCandidate(r, score, parts, gates, free, "Doubtful.")


def willows() -> list[ScoredCandidate]:
    refused = Reason("wrong_language", "It is in “de”, “en” is wished.", "Approve it by hand if you know better.")
    dead = Reason("no_seeders", "Nobody seeds it.", "Approve it by hand if you know better.")
    return [
        scored(release(1, "The Wind in the Willows"), 0.79, free=True),
        scored(
            release(2, "Wind in the Willows, The (Unabridged) [MP3 64k]", filetypes=("mp3",), file_count=12,
                    narrators=("Mark F. Smith", "Kara Shallenberg"), freeleech=Freeleech(vip=True)),
            0.74,
        ),
        scored(release(3, SCRIPT_TITLE, narrators=(), size_bytes=None, seeders=None, runtime_secs=None, language=None,
                       filetypes=(), file_count=None, published_at=None), 0.52),
        scored(release(4, "Der Wind in den Weiden", language="de", already_snatched=True), 0.44, gates=(refused,)),
        scored(release(5, RTL_TITLE, seeders=0), 0.31, gates=(refused, dead)),
    ]  # fmt: skip


@dataclass
class Line:
    """Builds the events of one ticket."""

    events: list[Event] = field(default_factory=list)
    seq: int = 0

    def moves(self, ticket_id: str, *steps: tuple[TicketState, datetime]) -> list[Event]:
        old: TicketState | None = None
        out = []
        for state, at in steps:
            self.seq += 1
            actor = "admin" if state in {S.APPROVED, S.CANCELLED, S.REJECTED, S.PENDING} else "earmark"
            payload: dict[str, JsonValue] = {
                "old_state": str(old) if old else None,
                "new_state": str(state),
                "actor": actor,
                "details": {},
            }
            out.append(Event(self.seq, at, TicketId(ticket_id), "state_change", payload))
            old = state
        self.events += out
        return out


HASH = InfoHash("a94a8fe5ccb19ba61c4c0873d391e987982fbbd3")


def torrent(ticket_id: str, progress: float, **more: object) -> TorrentRecord:
    size = 312 * 1024**2
    base = TorrentRecord(
        info_hash=HASH,
        client="embedded",
        ticket_id=TicketId(ticket_id),
        name="The Wind in the Willows",
        save_path="/srv/earmark/downloads/mam",
        size_bytes=size,
        private=True,
        added_at=ago(minutes=9),
        indexer="mam",
        guid="https://www.myanonamouse.net/t/1",
        state=TorrentState.DOWNLOADING if progress < 1 else TorrentState.SEEDING,
        progress=progress,
        downloaded=int(size * progress),
        uploaded=41 * 1024**2,
        ratio=0.13,
        seeding_secs=0 if progress < 1 else 96_400,
        last_seen_at=NOW,
        entries=tuple(
            TorrentEntry(f"The Wind in the Willows/{n:02} - Chapter {n}.mp3", 26_100_000 + n) for n in range(1, 13)
        ),
    )
    return replace(base, **more)  # type: ignore[arg-type]
