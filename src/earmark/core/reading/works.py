"""The wish against the title of a release: which piece is the title, which the author, and is it that work, a set that
holds it, or another work?"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from earmark.core.reading import persons, rules, titles
from earmark.core.reading.anatomy import Notes, people, read_title, without_marks
from earmark.core.reading.evidence import Evidence, Piece, Role, SeriesPlace
from earmark.core.reading.words import COUNTING, clean, is_number, tokens
from earmark.core.wish import BookWish

Words = tuple[str, ...]


class Relation(StrEnum):
    """What a release is to the wished work."""

    SAME = "same"
    SET = "set"  # several works, the wished one among them
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Wished:
    """A wish, read once for all candidates."""

    wish: BookWish
    main: Words
    sub: Words
    phrase: Words  # the title as it stands, to be found in lists of contents
    series: Words
    index: str
    marks: frozenset[str]
    part: str  # "part 1" where a part is wished
    authors: tuple[Words, ...]
    is_set: bool
    own: frozenset[str]  # every word of title, subtitle and series
    counted: bool  # only its number tells the title from its neighbours: "The Lamplighters 4"


@dataclass(frozen=True, slots=True)
class WorkMatch:
    """`title` 0..1; `author` 0..1 or None when none is told; `place` 1.0, 0.0 (another place in the series) or None."""

    relation: Relation
    title: float
    said_title: str
    author: float | None
    said_authors: tuple[str, ...]
    place: float | None
    said_place: str
    voices: tuple[str, ...] = ()  # wished narrators that stand in a piece of the title
    loose: tuple[str, ...] = ()  # pieces of the title that nothing explains
    by_place: bool = False  # the title is another one, author and place in the series are the wished ones


@lru_cache(maxsize=256)
def wished(wish: BookWish) -> Wished:
    notes = Notes()
    pieces = [p for p in read_title(clean(wish.title), notes, structured=True) if p.words]
    main = titles.bare(pieces[0].main or pieces[0].words) if pieces else ()
    sub = tuple(w for p in pieces[:1] for w in p.sub) + tuple(w for p in pieces[1:] for w in p.words)
    index = (wish.series_index or "").strip().lower().lstrip("#")
    index = "-".join(part.strip().lstrip("0") or "0" for part in index.split("-")) if index else ""
    if not index and sub and all(word in COUNTING or is_number(word) for word in sub):
        index = next((f.value.index for f in notes.series), "")  # "The Lamplighters: Book Four"
    series = titles.bare(tokens(clean(wish.series))) if wish.series else ()
    whole = (
        rules.SET in notes.marks or rules.SET_HINT in notes.marks or rules.WITH_OTHERS in notes.marks or "-" in index
    )
    return Wished(
        wish=wish,
        main=main,
        sub=titles.bare(sub) if sub else (),
        phrase=titles.bare(tokens(clean(wish.title.split(":")[0]))),
        series=series,
        index=index,
        marks=frozenset(notes.marks),
        part=notes.marks[rules.PART].value if rules.PART in notes.marks else "",
        authors=tuple(tokens(clean(a)) for a in wish.authors),
        is_set=whole,
        own=frozenset((*main, *(titles.bare(sub) if sub else ()), *series)),
        counted=index not in {"", "1"} and (index in main + sub or main == series),
    )


def match_work(w: Wished, e: Evidence) -> WorkMatch:
    """Which work is it? Authors in a field are believed; in a bare title the wish shows which piece is the author."""
    author, said_authors, left, cut = _author(w, e)
    value, said, loose, voices = _title(w, e, left, cut)
    place, said_place = _place(w, e, value)
    relation = Relation.SAME
    by_place = value < titles.SAME and place == 1.0 and (author or 0.0) >= 0.9 and bool(w.series) and not _many(w, e)
    if by_place:
        value = max(value, 0.88)  # perhaps the title of another market, perhaps another way of counting
        by_place = not _is_named_by_number(w, left)
    held = _held(w, e, value, author)
    if held is not None:
        relation, value = Relation.SET, held
        place = None
    elif value < titles.SPLIT_SUBTITLES - 0.05:
        relation = Relation.OTHER
    return WorkMatch(relation, value, said, author, said_authors, place, said_place, voices, loose, by_place)


def _is_named_by_number(w: Wished, left: list[Piece]) -> bool:
    """ "The Lamplighters" with its place for "The Lamplighters, Vol. 4": name and number are the whole title."""
    name = tuple(word for word in w.main if word not in COUNTING and not is_number(word))
    return name == w.series and any(titles.bare(p.main) == name for p in left if p.main)


def other_work(w: Wished, e: Evidence) -> WorkMatch:
    """`match_work` for a title without a word or hardly a letter of the wished one."""
    author, said_authors, left, _ = _author(w, e)
    return WorkMatch(Relation.OTHER, 0.0, left[0].text if left else "", author, said_authors, None, "")


# --- author -------------------------------------------------------------------------------------------------------------


Author = tuple[float | None, tuple[str, ...], list[Piece], Words]
"""The author's likeness, who is named, the pieces left for the title, and the author's words if they stand inside one."""


def _author(w: Wished, e: Evidence) -> Author:
    """Who wrote it. Authors in a field are believed; in a bare title the wish shows where the author stands."""
    left = [p for p in e.pieces if p.role not in (Role.AUTHOR, Role.NARRATOR)]
    named = tuple(a.value for a in e.authors)
    if not w.wish.authors:
        return None, named, left, ()
    best = persons.of_set(w.wish.authors, named) if named else None
    if best is not None and best < persons.ALIKE and e.structured and _swapped(w, named):
        if left and all(persons.of_set(w.wish.authors, (p.text,)) >= persons.ALIKE for p in left):
            turned = [Piece(Role.TITLE, n, tokens(n), tokens(n), ()) for n in named]
            return 1.0, tuple(p.text for p in left), turned, ()  # each in the field of the other
        named, best = (), None
    elif e.structured and (tail := _by_line(w, left)):
        return best, named, left, tail
    elif e.structured or (best is not None and best >= persons.ALIKE):
        return best, named, left, ()
    found = _author_in_pieces(w, e, left)
    if found is not None:
        return found
    if best is not None:
        return best, named, left, ()
    if any(len(a) > 1 and titles.contains(e.tag_words, a) for a in w.authors):
        return 0.9, ("named in the uploader's line",), left, ()
    return _stranger(w, left)


def _by_line(w: Wished, left: list[Piece]) -> Words:
    """ "The Salt Road by Mara Ellin" in a row that has the author in a field as well."""
    for author in w.authors:
        line = ("by", *author)
        if any(titles.contains(p.words, line) for p in left):
            return line
    return ()


def _author_in_pieces(w: Wished, e: Evidence, left: list[Piece]) -> Author | None:
    for piece in (p for p in e.pieces if p.role is Role.AUTHOR):
        if any(titles.contains(piece.words, a) for a in w.authors):
            return 0.95, (piece.text,), left, ()
    for piece in left:
        if (piece.role is Role.NOTE and len(left) == 1) or titles.contains(titles.bare(piece.words), w.main):
            continue
        likeness = max(persons.of_set(w.wish.authors, (name,)) for name in _people_in(piece.text))
        if likeness >= persons.ALIKE:
            return likeness, (piece.text,), [p for p in left if p is not piece], ()
    for piece in left:
        inside = next((a for a in w.authors if len(a) > 1 and titles.contains(piece.words, a)), None)
        if inside:
            return 0.93, (" ".join(inside),), left, inside
    return None


def _stranger(w: Wished, left: list[Piece]) -> Author:
    """A bare title whose other side of the dash is plainly a person, but not the wished one."""
    sides = [p for p in left if p.role is Role.ANY]
    others = [
        p for p in sides if _looks_like_a_person(p) and titles.alike(w.main, titles.bare(p.main), w.index) < titles.SAME
    ]
    if len(sides) > 1 and others and len(others) < len(left):
        likeness = max(persons.of_set(w.wish.authors, (without_marks(p.text),)) for p in others)
        return likeness, tuple(without_marks(p.text) for p in others), [p for p in left if p not in others], ()
    return None, (), left, ()


def _swapped(w: Wished, named: tuple[str, ...]) -> bool:
    """The title stands in the field of the author."""
    return any(titles.alike(w.main, titles.bare(tokens(name))) >= titles.SAME for name in named)


@lru_cache(maxsize=8192)
def _people_in(text: str) -> tuple[str, ...]:
    bare_text = without_marks(text)
    return (bare_text, *people(bare_text))


def _looks_like_a_person(piece: Piece) -> bool:
    """Two to four capitalised words without a number or a word that only titles have."""
    words = without_marks(piece.text).replace(",", " ").split()
    if not 2 <= len(words) <= 4 or piece.sub:
        return False
    return all(w[0].isupper() and not w[0].isdigit() for w in words) and not any(
        t in titles.ARTICLES or t in {"of", "and", "in", "to"} or is_number(t) for t in piece.words
    )


# --- title --------------------------------------------------------------------------------------------------------------


def _title(
    w: Wished, e: Evidence, left: list[Piece], cut: Words
) -> tuple[float, str, tuple[str, ...], tuple[str, ...]]:
    best, best_at, said = 0.0, (0, 0), left[0].text if left else ""
    shaped = [_shape(p, cut) for p in left]
    for at, (main, sub) in enumerate(shaped):
        options = [((main, sub), (at, at + 1))]
        if rest := _behind_the_series(w, main):
            options.append(((rest, sub), (at, at + 1)))
        if at + 1 < len(shaped):
            following = shaped[at + 1]
            joined = ((main, sub + following[0] + following[1]), (at, at + 2))
            options = [joined] if titles.is_dated(w.sub) else [*options, joined]  # an issue is its name and its date
        for offered, span in options:
            value = titles.compare((w.main, w.sub), offered, series=w.series, index=w.index)
            if left[at].role is Role.NOTE:
                value = min(value, 0.93)
            if e.year and (year := str(e.year.value)) in w.main + w.sub:  # no year of publication after all
                whole = offered[0] + offered[1] + (year,)
                value = max(value, titles.alike(w.main + w.sub, whole, w.index))
            if value > best + 1e-9:
                best, best_at, said = value, span, left[at].text
    for name in e.also_known_as:
        value = titles.alike(w.main, titles.bare(tokens(clean(name))), w.index) * 0.95
        if value > best and value >= titles.SAME:
            best, said = value, name
    loose, voices = _leftovers(w, e, [p for at, p in enumerate(left) if not best_at[0] <= at < best_at[1]])
    if loose and best >= titles.SAME:
        best = max(titles.SAME, best - 0.04 * len(loose))
    return best, said, loose, voices


def _shape(piece: Piece, cut: Words) -> tuple[Words, Words]:
    main, sub = (piece.main or piece.words), piece.sub
    if cut:
        for at in range(len(main) - len(cut) + 1):
            if main[at : at + len(cut)] == cut:
                main = main[:at] + main[at + len(cut) :]
                break
    if cut and not main:
        main, sub = sub, ()  # "Mara Ellin: The Salt Road"
    return titles.bare(main) if main else (), titles.bare(sub) if sub else ()


def _behind_the_series(w: Wished, main: Words) -> Words:
    """ "The Lamplighters #2 The Salt Road" → The Salt Road."""
    if not w.series or len(main) <= len(w.series) or main[: len(w.series)] != w.series:
        return ()
    rest = main[len(w.series) :]
    rest = rest[1:] if rest[0] in COUNTING else rest
    return titles.bare(rest[1:]) if len(rest) > 1 and is_number(rest[0]) else ()


def _leftovers(w: Wished, e: Evidence, pieces: list[Piece]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Pieces beside the title: a series or a wished voice explain themselves, the rest stays loose."""
    loose: list[str] = []
    voices: list[str] = []
    names = [titles.bare(tokens(s.value.name)) for s in e.series if s.value.name]
    for piece in pieces:
        voice = next((n for n in w.wish.narrators if persons.same(n, piece.text) >= persons.ALIKE), None)
        words = titles.bare(piece.words)
        if voice:
            voices.append(voice)
        elif (w.series and titles.contains(words, w.series)) or any(n and titles.contains(words, n) for n in names):
            continue
        elif not all(is_number(x) or x in {"book", "vol", "volume"} for x in words):
            loose.append(piece.text)
    return tuple(loose), tuple(voices)


# --- place in a series, sets ----------------------------------------------------------------------------------------------


def _place(w: Wished, e: Evidence, title: float) -> tuple[float | None, str]:
    """1.0: the wished place; 0.0: another; None: not told, or of another series."""
    if not w.index:
        return None, ""
    told: list[tuple[float, SeriesPlace]] = []
    for fact in e.series:
        name = titles.bare(tokens(fact.value.name)) if fact.value.name else ()
        named = not name or _one_series(w, name)
        if fact.value.index and named:
            told.append((1.0 if _same_place(w.index, fact.value.index) else 0.0, fact.value))
    if not told:
        return None, ""
    best = max(told, key=lambda row: row[0])
    return best[0], f"{best[1].name} {best[1].index}".strip()


def _one_series(w: Wished, name: Words) -> bool:
    if not w.series:
        return titles.alike(w.main, name, w.index) >= titles.SAME
    if (
        titles.alike(w.series, name, "") >= titles.SAME
        or titles.contains(name, w.series)
        or titles.contains(w.series, name)
    ):
        return True
    return titles.alike(w.main, name, w.index) >= titles.SAME


def _same_place(wished_index: str, offered: str) -> bool:
    if wished_index == offered:
        return True
    try:
        return float(wished_index) == float(offered)
    except ValueError:
        return False


def _range(index: str) -> tuple[float, float] | None:
    first, dash, last = index.replace(",", "-").partition("-")
    try:
        return (float(first), float(last.rpartition("-")[2])) if dash else None
    except ValueError:
        return None


def _many(w: Wished, e: Evidence) -> bool:
    """Does the release hold several works?"""
    marks = set(e.marks) - w.marks
    if rules.SET in marks or rules.WITH_OTHERS in marks:
        return True
    if w.series and not set(w.main) <= set(w.series) and _is_the_whole_series(w, e):
        return True
    spans = [s for s in e.series if _range(s.value.index)]
    single = any(s.value.index and not _range(s.value.index) for s in e.series)
    return bool(spans) or (rules.SET_HINT in marks and not single)


def _ends_as_a_series(w: Wished, words: Words) -> bool:
    """ "The Reed Ferry Series" for "The Reed Ferry": its name with what many works are called."""
    ends = next((n for n, word in enumerate(words) if word in _SEVERAL), 0)
    return words[:ends] == w.main and w.main[-1:] != words[ends : ends + 1] and ends > 0


_SEVERAL = frozenset(["series", "saga", "cycle", "chronicles"])
_WHOLE = frozenset(["complete", "whole", "entire", "full", "series", "saga", "cycle", "collection", "chronicles", "set", "audiobooks"])  # fmt: skip


def _is_the_whole_series(w: Wished, e: Evidence) -> bool:
    """ "The Complete Lamplighters Series", "The Lamplighters (Complete)": the series' name, and no title of its own."""
    for piece in (p for p in e.pieces if titles.contains(p.words, w.series)):
        more = set(titles.bare(piece.words)) - set(w.series)
        if more <= _WHOLE and (rules.COMPLETE in e.marks or more & {"complete", "whole", "entire", "full"}):
            return True
    return False


def _held(w: Wished, e: Evidence, title: float, author: float | None) -> float | None:
    """The title's worth if the release is a set that holds the wished work, else None."""
    if w.is_set or (author is not None and author < persons.ALIKE):
        return None
    if any(_ends_as_a_series(w, titles.bare(p.words)) for p in e.pieces):
        return 0.8
    if _many(w, e) and (worth := _among(w, e, title)):
        return worth
    if author is not None and w.phrase and title < titles.SAME:
        return 0.75 if any(_lists(text, w.phrase) for text in e.contents) else None
    return None


def _lists(contents: str, phrase: Words) -> bool:
    """Is the title in a list of contents? A title of one word ("The Well") must be an entry of its own."""
    if len(phrase) > 1:
        return titles.contains(titles.bare(tokens(contents)), phrase)
    return any(titles.bare(tokens(entry)) == phrase for entry in re.split(r"[;,•|/.]", contents)[:200] if entry.strip())


def _among(w: Wished, e: Evidence, title: float) -> float | None:
    """Is the wished work among the several? By its place in the series, else by its name, else by the series' name."""
    spans = [(s.value, r) for s in e.series if (r := _range(s.value.index))]
    if spans and w.index and is_number(w.index) and "-" not in w.index:
        inside = [place for place, (low, high) in spans if low <= float(w.index) <= high]
        if not inside:
            return None
        for place in inside:
            name = titles.bare(tokens(place.name)) if place.name else ()
            if not name or _one_series(w, name) or _shares(w.series, name):
                return 0.8
    if title >= titles.SAME:
        hint_only = rules.SET not in e.marks and rules.WITH_OTHERS not in e.marks and not spans
        return None if hint_only else 0.8  # "The Salt Road (The Lamplighter Trilogy)" is one book
    names = [titles.bare(p.words) for p in e.pieces]
    if any(titles.contains(words, w.main) for words in names):
        return 0.8
    return 0.75 if w.series and any(titles.contains(words, w.series) for words in names) else None


def _shares(a: Words, b: Words) -> bool:
    return bool(a and b) and (titles.contains(a, b) or titles.contains(b, a))
