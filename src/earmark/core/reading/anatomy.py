"""The anatomy of a title: pieces between dashes, by-lines and brackets, freed of marks, formats, bit rates and years."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from earmark.core.reading import languages, rules
from earmark.core.reading.evidence import Fact, Piece, Role, SeriesPlace, Source
from earmark.core.reading.words import COUNTING, clean, is_number, is_year, tokens

_BRACKETS = re.compile(r"[\[({]([^\[\](){}]*)[\])}]")
_DASHES = re.compile(r" [-–—|~/•]+ |[|•]|: - ")
_DOTS = re.compile(r"(?<!\d)\.|\.(?!\d)|(?<=[12]\d{3})\.|_")
CUES = re.compile(
    r"\b(?:(?P<voice>(?:narrated|read|performed|voiced|spoken|gelesen|gesprochen|lu|lue|letto|letta|leído|leido|narrado|narrada|"
    r"voorgelezen|uppläst|inläst|läst|oplæst|indlæst|opplest|innlest|lit) (?:by|von|par|da|por|door|av|af)\b|"
    r"czyta(?:ją)?|читает|читают|читає|в исполнении|läser|leest|čte|felolvassa|lukijana|narr?\.|"
    r"(?:narr?|narrators?|sprecher(?:in)?|readers?|narration|lettore|"
    r"narrador|lecteur):)|(?P<pen>(?:written )?by\b|authors?:)) ",
    re.IGNORECASE,
)
_SUBTITLE = re.compile(r": |; | : |:(?=[^\d\s])")
KBPS = re.compile(r"(\d{2,3}) ?(?:kbps|kbit/s|kbits/s|kb/s|kbits?|kbs|k)\b", re.I)
_VOICE_TAIL = frozenset(["narration", "narrator", "narrating", "reading", "version"])
_READS = frozenset(["narration", "narrator", "narrating", "narrates", "reading", "reads"])
_NO_PERSON = frozenset(
    ["various", "unknown", "anonymous", "na", "none", "multiple", "several", "diverse", "anonym", "va"]
)


@dataclass
class Notes:
    """What is collected while a release is read."""

    marks: dict[str, Fact[str]] = field(default_factory=dict)
    spoken: dict[str, Fact[str]] = field(default_factory=dict)  # languages
    formats: dict[str, Fact[str]] = field(default_factory=dict)
    series: list[Fact[SeriesPlace]] = field(default_factory=list)
    authors: list[Fact[str]] = field(default_factory=list)
    narrators: list[Fact[str]] = field(default_factory=list)
    year: Fact[int] | None = None
    kbps: Fact[int] | None = None
    secs: Fact[float] | None = None

    def mark(self, name: str, said: str, source: Source) -> None:
        self.marks.setdefault(name, Fact(said, source))


def read_title(text: str, notes: Notes, *, structured: bool) -> tuple[Piece, ...]:
    """The pieces of a title in their order, brackets last; marks, formats and years go to `notes`."""
    text = _IN_SERIES.sub(r"\1 #\2 ", _spaced(text))
    brackets = _BRACKETS.findall(text) if ("(" in text or "[" in text or "{" in text) else []
    trunk = _BRACKETS.sub(" ", text) if brackets else text
    pieces: list[Piece] = []
    for part in _DASHES.split(trunk):
        if part.strip():
            _split_cues(part.strip(), notes, pieces, structured=structured)
    for bracket in brackets:
        if bracket.strip():
            _note(bracket.strip(), notes, pieces)
    if not pieces and text:  # a title of nothing but marks: then the marks are the title
        words = tokens(text)
        pieces.append(Piece(Role.TITLE, text, words, words, ()))
    return tuple(pieces)


_IN_SERIES = re.compile(r"(\w) \((\d{1,2})\) (?=\w)")  # "The Lamplighters (02) The Salt Road"


def _spaced(text: str) -> str:
    """Names of files and scene releases, which have no spaces, in the form of the others; the group at the end goes."""
    if " " not in text and "_" in text and "-" in text:
        parts = text.split("-")
        return " - ".join(parts[:-1] if len(parts) > 3 else parts).replace("_", " ")
    if text.count(" ") >= 3 or len(_DOTS.findall(text)) <= 2:
        return text
    text = _DOTS.sub(" ", text)
    head, dash, group = text.rpartition("-")
    last = tokens(head)[-1:] if dash and " " not in group else ()
    return head if last and (any(cover(last).strength) or is_year(last[0])) else text


_CUE_WORDS = frozenset(
    [
        "af",
        "nar",
        "narr",
        "czyta",
        "czytaja",
        "chitaet",
        "chitayut",
        "chitaiut",
        "chytaye",
        "ispolnenii",
        "leest",
        "laser",
        "cte",
        "felolvassa",
        "lukijana",
        "sprecherin",
        "by",
        "von",
        "par",
        "da",
        "por",
        "door",
        "av",
        "author",
        "authors",
        "narrator",
        "narrators",
        "sprecher",
        "reader",
        "readers",
        "narration",
        "lettore",
        "narrador",
        "lecteur",
    ]
)


def may_cue(text: str) -> bool:
    """Is there a word at all that may introduce a person? Most titles have none, and looking closer is dear."""
    return not _CUE_WORDS.isdisjoint(tokens(text))


def cues(text: str) -> list[re.Match[str]]:
    """Every "by" and "read by" in a text."""
    return list(CUES.finditer(text)) if may_cue(text) else []


def _split_cues(part: str, notes: Notes, pieces: list[Piece], *, structured: bool) -> None:
    """Cut "Title by Author read by Voice"; in a structured row the author stands in a field and "by" is a word."""
    spans = [m for m in cues(part) if m["voice"] or not structured]
    if not spans:
        _add(part, Role.TITLE if structured else Role.ANY, notes, pieces)
        return
    pens = [m for m in spans if m["pen"]]
    cuts = [m for m in spans if m["voice"] or m is pens[-1]]
    if len(pens) == 1 and pens[0].start() == 0 and not pieces:
        cuts = [m for m in cuts if m is not pens[0]]  # nothing before it: "By the Sea"
    edges = [*(m.start() for m in cuts), len(part)]
    head = part[: edges[0]].strip()
    if head:
        role = Role.TITLE if any(m["pen"] for m in cuts) or structured else Role.ANY
        _add(head, role, notes, pieces)
    for place, cut in enumerate(cuts):
        said = part[cut.end() : edges[place + 1]].strip()
        role = Role.NARRATOR if cut["voice"] else Role.AUTHOR
        if said:
            _add(said, role, notes, pieces)


def _add(text: str, role: Role, notes: Notes, pieces: list[Piece]) -> None:
    main_text, _, sub_text = (text, "", "") if role is not Role.TITLE and role is not Role.ANY else _halves(text)
    main = _strip(main_text, notes, sub=False)
    if not main and sub_text:  # "The Great Courses: How Lamps Work: From Oil to Light": the publisher is no title
        main_text, _, sub_text = _halves(sub_text)
        main = _strip(main_text, notes, sub=False)
    sub = _strip(sub_text, notes, sub=True) if sub_text else ()
    words = main + sub
    if not words:
        return
    if role in (Role.ANY, Role.TITLE) and len(words) > 1 and words[-1] in _VOICE_TAIL and len(words) <= 5:
        role, words = Role.NARRATOR, words[:-1]
        text = text.rsplit(" ", 1)[0]
    if role is Role.NARRATOR:
        for name in people(without_marks(text)):
            notes.narrators.append(Fact(name, Source.TITLE))
    elif role is Role.AUTHOR:
        for name in people(without_marks(text)):
            notes.authors.append(Fact(name, Source.TITLE))
    else:
        _find_series(words, notes)
    pieces.append(Piece(role, text, words, main if role is not Role.NARRATOR else words, sub))


def _note(text: str, notes: Notes, pieces: list[Piece]) -> None:
    """What stands in brackets: marks, a language, a series, a voice, another name of the work."""
    cue = CUES.match(text) if may_cue(text) else None
    if cue:
        said = text[cue.end() :]
        for iso, word in languages.of_cue(tokens(cue.group(0))).items():
            notes.spoken.setdefault(iso, Fact(word, Source.TITLE))
        found = notes.narrators if cue["voice"] else notes.authors
        found.extend(Fact(name, Source.TITLE) for name in people(said))
        pieces.append(Piece(Role.NARRATOR if cue["voice"] else Role.AUTHOR, said, tokens(said), tokens(said), ()))
        return
    words = tokens(text)
    if 3 <= len(words) <= 5 and words[-1] in _READS and (names := _readers(text.rsplit(" ", 1)[0])):
        notes.narrators.extend(Fact(name, Source.TITLE) for name in names)
        pieces.append(Piece(Role.NARRATOR, text, words[:-1], words[:-1], ()))
        return
    if _FRACTION.fullmatch(text):
        notes.mark(rules.PART, text, Source.TITLE)
        return
    codes = text.isupper() and all(languages.is_code(w) or w in rules.FORMATS for w in words)
    for iso, word in languages.told_by(words, bracket=True, codes=codes).items():
        notes.spoken.setdefault(iso, Fact(word, Source.TITLE))
    left = _strip(text, notes, sub=False, bracket=True)
    left = tuple(w for w in left if not languages.is_language(w, bracket=True) and w != "edition" and not codes)
    if not left or all(is_year(w) for w in left):
        return
    _find_series(left, notes)
    pieces.append(Piece(Role.NOTE, text, left, left, ()))


def _readers(text: str) -> tuple[str, ...]:
    """Full names only: "[Jo Fell reading]", not "[complete English reading]"."""
    names = people(without_marks(text))
    full = all(" " in name and not languages.told_by(tokens(name), bracket=True) for name in names)
    return names if full else ()


def _halves(text: str) -> tuple[str, str, str]:
    cut = _SUBTITLE.search(text) if ":" in text or ";" in text else None
    return (text[: cut.start()], ":", text[cut.end() :]) if cut else (text, "", "")


_STRONG, _WEAK = 2, 1


def _strip(text: str, notes: Notes, *, sub: bool, bracket: bool = False) -> tuple[str, ...]:
    """The words of `text` without the marks at either end; every mark that counts is noted."""
    words = tokens(text)
    if not words:
        return ()
    told = covered(words, notes, Source.TITLE)
    strength, found = told.strength, told.found
    end = len(words)
    while end and strength[end - 1]:
        end -= 1
    if not bracket and not sub and all(c == _WEAK for c in strength[end:]):
        end = len(words)  # "The Complete", "Charlotte's Web", "1984": words of the title after all
    start = 0
    while start < end and strength[start] == _STRONG:
        start += 1
    for rule, first, last in found:
        aside = last <= start or first >= end
        if not rule.aside or aside or bracket or sub or last - first > 1:
            notes.mark(rule.mark, " ".join(words[first:last]), Source.TITLE)
            if rule.mark == rules.PLACE:
                notes.series.append(Fact(SeriesPlace(" ".join(words[:first]), words[first + 1]), Source.TITLE))
            if rule.mark == rules.SET:
                _find_series(words, notes)  # "Books 1-3" tells which
    for word in words[end:]:
        if is_year(word) and notes.year is None:
            notes.year = Fact(int(word), Source.TITLE)
    if bracket and notes.year is None:
        notes.year = next((Fact(int(w), Source.TITLE) for w in words if is_year(w)), None)
    kept = [w for w, c in zip(words[start:end], strength[start:end], strict=True) if c != _STRONG]
    return tuple(kept)


@lru_cache(maxsize=4096)
def without_marks(text: str) -> str:
    """ "Sam Field Unabridged M4B 64k" → "Sam Field": a person's name ends where the marks begin."""
    kept: list[str] = []
    for word in text.split():
        if kept and _is_a_mark(word):
            break
        kept.append(word)
    return " ".join(kept)


@lru_cache(maxsize=8192)
def _is_a_mark(word: str) -> bool:
    folded = tokens(word)
    return bool(folded) and all(cover(folded).strength)


def covered(words: tuple[str, ...], notes: Notes, source: Source) -> Cover:
    """`cover` of these words, with formats and bit rate noted."""
    told = cover(words)
    for word in told.formats:
        if word not in notes.formats:
            notes.formats[word] = Fact(word, source)
    if told.kbps:
        note_kbps(told.kbps, notes, source)
    return told


@dataclass(frozen=True, slots=True)
class Cover:
    """How surely each word is a mark rather than a word of the title, the rules that spoke, formats and bit rate."""

    strength: tuple[int, ...]
    found: tuple[rules.Found, ...]
    formats: tuple[str, ...]
    kbps: str


@lru_cache(maxsize=8192)
def cover(words: tuple[str, ...]) -> Cover:
    """What of these words is a mark, a format, a bit rate or (perhaps) a year."""
    strength = [0] * len(words)
    found = rules.scan(words)
    for rule, first, last in found:
        if rule.aside:
            sure = last - first > 1 or words[first] in _SURE or rule.mark in _SURE_MARKS
            strength[first:last] = [_STRONG if sure else _WEAK] * (last - first)
    formats: list[str] = []
    kbps = ""
    for at, word in enumerate(words):
        if word[0] in _DIGITS:
            if m := KBPS.fullmatch(word):
                strength[at] = _STRONG
                kbps = kbps or m[1]
            elif not strength[at] and is_year(word):
                strength[at] = _WEAK
        elif word in rules.FORMATS:
            strength[at] = _WEAK if word in _FORMAT_OR_WORD else _STRONG
            if word not in _FORMAT_OR_WORD:
                formats.append(word)
        elif word in _KBPS_WORDS and at and words[at - 1].isdigit():
            strength[at] = strength[at - 1] = _STRONG
            kbps = kbps or words[at - 1]
    return Cover(tuple(strength), found, tuple(formats), kbps)


_DIGITS = frozenset("0123456789")
_FORMAT_OR_WORD = frozenset({"lit", "html", "aac"})
_KBPS_WORDS = frozenset({"kbps", "kbit", "kbits", "kb"})
_SURE = frozenset({"unabridged", "abridged", "audiobook", "ebook", "retail", "chapterized", "freeleech", "horbuch", "hoerbuch",
                   "ungekurzt", "gekurzt", "audiobooks", "ttc", "unabr", "ungek", "abgd", "litrpg", "omnibus", "boxset", "abr", "hq", "vbr", "cbr"})  # fmt: skip
_SURE_MARKS = frozenset({rules.UNABRIDGED, rules.DRAMATISED, rules.CHAPTERS, rules.NO_CHAPTERS})


def note_kbps(word: str, notes: Notes, source: Source) -> None:
    if notes.kbps is None and 8 <= int(word) <= 999:
        notes.kbps = Fact(int(word), source)


_PLURAL = frozenset({"books", "volumes", "vols", "parts"})
_FRACTION = re.compile(r"\d{1,2} ?/ ?\d{1,2}")


def _find_series(words: tuple[str, ...], notes: Notes) -> None:
    """ "the lamplighters book 2.5" → The Lamplighters 2.5; "the lamplighters 3" is a series only if the wish says so,
    but the place is noted."""
    for at, word in enumerate(words[:-1]):
        if word in COUNTING and is_number(words[at + 1]):
            index = words[at + 1]
            if word in _PLURAL and at + 2 < len(words) and words[at + 2].isdigit():
                index = f"{index}-{words[at + 2]}"  # "Books 1 - 3"
            if at + 3 < len(words) and words[at + 2] in {"to", "and", "through"} and is_number(words[at + 3]):
                index = f"{index}-{words[at + 3]}"
            notes.series.append(Fact(SeriesPlace(" ".join(words[:at]), index), Source.TITLE))
            return
    if len(words) > 1 and words[-1][0].isdigit() and is_number(words[-1]) and not is_year(words[-1]):
        notes.series.append(Fact(SeriesPlace(" ".join(words[:-1]), words[-1]), Source.TITLE))


_SEVERAL = re.compile(r"[;&/,]|\b(?:and|und|et|with)\b")
_AND = re.compile(r"\s*(?:;|&|/|\band\b|\bund\b|\bet\b|\bwith\b)\s*")


def people(text: str) -> tuple[str, ...]:
    """Names in a list: "A. Person, B. Person and C. Person". "Person, A." is one person turned round."""
    text = text.strip(" .,;:-")
    if not text:
        return ()
    if not _SEVERAL.search(text):
        return (text,) if is_person(text) else ()
    parts = [p.strip() for p in _AND.split(text) if p.strip()]
    names: list[str] = []
    for part in parts:
        commas = [c.strip() for c in part.split(",") if c.strip()]
        if len(commas) == 2 and (" " not in commas[0] or " " not in commas[1]):
            names.append(f"{commas[1]} {commas[0]}")
        else:
            names.extend(commas)
    return tuple(name for name in names if is_person(name))[:20]


@lru_cache(maxsize=8192)
def is_person(name: str) -> bool:
    words = tokens(clean(name))
    return bool(words) and not (len(words) <= 2 and words[0] in _NO_PERSON)
