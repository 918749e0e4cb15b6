"""Chapters of a book: every list of marks the sources, sheets and providers offer, aligned, scored, the best one first.

Titles and seconds come in, chapter lists come out. Where the seconds were measured is not known here.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

from earmark.core.binding import Chapter, ChapterList, SourceMarks
from earmark.core.numerals import UNIT_OF, folded, is_number

MATCH_SECS = 3.0
"""Boundaries this near to each other are the same one: providers round, and pauses between chapters differ."""

_ORIGINS = ("provider", "overdrive", "cue", "embedded")  # of equal scores the earlier is taken, files' own come last
_SNAP_SECS = 30.0  # a first mark this near to its file's start means the start
_CLOSEST_SECS = 0.005
_USUAL_SECS = (20.0, 7200.0)
_FILE_WORDS = frozenset(
    {"track", "file", "audio", "disc", "disk", "cd", "part", "teil", "piste", "untitled", "section"}
)


@dataclass(frozen=True, slots=True)
class BookChapters:
    """The chapters a book gets, and all lists that were weighed for it, the best first (the chosen one among them)."""

    chosen: ChapterList
    considered: tuple[ChapterList, ...]


@dataclass(frozen=True, slots=True)
class _Offer:
    """A list with how far its boundaries can be trusted (0..1)."""

    list: ChapterList
    trust: float


def weigh_chapters(
    source_secs: Sequence[float],
    file_titles: Sequence[tuple[str, Sequence[str]]],
    marks: Sequence[SourceMarks] = (),
    provider: Sequence[Chapter] = (),
) -> BookChapters:
    """All chapter lists for sources of these measured seconds, scored. `file_titles` name one title a source each
    (origin, titles), the preferred first. Files' boundaries are kept exactly wherever a list has a chapter there."""
    plain = [_of_files(kind, titles, source_secs) for kind, titles in file_titles]
    inside = [made for m in marks if (made := _of_marks(m, plain[0], source_secs)) is not None]
    own = [_Offer(made, 1.0) for made in inside]
    files_trust = 0.3 if own or len(source_secs) == 1 else 1.0
    told = _of_provider(provider, plain[0], inside, source_secs) if len(provider) > 1 else None
    offers = [*([told] if told else []), *own, *(_Offer(p, files_trust) for p in plain)]
    raw = [o.list for o in offers if o.list.source != "provider"]
    raw += [ChapterList("provider", tuple(provider))] if told else []
    scored = [replace(o.list, score=_score(o, raw)) for o in offers]
    scored.sort(key=lambda c: (-c.score, _ORIGINS.index(c.source) if c.source in _ORIGINS else len(_ORIGINS)))
    return BookChapters(scored[0], tuple(scored))


def telling(title: str) -> float:
    """How much a title says, 0..1: nothing, a file's number, a chapter's number, a name."""
    words = re.findall(r"[^\W\d_]+|\d+", folded(title[:300]))
    letters = [w for w in words if not w[0].isdecimal() and not is_number(w)]
    if not any(w[0].isalpha() for w in words):
        return 0.0
    if all(w in _FILE_WORDS for w in letters):
        return 0.25
    return 0.4 if len(letters) == 1 and UNIT_OF.get(letters[0]) in {"chapter", "part", "track"} else 1.0


def share_telling(titles: Sequence[str]) -> float:
    return sum(map(telling, titles)) / len(titles) if titles else 0.0


def matched(starts: Sequence[float], others: Sequence[float], shift: float = 0.0) -> int:
    """How many of the rising `starts` have one of the rising `others`, moved by `shift`, within MATCH_SECS."""
    return sum(abs(_nearest(others, s - shift) - (s - shift)) <= MATCH_SECS for s in starts) if others else 0


def best_shift(starts: Sequence[float], others: Sequence[float], limit_secs: float) -> float:
    """The constant offset (an intro more or less) at which most boundaries meet; of equal ones the smallest."""
    few = [*starts[:4], *starts[-4:]]
    tried = {0.0, *(s - _nearest(others, s) for s in few), *(s - o for s in few for o in [*others[:4], *others[-4:]])}
    near = [t for t in tried if abs(t) <= limit_secs]
    return min(near, key=lambda t: (-matched(starts, others, t), abs(t), t), default=0.0)


def _of_files(kind: str, titles: Sequence[str], source_secs: Sequence[float]) -> ChapterList:
    starts = [0.0, *accumulate(source_secs)]
    return ChapterList(
        kind,
        tuple(
            Chapter(_named(title, n), start, end)
            for n, (title, start, end) in enumerate(zip(titles, starts[:-1], starts[1:], strict=True), 1)
        ),
    )


def _of_marks(marks: SourceMarks, files: ChapterList, source_secs: Sequence[float]) -> ChapterList | None:
    """Marks inside the sources on the book's timeline. A source without marks is one chapter, but Overdrive's goes on
    with the chapter before. None when they add nothing to the files' own boundaries."""
    per_source = [
        [c for c in chapters if 0 <= c.start_secs < secs - _CLOSEST_SECS]
        for chapters, secs in zip(marks.chapters, source_secs, strict=True)
    ]
    goes_on = marks.source == "overdrive"
    if not any(per_source) or (not goes_on and max(map(len, per_source)) < 2):
        return None
    nested = _colliding(per_source)
    found: list[tuple[float, str]] = []
    for n, (own, file) in enumerate(zip(per_source, files.chapters, strict=True), 1):
        here = [(c.start_secs, c.title) for c in own] if len(own) > 1 or goes_on else []
        if here and here[0][0] <= _SNAP_SECS and (not goes_on or here[0][0] <= 0.1 or not found):
            here[0] = (0.0, here[0][1])
        elif not goes_on or not found:
            here.insert(0, (0.0, file.title))
        label = file.title if telling(file.title) != 0.4 and len(file.title) <= 40 else f"Part {n}"
        found += [(file.start_secs + at, f"{label}: {t}" if nested and own and t else t) for at, t in here]
    return ChapterList(marks.source, _spanned(found, sum(source_secs)))


def _colliding(per_source: Sequence[Sequence[Chapter]]) -> bool:
    """Do several parts count their chapters from one again?"""
    parts = [{c.title.casefold() for c in own if c.title.strip()} for own in per_source if len(own) > 1]
    return len(parts) > 1 and len(set().union(*parts)) < sum(map(len, parts))


def _spanned(marks: Sequence[tuple[float, str]], total: float) -> tuple[Chapter, ...]:
    kept: list[tuple[float, str]] = []
    for start, title in sorted(marks, key=lambda m: m[0]):
        if not kept or start - kept[-1][0] >= _CLOSEST_SECS:
            kept.append((start, title))
    ends = [*(start for start, _ in kept[1:]), total]
    return tuple(
        Chapter(_named(title, n), start, end) for n, ((start, title), end) in enumerate(zip(kept, ends, strict=True), 1)
    )


def _named(title: str, n: int) -> str:
    number = re.fullmatch(r"\W*0*(\d{1,4})\W*", title)
    return f"Chapter {int(number[1])}" if number else title if re.search(r"\w", title) else f"Chapter {n}"


def _of_provider(
    provider: Sequence[Chapter], files: ChapterList, inside: Sequence[ChapterList], source_secs: Sequence[float]
) -> _Offer | None:
    """A provider's chapters, when its book is as long as ours: its titles on the boundaries of the sources where both
    have as many, its own marks where every file begins at one of them or where there is but one file."""
    total, theirs = sum(source_secs), max(c.end_secs for c in provider)
    limit = max(60.0, 0.01 * total)
    starts = [c.start_secs for c in provider]
    for frame in (*inside, files):
        ours = [c.start_secs for c in frame.chapters]
        shift = best_shift(ours[1:], starts[1:], limit)
        if abs(total - theirs - shift) > limit and abs(total - theirs) > limit:
            continue
        if len(ours) == len(starts) > 1 and _same_shape(frame.chapters, provider, shift):
            chapters = [
                replace(c, title=p.title.strip() or c.title) for c, p in zip(frame.chapters, provider, strict=True)
            ]
            return _Offer(ChapterList("provider", tuple(chapters)), 1.0)
    ours = [c.start_secs for c in files.chapters]
    anchors = ours[1:] or [c.start_secs for frame in inside for c in frame.chapters][1:]
    shift = best_shift(anchors, starts[1:], limit)
    apart = min(abs(total - theirs), abs(total - theirs - shift))
    if apart > limit or (len(ours) > 1 and matched(ours[1:], starts, shift) < len(ours) - 1):
        return None
    moved = [(s + shift, c.title) for s, c in zip(starts, provider, strict=True) if s + shift < total - _CLOSEST_SECS]
    near = [(_snapped(s, ours), title) for s, title in moved]
    near = [(0.0, near[0][1]), *((s, t) for s, t in near[1:] if s > 0)] if near else []
    trust = 0.9 if len(ours) > 1 else 0.9 * (1 - 0.5 * apart / limit)
    return _Offer(ChapterList("provider", _spanned(near, total)), trust) if len(near) > 1 else None


def _same_shape(ours: Sequence[Chapter], theirs: Sequence[Chapter], shift: float) -> bool:
    """Chapter by chapter the same: starts that meet after the shift, or lengths that agree where pauses add up."""
    starts = all(
        abs(o.start_secs - t.start_secs - shift) <= MATCH_SECS for o, t in zip(ours[1:], theirs[1:], strict=True)
    )
    inner = list(zip(ours, theirs, strict=True))[1:-1]
    lengths = [abs((o.end_secs - o.start_secs) - (t.end_secs - t.start_secs)) for o, t in inner]
    allowed = [max(MATCH_SECS, 0.01 * (t.end_secs - t.start_secs)) for _, t in inner]
    return starts or (len(inner) > 1 and all(gap <= most for gap, most in zip(lengths, allowed, strict=True)))


def _snapped(start: float, starts: Sequence[float]) -> float:
    near = _nearest(starts, start)
    return near if abs(near - start) <= MATCH_SECS else start


def _nearest(rising: Sequence[float], value: float) -> float:
    at = bisect_left(rising, value)
    return min(rising[max(0, at - 1) : at + 1], key=lambda r: abs(r - value), default=float("inf"))


def _score(offer: _Offer, raw: Sequence[ChapterList]) -> float:
    chapters = offer.list.chapters
    low, high = _USUAL_SECS
    lengths = [c.end_secs - c.start_secs for c in chapters]
    usual = sum(min(1.0, secs / low, high / max(secs, 1.0)) for secs in lengths) / len(lengths)
    starts = [c.start_secs for c in chapters][1:]
    others = [[c.start_secs for c in o.chapters] for o in raw if o.source != offer.list.source and len(o.chapters) > 1]
    agreement = max(
        (matched(starts, o, best_shift(starts, o[1:], 60.0)) / len(starts) for o in others if starts), default=0.5
    )
    counted = offer.list.source == "numbers"  # "Chapter 7" is what we made up where the files say "Track 07"
    titles = 0.2 if counted else share_telling([c.title for c in chapters])
    return round(0.25 * titles + 0.3 * max(0.0, usual) + 0.4 * offer.trust + 0.05 * agreement, 4)
