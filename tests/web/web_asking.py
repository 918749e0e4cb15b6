"""Tickets that ask in the middle of their work: which order, whether to replace, whether to place, whether to fetch."""

from __future__ import annotations

from collections.abc import Mapping

from web_pieces import SCRIPT_TITLE, ago

from earmark.core.reasons import JsonValue, Reason
from earmark.core.ticket import Waiting
from earmark.pipeline.questions import ORDERS, asked

FOLDER = "/srv/audiobooks/Mary Shelley/The Last Man (1826)"


def disputed_order() -> Waiting:
    names = [f"The Last Man/{n:02} - {title}.mp3" for n, title in enumerate(CHAPTERS, 1)]
    tags = [*names[:3], names[4], names[3], *names[5:]]
    orders: dict[str, JsonValue] = {"names": list(names), "folders": list(names), "tags": list(tags)}
    reason = Reason(
        "order_disputed",
        "Names, folders and tags put the files in different orders: at place 4 stands 'The Last Man/04 - Windsor.mp3' or "
        "'The Last Man/05 - The Plague.mp3'.",
        "Settle the order: by names, tags, folders or playlist (`--order`), or choose another release.",
        {"orders": orders},
    )
    return _waiting(reason, "order", {by: ORDERS[by] for by in ("names", "folders", "tags")})


CHAPTERS = (
    *("Introduction", "Ulswater", "Lord Raymond", "Windsor", "The Plague", "Constantinople"),
    *("The Winter Palace of a Very Long Chapter Name that Wraps", "Dijon", "Rome", SCRIPT_TITLE.replace("/", "_")),
)


def book_there() -> Waiting:
    found: list[JsonValue] = [
        _file("The Last Man.m4b", 118_300_000),
        _file("The Last Man - old rip.mp3", 98_700_000),
        _file("cover.jpg", 41_200, identical=True),
        _file("my notes.txt", 812),
    ]
    wanted: list[JsonValue] = [
        {"name": "The Last Man.m4b", "size": 131_072_000},
        {"name": "metadata.json", "size": 2_412},
        {"name": "cover.jpg", "size": 41_200},
    ]
    facts: dict[str, JsonValue] = {"folder": FOLDER, "found": found, "found_count": 4, "wanted": wanted}
    reason = Reason(
        "target_exists",
        f"Another book already stands in {FOLDER}; it was not touched.",
        "Keep it and cancel this ticket, or let this ticket replace it; or tell the two apart in the naming pattern.",
        facts | {"seconds_there": 44_100.0, "seconds_wanted": 45_960.0},
    )
    words = {"replace": "Replace what is there; the old files go to the recycle folder", "again": "Look again"}
    return _waiting(reason, "target_exists", words)


def to_review() -> Waiting:
    files: list[JsonValue] = ["The Last Man.m4b", "metadata.json", "metadata.opf", "cover.jpg"]
    reason = Reason(
        "review_before_import",
        f"The book is ready and waits for your word: it would go to {FOLDER}.",
        "Look at the files and chapters, then place it, or cancel the ticket.",
        {"folder": FOLDER, "files": files},
    )
    return _waiting(reason, "review_before_import", {"place": "Place it on the shelf"})


def on_the_server() -> Waiting:
    folders: list[JsonValue] = ["/audiobooks/Mary Shelley/The Last Man", "/audiobooks/Shelley, Mary/Last Man"]
    reason = Reason(
        "already_on_shelf",
        "Audiobookshelf already shows “The Last Man” by Mary Shelley.",
        "Cancel the ticket, or fetch it all the same.",
        {"folders": folders, "title": "The Last Man"},
    )
    return _waiting(reason, "already_on_shelf", {"fetch": "Fetch it all the same"})


def _waiting(reason: Reason, question: str, words: Mapping[str, str]) -> Waiting:
    return Waiting(asked(reason, question, words).reason, ago(minutes=7))


def _file(name: str, size: int, *, identical: bool = False) -> dict[str, JsonValue]:
    """As the shelf's comparison tells of a file there."""
    return {"name": name, "size": size, "identical": identical}
