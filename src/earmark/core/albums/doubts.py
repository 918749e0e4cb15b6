"""What a person should settle before an album is taken: doubts with the numbers and names of document 003.

Each doubt costs confidence and moves a release behind those without it; none of them refuses. A dead torrent, a poor
copy or a set is welcome where nothing better is offered, and then only with a person's consent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from earmark.core.albums.evidence import Evidence
from earmark.core.albums.gates import ALIKE, year_fit
from earmark.core.albums.words import EDITIONS
from earmark.core.states import ApprovalCode, ApprovalReason

SUM_TOLERANCE = 0.03  # of the sum of lengths
IMPLIED_TOLERANCE = 0.08  # of the length that a size implies; pictures inside the files only add
CONSTANT_KBPS = {"320 kbit/s": 320, "256 kbit/s": 256, "192 kbit/s": 192, "128 kbit/s": 128}
MANY_EXTRAS = 5
TORN = 0.7  # confidence of a pair below which its witnesses contradict each other
MANY_WORDS = 3  # unexplained words in a title from which they count
BAND_COST = {2: 0.16, 1: 0.2, 0: 0.3}


@dataclass(frozen=True, slots=True)
class Doubt:
    """A reason to ask and what it costs of the confidence, 0..1."""

    reason: ApprovalReason
    cost: float


def doubts(e: Evidence) -> tuple[Doubt, ...]:
    return tuple(d for d in (rule(e) for rule in _RULES) if d is not None)


def _dead(e: Evidence) -> Doubt | None:
    if e.release.seeders == 0:
        return _doubt(ApprovalCode.LOW_CONFIDENCE, 0.5, "Nobody seeds it.", seeders=0)
    return None


def _unlisted(e: Evidence) -> Doubt | None:
    if e.contents.audio or e.mapped.images:
        return None
    what = "Only archives are listed" if e.contents.known else "Its files are not known"
    return _doubt(
        ApprovalCode.TRACK_COUNT_MISMATCH, 0.3, f"{what}: no track can be mapped.", expected=e.requested, found=0
    )


def _part(e: Evidence) -> Doubt | None:
    discs = {t.disc_number for t in e.wish.tracks}
    if e.title.part is None or len(discs) < 2 or e.coverage == 1:
        return None
    text = f"Its title names disc {e.title.part} of {len(discs)} only."
    return _doubt(ApprovalCode.TRACK_COUNT_MISMATCH, 0.1, text, expected=len(discs), found=1)


def _image(e: Evidence) -> Doubt | None:
    if not e.mapped.images:
        return None
    text = "The album is one sound file with a cue sheet; its tracks are cut after the download."
    return _doubt(
        ApprovalCode.TRACK_COUNT_MISMATCH, 0.25, text, expected=e.requested, found=len(e.mapped.images)
    )  # fmt: skip


def _missing(e: Evidence) -> Doubt | None:
    share = e.coverage
    if share is None or share >= 1:
        return None
    names = [t.name for i, t in enumerate(e.wish.tracks) if i not in {p.track for p in e.mapped.pairs}]
    listed = "; ".join(f"“{n[:60]}”" for n in names[:3]) + (" and others" if len(names) > 3 else "")
    return _doubt(
        ApprovalCode.TRACK_COUNT_MISMATCH,
        0.15 + 0.3 * (1 - share),
        f"{e.served} of {e.requested} tracks are in it; missing: {listed}.",
        expected=e.requested,
        found=e.served,
    )


def _set(e: Evidence) -> Doubt | None:
    if not e.is_set:
        return None
    text = "The album lies among others in one torrent; all of it would be fetched."
    return _doubt(ApprovalCode.NO_EXACT_MATCH, 0.2, text, others=e.mapped.others)


def _edition(e: Evidence) -> Doubt | None:
    offered, wished = e.offered_marks & frozenset(EDITIONS), e.wished_marks & frozenset(EDITIONS)
    if offered - wished:
        return _doubt(
            ApprovalCode.NO_EXACT_MATCH,
            0.15,
            f"Another edition than the wished one: {', '.join(sorted(offered - wished))}.",
        )
    if wished - offered:
        said = f"It does not say that it is the wished edition ({', '.join(sorted(wished - offered))})."
        return None if e.proved_by_length else _doubt(ApprovalCode.NO_EXACT_MATCH, 0.12, said)
    if e.coverage is not None and e.mapped.extras >= max(MANY_EXTRAS, 0.4 * e.requested) and not e.is_set:
        return _doubt(
            ApprovalCode.TRACK_COUNT_MISMATCH, 0.12, f"{e.mapped.extras} more files than wished: an expanded edition.",
            expected=e.requested, found=e.served + e.mapped.extras,
        )  # fmt: skip
    return None


def _year(e: Evidence) -> Doubt | None:
    if year_fit(e) != 0.0 or e.proved_by_length:
        return None
    wished = e.wish.year or 0
    return _doubt(
        ApprovalCode.NO_EXACT_MATCH,
        0.12,
        f"It is of {e.years[0]}, {wished} is wished.",
        expected=wished,
        found=e.years[0],
    )


def _names(e: Evidence) -> Doubt | None:
    """Whose album it is must be said by somebody: the title, the folder, or the lengths."""
    if e.proved_by_length and e.artist != 0.0:
        return None
    for value, what in ((e.artist, e.wish.artist), (e.album, e.wish.album)):
        if value is None or value < 0.8:
            similarity = round(value or 0.0, 2)
            return _doubt(
                ApprovalCode.NAME_SIMILARITY_LOW,
                0.16,
                f"“{what}” is not certain: nothing names it in full.",
                similarity=similarity,
            )
    return None


def _unexplained(e: Evidence) -> Doubt | None:
    """Words nobody can place may name a place, a guest, another take; lengths would settle it."""
    odd = e.title.leftover
    if len(odd) < MANY_WORDS or e.proved_by_length or e.is_set or not e.title.album:
        return None
    text = f"Its title says more than the wish: “{' '.join(odd[:8])[:80]}”."
    return _doubt(ApprovalCode.NAME_SIMILARITY_LOW, 0.1, text, similarity=round(e.title.album * 0.85, 2))


def _implied(e: Evidence) -> Doubt | None:
    """A constant rate and a size make a length."""
    wished, rate = e.wished_secs, CONSTANT_KBPS.get(e.quality.text)
    if not wished or not rate or e.offered_secs or not e.mapped.pairs:
        return None
    found = sum(e.mapped.files[p.file].file.size_bytes for p in e.mapped.pairs) * 8 / 1000 / rate
    if 1 - IMPLIED_TOLERANCE <= found / wished <= 1 + 2 * IMPLIED_TOLERANCE:
        return None
    text = f"Its size at {rate} kbit/s makes {found / 60:.0f} minutes, {wished / 60:.0f} are expected."
    return _doubt(ApprovalCode.DURATION_MISMATCH, 0.15, text, expected_secs=round(wished), found_secs=round(found))


def _lengths(e: Evidence) -> Doubt | None:
    offered, wished = e.offered_secs, e.wished_secs
    if not offered or not wished or abs(offered - wished) <= SUM_TOLERANCE * wished:
        return None
    return _doubt(
        ApprovalCode.DURATION_MISMATCH,
        0.15,
        f"It runs {offered / 60:.1f} minutes, {wished / 60:.1f} are expected.",
        expected_secs=round(wished),
        found_secs=round(offered),
    )


def _poor(e: Evidence) -> Doubt | None:
    band = e.quality.band
    if band is None:
        return _doubt(ApprovalCode.LOW_CONFIDENCE, 0.12, "Its quality is not known.")
    if e.quality.passes:
        return None
    return _doubt(
        ApprovalCode.LOW_CONFIDENCE, BAND_COST[band], f"Below the bar: {e.quality.text}; lossless, 320 or V0 pass."
    )


def _unproved(e: Evidence) -> Doubt | None:
    """Files that are mapped by their numbers alone."""
    pairs = e.mapped.pairs
    weak = sum(p.name is None and p.secs_off is None for p in pairs)
    if not pairs or weak <= 0.2 * len(pairs):
        return None
    text = f"{weak} of {len(pairs)} files are mapped by their numbers alone."
    return _doubt(ApprovalCode.NAME_SIMILARITY_LOW, 0.15, text, similarity=0.0)


def _contradicted(e: Evidence) -> Doubt | None:
    """Files whose name and length speak of different tracks."""
    torn = [p for p in e.mapped.pairs if p.name is not None and p.secs_off is not None and p.confidence < TORN]
    if not torn or e.off_lengths:
        return None
    pair = min(torn, key=lambda p: (p.name or 0.0, p.track))
    if (pair.name or 0.0) >= ALIKE:
        wished, found = e.wish.tracks[pair.track].duration_secs, e.mapped.files[pair.file].file.duration_secs
        text = f"“{e.wish.tracks[pair.track].name[:60]}” has another length than wished."
        numbers = {"expected_secs": round(wished or 0), "found_secs": round(found or 0)}
        return _doubt(ApprovalCode.DURATION_MISMATCH, 0.1, text, **numbers)
    text = f"{len(torn)} files have the length of a track and another name."
    return _doubt(ApprovalCode.NAME_SIMILARITY_LOW, 0.1, text, similarity=round(pair.name or 0.0, 2))


def _cut(e: Evidence) -> Doubt | None:
    if "cut" in e.offered_marks - e.wished_marks:
        return _doubt(ApprovalCode.NO_EXACT_MATCH, 0.2, "Its title says that something is cut out.")
    return None


def _odd(e: Evidence) -> Doubt | None:
    if e.title.odd:
        return _doubt(ApprovalCode.LOW_CONFIDENCE, 0.2, "Its title holds markup or orders; somebody wants something.")
    return None


_RULES: tuple[Callable[[Evidence], Doubt | None], ...] = (
    _dead, _unlisted, _part, _image, _missing, _set, _edition, _year, _names, _unexplained, _lengths, _implied, _poor, _unproved, _contradicted, _cut, _odd,
)  # fmt: skip


def _doubt(code: ApprovalCode, cost: float, text: str, **numbers: float) -> Doubt:
    return Doubt(ApprovalReason(code, dict(numbers), text), cost)
