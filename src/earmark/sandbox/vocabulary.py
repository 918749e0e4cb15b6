"""The site's numbers: categories, languages, media types and content tags, as mam-api.md sections 7.1 to 7.3 list them.

Only names and numbers live here; how a row carries them is the business of `rows`.
"""

from __future__ import annotations

AUDIOBOOKS, EBOOKS, MUSICOLOGY, RADIO = 13, 14, 15, 16

MAIN_CATEGORIES: dict[int, str] = {13: "AudioBooks", 14: "E-Books", 15: "Musicology", 16: "Radio"}
MAIN_CATEGORY_WORDS: dict[str, int] = {
    "audiobook": 13, "audiobooks": 13, "ebook": 14, "ebooks": 14, "e-books": 14, "music": 15, "musicology": 15, "radio": 16,
}  # fmt: skip

_AUDIOBOOKS = """39 Action/Adventure, 49 Art, 50 Biographical, 83 Business, 51 Computer/Internet, 97 Crafts,
40 Crime/Thriller, 41 Fantasy, 106 Food, 42 General Fiction, 52 General Non-Fic, 98 Historical Fiction, 54 History,
55 Home/Garden, 43 Horror, 99 Humor, 84 Instructional, 44 Juvenile, 56 Language, 45 Literary Classics,
57 Math/Science/Tech, 85 Medical, 87 Mystery, 119 Nature, 88 Philosophy, 58 Pol/Soc/Relig, 59 Recreation, 46 Romance,
47 Science Fiction, 53 Self-Help, 89 Travel/Adventure, 100 True Crime, 108 Urban Fantasy, 48 Western, 111 Young Adult"""
_EBOOKS = """60 Action/Adventure, 71 Art, 72 Biographical, 90 Business, 61 Comics/Graphic novels, 73 Computer/Internet,
101 Crafts, 62 Crime/Thriller, 63 Fantasy, 107 Food, 64 General Fiction, 74 General Non-Fiction, 102 Historical Fiction,
76 History, 77 Home/Garden, 65 Horror, 103 Humor, 115 Illusion/Magic, 91 Instructional, 66 Juvenile, 78 Language,
67 Literary Classics, 79 Magazines/Newspapers, 80 Math/Science/Tech, 92 Medical, 118 Mixed Collections, 94 Mystery,
120 Nature, 95 Philosophy, 81 Pol/Soc/Relig, 82 Recreation, 68 Romance, 69 Science Fiction, 75 Self-Help,
96 Travel/Adventure, 104 True Crime, 109 Urban Fantasy, 70 Western, 112 Young Adult"""
_MUSICOLOGY = """19 Guitar/Bass Tabs, 20 Individual Sheet, 24 Individual Sheet MP3,
126 Instructional Book with Video, 22 Instructional Media - Music, 113 Lick Library - LTP/Jam With,
114 Lick Library - Techniques/QL, 17 Music - Complete Editions, 26 Music Book, 27 Music Book MP3, 30 Sheet Collection,
31 Sheet Collection MP3"""
_RADIO = "127 Comedy, 130 Drama, 128 Factual/Documentary, 132 Reading"
_LANGUAGES = """1 English, 2 Chinese, 3 Gujarati, 4 Spanish, 5 Kannada, 6 Burmese, 7 Thai, 8 Hindi, 9 Marathi, 10 Telugu,
11 Tamil, 12 Javanese, 13 Vietnamese, 14 Punjabi, 15 Urdu, 16 Russian, 17 Afrikaans, 18 Bulgarian, 19 Catalan, 20 Czech,
21 Danish, 22 Dutch, 23 Finnish, 24 Scottish Gaelic, 25 Ukrainian, 26 Greek, 27 Hebrew, 28 Hungarian, 29 Tagalog,
30 Romanian, 31 Serbian, 32 Arabic, 33 Malay, 34 Portuguese, 35 Bengali, 36 French, 37 German, 38 Japanese, 39 Farsi,
40 Swedish, 41 Korean, 42 Turkish, 43 Italian, 44 Cantonese, 45 Polish, 46 Latin, 47 Other, 48 Norwegian, 49 Croatian,
50 Lithuanian, 51 Bosnian, 52 Brazilian Portuguese (BP), 53 Indonesian, 54 Slovenian, 55 Castilian Spanish, 56 Irish,
57 Manx, 58 Malayalam, 59 Greek Ancient, 60 Sanskrit, 61 Estonian, 62 Latvian, 63 Icelandic, 64 Albanian, 65 Welsh"""
_CONTENT_TAGS = """1 Action/Adventure, 2 Art/Photography, 3 Biographical, 4 Business/Money, 5 Comedy,
6 Complete Editions - Music, 7 Computer/Internet, 8 Crafts, 9 Crime, 10 Dramatization/Full Cast, 11 Education/Textbook,
12 Factual News/Current Events, 13 Fantasy, 14 Food/Wine, 15 Guitar/Bass Tabs, 16 Health/Fitness/Diet, 17 Historical,
18 Home/Garden, 19 Horror, 20 Humor, 21 Individual Sheet, 22 Instructional, 23 Juvenile, 24 Language, 25 LGBTQIA+,
28 Literary Classics, 29 LitRPG, 30 Math, 31 Medicine/Psychology, 32 Music, 33 Music Book, 34 Mystery, 35 Nature,
36 Paranormal, 37 Philosophy, 38 Poetry, 39 Politics/Sociology, 40 Reference, 41 Religion/Spirituality, 42 Romance,
43 RPG, 44 Science, 45 Science Fiction, 46 Self-Help, 47 Sheet Collection, 49 Sports/Hobbies, 50 Technology,
51 Thriller/Suspense, 52 Travel, 53 Urban Fantasy, 54 Western, 55 Young Adult, 56 Superheroes, 57 Literary Fiction,
58 Progression Fantasy, 59 Contemporary Fiction, 60 Drama/Plays, 61 Occult/Metaphysical, 62 Slice of Life,
63 Military/War"""


def _numbered(text: str) -> dict[int, str]:
    pairs = (item.strip().split(" ", 1) for item in text.replace("\n", " ").split(","))
    return {int(number): name for number, name in pairs}


SUBCATEGORIES: dict[int, dict[int, str]] = {
    AUDIOBOOKS: _numbered(_AUDIOBOOKS),
    EBOOKS: _numbered(_EBOOKS),
    MUSICOLOGY: _numbered(_MUSICOLOGY),
    RADIO: _numbered(_RADIO),
}
LANGUAGES: dict[int, str] = _numbered(_LANGUAGES)
CONTENT_TAGS: dict[int, str] = _numbered(_CONTENT_TAGS)
MEDIA_TYPES: dict[int, int] = {AUDIOBOOKS: 1, EBOOKS: 2, MUSICOLOGY: 3, RADIO: 4}

# Only ENG is attested on the wire; the others are the bibliographic ISO 639-2 codes, which is a guess.
LANGUAGE_CODES: dict[int, str] = {
    1: "ENG", 2: "CHI", 4: "SPA", 8: "HIN", 16: "RUS", 18: "BUL", 19: "CAT", 20: "CZE", 21: "DAN", 22: "DUT", 23: "FIN",
    25: "UKR", 26: "GRE", 27: "HEB", 28: "HUN", 30: "RUM", 31: "SRP", 32: "ARA", 34: "POR", 36: "FRE", 37: "GER",
    38: "JPN", 39: "PER", 40: "SWE", 41: "KOR", 42: "TUR", 43: "ITA", 45: "POL", 46: "LAT", 47: "UND", 48: "NOR",
    49: "HRV", 50: "LIT", 53: "IND", 54: "SLV", 56: "GLE", 61: "EST", 62: "LAV", 63: "ICE", 64: "ALB", 65: "WEL",
}  # fmt: skip
# The two-letter codes people write in folder names and in release.json.
LANGUAGE_WORDS: dict[str, int] = {
    "en": 1, "zh": 2, "es": 4, "hi": 8, "ru": 16, "cs": 20, "da": 21, "nl": 22, "fi": 23, "uk": 25, "el": 26, "he": 27,
    "hu": 28, "ar": 32, "pt": 34, "fr": 36, "de": 37, "ja": 38, "sv": 40, "ko": 41, "tr": 42, "it": 43, "pl": 45,
    "la": 46, "no": 48, "fra": 36, "deu": 37, "nld": 22, "zho": 2, "ces": 20, "ell": 26, "ron": 30, "cym": 65,
}  # fmt: skip

BROWSE_FLAGS: dict[str, int] = {
    "crude": 2, "violence": 4, "some explicit": 8, "explicit": 16, "abridged": 32, "lgbt": 64,
}  # fmt: skip

AUDIO_SUFFIXES = frozenset({"m4b", "m4a", "mp3", "flac", "ogg", "opus", "aac", "wma", "wav", "mp2", "aax"})
EBOOK_SUFFIXES = frozenset(
    {"epub", "mobi", "azw", "azw3", "pdf", "djvu", "cbz", "cbr", "fb2", "lit", "txt", "rtf", "doc", "docx"}
)


def category_name(main_category: int, category: int) -> str:
    """The row's `catname`: "Audiobooks - Romance", "Ebooks - Mystery", bare for Musicology, two spaces for Comedy radio."""
    name = SUBCATEGORIES.get(main_category, {}).get(category, "Unknown")
    if main_category == AUDIOBOOKS:
        return f"Audiobooks - {name}"
    if main_category == EBOOKS:
        return f"Ebooks - {name}"
    if main_category == RADIO:
        return f"Radio - {' ' if name == 'Comedy' else ''}{name}"
    return name


def language_id(word: str) -> int | None:
    """The site's number for a language written as a name, a three-letter or a two-letter code."""
    wanted = word.strip().casefold()
    for number, name in LANGUAGES.items():
        if wanted == name.casefold() or wanted == LANGUAGE_CODES.get(number, "").casefold():
            return number
    return LANGUAGE_WORDS.get(wanted)


def language_code(number: int) -> str:
    """The three-letter code a row carries; "UND" where none is known."""
    return LANGUAGE_CODES.get(number, "UND")
