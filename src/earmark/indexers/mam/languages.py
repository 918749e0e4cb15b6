"""The site's language ids and three-letter codes as ISO 639-1 (mam-api.md §7.2). New ids appear: unknown is no error."""

from __future__ import annotations

from earmark.indexers.languages import BY_CODE

BY_ID = {
    1: "en", 2: "zh", 3: "gu", 4: "es", 5: "kn", 6: "my", 7: "th", 8: "hi", 9: "mr", 10: "te", 11: "ta", 12: "jv",
    13: "vi", 14: "pa", 15: "ur", 16: "ru", 17: "af", 18: "bg", 19: "ca", 20: "cs", 21: "da", 22: "nl", 23: "fi",
    24: "gd", 25: "uk", 26: "el", 27: "he", 28: "hu", 29: "tl", 30: "ro", 31: "sr", 32: "ar", 33: "ms", 34: "pt",
    35: "bn", 36: "fr", 37: "de", 38: "ja", 39: "fa", 40: "sv", 41: "ko", 42: "tr", 43: "it", 44: "yue", 45: "pl",
    46: "la", 48: "no", 49: "hr", 50: "lt", 51: "bs", 52: "pt", 53: "id", 54: "sl", 55: "es", 56: "ga", 57: "gv",
    58: "ml", 59: "grc", 60: "sa", 61: "et", 62: "lv", 63: "is", 64: "sq", 65: "cy",
}  # fmt: skip
"""47 is "Other". Cantonese (44) and ancient Greek (59) have no ISO 639-1 code and keep their ISO 639-3 one."""


def iso_language(language_id: int | None, code: str) -> str | None:
    """ISO 639-1 where there is one, else the tracker's own code in lower case, else None."""
    known = BY_ID.get(language_id or 0) or BY_CODE.get(code.upper())
    return known or code.lower() or None
