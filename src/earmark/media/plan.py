"""What a bound book will be: its sources in listening order, the marks inside them, its chapters, and every doubt.

Facts about files and what lies beside them come in, a plan comes out; nothing is read or written here.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from earmark.core.binding import (
    AudioInfo,
    BindPlan,
    BindProfile,
    BookTags,
    Chapter,
    OrderBy,
    OrderReading,
    SourceMarks,
)
from earmark.core.chapters import BookChapters, weigh_chapters
from earmark.core.ordering import Numbers, listening_order, natural_order, number_of, total_of
from earmark.media.companions import Companions
from earmark.media.containers import spans
from earmark.media.copies import one_copy
from earmark.media.cue import parse_cue
from earmark.media.overdrive import TAG, merged, parse_markers
from earmark.media.tags import one_line
from earmark.media.titles import cleaned, title_lists


def plan_book(
    infos: Sequence[AudioInfo],
    tags: BookTags,
    cover: Path | None = None,
    *,
    order: OrderBy | None = None,
    profile: BindProfile = BindProfile(),  # noqa: B008 - a frozen value
    companions: Companions = Companions(),  # noqa: B008
    provider_chapters: tuple[Chapter, ...] = (),
) -> BindPlan:
    """The plan for one book from its audio files, given in any order; the same files always give the same plan.

    `order` settles every doubt about order and copies: a person has seen the plan. Raises ValueError without files and
    PermanentError `order_unreadable` when `order` has no place for some of them.
    """
    if not infos:
        raise ValueError("a book needs at least one audio file")
    paths = relative([i.path for i in infos])
    arrival = natural_order(paths)
    infos, paths = [infos[i] for i in arrival], [paths[i] for i in arrival]
    copy = one_copy(infos, paths, profile)
    kept = [infos[i] for i in copy.kept]
    listed = listening_order(
        relative([i.path for i in kept]),
        [_numbers(i) for i in kept],
        _played(kept, companions),
        by=order,
    )
    sources = tuple(kept[i] for i in listed.positions)
    marks = _marks(sources, tags, companions)
    origin, titles = title_lists(sources, tags)[0]
    return BindPlan(
        sources=sources,
        chapter_titles=titles,
        tags=tags,
        cover=cover,
        passthrough=_is_the_book(sources, marks, provider_chapters),
        profile=profile,
        titles_from=origin,
        provider_chapters=provider_chapters,
        doubts=() if order else (*copy.doubts, *listed.doubts),
        orders=tuple(_of_sources(reading, listed.positions) for reading in listed.readings),
        marks=marks,
        left_out=tuple(infos[i].path for i in copy.left),
    )


def book_chapters(plan: BindPlan, source_secs: Sequence[float]) -> BookChapters:
    """Chapters for the plan's sources, whose decoded lengths in seconds are `source_secs`: the best list and all that
    were weighed. Where a chapter begins with a file, it begins at exactly the sum of the lengths before it."""
    if len(source_secs) != len(plan.sources):
        raise ValueError("as many lengths as sources")
    others = [offer for offer in title_lists(plan.sources, plan.tags) if offer[1] != plan.chapter_titles]
    provider = [replace(c, title=one_line(c.title)) for c in plan.provider_chapters]
    return weigh_chapters(source_secs, [(plan.titles_from, plan.chapter_titles), *others], plan.marks, provider)


def relative(paths: Sequence[Path]) -> list[str]:
    """Paths relative to the folder that holds them all, with `/` between parts."""
    if len(paths) == 1:
        return [paths[0].name]
    absolute = [p.absolute() for p in paths]
    base = os.path.commonpath([str(p.parent) for p in absolute])
    return [p.relative_to(base).as_posix() for p in absolute]


def _of_sources(reading: OrderReading, taken: Sequence[int]) -> OrderReading:
    """The same reading with positions into the plan's sources."""
    place = {position: n for n, position in enumerate(taken)}
    return replace(reading, positions=tuple(place[i] for i in reading.positions))


def _numbers(info: AudioInfo) -> Numbers:
    track = info.tags.get("track")
    total = total_of(track) or number_of(info.tags.get("tracktotal") or info.tags.get("totaltracks"))
    return Numbers(number_of(info.tags.get("disc")), number_of(track), total)


def _played(infos: Sequence[AudioInfo], companions: Companions) -> list[int]:
    """Positions as one playlist or CUE sheet names all files; else as several name them, which follow each other as
    their own names do. Where two name them all in different orders, none of them is believed."""
    place = {info.path: n for n, info in enumerate(infos)}
    sheets = [(s.path, [f for f, _ in s.files]) for s in companions.cues] + [
        (p.path, list(p.files)) for p in companions.playlists
    ]
    lists = [(path, [place[f] for f in dict.fromkeys(files) if f in place]) for path, files in sheets]
    whole = {tuple(order) for _, order in lists if len(order) == len(infos)}
    if whole:
        return list(whole.pop()) if len(whole) == 1 else []
    lists = [(path, order) for path, order in lists if order]
    if len(lists) < 2 or sum(len(order) for _, order in lists) != len(infos):
        return []
    among = listening_order(relative([path for path, _ in lists]), [Numbers()] * len(lists))
    return [] if among.doubts else [n for i in among.positions for n in lists[i][1]]


def _marks(sources: Sequence[AudioInfo], tags: BookTags, companions: Companions) -> tuple[SourceMarks, ...]:
    """What Overdrive, CUE sheets (beside a file or in its tags) and the files' own chapter lists say."""
    overdrive = merged([parse_markers(s.tags.get(TAG, "")) for s in sources])
    beside = {path: marks for sheet in companions.cues for path, marks in sheet.files}
    cue = [beside.get(s.path) or _embedded_cue(s) for s in sources]
    found = [
        SourceMarks("overdrive", _spans(overdrive, sources)),
        SourceMarks("cue", _spans(cue, sources)),
        SourceMarks("embedded", tuple(s.chapters for s in sources)),
    ]
    return tuple(_with_clean_titles(m, tags) for m in found if any(m.chapters))


def _spans(
    marks: Sequence[Sequence[tuple[float, str]]], sources: Sequence[AudioInfo]
) -> tuple[tuple[Chapter, ...], ...]:
    return tuple(spans(m, s.duration_secs) if m else () for m, s in zip(marks, sources, strict=True))


def _embedded_cue(source: AudioInfo) -> Sequence[tuple[float, str]]:
    files = parse_cue(source.tags.get("cuesheet", "")[:1_000_000])
    return files[0].marks if len(files) == 1 else ()


def _with_clean_titles(marks: SourceMarks, tags: BookTags) -> SourceMarks:
    titles = [one_line(c.title) for own in marks.chapters for c in own]
    clean = cleaned(titles, tags) if len(titles) > 1 else titles
    if len(set(clean)) < len(set(titles)):
        clean = titles  # the number was all that told them apart
    taken = iter(clean)
    return SourceMarks(marks.source, tuple(tuple(replace(c, title=next(taken)) for c in own) for own in marks.chapters))


def _is_the_book(
    sources: Sequence[AudioInfo], marks: Sequence[SourceMarks], provider_chapters: Sequence[Chapter]
) -> bool:
    """One M4B is the book as it stands, unless its chapters are told only by something beside it."""
    only = sources[0]
    if len(sources) > 1 or only.path.suffix.lower() != ".m4b" or only.codec not in {"aac", "alac", "ac3", "eac3"}:
        return False
    if len(only.chapters) > 1:
        return True
    told = max((len(m.chapters[0]) for m in marks), default=0)
    theirs = max((c.end_secs for c in provider_chapters), default=0.0)
    fits = abs(theirs - only.duration_secs) <= max(60.0, 0.01 * only.duration_secs)
    return told < 2 and not (len(provider_chapters) > 1 and fits)
