"""How well a release fits a book wish: named components with fitted weights (`core.weights`), from what was read of the release.

A fact the release does not state is unknown: it neither matches nor refuses, and pulls the score towards "ask". What
refuses is in `core.refusals`, what makes a person decide in `core.doubts`; nothing here chooses.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from rapidfuzz import fuzz

from earmark.core import weights
from earmark.core.decision import Component
from earmark.core.likeness import normal, people_similarity, similarity, title_similarity
from earmark.core.reading import Evidence, Fact, Source, languages, persons, read, rules, titles
from earmark.core.reading.reader import outline
from earmark.core.reading.words import clean, tokens
from earmark.core.reading.works import Relation, Wished, WorkMatch, match_work, other_work, wished
from earmark.core.release import Release
from earmark.core.wish import BookWish, Kind

__all__ = ["AUDIO_TYPES", "POLICY_VERSION", "WEIGHTS", "Case", "case_of", "components", "confidence", "normal",
           "people_similarity", "similarity", "title_similarity"]  # fmt: skip

POLICY_VERSION = f"librarian-1/{weights.VERSION}"
WEIGHTS = weights.WEIGHTS
AUDIO_TYPES = frozenset({"m4b", "m4a", "mp3", "flac", "ogg", "opus", "aac", "wma", "wav"})

FAR_OFF = 60  # of 100: letters in common below which a title without a common word is not read on
HOPELESS = 0.4  # a title less alike is another work, whatever else fits
BAR_KBPS = 64  # below it a person is asked (domain.md 1.5)
CERTAIN = 2  # as many proofs outweigh another author's name
LEAST_KBPS, MOST_KBPS = 16, 1600  # speech below or sound above is not what it says


@dataclass(frozen=True, slots=True)
class Case:
    """One release beside the wish, read."""

    kind: Kind
    wish: BookWish
    wished: Wished
    release: Release
    evidence: Evidence
    work: WorkMatch
    marks: frozenset[str]  # of the release, without those the wish has itself

    @property
    def several(self) -> bool:
        return self.work.relation is Relation.SET

    @property
    def wants_drama(self) -> bool:
        return rules.DRAMATISED in self.wished.marks or any(
            rule.mark == rules.DRAMATISED for n in self.wish.narrators for rule, _, _ in rules.scan(tokens(clean(n)))
        )


def case_of(kind: Kind, wish: BookWish, release: Release) -> Case:
    """Read `release` and lay it beside `wish`."""
    w = wished(wish)
    if _is_far_from(w, release):
        evidence = outline(release)
        return Case(kind, wish, w, release, evidence, other_work(w, evidence), frozenset())
    evidence = _with_named_languages(read(release), w)
    return Case(kind, wish, w, release, evidence, match_work(w, evidence), _marks(w, evidence))


def _is_far_from(w: Wished, release: Release) -> bool:
    """No word and hardly a letter in common, and nothing else that could name the work: not worth reading to the end."""
    if release.description or (release.series and w.series):
        return False
    words = tokens(clean(release.title))
    own = w.own
    if not own.isdisjoint(words) or any(not own.isdisjoint(tokens(clean(name))) for name in release.authors):
        return False
    return fuzz.partial_ratio(" ".join(w.main), " ".join(words)) < FAR_OFF


def _marks(w: Wished, e: Evidence) -> frozenset[str]:
    """The marks the wish does not have itself; another part than the wished one is still a part."""
    kept = frozenset(e.marks) - w.marks
    if rules.PLACE in e.marks and not w.index:  # "Vol. 1 of 2" of a book that stands alone
        kept |= {rules.PART}
    if rules.PART in e.marks and w.part and e.marks[rules.PART].value != w.part:
        return kept | {rules.PART}
    return kept


def _with_named_languages(e: Evidence, w: Wished) -> Evidence:
    """A language named in the open title is a mark, unless the word belongs to the wished title ("The German Wife").
    Letters that are not Latin are what a wish in Russian or Greek expects."""
    if w.wish.language and w.wish.language not in languages.LATIN:
        e = _without_script(e)
    if not e.trunk_languages:
        return e
    own = set(w.main) | set(w.sub) | set(w.series)
    told = [Fact(iso, Source.TITLE) for iso, word in e.trunk_languages if word not in own]
    if not told:
        return e
    known = e.language or told[0]
    others = {f.value: f for f in (*e.other_languages, *told) if f.value != known.value}
    return replace(e, language=known, other_languages=tuple(others.values()))


def _without_script(e: Evidence) -> Evidence:
    told = [f for f in (e.language, *e.other_languages) if f is not None and f.value != languages.OTHER_SCRIPT]
    if len(told) == len(e.other_languages) + (e.language is not None):
        return e
    return replace(e, language=told[0] if told else None, other_languages=tuple(told[1:]))


def components(case: Case) -> tuple[Component, ...]:
    builders = _COMPONENTS if case.several or case.work.title >= HOPELESS else _OF_ANOTHER_WORK
    return tuple([c for build in builders if (c := build(case)) is not None])


def confidence(parts: tuple[Component, ...]) -> float:
    """0..1 out of the components; never lower when one of them is better."""
    total = weighted = 0.0
    for part in parts:
        total += part.weight
        weighted += part.weight * (weights.UNKNOWN if part.value is None else part.value)
    if not total:
        return 0.0
    return 1.0 / (1.0 + math.exp(-weights.SLOPE * (weighted / total - weights.MIDPOINT)))


# --- components -----------------------------------------------------------------------------------------------------------


def _component(name: str, value: float | None, text: str) -> Component:
    return Component(name, WEIGHTS[name], None if value is None else round(value, 4), text)


def _title(case: Case) -> Component:
    return _component("title", case.work.title, f"“{case.work.said_title[:120]}” for “{case.wish.title}”")


def _author(case: Case) -> Component | None:
    if not case.wish.authors:
        return None
    asked = ", ".join(case.wish.authors)
    if case.work.author is None:
        return _component("author", None, f"no author stated; {asked} is wished")
    said = f"{', '.join(case.work.said_authors)[:120]} for {asked}"
    if case.work.author < persons.ALIKE and proofs(case) >= CERTAIN:
        return _component("author", 0.9, f"{said}; title, place, voice or length prove the work")
    return _component("author", case.work.author, said)


def _series(case: Case) -> Component | None:
    if not case.wish.series or case.several:
        return None
    if case.work.place is not None:
        said = f"{case.work.said_place} for {case.wish.series} {case.wish.series_index}"
        return _component("series", case.work.place, said)
    for fact in case.evidence.series:
        value = titles.alike(titles.bare(tokens(fact.value.name)), case.wished.series)
        if value >= titles.SAME:
            return _component("series", 0.9, f"{fact.value.name} for {case.wish.series}")
    return _component("series", None, f"no place in a series stated; {case.wish.series} is wished")


def narrator_match(case: Case) -> float | None:
    """How well the named voices are the wished ones; None when nobody is named. One of several wished voices will do."""
    if case.work.voices:
        return 0.95
    named = tuple(n.value for n in case.evidence.narrators)
    if not named:
        return None
    if case.wants_drama and rules.DRAMATISED in case.evidence.marks:
        return 0.95
    if all(tokens(n) in _NOBODY for n in named):
        return None
    return persons.of_set(case.wish.narrators, named)


_NOBODY = {
    ("full", "cast"),
    ("multiple", "narrators"),
    ("various", "narrators"),
    ("various",),
    ("cast",),
    ("a", "full", "cast"),
}


def _narrator(case: Case) -> Component | None:
    if not case.wish.narrators or case.kind is not Kind.AUDIOBOOK:
        return None
    asked = ", ".join(case.wish.narrators)
    value = narrator_match(case)
    if value is None:
        return _component("narrator", None, f"no narrator stated; {asked} is wished")
    said = ", ".join(n.value for n in case.evidence.narrators) or ", ".join(case.work.voices)
    return _component("narrator", value, f"{said[:120]} for {asked}")


def length_told(case: Case) -> tuple[float, bool] | None:
    """Seconds of sound, and whether they are stated (else size over stated bit rate says so)."""
    e = case.evidence
    if e.runtime_secs:
        return e.runtime_secs.value, True
    if e.bitrate_kbps and case.release.size_bytes and e.bitrate_kbps.source is not Source.SIZE:
        return case.release.size_bytes * 8 / (e.bitrate_kbps.value * 1000), False
    return None


def length_off(case: Case) -> tuple[float, bool] | None:
    """How far the length is from the wished one (0.1: ten per cent), and whether it is stated. A few minutes never count."""
    told = length_told(case)
    if case.kind is not Kind.AUDIOBOOK or not case.wish.runtime_secs or told is None or case.several:
        return None
    apart = abs(told[0] - case.wish.runtime_secs)
    return (0.0 if apart <= 120 and told[1] else apart / case.wish.runtime_secs), told[1]


def proofs(case: Case) -> int:
    """How many independent facts say that this is the wished work in spite of another author's name (a pen name, a shared
    name, a ghost writer): the exact title with the place in the series, the voice, the length."""
    if case.several or case.work.title < 0.96 or case.work.loose:
        return 0
    off = length_off(case)
    voice = narrator_match(case) if case.wish.narrators and case.kind is Kind.AUDIOBOOK else None
    return (
        (case.work.place == 1.0)
        + (voice is not None and voice >= 0.9)
        + (off is not None and off[1] and off[0] <= 0.03)
    )


def _runtime(case: Case) -> Component | None:
    if case.kind is not Kind.AUDIOBOOK or not case.wish.runtime_secs or case.several:
        return None
    off, asked = length_off(case), span(case.wish.runtime_secs)
    if off is None:
        return _component("runtime", None, f"no length stated; {asked} is wished")
    told = length_told(case)
    slack = off[0] if off[1] else max(0.0, off[0] - 0.1)  # size over bit rate is rough: covers, mixed rates
    value = 1.0 if slack <= 0.04 else max(0.0, 1.0 - (slack - 0.04) * 4)
    return _component("runtime", value, f"{span(told[0]) if told else '?'} for {asked}")


def _language(case: Case) -> Component | None:
    if not case.wish.language:
        return None
    e = case.evidence
    if e.language is None:
        return _component("language", None, f"no language stated; “{case.wish.language}” is wished")
    value = 1.0 if e.language.value == case.wish.language else 0.0
    if value and (e.other_languages or rules.MULTI in case.marks):
        value = 0.6
    return _component("language", value, f"“{e.language.value}” for “{case.wish.language}”")


def _edition(case: Case) -> Component:
    said = case.evidence.marks.get(rules.EDITION)
    asked = rules.EDITION in case.wished.marks
    if bool(said) == asked:
        return _component("edition", 1.0, "the wished edition" if asked else "no other edition named")
    return _component("edition", 0.5, f"“{said.value}” is not wished" if said else "the wished edition is not named")


def _kind(case: Case) -> Component:
    fact = case.evidence.kind
    if fact is None:
        return _component("kind", None, "neither sound nor text is stated")
    return _component("kind", 1.0 if fact.value is case.kind else 0.0, f"{fact.value} for {case.kind}")


def real_kbps(case: Case) -> float | None:
    """Bit rate as size over length, with the wished length where none is stated."""
    if case.kind is not Kind.AUDIOBOOK or not case.release.size_bytes:
        return None
    secs = case.evidence.runtime_secs.value if case.evidence.runtime_secs else None
    if secs is None and not case.several:
        secs = case.wish.runtime_secs
    return case.release.size_bytes * 8 / 1000 / secs if secs else None


def _size(case: Case) -> Component | None:
    kbps = real_kbps(case)
    if kbps is None:
        return None
    stated = case.evidence.bitrate_kbps
    value = 1.0 if 24 <= kbps <= 400 else 0.5 if LEAST_KBPS <= kbps <= MOST_KBPS else 0.0
    if stated and case.evidence.runtime_secs and not 0.5 <= kbps / stated.value <= 2.5:
        value = 0.0 if kbps < stated.value else min(value, 0.5)
    return _component("size", value, f"{kbps:.0f} kbit/s by size" + (f", {stated.value} stated" if stated else ""))


_COMPONENTS: tuple[Callable[[Case], Component | None], ...] = (
    _title,
    _author,
    _series,
    _narrator,
    _runtime,
    _language,
    _edition,
    _kind,
    _size,
)


_OF_ANOTHER_WORK = (_title, _author, _kind)  # voice and length of another book say nothing


def span(secs: float) -> str:
    return f"{secs / 3600:.1f} h" if secs >= 3600 else f"{max(1, round(secs / 60))} min"
