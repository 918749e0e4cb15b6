"""Choices to be made by hand, as the judges really leave them: a book with eight releases, an album with its files, and a
decision a witness was heard about. `ApprovingDesk` is what the desk of `web_world` does with them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from web_pieces import S, ago

from earmark.core.albums.deciding import decide_album
from earmark.core.choosing import decide
from earmark.core.decision import Decision, ScoredCandidate
from earmark.core.reasons import JsonValue, PermanentError, Reason
from earmark.core.release import Freeleech, Release, ReleaseFile, SeriesRef
from earmark.core.states import Downloading, Matching, NeedsApproval, StatePayload
from earmark.core.testimony import Effect, Opinion, WitnessRecord
from earmark.core.ticket import Ticket, TicketId
from earmark.core.torrentfile import read_torrent
from earmark.core.wish import AlbumWish, BookWish, Kind, TrackWish
from earmark.pipeline.views import TicketView
from earmark.store import DecisionRecord, Event

if TYPE_CHECKING:
    from web_world import FakeDesk


class ApprovingDesk(ABC):
    """The part of the desk about choosing by hand."""

    views: dict[TicketId, TicketView]
    heard: list[tuple[str, ...]]

    @abstractmethod
    async def view(self, ticket_id: TicketId) -> TicketView: ...

    @abstractmethod
    async def move(self, ticket_id: TicketId, payload: StatePayload) -> Ticket: ...

    async def block(self, ticket_id: TicketId, candidate_idx: int, reason: str | None, actor: str) -> Ticket:
        view = await self.view(ticket_id)
        if candidate_idx >= len(view.candidates):
            raise PermanentError.of("bad_candidate", "There is no such candidate.", "Choose one that is shown.")
        self.heard.append(("block", ticket_id, str(candidate_idx), reason or "", actor))
        gate = Reason("release_blocked", f"Refused by {actor}.", "Approve it all the same if you want it.")
        found = [replace(c, gates=(gate,)) if i == candidate_idx else c for i, c in enumerate(view.candidates)]
        self.views[ticket_id] = replace(view, candidates=found)
        return await self.move(ticket_id, Matching(datetime.now(UTC), len(found)))

    async def force_torrent(self, ticket_id: TicketId, torrent: bytes, actor: str) -> Ticket:
        info_hash = read_torrent(torrent).info_hash
        self.heard.append(("torrent", ticket_id, info_hash, actor))
        return await self.move(ticket_id, Downloading(info_hash, datetime.now(UTC)))

    async def recommended(self, tickets: Sequence[Ticket]) -> Mapping[TicketId, tuple[int, ScoredCandidate]]:
        found = {}
        for ticket in tickets:
            p = ticket.payload
            if isinstance(p, NeedsApproval) and p.recommended_idx is not None:
                found[ticket.id] = p.recommended_idx, self.views[ticket.id].candidates[p.recommended_idx]
        return found


WISH = BookWish(
    "The Mysterious Island",
    ("Jules Verne",),
    (),
    series="Extraordinary Voyages",
    series_index="12",
    language="en",
    runtime_secs=21.7 * 3600,
    abridged=False,
)
MIB = 1024**2


def offer(n: int, title: str, **more: object) -> Release:
    base = Release(
        guid=f"https://www.myanonamouse.net/t/{7000 + n}",
        indexer="mam",
        title=title,
        kind=Kind.AUDIOBOOK,
        authors=("Jules Verne",),
        language="en",
        filetypes=("m4b",),
        file_count=1,
        size_bytes=590 * MIB,
        seeders=24 - 2 * n,
        runtime_secs=21.6 * 3600,
        published_at=ago(days=30 * n + 4),
    )
    return replace(base, **more)  # type: ignore[arg-type]


def offers() -> list[Release]:
    return [
        offer(1, "The Mysterious Island", narrators=("Mark F. Smith",), tags="unabridged 64kbps chapterised",
              series=(SeriesRef("Extraordinary Voyages", "12"),), freeleech=Freeleech(vip=True)),
        offer(2, "The Mysterious Island [Unabridged] - Jules Verne - read by Kirsten Ferreri [MP3 128 kbps]",
              authors=(), narrators=(), language=None, filetypes=("mp3",), file_count=62, size_bytes=1190 * MIB,
              runtime_secs=None, indexer="jackett", guid="https://indexer.example/3141", seeders=187),
        offer(3, "Mysterious Island, The", narrators=("Peter Eastman",), size_bytes=812 * MIB, bitrate_kbps=90,
              freeleech=Freeleech(everyone=True), seeders=9),
        offer(4, "The Mysterious Island: Voyages 12", narrators=("Mark F. Smith",), filetypes=("mp3",), file_count=40,
              size_bytes=1110 * MIB, bitrate_kbps=120, seeders=31, already_snatched=True),
        offer(5, "The Mysterious Island (Librivox)", narrators=(), size_bytes=300 * MIB, seeders=3),
        offer(6, "Die geheimnisvolle Insel", narrators=("Rainer Schmitt",), language="de"),
        offer(7, "The Mysterious Island (Abridged)", narrators=("Tom Baker",), abridged=True, size_bytes=140 * MIB,
              runtime_secs=5.1 * 3600),
        offer(8, "The Mysterious Island: A Full-Cast Radio Dramatisation", narrators=("Full Cast",), seeders=0,
              size_bytes=55 * MIB, runtime_secs=1.9 * 3600),
    ]  # fmt: skip


NAMES = (
    "Prelude to the Harbour", "Low Tide", "Lanterns", "The Ferryman’s Reply", "Salt and Iron", "Undertow",
    "A Letter from the Mole", "Breakwater", "Fog Signal", "The Pilot Comes Aboard", "Slack Water", "Home Lights",
)  # fmt: skip
LENGTHS = (142, 231, 254, 318, 197, 276, 301, 226, 184, 349, 263, 411)
ALBUM = AlbumWish(
    "The Quayside Five",
    "Harbour Songs",
    2011,
    "Tideline",
    tracks=tuple(
        TrackWish(f"t{n}", 1, n, name, float(secs), f"{n:02}.flac")
        for n, (name, secs) in enumerate(zip(NAMES, LENGTHS, strict=True), 1)
    ),
)


def album_files(folder: str, ending: str, *, without: int = 0, off: float = 0.0) -> tuple[ReleaseFile, ...]:
    tracks = [
        ReleaseFile(f"{folder}/{n:02} - {name}.{ending}", 20_000_000 + n * 900_000, secs + (off if n % 4 == 0 else 0.6))
        for n, (name, secs) in enumerate(zip(NAMES, LENGTHS, strict=True), 1)
        if n != without
    ]
    return (*tracks, ReleaseFile(f"{folder}/cover.jpg", 412_000), ReleaseFile(f"{folder}/rip.log", 9_100))


def albums() -> list[Release]:
    base = offer(1, "", kind=Kind.MUSIC, authors=(), language=None, runtime_secs=None, filetypes=("flac",),
                 indexer="red", size_bytes=402 * MIB)  # fmt: skip
    folder = "The Quayside Five - Harbour Songs (2011) [FLAC]"
    return [
        replace(base, guid="a1", title=folder, files=album_files(folder, "flac", without=9, off=9.0), file_count=13),
        replace(base, guid="a2", title="The Quayside Five - Harbour Songs 2011 MP3 320", filetypes=("mp3",), seeders=4,
                size_bytes=131 * MIB),
        replace(base, guid="a3", title="The Quayside Five - Harbour Songs (Live) FLAC", seeders=2,
                files=album_files("Live at the Mole", "flac", off=48.0), file_count=14),
    ]  # fmt: skip


def add_book(desk: FakeDesk) -> TicketId:
    made = decide(Kind.AUDIOBOOK, WISH, offers(), threshold=0.97, vip_member=True)
    return add_choice(desk, WISH, testified(made), ("mysterious island verne", "mysterious island"))


def add_album(desk: FakeDesk) -> TicketId:
    return add_choice(desk, ALBUM, decide_album(ALBUM, albums(), threshold=0.85, vip_member=False), ("harbour songs",))


def add_pack(desk: FakeDesk) -> TicketId:
    """A book whose best release is one of several books, with the plan as the acts note it, and what came along."""
    made = decide(Kind.AUDIOBOOK, WISH, offers()[:2], threshold=0.97, vip_member=True)
    the_id = add_choice(desk, WISH, made, ("mysterious island",))
    names = ("In Search of the Castaways", "Twenty Thousand Leagues", "The Mysterious Island")
    books: list[JsonValue] = [
        {
            "name": f"{n:02} - {name}",
            "title": name,
            "wished": n == 3,
            "size_bytes": 400_000_000 + n,
            "files": [f"Verne Trilogy/{n:02} - {name}/{part}.mp3" for part in range(1, 4)],
        }
        for n, name in enumerate(names, 1)
    ]
    guid = made.candidates[0].release.guid
    plan: dict[str, JsonValue] = {"what": "pack_plan", "guid": guid, "confidence": 0.94, "books": books}
    plan["shared"] = ["Verne Trilogy/cover.jpg"]
    wish: JsonValue = {"title": names[0], "authors": ["Jules Verne"], "series": "Extraordinary Voyages"}
    book: JsonValue = {"name": names[0], "files": 3, "size_bytes": 400_000_001, "kind": "audiobook", "wish": wish}
    offered: dict[str, JsonValue] = {"what": "pack_offers", "guid": guid, "books": [book]}
    view = desk.views[the_id]
    notes = [Event(9000 + n, ago(minutes=7), the_id, "note", told) for n, told in enumerate((plan, offered))]
    desk.views[the_id] = replace(view, events=[*view.events, *notes])
    return the_id


def testified(made: Decision) -> Decision:
    """The decision with a hearing in it."""
    shown = [c for c in made.candidates if not c.rejected][:2]
    said = (
        Opinion(shown[0].release.guid, 0.93, 0.71, "The narrator is one of several known readers of this text."),
        Opinion(shown[1].release.guid, 0.88, 0.42, "<b>The title</b> says nothing about who reads it."),
    )
    record = WitnessRecord(
        "local", "small-model-8b", "witness-1", Effect.NONE, "The witness changes nothing: a person is asked.",
        made.confidence, shown[0].release.guid, made.reasons, tuple(c.release.guid for c in shown), (), said,
        "Be careful.", "Wish: The Mysterious Island\nc1: <data>…</data>", '{"candidates": []}',
    )  # fmt: skip
    return replace(made, witness=record)


def add_choice(desk: FakeDesk, wish: BookWish | AlbumWish, made: Decision, queries: tuple[str, ...]) -> TicketId:
    found = list(made.candidates)
    steps = [(S.PENDING, ago(minutes=9)), (S.SEARCHING, ago(minutes=9)), (S.MATCHING, ago(minutes=8))]
    payload = NeedsApproval(ago(minutes=8), len(found), made.chosen_idx, made.confidence, made.reasons)
    the_id = desk.add(wish, payload, [*steps, (S.NEEDS_APPROVAL, ago(minutes=8))], candidates=found)
    record = DecisionRecord(40, the_id, ago(minutes=8), made, {}, queries)
    desk.views[the_id] = replace(desk.views[the_id], decision=record)
    return the_id
