"""Languages as sites and uploaders write them: ISO 639 codes, names in English and in the language itself, and words
that only a listing in that language uses."""

from __future__ import annotations

OTHER_SCRIPT = "other script"  # letters that are not Latin, and no word says which language they are
LATIN = frozenset(
    [
        "en",
        "de",
        "fr",
        "es",
        "it",
        "nl",
        "pt",
        "pl",
        "sv",
        "no",
        "da",
        "fi",
        "cs",
        "sk",
        "hu",
        "ro",
        "tr",
        "hr",
        "sl",
        "ca",
        "la",
        "is",
        "et",
        "lv",
        "lt",
        "vi",
        "id",
        "af",
        "cy",
        "ga",
    ]
)  # languages whose titles are written in Latin letters

_NAMES = {
    "en": "eng english englisch anglais ingles inglese engels",
    "de": "ger deu german deutsch allemand aleman tedesco duits",
    "fr": "fre fra french francais franzosisch vf vff truefrench frances francese frans",
    "es": "spa esp spanish espanol castellano spanisch espagnol spagnolo spaans latino",
    "it": "ita italian italiano italienisch italien italiaans",
    "nl": "dut nld dutch nederlands niederlandisch vlaams",
    "pt": "por ptbr portuguese portugues portugiesisch brazilian bp",
    "ru": "rus russian russkij russkii russisch russe russkiy",
    "pl": "pol polish polski polnisch",
    "sv": "swe swedish svenska schwedisch",
    "no": "nor norwegian norsk norwegisch",
    "da": "dan danish dansk danisch",
    "fi": "fin finnish suomi finnisch",
    "cs": "cz cze ces czech cesky cestina",
    "sk": "slo slk slovak slovensky",
    "hu": "hun hungarian magyar",
    "ro": "rum ron romanian romana",
    "el": "gre ell greek ellinika",
    "tr": "tur turkish turkce",
    "ja": "jpn jap japanese japanisch",
    "zh": "chi zho chinese mandarin",
    "ko": "kor korean",
    "ar": "ara arabic",
    "he": "heb hebrew",
    "hi": "hin hindi",
    "uk": "ukr ukrainian",
    "bg": "bul bulgarian",
    "hr": "hrv croatian hrvatski",
    "sr": "srp serbian srpski",
    "sl": "slv slovenian",
    "ca": "cat catalan catala",
    "la": "lat latin",
    "is": "ice isl icelandic",
    "et": "est estonian",
    "lv": "lav latvian",
    "lt": "lit lithuanian",
    "vi": "vie vietnamese",
    "th": "tha thai",
    "id": "ind indonesian",
    "fa": "per fas farsi persian",
    "af": "afr afrikaans",
    "cy": "wel cym welsh",
    "ga": "gle irish gaeilge",
}
_CODES = {word: iso for iso, words in _NAMES.items() for word in (iso, *words.split())}

_AMBIGUOUS = frozenset(
    [
        "it",
        "is",
        "no",
        "la",
        "in",
        "he",
        "et",
        "id",
        "da",
        "de",
        "es",
        "el",
        "lit",
        "lat",
        "sk",
        "per",
        "may",
        "cat",
        "est",
        "por",
        "dan",
        "ron",
        "fin",
        "bp",
        "lv",
        "uk",
        "fa",
        "ga",
        "af",
    ]
)
"""Codes that are also words of titles, formats or countries: a language only where a field holds them."""
_LISTING = {
    "horbuch": "de", "hoerbuch": "de", "horspiel": "de", "hoerspiel": "de", "ungekurzt": "de", "ungekuerzt": "de", "ungekurzte": "de",
    "gekurzt": "de", "gekuerzt": "de", "gekurzte": "de", "gelesen": "de", "lesung": "de", "sprecher": "de", "buch": "de",
    "livre": "fr", "audiolivre": "fr", "lu": "fr", "roman": "", "texte": "fr", "abrege": "fr",
    "audiolibro": "es", "narrado": "es", "leido": "es", "letto": "it", "versione": "it",
    "luisterboek": "nl", "voorgelezen": "nl", "ljudbok": "sv", "upplast": "sv", "lydbok": "no", "lydbog": "da", "aanikirja": "fi",
    "audiokniga": "ru", "chitaet": "ru", "audiobuk": "pl", "czyta": "pl", "hangoskonyv": "hu", "audiokniha": "cs",
}  # fmt: skip
_OF_CUES = {
    "letta": "it", "leest": "nl", "last": "sv", "laser": "sv", "inlast": "sv", "oplaest": "da", "indlaest": "da", "opplest": "no",
    "innlest": "no", "cte": "cs", "felolvassa": "hu", "lukijana": "fi", "lue": "fr", "lecteur": "fr", "lettore": "it",
}  # fmt: skip
"""Words before a reader's name, which elsewhere may be words of a title ("The Last Reader")."""
_TELLING = (frozenset(_CODES) - _AMBIGUOUS) | frozenset(_LISTING)
SAMPLES = (("[ENG / M4B]", "en"), ("(German Edition)", "de"), ("[Hörbuch]", "de"), ("lu par Odile Vermeer", "fr"))


def of_code(written: str) -> str | None:
    """ISO 639-1 for a code or name out of a language field ("ENG", "en-GB", "German"); unknown codes stay as they are."""
    word = written.strip().lower()
    if not word:
        return None
    return _CODES.get(word) or _CODES.get(word.split("-")[0].split("_")[0]) or word


def is_code(word: str) -> bool:
    """Two or three letters that name a language, if they name anything."""
    return len(word) <= 3 and word in _CODES


def told_by(words: tuple[str, ...], *, bracket: bool, codes: bool = False) -> dict[str, str]:
    """Languages that these words speak for, with the word that says so. Short codes count in brackets only, those that
    are words as well only among nothing but `codes`."""
    found: dict[str, str] = {}
    if not codes and _TELLING.isdisjoint(words):
        return found
    for word in words:
        iso = _LISTING.get(word)
        if iso is None:
            iso = _CODES.get(word) if codes or _tells(word, bracket) else None
        if iso:
            found.setdefault(iso, word)
    return found


def of_cue(words: tuple[str, ...]) -> dict[str, str]:
    """Languages that the words before a reader's name speak for: "gelesen von", "läst av"."""
    return {iso: word for word in words if (iso := _LISTING.get(word) or _OF_CUES.get(word))}


def is_language(word: str, *, bracket: bool) -> bool:
    return word in _CODES and _tells(word, bracket)


def _tells(word: str, bracket: bool) -> bool:
    if word in _AMBIGUOUS:
        return False
    return bracket or len(word) > 3
