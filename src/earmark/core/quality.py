"""The seven steps by which one edition is better than another (domain.md 1.5), compared in their order; a number of 0 to
100 for display. What the work is, is decided elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from earmark.core.reading import Evidence, Source, rules
from earmark.core.wish import Kind

STEPS = ("unabridged", "bit rate", "single complete release", "narrator", "no branding", "chapters", "seeders")
_BANDS = (64, 96, 128)  # kbit/s: acceptable, preferred, ideal
_UNKNOWN_BAND = 0.5
_SINGLE_FILE = frozenset({"m4b"})
_TEXT_FORMATS = {"epub": 1.0, "azw3": 0.9, "azw": 0.8, "mobi": 0.7, "prc": 0.6, "pdf": 0.5, "cbz": 0.5}
_SHARE = (0.25, 0.25, 0.15, 0.15, 0.08, 0.07, 0.05)  # of each step in the displayed number


class Verdict(StrEnum):
    BETTER = "better"
    SAME = "same"
    WORSE = "worse"


@dataclass(frozen=True, slots=True)
class Comparison:
    """Where two editions part: the first step on which they differ, and what each has there."""

    verdict: Verdict
    step: str
    text: str


def quality_of(e: Evidence, *, kind: Kind = Kind.AUDIOBOOK, size_kbps: float | None = None, seeders: int | None = None,
               wants_abridged: bool = False) -> tuple[float, ...]:  # fmt: skip
    """The seven steps as numbers 0..1, most important first; tuples compare as editions do."""
    abridged = e.abridged.value if e.abridged else False
    whole = 1.0 if abridged == wants_abridged or e.abridged is None else 0.0
    if rules.PART in e.marks or rules.SAMPLE in e.marks:
        whole = 0.0
    return (
        whole,
        _band(e, size_kbps) if kind is Kind.AUDIOBOOK else 1.0,
        _single(e, kind),
        _voice(e) if kind is Kind.AUDIOBOOK else float(e.structured),
        0.0 if rules.BRANDING in e.marks else 1.0,
        _chapters(e) if kind is Kind.AUDIOBOOK else _text_format(e),
        min(seeders or 0, 10_000) / 10_000,
    )


def display(steps: tuple[float, ...]) -> int:
    """0..100. For the eye only: nothing is decided by it."""
    many = min(1.0, steps[-1] * 200)  # fifty seeders are as good as five hundred
    return round(100 * sum(share * step for share, step in zip(_SHARE, (*steps[:-1], many), strict=True)))


def better_edition(shelf: Evidence, candidate: Evidence, *, kind: Kind = Kind.AUDIOBOOK, shelf_kbps: float | None = None,
                   candidate_kbps: float | None = None) -> Comparison:  # fmt: skip
    """Is `candidate` better than what is on the shelf? Better: it replaces; worse: it is refused with this comparison.
    Seeders say nothing about an edition and are left out; bit rates by size (kbit/s) help where none is stated."""
    ours = quality_of(shelf, kind=kind, size_kbps=shelf_kbps)[:-1]
    theirs = quality_of(candidate, kind=kind, size_kbps=candidate_kbps)[:-1]
    for step, mine, yours in zip(STEPS, ours, theirs, strict=False):
        if abs(mine - yours) > 1e-9:
            verdict = Verdict.BETTER if yours > mine else Verdict.WORSE
            return Comparison(verdict, step, f"The offered edition is {verdict} in “{step}”: {_words(step, candidate, candidate_kbps)} "
                              f"against {_words(step, shelf, shelf_kbps)} on the shelf.")  # fmt: skip
    return Comparison(Verdict.SAME, "", "Both editions are equally good; the one on the shelf stays.")


def _words(step: str, e: Evidence, kbps: float | None) -> str:
    rate = e.bitrate_kbps.value if e.bitrate_kbps else kbps
    return {
        "unabridged": "abridged or incomplete"
        if (e.abridged and e.abridged.value) or rules.PART in e.marks
        else "unabridged",
        "bit rate": f"{rate:.0f} kbit/s" if rate else " ".join(f.value for f in e.formats) or "unknown",
        "single complete release": f"{e.file_count.value} files" if e.file_count else "an unknown number of files",
        "narrator": ", ".join(n.value for n in e.narrators) or "no narrator named",
        "no branding": "marked by the uploader" if rules.BRANDING in e.marks else "clean",
        "chapters": "without chapters" if rules.NO_CHAPTERS in e.marks else "with chapters",
    }.get(step, "")


def _band(e: Evidence, size_kbps: float | None) -> float:
    kbps = float(e.bitrate_kbps.value) if e.bitrate_kbps else size_kbps * 1.06 if size_kbps else None
    if kbps is None:
        return _UNKNOWN_BAND / len(_BANDS)
    if kbps < _BANDS[0]:
        return kbps / _BANDS[0] * 0.15  # below the bar every kbit/s counts
    return sum(kbps >= band for band in _BANDS) / len(_BANDS)


def _text_format(e: Evidence) -> float:
    return max((_TEXT_FORMATS.get(f.value, 0.2) for f in e.formats), default=0.1)


def _single(e: Evidence, kind: Kind) -> float:
    if kind is not Kind.AUDIOBOOK:
        return 1.0
    if e.file_count:
        return 1.0 if e.file_count.value == 1 else 0.0
    return 0.9 if any(f.value in _SINGLE_FILE for f in e.formats) else 0.3


def _voice(e: Evidence) -> float:
    if not e.narrators:
        return 0.0
    return 1.0 if e.narrators[0].source is Source.FIELD else 0.6


def _chapters(e: Evidence) -> float:
    if rules.NO_CHAPTERS in e.marks:
        return 0.0
    m4b = any(f.value == "m4b" for f in e.formats)
    return 1.0 if m4b or rules.CHAPTERS in e.marks else 0.5
