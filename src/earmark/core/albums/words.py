"""Words of music release names made comparable, and the vocabulary of what they say about an edition or a format.

Knows no release and no album; every other module here compares only what this one has folded. New naming habits are
a word in one of the tables below and a case in the tests.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from anyascii import anyascii

MAX_CHARS = 300  # of any one name; what comes after tells nothing more and may be hostile

_GONE = {ord(c): None for c in "'’‘`´ʼ\"“”"}
_SPACES = {ord(c): " " for c in "_-–—.,:;!?()[]{}<>/\\|+=*#~@^%$…。、・「」『』（）【】〜！？"}
_FOLD = {**_GONE, **_SPACES, ord("&"): " and "}
_SYNONYMS = {"pt": "part", "pts": "part", "vol": "volume", "op": "opus", "n": "and"}
_ROMAN = {
    w: str(n)
    for n, w in enumerate(
        ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv", "xvi"], 1
    )
}
_WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
_COUNTED = {**_ROMAN, **{w: str(n) for n, w in enumerate(_WORDS, 1)}}
_BEFORE_NUMERAL = frozenset({"part", "volume", "number", "opus", "movement", "act", "disc", "chapter", "book"})
_LEADING_ROMAN = re.compile(r"\s*([IVX]{1,5})[.)]\s+\S")
_FEATURING = re.compile(r"\b(?:feat|ft|featuring)\b[. ].*$", re.IGNORECASE)
_BRACKETED = re.compile(r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}")


@lru_cache(maxsize=16_384)
def normal(text: str) -> str:
    """Small letters, no accents, punctuation as spaces, one spelling of counted things: “Symphony No. 5: II. Andante”
    and “symphony no 5 - ii andante” become one. Scripts stay as they are."""
    clipped = text[:MAX_CHARS]
    if not clipped.isascii():
        clipped = unicodedata.normalize("NFKD", clipped)
        clipped = "".join(c for c in clipped if not unicodedata.combining(c))
    words = clipped.casefold().translate(_FOLD).split()
    for i, spoken in enumerate(words):
        words[i] = word = _SYNONYMS.get(spoken, spoken)
        if word in {"no", "nr"} and i + 1 < len(words) and words[i + 1].isdecimal():
            words[i] = "number"
        if word.isdecimal():
            words[i] = word.lstrip("0") or "0"
        elif i and words[i - 1] in _BEFORE_NUMERAL and word in _COUNTED:
            words[i] = _COUNTED[word]
        elif word in _ROMAN and (len(word) > 1 or (i and i == len(words) - 1 and word != "i")):
            words[i] = _ROMAN[word]
    lead = _LEADING_ROMAN.match(clipped)
    if lead and words:
        words[0] = _ROMAN.get(lead[1].casefold(), words[0])
    return " ".join(words)


@lru_cache(maxsize=4_096)
def latin(text: str) -> str:
    """`normal` in Latin letters, for names that two scripts may share in part."""
    known = text[:MAX_CHARS].encode("utf-8", "replace").decode()
    return normal(anyascii(known))


def squeezed(text: str) -> str:
    """Every visible character, case folded: the last resort for names made of signs, such as “( )”."""
    return "".join(unicodedata.normalize("NFKC", text[:MAX_CHARS]).casefold().split())


def is_latin(text: str) -> bool:
    """Are the letters of a text mostly Latin? A text without letters counts as Latin."""
    letters = [c for c in text[:MAX_CHARS] if c.isalpha()]
    foreign = sum("LATIN" not in unicodedata.name(c, "") for c in letters if not c.isascii())
    return 2 * foreign <= len(letters)


def numerals(folded: str) -> frozenset[str]:
    """The numbers in a folded name: “part 1” and “part 2” are alike in letters and still two tracks."""
    return frozenset(w for w in folded.split() if w.isdecimal())


def plain(text: str) -> str:
    """Without guests and without what stands in brackets; the text itself where nothing else is left."""
    clipped = _FEATURING.sub("", text[:MAX_CHARS])
    bare = _BRACKETED.sub(" ", clipped)
    return bare if bare.strip(" -_.") else clipped


# --- marks: what a name says about the recording ---------------------------------------------------------------------

_MARKS: dict[str, str] = {
    "live": r"live|in concert|concert|unplugged|on stage|bootleg|soundboard|mtv unplugged|tour",
    "remix": r"remix|remixes|remixed|remixe|mixes|reworks?|reworked|dub version|club mix|extended mix|megamix",
    "remaster": r"remaster|remasters|remastered|remasterise|remasterizado|half speed",
    "demo": r"demo|demos|outtakes?|rehearsals?|early takes|alternate takes?|work tapes?|sessions",
    "compilation": r"greatest hits|best of|the essential|essentials?|anthology|compilation|greatest|hits|singles"
    r"|gold|platinum collection|retrospective|the very best|collection|collected|selections|sampler|mixtape",
    "set": r"discography|discographie|discografia|diskografie|complete (?:studio )?(?:albums|works|recordings|collection)"
    r"|studio albums|album collection|albums|box ?set|boxed set|all albums|complete studio|\d+ albums",
    "deluxe": r"deluxe|expanded|anniversary|special edition|collectors?(?: edition)?|super deluxe|bonus (?:edition|tracks?"
    r"|disc|cd)|legacy edition|limited(?: edition)?|extended edition|platinum edition|complete edition|tour edition",
    "reissue": r"reissue|reissued|re issue|re release|rerecorded|re recorded|japan(?:ese)? edition|mono|edited|clean version"
    r"|censored|mfsl|mofi|sacd|redux|naked|version|edition",
    "tribute": r"tribute|karaoke|in the style of|made famous by|as made famous|cover versions?|covers? band|cover albums?|covers of|covered by|lullaby"
    r"|lullabies|string quartet|8 bit|8bit|chiptune|backing tracks?|performed by|plays the (?:music|songs)|salute to",
    "single": r"(?:cd |maxi |promo )?single(?! file| image)|cds|cdm|maxi|ep",
    "instrumental": r"instrumentals?|a ?cappellas?|acapella|orchestral version|piano version",
    "acoustic": r"acoustic|stripped",
    "score": r"original score|score|expanded score",
    "video": r"1080p|720p|2160p|480p|x264|x265|h264|h265|hevc|bluray|blu ray|bdrip|dvdrip|webrip|music videos?|vhs|hdtv"
    r"|documentary|full movie",
    "text": r"epub|mobi|azw3|pdf|songbook|sheet music|tabs|tablature|guitar tab|score book|biography|audiobook|audio book"
    r"|m4b|unabridged|discussion guide",
    "cut": r"no skits|no intros?|without skits|no interludes|skitless|snippets?|previews?|excerpts?|clips",
}
_MARK_WORDS = {mark: re.compile(rf"\b(?:{words})\b") for mark, words in _MARKS.items()}
_ANY_MARK = re.compile("|".join(rf"\b(?:{words})\b" for words in _MARKS.values()))
_SOUNDTRACK = re.compile(
    r"\b(?:(?:original )?(?:music|songs) from (?:and inspired by )?(?:the )?(?:original )?(?:motion picture|film|movie|series)"
    r"|(?:the )?(?:original )?(?:motion picture|movie|film|television|tv|game)? ?soundtrack(?: album| recording)?|o ?s ?t)\b"
)

EDITIONS = ("remaster", "deluxe", "reissue")
"""The same recording in another dress: worth a question, not a refusal."""


def marks(folded: str) -> frozenset[str]:
    """What a folded text says about the recording: keys of the table above."""
    if not _ANY_MARK.search(folded):
        return frozenset()
    return frozenset(mark for mark, words in _MARK_WORDS.items() if words.search(folded))


def without_marks(folded: str) -> str:
    return " ".join(_ANY_MARK.sub(" ", folded).split())


def soundtracked(folded: str) -> str:
    """“music from the motion picture”, “original soundtrack” and “ost” become one word."""
    return " ".join(_SOUNDTRACK.sub(" soundtrack ", folded).split())
