"""What speaks for asking a person although nothing refuses: each doubt with its sentence, its numbers and its weight."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from earmark.core.reading import persons, rules
from earmark.core.reading import titles as titles_
from earmark.core.scoring import (
    BAR_KBPS,
    CERTAIN,
    Case,
    length_off,
    length_told,
    narrator_match,
    proofs,
    real_kbps,
    span,
)
from earmark.core.states import ApprovalCode
from earmark.core.wish import Kind

A = ApprovalCode
BAR_FROM_SECS = 180  # in a shorter sound tags and cover weigh more than the voice: its bit rate says nothing
SMALL = 8_000_000  # bytes: a quarter of an hour at 64 kbit/s
TOO_SHORT = 240  # seconds that size over bit rate must make where no length is told
NEAR = 0.07  # lengths within it are one recording


@dataclass(frozen=True, slots=True)
class Doubt:
    """`name` is stable; `factor` (0..1) is what remains of the confidence."""

    name: str
    factor: float
    code: ApprovalCode
    text: str
    numbers: dict[str, float | int | list[float]] = field(default_factory=dict)


def doubts(case: Case) -> tuple[Doubt, ...]:
    """Every doubt about this release."""
    return tuple(doubt for rule in RULES if (doubt := rule(case)) is not None)


def is_a_set(case: Case) -> Doubt | None:
    if not case.several:
        return None
    return Doubt("set", 0.72, A.NO_EXACT_MATCH, "It is a set of several works; the wished one seems to be among them.")


def is_a_part(case: Case) -> Doubt | None:
    if rules.PART not in case.marks:
        return None
    said = case.evidence.marks.get(rules.PART, case.evidence.marks.get(rules.PLACE))
    return Doubt("part", 0.68, A.NO_EXACT_MATCH, f"It seems to be only a part (“{said.value if said else ''}”).")


def is_abridged(case: Case) -> Doubt | None:
    told = case.evidence.abridged
    if case.kind is not Kind.AUDIOBOOK or told is None or not told.value or case.wish.abridged is not None:
        return None
    return Doubt("abridged", 0.7, A.NO_EXACT_MATCH, "It is abridged, and the wish does not say whether that will do.")


def is_dramatised(case: Case) -> Doubt | None:
    if case.kind is not Kind.AUDIOBOOK or rules.DRAMATISED not in case.marks or case.wants_drama:
        return None
    said = case.evidence.marks[rules.DRAMATISED].value
    return Doubt(
        "dramatised",
        0.66,
        A.NO_EXACT_MATCH,
        f"It is a dramatised production (“{said}”); the wish does not ask for one.",
    )


def is_another_edition(case: Case) -> Doubt | None:
    said, asked = case.evidence.marks.get(rules.EDITION), rules.EDITION in case.wished.marks
    if bool(said) == asked:
        return None
    text = (
        f"It is an edition the wish does not name (“{said.value}”)." if said else "It does not name the wished edition."
    )
    return Doubt("edition", 0.8, A.NO_EXACT_MATCH, text)


def has_an_unnamed_voice(case: Case) -> Doubt | None:
    if case.kind is not Kind.AUDIOBOOK or not case.wish.narrators or narrator_match(case) is not None:
        return None
    text = f"No narrator is named; {', '.join(case.wish.narrators)} is wished."
    return Doubt("narrator_unknown", 0.82, A.NAME_SIMILARITY_LOW, text, {"similarity": 0.0})


def is_read_by_a_machine(case: Case) -> Doubt | None:
    if case.kind is not Kind.AUDIOBOOK or rules.MACHINE not in case.marks:
        return None
    return Doubt(
        "machine_voice", 0.6, A.NO_EXACT_MATCH, f"A machine reads it (“{case.evidence.marks[rules.MACHINE].value}”)."
    )


def has_no_author(case: Case) -> Doubt | None:
    if not case.wish.authors or case.work.author is not None:
        return None
    text = f"No author is named; {', '.join(case.wish.authors)} is wished."
    return Doubt("author_unknown", 0.75, A.NAME_SIMILARITY_LOW, text, {"similarity": 0.0})


def has_a_vague_author(case: Case) -> Doubt | None:
    value = case.work.author
    if value is None or value >= persons.ALIKE or proofs(case) >= CERTAIN:
        return None
    named = ", ".join(case.work.said_authors)[:120]
    return Doubt(
        "author_vague",
        0.75,
        A.NAME_SIMILARITY_LOW,
        f"“{named}” may be another person.",
        {"similarity": round(value, 2)},
    )


def has_another_title(case: Case) -> Doubt | None:
    """Series are counted in several ways (as written, as told, wrongly): one place is not yet one work."""
    if case.several or not case.work.by_place:
        return None
    text = (
        f"Author and place fit, the title “{case.work.said_title[:120]}” does not: another market's, or another work."
    )
    return Doubt("other_title", 0.6, A.NAME_SIMILARITY_LOW, text)


def stands_elsewhere_in_the_series(case: Case) -> Doubt | None:
    if case.several or case.work.place != 0.0:
        return None
    text = (
        f"It is given as {case.work.said_place}; {case.wish.series or case.wish.title} {case.wished.index} is wished."
    )
    return Doubt("place", 0.8, A.NO_EXACT_MATCH, text)


def does_not_say_which(case: Case) -> Doubt | None:
    """ "The Lamplighters" for "The Lamplighters 4": the bare name is the first book, or any."""
    w = case.wished
    if case.several or not w.counted or case.work.place is not None:
        return None
    if any(w.index in piece.words for piece in case.evidence.pieces):
        return None
    return Doubt("place_unknown", 0.6, A.NO_EXACT_MATCH, f"It does not say that it is number {w.index}.")


def has_a_vague_title(case: Case) -> Doubt | None:
    if case.several or case.work.title >= titles_.SAME:
        return None
    text = f"The title “{case.work.said_title[:120]}” is only {case.work.title:.0%} alike."
    return Doubt("title_vague", 0.8, A.NAME_SIMILARITY_LOW, text, {"similarity": round(case.work.title, 2)})


def speaks_several_languages(case: Case) -> Doubt | None:
    if not case.wish.language:
        return None
    others = [f.value for f in case.evidence.other_languages]
    if rules.MULTI not in case.marks and not others:
        return None
    said = ", ".join(others) or case.evidence.marks[rules.MULTI].value
    return Doubt("language", 0.78, A.LOW_CONFIDENCE, f"Its language is in doubt (“{said}”).")


def is_under_the_bar(case: Case) -> Doubt | None:
    if case.kind is not Kind.AUDIOBOOK:
        return None
    stated, length = case.evidence.bitrate_kbps, case.evidence.runtime_secs
    if length and length.value < BAR_FROM_SECS:
        return None
    kbps = float(stated.value) if stated else real_kbps(case)
    if kbps is None or kbps >= (BAR_KBPS if stated else BAR_KBPS * 0.85):
        return None
    return Doubt("under_the_bar", 0.74, A.LOW_CONFIDENCE, f"{kbps:.0f} kbit/s is below the quality bar of {BAR_KBPS}.")


def has_more_in_its_title(case: Case) -> Doubt | None:
    """ "The Salt Road / The Stone Quay": other works stand beside the wished one."""
    loose = case.work.loose
    if not loose or not case.evidence.structured or not any(sign in case.release.title for sign in "/|+"):
        return None
    return Doubt("more_inside", 0.75, A.NO_EXACT_MATCH, f"Its title names more: {', '.join(loose)[:120]}.")


def is_dead(case: Case) -> Doubt | None:
    if case.release.seeders != 0:
        return None
    return Doubt("dead", 0.7, A.LOW_CONFIDENCE, "Nobody seeds it.")


def has_a_doubtful_length(case: Case) -> Doubt | None:
    off, told = length_off(case), length_told(case)
    if off is None or told is None or off[0] <= (NEAR if off[1] else 0.25):
        return None
    expected = case.wish.runtime_secs or 0.0
    numbers: dict[str, float | int | list[float]] = {"expected_secs": round(expected), "found_secs": round(told[0])}
    return Doubt(
        "length", 0.8, A.DURATION_MISMATCH, f"It runs {span(told[0])}, {span(expected)} are expected.", numbers
    )


def has_a_doubtful_size(case: Case) -> Doubt | None:
    size = case.release.size_bytes
    if case.kind is not Kind.AUDIOBOOK or size is None:
        return None
    kbps, told = real_kbps(case), length_told(case)
    if kbps is None and told is None and size < SMALL and not case.several:
        return Doubt(
            "size", 0.75, A.LOW_CONFIDENCE, f"{size / 1e6:.1f} MB are little for a book, and no length is told."
        )
    if kbps is None and told is not None and told[0] < TOO_SHORT and not case.several:
        return Doubt(
            "size", 0.75, A.LOW_CONFIDENCE, f"{size / 1e6:.1f} MB at the stated bit rate are only {span(told[0])}."
        )
    if kbps is not None and not 24 <= kbps <= 1000 and not case.several:
        return Doubt("size", 0.8, A.LOW_CONFIDENCE, f"Its size means {kbps:.0f} kbit/s, which is unusual.")
    return None


def gives_orders(case: Case) -> Doubt | None:
    if rules.ORDERS not in case.marks:
        return None
    return Doubt("orders", 0.5, A.LOW_CONFIDENCE, "Its text tries to give orders to whoever reads it.")


def has_no_kind(case: Case) -> Doubt | None:
    if case.evidence.kind is not None:
        return None
    return Doubt("kind_unknown", 0.8, A.LOW_CONFIDENCE, "Nothing says whether it is sound or text.")


RULES: tuple[Callable[[Case], Doubt | None], ...] = (
    is_a_set,
    is_a_part,
    is_abridged,
    is_dramatised,
    is_another_edition,
    has_an_unnamed_voice,
    is_read_by_a_machine,
    has_no_author,
    has_a_vague_author,
    has_another_title,
    stands_elsewhere_in_the_series,
    does_not_say_which,
    has_a_vague_title,
    speaks_several_languages,
    is_under_the_bar,
    has_more_in_its_title,
    is_dead,
    has_a_doubtful_length,
    has_a_doubtful_size,
    gives_orders,
    has_no_kind,
)
