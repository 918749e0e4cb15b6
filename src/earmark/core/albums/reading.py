"""An album release taken apart: what its title says, and what each of its file paths says. Facts only, no opinion.

A wish is needed to read a title, since “xx”, “21” and “1989” are album names to one reader and noise to another; what
it does to the reading is to name the words that are artist and album before anything else is looked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from earmark.core.albums import words
from earmark.core.release import ReleaseFile

LOSSLESS = frozenset({"flac", "alac", "ape", "wav", "wv", "tta", "aiff", "aif", "dsf", "dff", "tak", "shn"})
LOSSY = frozenset({"mp3", "m4a", "aac", "ogg", "oga", "opus", "wma", "mpc", "mp2", "ac3", "mka"})
AUDIO = LOSSLESS | LOSSY
VIDEO = frozenset({"mkv", "mp4", "avi", "vob", "m2ts", "ts", "wmv", "mov", "mpg", "mpeg", "webm", "m4v", "iso"})
PROGRAMS = frozenset(
    [
        "exe",
        "scr",
        "bat",
        "cmd",
        "com",
        "msi",
        "lnk",
        "pif",
        "vbs",
        "vbe",
        "js",
        "jse",
        "wsf",
        "ps1",
        "jar",
        "apk",
        "dll",
        "hta",
        "sh",
        "app",
        "dmg",
    ]
)
ARCHIVES = frozenset({"rar", "zip", "7z", "tar", "gz", "r00", "r01"})
_KNOWN = AUDIO | VIDEO | PROGRAMS | ARCHIVES

MISSPELT = 88  # per cent alike, from this length on, is the same name misspelt
MISSPELT_FROM = 4
MAX_SECS = 1_000_000.0
LEAST_SECS = 0.01  # less is no sound, and divides sizes into infinite bit rates
MAX_FILES = 3_000  # audio files of one release that are looked at; a torrent with more is no album
_CLIP = re.compile(r"\b(?:sample|preview|snippet|clip)s?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Quality:
    """What the music is made of. `band` orders: 5 lossless, 4 320 kbit/s, 3 V0, 2 above 128, 1 128, 0 less, None unknown."""

    band: int | None
    text: str

    @property
    def passes(self) -> bool | None:
        """Lossless, V0 or 320 kbit/s; None where nobody says."""
        return None if self.band is None else self.band >= 3


@dataclass(frozen=True, slots=True)
class TitleReading:
    """What a title says, given whom and what is wished. `artist` and `album` are 0..1, None where it says nothing that
    could be compared; `leftover` are the words nothing explains."""

    artist: float | None
    album: float | None
    years: tuple[int, ...]
    marks: frozenset[str]
    quality: Quality
    leftover: tuple[str, ...]
    part: int | None  # the one disc it claims to hold
    vinyl: bool
    odd: bool  # markup or orders to a machine: a hand that wants something
    label: bool


@dataclass(frozen=True, slots=True)
class AudioFile:
    """A sound file as its path tells it. `stem` is the name without ending."""

    path: str
    folders: tuple[str, ...]
    stem: str
    suffix: str
    size_bytes: int
    duration_secs: float | None


@dataclass(frozen=True, slots=True)
class Contents:
    """The file list of a release, sorted by what the files are. `known` is False while nobody has told it."""

    known: bool
    audio: tuple[AudioFile, ...] = ()
    cues: tuple[ReleaseFile, ...] = ()
    videos: int = 0
    archives: int = 0
    programs: tuple[str, ...] = ()
    escaping: tuple[str, ...] = ()
    total: int = 0


def read_contents(files: Sequence[ReleaseFile]) -> Contents:
    """Sort a file list. Clips, hidden files and empty ones are no music; the order of the list never matters."""
    audio: list[AudioFile] = []
    cues: list[ReleaseFile] = []
    programs: list[str] = []
    escaping: list[str] = []
    count = {"video": 0, "archive": 0}
    sized = any(f.size_bytes > 0 for f in files)
    each = {f.path: f for f in sorted(files, key=lambda f: (f.path, f.size_bytes))}  # a path listed twice is one file
    for file in each.values():
        if _escapes(file.path):
            escaping.append(file.path)
        parts = [p for p in re.split(r"[/\\]", file.path) if p not in {"", "."}]
        stem, suffix = _split_suffix(parts[-1] if parts else "")
        if suffix in PROGRAMS:
            programs.append(file.path)
        elif suffix == "cue":
            cues.append(file)
        elif suffix in AUDIO and not _is_junk(parts, stem, empty=sized and file.size_bytes <= 0):
            audio.append(
                AudioFile(file.path, tuple(parts[:-1]), stem, suffix, file.size_bytes, seconds(file.duration_secs))
            )
        count["video"] += suffix in VIDEO
        count["archive"] += suffix in ARCHIVES or bool(re.fullmatch(r"r\d\d", suffix))
    return Contents(
        bool(files), tuple(audio[:MAX_FILES]), tuple(cues), count["video"], count["archive"], tuple(programs),
        tuple(escaping), len(files),
    )  # fmt: skip


def _escapes(path: str) -> bool:
    """Does a path leave its folder, on any system? Absolute, with a drive, or with `..` as a level."""
    levels = re.split(r"[/\\]", path[:4096])
    return ".." in levels or path[:1] in {"/", "\\"} or bool(re.match(r"[A-Za-z]:[/\\]", path)) or "\x00" in path


def _split_suffix(name: str) -> tuple[str, str]:
    stem, dot, suffix = name.rpartition(".")
    if dot and suffix.strip().lower() in _KNOWN | {"cue"}:
        return stem, suffix.strip().lower()
    return (stem, suffix.lower()) if dot and len(suffix) <= 5 else (name, "")


def seconds(value: float | None) -> float | None:
    """A length that can be one; None for anything else."""
    return float(value) if value is not None and LEAST_SECS < value < MAX_SECS else None


def _is_junk(parts: list[str], stem: str, *, empty: bool) -> bool:
    """Hidden files, and clips: in a folder of samples, or called so and far shorter than a track."""
    if stem.startswith("._") or "__MACOSX" in parts or empty:
        return True
    if any(_CLIP.fullmatch(p.strip(" -_[]()")) for p in parts[:-1]):
        return True
    return bool(_CLIP.fullmatch(stem.strip(" -_[]()")) or re.match(r"sample[\s_.-]|.*[\s_.-]sample$", stem[:300], re.I))


# --- the title -------------------------------------------------------------------------------------------------------

_LOSSLESS_WORDS = re.compile(
    r"\b(?:flac|alac|ape|wav|wavpack|wv|tta|aiff|lossless|dsd(?:64|128|256)?|dsf|hi ?res|24 ?bits?|16 ?bits?)\b"
)
_LOSSY_WORDS = re.compile(r"\b(?:mp3|m4a|aac|ogg|vorbis|opus|wma|mpc|lossy|cbr|vbr|abr|lame)\b")
_RATES = "32|48|56|64|80|96|112|128|160|192|224|256|320"
_RATE = re.compile(r"\b(?:mp3|aac|ogg|cbr|vbr|opus|m4a)?\s?(\d{2,3})\s?(?:kbps|kbits?(?: s)?|kb(?: s)?|kbs|k)\b")
_RATE_BY_CODEC = re.compile(
    rf"\b(?:mp3|aac|ogg|opus|m4a|cbr|vorbis)\s(?:cbr |vbr )?({_RATES})\b|\b(320)\b|\b({_RATES})\s(?:mp3|cbr|aac)\b"
)
_VARIABLE = re.compile(r"\bv([0-9])\b|\bvbr v?([0-9])\b")
_OTHER_FORMAT = re.compile(
    r"\b(?:(?:24|16)(?: |-)?(?:44|48|88|96|176|192)(?: 1| 2| 4)?(?: ?khz)?|\d{2,3}(?: \d)? ?khz|\d{1,2} ?cds?|\d{1,2} ?lps?|\d{1,2} ?discs"
    r"|web(?: ?dl| ?rip)?|cd ?rip|rip|cd|lp|eac|xld|log|cue|scans?|covers?|booklet|artwork|art|perfect|accurip|m3u|torrent"
    r"|album|full album|official|complete|stereo|hq|itunes|qobuz|tidal|deezer|bandcamp|amazon|bits?|files?|tracks?|music|by|the|an?|and|of|in|from|to|on|with|for)\b"
)
_VINYL = re.compile(r"\b(?:vinyl(?: ?rip)?|needle ?drop|lp ?rip|pbthal)\b")
_IMAGE = re.compile(r"\b(?:image|img|single file)\b(?: and| with)?(?: cue)?|\b(?:flac|ape|wav|wv)(?: and| with)? cue\b")
_PART = re.compile(r"\b(?:cd|disc|disk|dvd) ?(\d{1,2})\b(?! ?(?:cd|disc|disk))(?! (?:and|to|\d))")
_YEAR = re.compile(r"\b(1[89]\d\d|20\d\d)\b")
_VARIOUS = frozenset({"various artists", "various", "va", "v a", "various artist", "diverse", "soundtrack", "ost"})
_ODD = re.compile(r"<\s*/?\s*[a-z!]|\{\{|ignore (?:all |any |the )?previous|system prompt|instructions", re.IGNORECASE)


def read_title(title: str, artist: str, album: str, label: str | None) -> TitleReading:
    """Read a release title against the wished artist and album."""
    raw = title[: words.MAX_CHARS]
    text = words.soundtracked(words.normal(raw))
    artist_found, text = _take_artist(text, artist)
    album_found, text = _take_album(text, artist, album, raw)
    said = words.marks(text)
    quality = read_quality(text)
    part = _PART.search(text)
    label_found = bool(label) and words.normal(label or "") in text
    rest = f" {text} ".replace(f" {words.normal(label)} ", " ") if label else text
    leftover = _leftover(rest)
    if artist_found is None and _nearly(leftover, words.latin(artist).removeprefix("the ").split()):
        artist_found = 0.9
    if _comparable(leftover, artist + album):
        if artist_found is None and leftover and album_found:
            artist_found = _half_named(leftover, artist)
        if album_found is None and leftover:
            album_found = 0.0
    return TitleReading(
        artist=1.0 if words.normal(artist) in _VARIOUS else artist_found,
        album=album_found,
        years=tuple(int(y) for y in _YEAR.findall(text)),
        marks=said,
        quality=quality,
        leftover=leftover,
        part=int(part[1]) if part else None,
        vinyl=bool(_VINYL.search(text)),
        odd=bool(_ODD.search(raw)),
        label=label_found,
    )


def read_quality(folded: str) -> Quality:
    """The format a folded text claims."""
    rate = _RATE.search(folded) or _RATE_BY_CODEC.search(folded)
    variable = _VARIABLE.search(folded)
    if _LOSSLESS_WORDS.search(folded):
        return Quality(5, "lossless")
    if variable:
        return Quality(3, "V0") if (variable[1] or variable[2]) == "0" else Quality(2, f"V{variable[1] or variable[2]}")
    if rate:
        return quality_of_rate(int(next(g for g in rate.groups() if g)))
    return Quality(None, "format not stated")


def quality_of_rate(kbps: int) -> Quality:
    """The band of a stated constant rate in kbit/s."""
    band = 4 if kbps >= 300 else 2 if kbps > 128 else 1 if kbps > 112 else 0
    return Quality(band, f"{kbps} kbit/s")


def _same(artist: str, album: str) -> bool:
    return words.normal(artist).removeprefix("the ") == words.normal(album).removeprefix("the ")


def artist_names(artist: str) -> list[str]:
    """The folded ways to write an artist: with and without “the”, surname first, and the first of several."""
    name = words.normal(artist)
    names = {name, name.removeprefix("the "), name.replace(" and the ", " and "), words.latin(artist)}
    if name.startswith("the "):
        names.add(f"{name.removeprefix('the ')} the")
    if name in _VARIOUS:
        names |= _VARIOUS - {"soundtrack", "ost"}
    return sorted((n for n in names if n), key=lambda n: (-len(n), n))


def _take_artist(text: str, artist: str) -> tuple[float | None, str]:
    """Is the artist there, and what is left of the text without the first mention."""
    for name in artist_names(artist):
        taken = _take(text, name)
        if taken is not None:
            return 1.0, taken
    folded = words.latin(artist)
    spoken = f" {text} "
    for piece in re.split(r" and | with | vs ", folded):  # “A & B” filed under A
        core = piece.removeprefix("the ").strip()
        if len(core) > 3 and core != folded and f" {core} " in spoken:
            return 0.85, _take(text, core) or ""
    return None, text


def _half_named(leftover: tuple[str, ...], artist: str) -> float:
    """A name the title gives in place of the wished one: 0 is another, 0.7 one that shares the surname."""
    asked = words.latin(artist).split()
    if asked and asked[-1] in leftover and len(asked[-1]) > 2:
        return 0.7
    return 0.0


def _nearly(said: Sequence[str], asked: Sequence[str]) -> bool:
    """Are some neighbouring words the asked ones, but for a slip of the pen or a missing space?"""
    sought = "".join(asked)
    if len(sought) < MISSPELT_FROM:
        return "".join(said) == sought
    numbers = words.numerals(" ".join(asked))
    for size in {len(asked), 1, 2}:
        for at in range(len(said) - size + 1):
            window = said[at : at + size]
            alike = fuzz.ratio("".join(window), sought, score_cutoff=MISSPELT)
            if alike and words.numerals(" ".join(window)) == numbers:
                return True
    return False


def _take_album(text: str, artist: str, album: str, raw: str) -> tuple[float | None, str]:
    """Is the album there, and what is left of the text without it. The artist's first mention is gone already."""
    name = words.soundtracked(words.normal(album))
    if not name:  # a name of signs only
        return (1.0 if words.squeezed(album) in words.squeezed(raw) else None), text
    for offered, worth in _album_names(name, artist, album):
        taken = _take(text, offered)
        if taken is not None:
            return worth, taken
    if _same(artist, album) and not _leftover(words.without_marks(text)):
        return 0.95, text
    asked, said = name.split(), text.split()
    found = [w for w in asked if w in said]
    share = sum(map(len, found)) / sum(map(len, asked))
    if share >= 0.75 and len(asked) > 2:
        return share * 0.9, " ".join(w for w in said if w not in found)
    if _nearly(said[:40], asked):
        return 0.85, " ".join(w for w in said if fuzz.partial_ratio(w, name) < MISSPELT)
    return None, text


def _album_names(name: str, artist: str, album: str) -> list[tuple[str, float]]:
    """The folded ways to write an album with what each is worth: whole, in Latin letters, without “the”, without what
    stands in brackets, and without its subtitle."""
    names = [(name, 1.0), (words.latin(album), 0.98), (name.removeprefix("the "), 0.97)]
    names.append((words.soundtracked(words.normal(words.plain(album))), 0.93))
    head = words.normal(re.split(r": | - | – ", album, maxsplit=1)[0])
    if "soundtrack" in name and "soundtrack" not in head:
        names.append((f"{head} soundtrack", 0.95))
        names.append((name.removesuffix(" soundtrack"), 0.8))
    elif len(head.split()) > 1:
        names.append((head, 0.85))
    own = words.normal(artist)
    if own and name.startswith(f"{own} "):  # an album named after its artist and counted: the number alone
        names.append((name.removeprefix(f"{own} "), 0.9))
    return [(n, worth) for n, worth in names if n]


def _take(text: str, phrase: str) -> str | None:
    """The text without the first mention of a phrase of whole words; None where it is not in there."""
    spoken, sought = f" {text} ", f" {phrase} "
    at = spoken.find(sought)
    if at >= 0:
        return f"{spoken[:at]} {spoken[at + len(sought) :]}".strip()
    if not phrase.isascii() and phrase.replace(" ", "") in text.replace(" ", ""):
        return text.replace(" ", "").replace(phrase.replace(" ", ""), " ", 1).strip()
    return None


def _leftover(text: str) -> tuple[str, ...]:
    """The words that neither name, nor format, nor edition explain."""
    for known in (
        _RATE,
        _RATE_BY_CODEC,
        _VARIABLE,
        _IMAGE,
        _VINYL,
        _PART,
        _OTHER_FORMAT,
        _LOSSLESS_WORDS,
        _LOSSY_WORDS,
    ):
        text = known.sub(" ", text)
    text = words.without_marks(_YEAR.sub(" ", text))
    return tuple(w for w in text.split() if w not in {"edition", "version", "soundtrack", "va", "various", "artists"})


def _comparable(leftover: tuple[str, ...], wished: str) -> bool:
    """Are the left words in the script of the wish, so that a difference says something?"""
    return words.is_latin(" ".join(leftover)) == words.is_latin(wished)
