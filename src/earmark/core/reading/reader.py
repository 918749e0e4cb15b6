"""One parser for every row: a structured row, a bare indexer title or a file list becomes `Evidence`.

It never looks at the wish. What a bare title leaves open (which side of a dash is the author) stays open in `pieces`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from earmark.core.reading import languages, rules
from earmark.core.reading.anatomy import (
    CUES,
    KBPS,
    Notes,
    covered,
    cues,
    is_person,
    note_kbps,
    people,
    read_title,
    without_marks,
)
from earmark.core.reading.evidence import Evidence, Fact, Piece, Role, SeriesPlace, Source
from earmark.core.reading.words import (
    MAX_DESCRIPTION,
    MAX_TAGS,
    MAX_TITLE,
    clean,
    is_foreign_script,
    is_number,
    tokens,
)
from earmark.core.release import Release
from earmark.core.wish import Kind

AUDIO_TYPES = frozenset({"m4b", "m4a", "mp3", "flac", "ogg", "opus", "aac", "wma", "wav", "aax", "aaxc", "m4p"})
TEXT_TYPES = frozenset(
    [
        "epub",
        "mobi",
        "azw3",
        "azw",
        "prc",
        "pdf",
        "cbz",
        "cbr",
        "djvu",
        "lit",
        "doc",
        "docx",
        "txt",
        "rtf",
        "fb2",
        "html",
        "lrf",
        "pdb",
        "chm",
    ]
)
BAD_TYPES = frozenset(
    ["exe", "scr", "bat", "cmd", "com", "msi", "vbs", "js", "jar", "lnk", "ps1", "apk", "dmg", "pif", "hta", "wsf"]
)
MAX_FILES = 4000
_HOURS = re.compile(
    r"\b(\d{1,3}) ?(?:h|hr|hrs|hours?|std|stunden|heures?)\b\.?,?(?: ?(?:and )?(\d{1,2}) ?(?:m|min|mins|minutes?)\b)?",
    re.I,
)
_CLOCK = re.compile(r"\b(\d{1,3}):([0-5]\d):([0-5]\d)\b")
_MINUTES = re.compile(r"\b(\d{1,4}) ?(?:min|mins|minutes?|minuten)\b", re.I)
_AKA = re.compile(
    r"\b(?:aka|a\.k\.a\.|also known as|also published as|originally published as|published in the u\.?[sk]\.?a? as|"
    r"originally titled|original title:?|us title:?|uk title:?|previously published as|first published as|alternate title:?)"
    r" ([^.;()\[\]\n]{2,90})",
    re.I,
)
_CONTAINS = re.compile(
    r"\b(?:contains|containing|includes|including|collects|collecting|contents|features|comprising|comprises)\b|"
    r"\b(?:stories|tales|novellas|novels|titles|included|inhalt|enth[aä]lt|contenu|sommaire|contenido|contiene|indice|"
    r"table des mati[eè]res|track ?list(?:ing)?) ?:",
    re.I,
)


_NOBODY = {("n", "a"), ("na",), ("none",), ("unknown",), ("tba",), ("not", "known")}
_ROLE = re.compile(
    r"\s*[(\[][^()\[\]]{0,40}[)\]]|\s-\s(?:translator|editor|foreword|introduction|illustrator|author|narrator)\b.*$",
    re.I,
)
_ROLES = frozenset(
    ["translator", "translated", "editor", "edited", "ed", "eds", "foreword", "afterword", "introduction", "preface", "illustrator", "illustrated", "author", "authors", "narrator", "narrated", "reader", "contributor", "adapter", "adapted", "creator", "trans", "tr", "goodreads", "uploader", "abridged", "unabridged"]
)  # fmt: skip
_ALIAS = re.compile(r"^(?:aka|a\.k\.a\.|writing as|pen name of|pseudonym of|pseud\. of|real name:?|born)\s+", re.I)
_SEVERAL = re.compile(r"[;&/,]|\band\b|\bund\b|\bet\b|\bwith\b", re.I)
_WRITING_AS = re.compile(r"\s+(?:writing as|w/a|aka|a\.k\.a\.|also known as|pen name of|pseudonym of|as)\s+", re.I)


def read(release: Release) -> Evidence:
    """Everything `release` tells, with sources. Linear in the length of its texts."""
    notes = Notes()
    authors = _authors(release)
    structured = bool(authors or (not release.authors and (release.narrators or release.series)))
    pieces = read_title(clean(release.title, MAX_TITLE), notes, structured=structured)
    _read_tags(clean(release.tags, MAX_TAGS), notes)
    aka, contents = _read_description(release.description, notes)
    bad = _read_files(release, notes)
    narrators = tuple(Fact(n, Source.FIELD) for name in release.narrators for n in _names_in(name))
    for name in release.narrators:
        _mark_words(tokens(clean(name)), notes, Source.FIELD, only=(rules.DRAMATISED, rules.MACHINE))
    series = tuple(
        Fact(SeriesPlace(clean(s.name), _plain_index(s.index)), Source.FIELD) for s in release.series if s.name.strip()
    )
    language, others = _language(release, notes)
    title = pieces[0] if pieces else None
    return Evidence(
        pieces=pieces,
        title=Fact(title.text, Source.FIELD if structured else Source.TITLE) if title else None,
        subtitle=Fact(" ".join(title.sub), Source.TITLE) if title and title.sub else None,
        authors=authors or tuple(notes.authors),
        narrators=_with_author_reading(narrators or tuple(notes.narrators), authors),
        series=series + tuple(notes.series),
        marks=notes.marks,
        kind=_kind(release, notes),
        language=language,
        other_languages=others,
        formats=tuple(notes.formats.values()),
        bitrate_kbps=Fact(release.bitrate_kbps, Source.FIELD) if release.bitrate_kbps else notes.kbps,
        runtime_secs=Fact(release.runtime_secs, Source.FIELD) if release.runtime_secs else notes.secs,
        year=Fact(release.year, Source.FIELD) if release.year else notes.year,
        abridged=_abridged(release, notes),
        file_count=Fact(release.file_count, Source.FIELD) if release.file_count else None,
        bad_files=bad,
        structured=bool(authors),
        trunk_languages=_trunk_languages(pieces),
        tag_words=tokens(clean(release.tags, MAX_TAGS)) if release.tags else (),
        also_known_as=aka,
        contents=contents,
    )


def outline(release: Release) -> Evidence:
    """Title and authors alone, for a release that is plainly another work."""
    text = clean(release.title, MAX_TITLE)
    words = tokens(text)
    piece = Piece(Role.TITLE, text, words, words, ())
    return Evidence(
        pieces=(piece,) if words else (),
        title=Fact(text, Source.TITLE),
        subtitle=None,
        authors=_authors(release),
        narrators=(),
        series=(),
        marks={},
        kind=Fact(release.kind, Source.FIELD) if release.kind else None,
        language=None,
        other_languages=(),
        formats=tuple(Fact(kind, Source.FIELD) for kind in release.filetypes),
        bitrate_kbps=None,
        runtime_secs=None,
        year=None,
        abridged=None,
        file_count=None,
        bad_files=(),
        structured=bool(release.authors),
    )


def _authors(release: Release) -> tuple[Fact[str], ...]:
    """The authors named in their field, a second name in brackets among them; "Various" and "Unknown" are nobody."""
    return tuple(Fact(n, Source.FIELD) for name in release.authors for n in (*_names_in(name), *_second_names(name)))


@lru_cache(maxsize=8192)
def _second_names(written: str) -> tuple[str, ...]:
    """ "lampwright7 (Mara Ellin)": a handle and a name; "(translator)" is a role."""
    if "(" not in written and "[" not in written:
        return ()
    inside = (bare.strip() for bare in re.findall(r"[(\[]([^()\[\]]{3,60})[)\]]", clean(written, 300)))
    told = (_ALIAS.sub("", text) for text in inside if _ROLES.isdisjoint(tokens(text)))
    return tuple(name for text in told for name in people(text) if not any(map(is_number, tokens(name))))


# --- the other fields -----------------------------------------------------------------------------------------------------


def _mark_words(words: tuple[str, ...], notes: Notes, source: Source, only: tuple[str, ...] = ()) -> None:
    for rule, first, last in rules.scan(words):
        if not only or rule.mark in only:
            notes.mark(rule.mark, " ".join(words[first:last]), source)


_TAG_MARKS = (
    rules.UNABRIDGED, rules.ABRIDGED, rules.DRAMATISED, rules.MACHINE, rules.SAMPLE, rules.CHAPTERS, rules.NO_CHAPTERS,
    rules.BRANDING, rules.MULTI, rules.PART, rules.EDITION, rules.COMIC, rules.ABOUT, rules.ORDERS, rules.SET, rules.FREE,
)  # fmt: skip


def _read_tags(text: str, notes: Notes) -> None:
    if not text:
        return
    words = tokens(text)
    _mark_words(words, notes, Source.TAGS, _TAG_MARKS)
    covered(words, notes, Source.TAGS)
    for iso, word in languages.told_by(words, bracket=True).items():
        notes.spoken.setdefault(iso, Fact(word, Source.TAGS))
    for cue in cues(text):
        if cue["voice"] and not notes.narrators:
            said = re.split(r"[,;|/(\[]| - ", text[cue.end() :], maxsplit=1)[0]
            notes.narrators.extend(Fact(name, Source.TAGS) for name in people(without_marks(said)))
    notes.secs = notes.secs or _fact(runtime_in(text), Source.TAGS)
    if notes.kbps is None and (m := KBPS.search(text)):
        note_kbps(m[1], notes, Source.TAGS)


def _fact(value: float | None, source: Source) -> Fact[float] | None:
    return None if value is None else Fact(value, source)


def _read_description(markup: str | None, notes: Notes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Only what a description says outright: voices, machine voices, other names of the work, what a set contains."""
    if not markup:
        return (), ()
    text = clean(markup, MAX_DESCRIPTION)
    folded = tokens(text)
    _mark_words(folded, notes, Source.DESCRIPTION, (rules.MACHINE, rules.ORDERS))
    if "abridged" in folded and "unabridged" not in folded:
        notes.mark(rules.ABRIDGED, "abridged", Source.DESCRIPTION)
    for cue in cues(text):
        if cue["voice"] and not notes.narrators:
            said = re.split(r"[.,;|/(\[]| - | and is ", text[cue.end() : cue.end() + 80], maxsplit=1)[0]
            if len(said.split()) <= 4:
                notes.narrators.extend(Fact(name, Source.DESCRIPTION) for name in people(said))
    notes.secs = notes.secs or _fact(
        runtime_in(text) if "runtime" in folded or "length" in folded else None, Source.DESCRIPTION
    )
    aka = tuple(m[1].strip() for m in _AKA.finditer(text))
    contents = tuple(text[m.end() : m.end() + 1500] for m in list(_CONTAINS.finditer(text))[:2])
    return aka, contents


def _read_files(release: Release, notes: Notes) -> tuple[str, ...]:
    for kind in release.filetypes:
        notes.formats[kind] = Fact(kind, Source.FIELD)
    if release.filetypes:
        for name in [n for n, f in notes.formats.items() if f.source is not Source.FIELD]:
            del notes.formats[name]
    bad: list[str] = []
    largest: dict[str, int] = {}
    for one in release.files[:MAX_FILES]:
        suffix = one.path[-12:].rpartition(".")[2].lower() if "." in one.path[-12:] else ""
        if suffix in BAD_TYPES:
            bad.append(one.path[-80:])
        elif suffix in AUDIO_TYPES or suffix in TEXT_TYPES:
            largest[suffix] = largest.get(suffix, 0) + one.size_bytes
    if largest and not release.filetypes:
        heavy = max(largest.values())
        for suffix, size in largest.items():
            if size * 20 >= heavy:
                notes.formats.setdefault(suffix, Fact(suffix, Source.FILES))
    if re.search(r"\.(?:exe|scr|bat|msi|vbs)\b", release.title[:MAX_TITLE], re.I):
        bad.append("a program in the title")
    return tuple(bad)


def _language(release: Release, notes: Notes) -> tuple[Fact[str] | None, tuple[Fact[str], ...]]:
    spoken = dict(notes.spoken)
    if is_foreign_script(clean(release.title, MAX_TITLE)):
        spoken.setdefault(languages.OTHER_SCRIPT, Fact("script", Source.TITLE))
    field_says = languages.of_code(release.language) if release.language else None
    if field_says in {"mul", "multi", "multiple", "und", "mis", "zxx", "other", "unknown"}:
        if field_says not in {"und", "unknown"}:
            notes.mark(rules.MULTI, str(field_says), Source.FIELD)
        field_says = None
    if field_says:
        others = tuple(Fact(iso, f.source) for iso, f in spoken.items() if iso != field_says)
        return Fact(field_says, Source.FIELD), others
    facts = [Fact(iso, f.source) for iso, f in spoken.items()]
    return (facts[0] if facts else None), tuple(facts[1:])


def _trunk_languages(pieces: tuple[Piece, ...]) -> tuple[tuple[str, str], ...]:
    """Languages named in the open title: "… Polish", "… Hörbuch", "… - NL"."""
    told: list[tuple[str, str]] = []
    for piece in pieces:
        words = tokens(piece.text)
        alone = len(words) == 1 and piece.text.isupper() and len(words[0]) == 2
        told.extend(languages.told_by(words, bracket=alone, codes=alone).items())
    return tuple(told)


def _kind(release: Release, notes: Notes) -> Fact[Kind] | None:
    formats = set(notes.formats)
    audio, text = formats & AUDIO_TYPES, formats & TEXT_TYPES
    category = (release.category or "").lower()
    if category.startswith("radio"):
        notes.mark(rules.DRAMATISED, category, Source.FIELD)
    if audio and not text:
        return Fact(Kind.AUDIOBOOK, notes.formats[next(iter(audio))].source)
    if text and not audio:
        return Fact(Kind.EBOOK, notes.formats[next(iter(text))].source)
    if release.kind is not None:
        return Fact(release.kind, Source.FIELD)
    if "audiobook" in category or category.startswith(("audio", "radio")) or "3030" in category:
        return Fact(Kind.AUDIOBOOK, Source.FIELD)
    if "music" in category:
        return Fact(Kind.MUSIC, Source.FIELD)
    if "book" in category or category.startswith(("mags", "comics", "70", "80")):
        if rules.AUDIO in notes.marks:
            return Fact(Kind.AUDIOBOOK, Source.TITLE)
        return Fact(Kind.EBOOK, Source.FIELD)
    for mark, kind in ((rules.AUDIO, Kind.AUDIOBOOK), (rules.TEXT, Kind.EBOOK), (rules.UNABRIDGED, Kind.AUDIOBOOK)):
        if mark in notes.marks:
            return Fact(kind, notes.marks[mark].source)
    return None


def _abridged(release: Release, notes: Notes) -> Fact[bool] | None:
    """Words outrank the flag: "unabridged" in a title with the flag set is a wrong flag as often as not — then unknown."""
    said_short, said_whole = notes.marks.get(rules.ABRIDGED), notes.marks.get(rules.UNABRIDGED)
    if said_short and said_whole:
        return None
    if said_short:
        return Fact(True, said_short.source)
    if said_whole:
        return Fact(False, said_whole.source) if not release.abridged else None
    return Fact(release.abridged, Source.FIELD) if release.abridged else None


# --- small readings ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=8192)
def _names_in(written: str) -> tuple[str, ...]:
    """The people in one field, which may hold several ("A. Person & B. Person"), a role ("(translator)") or marks."""
    text = clean(written, 300)
    if tokens(text) in _NOBODY:
        return ()
    if cue := CUES.match(text):
        text = text[cue.end() :]
    text = _ROLE.sub("", text)
    if _WRITING_AS.search(text):
        return tuple(n for part in _WRITING_AS.split(text) for n in people(part))
    bare = without_marks(text).strip(" ,;")
    if _SEVERAL.search(bare):
        return people(bare)
    return (bare,) if is_person(bare) else ()


def _with_author_reading(narrators: tuple[Fact[str], ...], authors: tuple[Fact[str], ...]) -> tuple[Fact[str], ...]:
    """ "Read by the author" names somebody after all."""
    if any(tokens(n.value) in {("the", "author"), ("author",), ("authors",), ("the", "authors")} for n in narrators):
        return tuple(Fact(a.value, n.source) for n in narrators[:1] for a in authors)
    return narrators


def runtime_in(text: str) -> float | None:
    """Seconds in "11 hrs 48 mins", "11h 48m", "11:53:20", "48 minutes"."""
    if ":" in text and (m := _CLOCK.search(text)):
        return int(m[1]) * 3600.0 + int(m[2]) * 60 + int(m[3])
    if m := _HOURS.search(text):
        return int(m[1]) * 3600.0 + int(m[2] or 0) * 60
    if m := _MINUTES.search(text):
        return int(m[1]) * 60.0
    return None


def _plain_index(written: str) -> str:
    return re.sub(r"\s+", "", clean(written, 40).replace("–", "-").lower().lstrip("#"))
