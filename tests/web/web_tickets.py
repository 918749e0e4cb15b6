"""The tickets of `web_world`: every state once, with everything a page can show."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import web_asking
from web_pieces import (
    HASH,
    LONG_TITLE,
    NOW,
    RTL_TITLE,
    SCRIPT_TITLE,
    S,
    ago,
    book,
    torrent,
    willows,
)

from earmark.core.decision import Decision
from earmark.core.reasons import JsonValue, Reason
from earmark.core.release import Account
from earmark.core.states import (
    ApprovalCode,
    ApprovalReason,
    Approved,
    AutoApproved,
    Cancelled,
    Completed,
    CompletionStats,
    Converting,
    Downloading,
    Failed,
    Matching,
    NeedsApproval,
    Pending,
    Placing,
    Rejected,
    Searching,
    TicketState,
)
from earmark.core.ticket import Waiting
from earmark.core.wish import AlbumWish
from earmark.pipeline.progress import Progress
from earmark.store import Alert, DecisionRecord, JournalEntry, TaskRecord
from earmark.store.alerts import Severity
from earmark.store.journal import JournalOp, JournalState

if TYPE_CHECKING:
    from web_world import FakeDesk


def fill(desk: FakeDesk) -> None:
    """Every state once, with everything a page can show."""
    desk.account = Account(
        4711,
        "reader",
        "VIP",
        3.41,
        1_204_000_000_000,
        353_000_000_000,
        48_213.0,
        12,
        NOW + timedelta(days=61),
        17,
        150,
        "yes",
    )
    dead = Reason(
        "mam_session_dead", "MyAnonamouse no longer takes the session.", "Make a new mam_id and put it in under System."
    )
    desk.alerts = [Alert("indexer:mam", Severity.ERROR, dead, ago(minutes=22))]
    begun = [(S.PENDING, ago(minutes=16)), (S.SEARCHING, ago(minutes=16)), (S.MATCHING, ago(minutes=15))]
    asked = [*begun, (S.NEEDS_APPROVAL, ago(minutes=14))]
    grabbed = [*begun, (S.AUTO_APPROVED, ago(minutes=14)), (S.DOWNLOADING, ago(minutes=13))]
    fill_working(desk, begun, grabbed)
    fill_questions(desk, begun, grabbed)
    fill_asking(desk, asked)
    fill_ended(desk, asked, grabbed)


def fill_working(
    desk: FakeDesk, begun: list[tuple[TicketState, datetime]], grabbed: list[tuple[TicketState, datetime]]
) -> None:
    size = 312.0 * 1024**2
    the_id = desk.add(
        book("The Wind in the Willows", "Kenneth Grahame", "Adrian Praetzellis", language="en", year=1908),
        Downloading(HASH, ago(minutes=13), 41.2, 5_452_595, 36),
        grabbed,
        progress=Progress(
            S.DOWNLOADING, "download", 41.2, size * 0.412, size, "bytes", 5_452_595, 36, "The Wind in the Willows"
        ),
        candidates=willows(),
    )
    record = torrent(the_id, 0.412)
    made = Decision(tuple(willows()), 0, 0.91, 0.85, (), "sober-1")
    desk.views[the_id] = replace(
        desk.views[the_id],
        torrent=record,
        entries=record.entries,
        decision=DecisionRecord(1, the_id, ago(minutes=14), made, {}, ("wind in the willows grahame",)),
    )
    desk.add(
        book("Alice’s Adventures in Wonderland", "Lewis Carroll", "Cori Samuel", series="Alice", series_index="1"),
        Converting(HASH, ago(minutes=4), 12, 4, "Pig and Pepper", 4_820.0, 10_400.0),
        [*grabbed, (S.CONVERTING, ago(minutes=4))],
        progress=Progress(
            S.CONVERTING, "bind", 46.3, 4_820.0, 10_400.0, "seconds", None, 131, "Chapter 5: Pig and Pepper"
        ),
    )
    desk.add(
        book("The Art of War", "Sun Tzu"), Placing(HASH, ago(seconds=4), 4, 1), [*grabbed, (S.PLACING, ago(seconds=4))]
    )
    desk.add(book("Dracula", "Bram Stoker"), Searching(ago(seconds=8)), begun[:2])
    desk.add(book("Persuasion", "Jane Austen"), Pending(ago(seconds=3)), [(S.PENDING, ago(seconds=3))])
    desk.add(book("Emma", "Jane Austen"), Matching(ago(seconds=2), 37), begun)
    wait = Waiting(
        Reason(
            "no_free_slot",
            "All 150 unsatisfied slots of the account are in use.",
            "Wait for a torrent to be satisfied.",
        ),
        ago(minutes=30),
        NOW + timedelta(minutes=25),
    )
    desk.add(book("Walden", "Henry David Thoreau"), AutoApproved(0, 0.93, ago(minutes=30)), grabbed[:4], waiting=wait)
    desk.add(book("Middlemarch", "George Eliot", "Margaret Espaillat"), Approved(1, "admin", ago(minutes=1)), begun)


def fill_questions(
    desk: FakeDesk, begun: list[tuple[TicketState, datetime]], grabbed: list[tuple[TicketState, datetime]]
) -> None:
    """One ticket for each thing that is asked in the middle of the work."""
    bound, placing = [*grabbed, (S.CONVERTING, ago(minutes=9))], (S.PLACING, ago(minutes=8))
    wish = book("The Last Man", "Mary Shelley", year=1826)
    desk.add(wish, Converting(HASH, ago(minutes=9), 10), bound, waiting=web_asking.disputed_order())
    desk.add(wish, Placing(HASH, ago(minutes=8), 3, 0), [*bound, placing], waiting=web_asking.book_there())
    marks: list[JsonValue] = [
        {"title": name, "start_secs": 600.0 * n, "end_secs": 600.0 * (n + 1)}
        for n, name in enumerate(web_asking.CHAPTERS)
    ]
    the_id = desk.add(wish, Placing(HASH, ago(minutes=8), 4, 0), [*bound, placing], waiting=web_asking.to_review())
    task = TaskRecord(2, the_id, "bind", 1, ago(minutes=9), ago(minutes=8), 61.0, {"chapter_list": marks}, None)
    desk.views[the_id] = replace(desk.views[the_id], tasks=[task])
    desk.add(wish, Searching(ago(minutes=15)), begun[:2], waiting=web_asking.on_the_server())


def fill_asking(desk: FakeDesk, asked: list[tuple[TicketState, datetime]]) -> None:
    low = ApprovalReason(
        ApprovalCode.LOW_CONFIDENCE,
        {"score": 0.79, "threshold": 0.85},
        "The best release scores 0.79; 0.85 is needed to take it without asking.",
    )
    rivals = ApprovalReason(
        ApprovalCode.MULTIPLE_GOOD_MATCHES,
        {"top_scores": [0.79, 0.74]},
        "Equally good recordings by different narrators: choose the voice you want.",
    )
    nothing = ApprovalReason(ApprovalCode.NO_EXACT_MATCH, {"candidates": 0}, "Nothing was found.")
    found = willows()
    made = Decision(tuple(found), 0, 0.79, 0.85, (low, rivals), "sober-1")
    the_id = desk.add(
        book("The Wind in the Willows", "Kenneth Grahame", language="en"),
        NeedsApproval(ago(minutes=14), len(found), 0, 0.79, (low, rivals)),
        asked,
        candidates=found,
    )
    record = DecisionRecord(2, the_id, ago(minutes=14), made, {}, ("wind in the willows", "wind willows grahame"))
    desk.views[the_id] = replace(desk.views[the_id], decision=record)
    desk.add(book(RTL_TITLE, "לואיס קרול"), NeedsApproval(ago(hours=3), 0, None, 0.0, (nothing,)), asked)
    refused = [c for c in found if c.rejected]
    none_fits = ApprovalReason(
        ApprovalCode.NO_EXACT_MATCH, {"candidates": 2}, "None of the 2 releases found fits the wish."
    )
    desk.add(
        book(LONG_TITLE, "Long " * 40),
        NeedsApproval(ago(days=2), 2, None, 0.0, (none_fits,)),
        asked,
        candidates=refused,
    )


PLANNED: dict[str, JsonValue] = {
    "order": [f"The Time Machine - {n:02}.mp3" for n in range(1, 17)],
    "doubts": [],
    "notes": ["reviews.nfo says the reader is Mark Nelson"],
    "left_out": ["sample.mp3"],
}
CHAPTERS_FROM: dict[str, JsonValue] = {
    "chapters_from": "provider",
    "chapters_considered": [
        {"source": "names", "score": 0.61, "chapters": 16},
        {"source": "provider", "score": 0.94, "chapters": 16},
    ],
}
BROUGHT: dict[str, JsonValue] = {
    "methods": {"The Time Machine.m4b": "hardlink", "metadata.json": "write"},
    "notes": ["cover.jpg: its owner could not be set"],
    "replaced": ["The Time Machine (old).mp3"],
}


def fill_ended(
    desk: FakeDesk, asked: list[tuple[TicketState, datetime]], grabbed: list[tuple[TicketState, datetime]]
) -> None:
    shelf = "/srv/audiobooks/H. G. Wells/The Time Machine (1895)"
    names = ("The Time Machine.m4b", "metadata.json", "metadata.opf", "cover.jpg")
    begun = [(S.PENDING, ago(hours=6)), (S.SEARCHING, ago(hours=5.998)), (S.MATCHING, ago(hours=5.997))]
    done = [
        *begun,
        (S.AUTO_APPROVED, ago(hours=5.996)),
        (S.DOWNLOADING, ago(hours=5.99)),
        (S.CONVERTING, ago(hours=5.4)),
        (S.PLACING, ago(hours=4.91)),
        (S.COMPLETED, ago(hours=4.9)),
    ]
    marks: list[JsonValue] = [
        {"title": f"Chapter {n}", "start_secs": 680.0 * (n - 1), "end_secs": 680.0 * n} for n in range(1, 17)
    ]
    the_id = desk.add(
        book("The Time Machine", "H. G. Wells", "Mark Nelson", year=1895),
        Completed(ago(hours=4.9), CompletionStats(212_000_000, 312.0, 1_904.0, 118_300_000), shelf, names),
        done,
        candidates=willows()[:2],
    )
    entries = [
        JournalEntry(JournalOp.PLACE if n.endswith("m4b") else JournalOp.SIDECAR, f"{shelf}/{n}", ago(hours=4.9),
                     size=118_300_000 if n.endswith("m4b") else 2_412, state=JournalState.VERIFIED)
        for n in names
    ]  # fmt: skip
    task = TaskRecord(
        1, the_id, "bind", 1, ago(hours=5), ago(hours=4.9), 1_904.0, {"chapter_list": marks} | CHAPTERS_FROM, None
    )
    tasks = [TaskRecord(3, the_id, "plan", 1, ago(hours=5), ago(hours=5), 2.0, PLANNED, None), task]
    tasks.append(TaskRecord(4, the_id, "place", 1, ago(hours=4.9), ago(hours=4.9), 0.4, BROUGHT, None))
    record = torrent(the_id, 1.0, completed_at=ago(hours=5.1), added_at=ago(hours=6), ratio=1.82)
    desk.views[the_id] = replace(
        desk.views[the_id], journal=entries, tasks=tasks, torrent=record, entries=record.entries
    )
    desk.add(
        book("The Invisible Man", "H. G. Wells"),
        Completed(
            ago(days=2),
            CompletionStats(98_000_000, 212.0, 904.0, 97_300_000),
            "/srv/audiobooks/H. G. Wells/The Invisible Man",
            ("The Invisible Man.m4b",),
            undone_at=ago(hours=3),
        ),
        [(at, when - timedelta(days=2)) for at, when in done],
    )
    broken = Reason(
        "audio_damaged",
        "07 - Chapter 7.mp3 cannot be decoded from 0:12:40 on.",
        "Choose another release, or retry after the seeder repaired it.",
    )
    desk.add(
        book("Frankenstein", "Mary Shelley"),
        Failed(ago(minutes=50), S.CONVERTING, broken, True, 2),
        [(at, when - timedelta(hours=1)) for at, when in grabbed]
        + [(S.CONVERTING, ago(hours=1)), (S.FAILED, ago(minutes=50))],
    )
    early = Reason(
        "unsupported_kind",
        "Tickets of kind music are kept, but not carried out by this version.",
        "Cancel the ticket, or retry it after updating.",
    )
    desk.add(
        AlbumWish("Nobody", "Silence", 2001),
        Failed(ago(days=1), S.PENDING, early, False, 0),
        [(S.PENDING, ago(days=1)), (S.FAILED, ago(days=1))],
    )
    desk.add(
        book("Ulysses", "James Joyce"),
        Rejected(ago(days=3), "admin", "Have it on paper."),
        [(at, when - timedelta(days=4)) for at, when in asked] + [(S.REJECTED, ago(days=3))],
    )
    desk.add(
        book(SCRIPT_TITLE, "<b>bold</b>"),
        Cancelled(ago(days=9), "admin", "<i>no</i>"),
        [(at, when - timedelta(days=10)) for at, when in grabbed] + [(S.CANCELLED, ago(days=9))],
    )
