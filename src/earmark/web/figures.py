"""Long work as a bar with a real denominator: from the live progress when there is some, else from the last figures the
ticket's state keeps. No total, no bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from earmark.core.binding import Chapter
from earmark.core.reasons import JsonValue
from earmark.core.states import Converting, Downloading, Placing
from earmark.core.ticket import Ticket
from earmark.core.wish import AlbumWish
from earmark.web import humane, words
from earmark.web.contract import ProgressView, TaskView

MOST_SEGMENTS = 60  # more chapters than this are too thin to see
TRICKLE_BPS = 1024


@dataclass(frozen=True, slots=True)
class Figures:
    """`percent` is the bar and its text, so that the two agree; the rest is ready to read. `segments` are chapters:
    done | now | todo."""

    percent: int
    amount: str
    speed: str
    eta: str
    label: str
    segments: tuple[str, ...] = ()


def figures(ticket: Ticket, progress: ProgressView | None) -> Figures | None:
    """What the bar of a ticket shows, or None where there is nothing to measure yet."""
    segments = _segments(ticket, progress)
    if progress is not None and progress.state is ticket.state and progress.total > 0:
        return Figures(
            percent=min(100, int(progress.progress_pct)),
            amount=humane.progress_amount(progress.done, progress.total, progress.unit),
            speed=humane.speed(progress.speed_bps) if progress.speed_bps is not None else "",
            eta=_eta(progress.eta_secs, progress.speed_bps),
            label="" if progress.label == _title(ticket) else progress.label,
            segments=segments,
        )
    return _kept(ticket, segments)


def _kept(ticket: Ticket, segments: tuple[str, ...]) -> Figures | None:
    match ticket.payload:
        case Downloading() as p:
            speed = humane.speed(p.download_speed_bps) if p.download_speed_bps else ""
            return Figures(int(p.progress_pct), "", speed, _eta(p.eta_secs, p.download_speed_bps), "")
        case Converting() as p if p.total_secs > 0:
            share = min(1.0, p.done_secs / p.total_secs)
            amount = humane.progress_amount(p.done_secs, p.total_secs, "seconds")
            return Figures(int(share * 100), amount, "", "", p.current_track_name, segments)
        case Placing() as p if p.total_files > 0:
            amount = humane.progress_amount(p.files_placed, p.total_files, "files")
            return Figures(int(p.files_placed / p.total_files * 100), amount, "", "", "")
        case _:
            return None


def _eta(secs: int | None, speed_bps: int | None) -> str:
    """Of a trickle no time can be told; the guess would jump between days and years."""
    if secs is None or (speed_bps is not None and speed_bps < TRICKLE_BPS):
        return ""
    return f"{humane.duration(secs)} left"


def _title(ticket: Ticket) -> str:
    wish = ticket.request.wish
    return wish.album if isinstance(wish, AlbumWish) else wish.title


def _segments(ticket: Ticket, progress: ProgressView | None) -> tuple[str, ...]:
    here, count = words.chapter_in_hand(ticket, progress)
    if not 1 < count <= MOST_SEGMENTS:
        return ()
    return tuple("done" if i < here else "now" if i == here else "todo" for i in range(count))


def chapters(tasks: Sequence[TaskView]) -> tuple[Chapter, ...]:
    """The chapters of the bound book, where a finished task noted them."""
    for task in reversed(tasks):
        noted = task.detail.get("chapter_list")
        if isinstance(noted, list) and noted:
            return tuple(c for c in map(_chapter, noted) if c is not None)
    return ()


def _chapter(value: JsonValue) -> Chapter | None:
    if not isinstance(value, Mapping):
        return None
    start, end = value.get("start_secs"), value.get("end_secs")
    if not isinstance(start, int | float) or not isinstance(end, int | float):
        return None
    return Chapter(str(value.get("title") or ""), float(start), float(end))
