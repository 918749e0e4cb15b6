"""Languages as indexers write them (codes of two or three letters, English names) as ISO 639-1."""

from __future__ import annotations

import re

BY_CODE = {
    "ENG": "en", "CHI": "zh", "ZHO": "zh", "GUJ": "gu", "SPA": "es", "KAN": "kn", "BUR": "my", "MYA": "my",
    "THA": "th", "HIN": "hi", "MAR": "mr", "TEL": "te", "TAM": "ta", "JAV": "jv", "VIE": "vi", "PAN": "pa",
    "URD": "ur", "RUS": "ru", "AFR": "af", "BUL": "bg", "CAT": "ca", "CZE": "cs", "CES": "cs", "DAN": "da",
    "DUT": "nl", "NLD": "nl", "FIN": "fi", "GLA": "gd", "UKR": "uk", "GRE": "el", "ELL": "el", "HEB": "he",
    "HUN": "hu", "TGL": "tl", "RUM": "ro", "RON": "ro", "SRP": "sr", "ARA": "ar", "MAY": "ms", "MSA": "ms",
    "POR": "pt", "BP": "pt", "BEN": "bn", "FRE": "fr", "FRA": "fr", "GER": "de", "DEU": "de", "JPN": "ja",
    "PER": "fa", "FAS": "fa", "SWE": "sv", "KOR": "ko", "TUR": "tr", "ITA": "it", "POL": "pl", "LAT": "la",
    "NOR": "no", "HRV": "hr", "LIT": "lt", "BOS": "bs", "IND": "id", "SLV": "sl", "GLE": "ga", "GLV": "gv",
    "MAL": "ml", "SAN": "sa", "EST": "et", "LAV": "lv", "ICE": "is", "ISL": "is", "ALB": "sq", "SQI": "sq",
    "WEL": "cy", "CYM": "cy",
}  # fmt: skip

BY_NAME = {
    "english": "en", "chinese": "zh", "spanish": "es", "castilian spanish": "es", "hindi": "hi", "russian": "ru",
    "bulgarian": "bg", "catalan": "ca", "czech": "cs", "danish": "da", "dutch": "nl", "finnish": "fi",
    "ukrainian": "uk", "greek": "el", "hebrew": "he", "hungarian": "hu", "romanian": "ro", "serbian": "sr",
    "arabic": "ar", "portuguese": "pt", "brazilian portuguese": "pt", "french": "fr", "german": "de",
    "japanese": "ja", "persian": "fa", "farsi": "fa", "swedish": "sv", "korean": "ko", "turkish": "tr",
    "italian": "it", "polish": "pl", "latin": "la", "norwegian": "no", "croatian": "hr", "lithuanian": "lt",
    "indonesian": "id", "slovenian": "sl", "irish": "ga", "estonian": "et", "latvian": "lv", "icelandic": "is",
    "albanian": "sq", "welsh": "cy", "vietnamese": "vi", "thai": "th", "tamil": "ta", "telugu": "te", "urdu": "ur",
}  # fmt: skip


def language_of(written: str) -> str | None:
    """ISO 639-1 of a code or an English name, a region left aside (`en-US`); an unknown code as it is, in lower case.
    None for anything else: a word that names no language is no fact about the release."""
    word = written.strip()
    if known := BY_NAME.get(word.lower()):
        return known
    code = re.fullmatch(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{2,4})?", word, re.ASCII)
    return (BY_CODE.get(code.group(1).upper()) or code.group(1).lower()) if code else None
