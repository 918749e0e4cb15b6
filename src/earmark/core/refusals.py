"""Gates: small rules that refuse a release, each for one reason that a person can read. What is not told never refuses."""

from __future__ import annotations

from collections.abc import Callable

from earmark.core.reading import languages, persons, rules
from earmark.core.reading.words import is_number
from earmark.core.reading.works import Relation
from earmark.core.reasons import JsonValue, Reason
from earmark.core.scoring import (
    CERTAIN,
    LEAST_KBPS,
    Case,
    length_off,
    length_told,
    narrator_match,
    proofs,
    real_kbps,
    span,
)
from earmark.core.wish import Kind

EXACT = 0.985  # the wished title, word for word
TINY = 2_000_000  # bytes: four minutes at 64 kbit/s
OTHER_TITLE = 0.58  # below it the title is another one
FAR_OFF = 0.2  # a length that differs by more is another recording, a shorter version or a part
FAR_OFF_BY_SIZE = 0.45  # the same where only size over bit rate tells it
READABLE = frozenset({"epub", "mobi", "azw3", "azw", "prc", "pdf", "cbz"})  # texts that can be opened and checked


def gates(case: Case) -> tuple[Reason, ...]:
    """Every reason to refuse this release."""
    return tuple([reason for gate in GATES if (reason := gate(case)) is not None])


def is_the_right_kind(case: Case) -> Reason | None:
    told = case.evidence.kind
    known = {f.value for f in case.evidence.formats}
    formats = " ".join(sorted(known))
    if case.kind is Kind.EBOOK and known and not known & READABLE and (told is None or told.value is case.kind):
        return _refusal("wrong_kind", f"It is offered as {formats}, which cannot be read here.", offered=formats)
    if told is None or told.value is case.kind:
        return None
    return _refusal(
        "wrong_kind", f"It is offered as {told.value}, not as {case.kind}.", offered=formats or str(told.value)
    )


def speaks_the_language(case: Case) -> Reason | None:
    told, asked = case.evidence.language, case.wish.language
    if not asked or told is None or told.value == asked:
        return None
    if told.value == languages.OTHER_SCRIPT:
        return (
            _refusal("wrong_language", "Its title is in another script.", wished=asked)
            if asked in languages.LATIN
            else None
        )
    if any(f.value == asked for f in case.evidence.other_languages) or rules.MULTI in case.marks:
        return None
    return _refusal("wrong_language", f"It is in “{told.value}”, “{asked}” is wished.", found=told.value, wished=asked)


def is_the_work(case: Case) -> Reason | None:
    if case.several or (case.work.relation is Relation.SAME and case.work.title >= OTHER_TITLE):
        return None
    return _refusal("other_title", "The title is another one.", similarity=round(case.work.title, 2))


def is_by_the_author(case: Case) -> Reason | None:
    value = case.work.author
    if value is None or value >= AUTHOR_CLASH or proofs(case) >= CERTAIN:
        return None
    named = ", ".join(case.work.said_authors)[:120]
    return _refusal("other_author", f"It is by {named}.", similarity=round(value, 2), author=named)


AUTHOR_CLASH = 0.59


def is_in_the_place(case: Case) -> Reason | None:
    if case.several or case.work.place != 0.0 or _says_its_own_name(case):
        return None
    return _refusal(
        "other_place",
        f"It is {case.work.said_place}, {case.wish.series or case.wish.title} {case.wish.series_index} is wished.",
        found=case.work.said_place,
    )


def _says_its_own_name(case: Case) -> bool:
    """The exact title by the author, and no title that only its number tells from its neighbours: then the number is
    doubtful (series are counted in several ways), not the work."""
    w, work = case.wished, case.work
    if work.title < EXACT or (work.author or 0.0) < persons.ALIKE or not w.series:
        return False
    return not (set(w.main) <= set(w.series) or set(w.series) <= set(w.main) or any(map(is_number, w.main + w.sub)))


def is_read_by_the_narrator(case: Case) -> Reason | None:
    if case.kind is not Kind.AUDIOBOOK or not case.wish.narrators:
        return None
    value = narrator_match(case)
    if value is None or value >= persons.ALIKE:
        return None
    named = ", ".join(n.value for n in case.evidence.narrators)[:120]
    return _refusal("other_narrator", f"It is read by {named}.", similarity=round(value, 2))


def is_not_read_by_a_machine(case: Case) -> Reason | None:
    if case.kind is Kind.AUDIOBOOK and case.wish.narrators and rules.MACHINE in case.marks:
        return _refusal("machine_voice", f"A machine reads it (“{case.evidence.marks[rules.MACHINE].value}”).")
    return None


def is_not_about_the_work(case: Case) -> Reason | None:
    for mark, what in _NOT_THE_WORK.items():
        if mark in case.marks:
            said = case.evidence.marks[mark].value
            return _refusal("about_the_work", f"It seems to be {what} (“{said}”), not the work itself.", said=said)
    return None


_NOT_THE_WORK = {
    rules.ABOUT: "a text about the work",
    rules.PODCAST: "a talk about the work",
    rules.COMIC: "a comic of the work",
    rules.MUSIC: "music to the work",
    rules.FILM: "a film of the work",
    rules.ACTIVITY: "a book to play or cook with",
    rules.RETOLD: "a retelling",
    rules.SAMPLE: "a sample of the work",
}


def is_a_reading(case: Case) -> Reason | None:
    """A dramatised production is another work, where the wish names a voice; without one a person is asked."""
    if case.kind is not Kind.AUDIOBOOK:
        return None
    dramatised = rules.DRAMATISED in case.marks
    if dramatised and case.wish.narrators and not case.wants_drama:
        said = case.evidence.marks[rules.DRAMATISED].value
        return _refusal("dramatised", f"It is a dramatised production (“{said}”), a reading is wished.", said=said)
    if case.wants_drama and case.evidence.narrators and rules.DRAMATISED not in case.evidence.marks:
        return _refusal("not_dramatised", "It is a plain reading, a dramatised production is wished.")
    return None


def is_whole(case: Case) -> Reason | None:
    told = case.evidence.abridged
    if (
        told is None
        or case.wish.abridged is None
        or told.value == case.wish.abridged
        or case.kind is not Kind.AUDIOBOOK
    ):
        return None
    if told.value:
        return _refusal("abridged", "It is abridged; the unabridged book is wished.")
    return _refusal("unabridged", "It is unabridged; the abridged version is wished.")


def has_the_length(case: Case) -> Reason | None:
    off = length_off(case)
    told = length_told(case)
    if off is None or told is None or rules.PART in case.marks:
        return None
    if off[0] <= (FAR_OFF if off[1] else FAR_OFF_BY_SIZE):
        return None
    wished = case.wish.runtime_secs or 0.0
    return _refusal(
        "other_length",
        f"It runs {span(told[0])}, {span(wished)} are expected.",
        found_secs=round(told[0]),
        expected_secs=round(wished),
    )


def can_be_real(case: Case) -> Reason | None:
    """Size against length and stated bit rate."""
    size = case.release.size_bytes
    if not size:
        return None
    kbps, stated = real_kbps(case), case.evidence.bitrate_kbps
    if case.kind is Kind.AUDIOBOOK and size < TINY and kbps is None and length_told(case) is None:
        return _refusal("implausible_size", f"{size / 1e6:.1f} MB cannot hold a book.", size_bytes=size)
    if kbps is None or rules.PART in case.marks:
        return None
    if kbps < LEAST_KBPS or (stated and case.evidence.runtime_secs and kbps < stated.value * 0.4):
        return _refusal(
            "implausible_size",
            f"{size / 1e6:.0f} MB cannot hold it: that would be {kbps:.0f} kbit/s.",
            size_bytes=size,
            kbps=round(kbps),
        )
    return None


def has_no_programs(case: Case) -> Reason | None:
    if case.evidence.bad_files:
        return _refusal(
            "programs_inside", "It holds programs instead of a book.", files=list(case.evidence.bad_files[:5])
        )
    return None


GATES: tuple[Callable[[Case], Reason | None], ...] = (
    is_the_right_kind,
    speaks_the_language,
    is_the_work,
    is_by_the_author,
    is_in_the_place,
    is_read_by_the_narrator,
    is_not_read_by_a_machine,
    is_not_about_the_work,
    is_a_reading,
    is_whole,
    has_the_length,
    can_be_real,
    has_no_programs,
)


def _refusal(code: str, message: str, **evidence: JsonValue) -> Reason:
    return Reason(code, message, "Approve it by hand if you know better.", evidence)
