"""How well a release fits an album wish: named components with weights in one table.

A component the release says nothing about is unknown: it counts as `UNKNOWN_VALUE` where it is about whose work this is,
and is left out where another witness stands in (names for lengths, lengths for names and titles).
"""

from __future__ import annotations

from collections.abc import Callable

from earmark.core.albums.evidence import Evidence
from earmark.core.albums.gates import year_fit
from earmark.core.albums.words import EDITIONS
from earmark.core.decision import Component

POLICY_VERSION = "albums-1"

WEIGHTS: dict[str, float] = {
    "artist": 0.18,
    "album": 0.22,
    "year": 0.05,
    "label": 0.02,
    "track count": 0.13,
    "names": 0.17,
    "durations": 0.14,
    "quality": 0.05,
    "edition": 0.04,
}
"""What each component counts for."""

UNKNOWN_VALUE = 0.4
_LEFT_OUT = frozenset({"year", "label", "quality"})  # unknown says nothing about whose album it is
QUALITY_VALUE = {5: 1.0, 4: 0.95, 3: 0.92, 2: 0.6, 1: 0.35, 0: 0.1}


def components(e: Evidence) -> tuple[Component, ...]:
    """All that can be said, in the order of the table."""
    return tuple(c for c in (build(e) for build in _COMPONENTS) if c is not None)


def total(e: Evidence, parts: tuple[Component, ...]) -> float:
    """The weighted mean of what counts, 0..1."""
    counted = [(c.weight, UNKNOWN_VALUE if c.value is None else c.value) for c in parts if not _stood_in_for(e, c)]
    weight = sum(w for w, _ in counted)
    return sum(w * v for w, v in counted) / weight if weight else 0.0


def _stood_in_for(e: Evidence, c: Component) -> bool:
    """Is an unknown component answered by another one?"""
    if c.value is not None:
        return False
    if c.name in _LEFT_OUT:
        return True
    if c.name == "durations":
        return e.by_name > 0
    if c.name == "names":
        return e.by_length > 0
    return c.name in {"artist", "album"} and e.proved_by_length


def _artist(e: Evidence) -> Component:
    text = f"{e.wish.artist} is named" if e.artist else f"{e.wish.artist} is not named"
    if e.artist is not None and e.artist < 1:
        text = (
            f"“{' '.join(e.title.leftover[:6])}” for {e.wish.artist}"
            if e.artist < 0.5
            else f"part of {e.wish.artist} is named"
        )
    return _component("artist", e.artist, text)


def _album(e: Evidence) -> Component:
    value = e.album
    odd = e.title.leftover
    if value and odd and not e.is_set and e.title.album:
        value *= 0.95 if len(odd) <= 2 else 0.85
    extra = f", with “{' '.join(odd[:6])}” unexplained" if value and odd else ""
    text = f"“{e.wish.album}” is named{extra}" if value else f"“{e.wish.album}” is not named"
    return _component("album", value, text)


def _year(e: Evidence) -> Component | None:
    if e.wish.year is None:
        return None
    fit = year_fit(e)
    said = ", ".join(map(str, e.years)) or "no year stated"
    return _component("year", 0.3 if fit == 0.0 else fit, f"{said} for {e.wish.year}")


def _label(e: Evidence) -> Component | None:
    if not e.wish.label:
        return None
    return _component(
        "label", 1.0 if e.title.label else None, f"{e.wish.label} is {'' if e.title.label else 'not '}named"
    )


def _count(e: Evidence) -> Component | None:
    if not e.requested:
        return _component("track count", None, "the wish has no track list")
    if e.mapped.images:
        return _component("track count", None, f"one file for {e.requested} tracks, with a cue sheet")
    if e.coverage is None:
        return _component("track count", None, "no file list known")
    extra = f", {e.mapped.extras} more files" if e.mapped.extras else ""
    return _component("track count", e.coverage, f"{e.served} of {e.requested} tracks have a file{extra}")


def _names(e: Evidence) -> Component:
    known = [p.name for p in e.mapped.pairs if p.name is not None]
    if not known or e.mapped.images:
        return _component("names", None, "no track names in the files")
    mean = sum(known) / len(known)
    return _component("names", mean, f"names of {len(known)} files are {mean:.0%} alike")


def _durations(e: Evidence) -> Component:
    offs = [p.secs_off for p in e.mapped.pairs if p.secs_off is not None]
    if e.off_lengths:
        return _component("durations", 0.0, f"{e.mapped.off_length} of {e.mapped.timed} lengths are others")
    if not offs:
        return _component("durations", None, "no lengths to compare")
    near = sum(o <= 5 for o in offs) / len(offs)
    return _component("durations", near, f"{near:.0%} of {len(offs)} lengths within 5 s, at most {max(offs):.0f} s off")


def _quality(e: Evidence) -> Component:
    band = e.quality.band
    return _component("quality", None if band is None else QUALITY_VALUE[band], e.quality.text)


def _edition(e: Evidence) -> Component:
    offered, wished = (m & frozenset(EDITIONS) for m in (e.offered_marks, e.wished_marks))
    if offered == wished:
        return _component(
            "edition", 0.9 if e.title.vinyl else 1.0, "from vinyl" if e.title.vinyl else "the wished edition"
        )
    more, less = sorted(offered - wished), sorted(wished - offered)
    text = "; ".join(
        filter(None, [f"says {', '.join(more)}" if more else "", f"does not say {', '.join(less)}" if less else ""])
    )
    return _component("edition", 0.3, text)


_COMPONENTS: tuple[Callable[[Evidence], Component | None], ...] = (
    _artist, _album, _year, _label, _count, _names, _durations, _quality, _edition,
)  # fmt: skip


def _component(name: str, value: float | None, text: str) -> Component:
    return Component(name, WEIGHTS[name], None if value is None else round(min(1.0, max(0.0, value)), 4), text)
