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
from earmark.web import humane
from earmark.web.contract import ProgressView, TaskView

MOST_SEGMENTS = 60  # more chapters than this are too thin to see


@dataclass(frozen=True, slots=True)
class Figures:
    """`value` of `most` for the bar; the rest is ready to read. `segments` are chapters: done | now | todo."""

    value: float
    most: float
    pct: str
    amount: str
    speed: str
    eta: str
    label: str
    segments: tuple[str, ...] = ()


def figures(ticket: Ticket, progress: ProgressView | None) -> Figures | None:
    """What the bar of a ticket shows, or None where there is nothing to measure yet."""
    segments = _segments(ticket)
    if progress is not None and progress.state is ticket.state and progress.total > 0:
        return Figures(
            value=min(progress.done, progress.total),
            most=progress.total,
            pct=f"{int(progress.progress_pct)} %",
            amount=humane.progress_amount(progress.done, progress.total, progress.unit),
            speed=humane.speed(progress.speed_bps) if progress.speed_bps is not None else "",
            eta=f"{humane.duration(progress.eta_secs)} left" if progress.eta_secs is not None else "",
            label="" if progress.label == _title(ticket) else progress.label,
            segments=segments,
        )
    return _kept(ticket, segments)


def _kept(ticket: Ticket, segments: tuple[str, ...]) -> Figures | None:
    match ticket.payload:
        case Downloading() as p:
            eta = f"{humane.duration(p.eta_secs)} left" if p.eta_secs is not None else ""
            speed = humane.speed(p.download_speed_bps) if p.download_speed_bps else ""
            return Figures(p.progress_pct, 100.0, f"{int(p.progress_pct)} %", "", speed, eta, "")
        case Converting() as p if p.total_secs > 0:
            share = min(1.0, p.done_secs / p.total_secs)
            amount = humane.progress_amount(p.done_secs, p.total_secs, "seconds")
            done = min(p.done_secs, p.total_secs)
            return Figures(done, p.total_secs, f"{int(share * 100)} %", amount, "", "", p.current_track_name, segments)
        case Placing() as p if p.total_files > 0:
            amount = humane.progress_amount(p.files_placed, p.total_files, "files")
            share = p.files_placed / p.total_files
            return Figures(p.files_placed, p.total_files, f"{int(share * 100)} %", amount, "", "", "")
        case _:
            return None


def _title(ticket: Ticket) -> str:
    wish = ticket.request.wish
    return wish.album if isinstance(wish, AlbumWish) else wish.title


def _segments(ticket: Ticket) -> tuple[str, ...]:
    p = ticket.payload
    if not isinstance(p, Converting) or not 1 < p.total_tracks <= MOST_SEGMENTS:
        return ()
    here = p.current_track_idx
    return tuple("done" if i < here else "now" if i == here else "todo" for i in range(p.total_tracks))


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
