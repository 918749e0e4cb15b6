"""The wire's quirks, each read once and by name (mam-api.md §2.1, §3). Takes anything, never raises.

The site encodes digits-only text as numbers, numbers as text, people and series as JSON inside a string, and sizes for
human eyes. What cannot be read is None or empty: one bad field never costs a row.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime

from earmark.core.release import SeriesRef
from earmark.indexers.text import clean, plain_description

UNITS = {"": 1, "B": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50}
LONGEST_MEASURE = 40  # characters of a duration or a rate; patterns with blanks in them go slow on anything long
BIGGEST = 2**63 - 1  # what a database column can hold

# A page holds a hundred rows of some thirty fields each: what is matched for every one is made once.
_WHOLE = re.compile(r"-?\d{1,24}", re.ASCII)
_REAL = re.compile(r"[-+]?\d{0,40}\.?\d{0,40}", re.ASCII)
_DIGIT = re.compile(r"\d", re.ASCII)
_SIZE = re.compile(r"([\d,]{1,30}(?:\.\d{1,30})?)\s*([KMGTP]?)(?:i?B)?", re.IGNORECASE | re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d (?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d", re.ASCII)
_ASIN = re.compile(r"\bB[0-9A-Z]{9}\b", re.ASCII)
_DASH_IN_NUMBER = re.compile(r"(?<=\d)[-\s](?=[\dXx])")
_ISBN = re.compile(r"(?<![0-9A-Za-z])(97[89]\d{10}|\d{9}[\dXx])(?![0-9A-Za-z])", re.ASCII)
_CLOCK = re.compile(r"(?:(\d{1,4}):)?(\d{1,3}):(\d{1,2}(?:\.\d{1,3})?)", re.ASCII)
_WORDED = re.compile(r"(?:(\d{1,4})\s*h)?\s*(?:(\d{1,5})\s*mi?n)?\s*(?:(\d{1,6})\s*s)?", re.ASCII)
_BLANK = re.compile(r"\s")
_KILOBITS = re.compile(r"([\d.,]+)kb(?:ps|it/s|/s)", re.ASCII)
_READ = json.JSONDecoder().raw_decode


def text(value: object) -> str:
    """Text that may come as a number (a title of digits only) and with HTML entities."""
    if type(value) is str:  # most of them
        return clean(value) if value else ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return clean(_plain(value))


def description(value: object) -> str:
    """The uploader's HTML as plain paragraphs."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return plain_description(_plain(value))


def whole(value: object) -> int | None:
    """A whole number that may come as text, with or without thousands commas."""
    if type(value) is int:  # most of them
        return value if abs(value) <= BIGGEST else None
    written = value.strip().replace(",", "") if isinstance(value, str) else ""
    if _WHOLE.fullmatch(written):
        value = int(written)  # exact, where a float would round
    number = real(value)
    if number is None or number != int(number):
        return None
    exact = value if isinstance(value, int) else int(number)
    return exact if abs(exact) <= BIGGEST else None


def count(value: object) -> int | None:
    """A whole number that cannot be negative."""
    if type(value) is int and 0 <= value <= BIGGEST:
        return value
    number = whole(value)
    return number if number is not None and number >= 0 else None


def real(value: object) -> float | None:
    """A finite number that may come as text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = value.strip().replace(",", "")
        if not _REAL.fullmatch(value) or not _DIGIT.search(value):
            return None
    if not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def flag(value: object) -> bool:
    """0/1, "0"/"1", "yes"/"no" or true/false."""
    if type(value) is int:
        return value == 1
    if isinstance(value, str):
        return value.strip().lower() in {"1", "yes", "true", "y"}
    return isinstance(value, bool | int | float) and value == 1


def size_bytes(value: object) -> int | None:
    """`412.6 MiB`, `1,016.2 KiB`, or plain bytes as a number or text. All units are binary, whatever they are called."""
    if not isinstance(value, str):
        return count(value)
    parts = _SIZE.fullmatch(value.strip())
    if parts is None:
        return None
    number, unit = parts.groups()
    if "," in number and not (number := number.replace(",", "")):
        return None
    size = round(float(number) * UNITS[unit.upper()])
    return size if size <= BIGGEST else None


def utc_time(value: object) -> datetime | None:
    """`YYYY-MM-DD HH:MM:SS`, which the site means as UTC."""
    if not isinstance(value, str):
        return None
    try:
        if _TIME.fullmatch(value):
            return datetime.fromisoformat(value).replace(tzinfo=UTC)
        return datetime.strptime(value.strip(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    except ValueError:  # also the database's 0000-00-00
        return None


def unix_time(value: object) -> datetime | None:
    """Seconds since 1970; 0 means never."""
    seconds = count(value)
    if not seconds:
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def nested(value: object) -> object:
    """JSON inside a string, or already unpacked. Malformed (quotes inside names happen) is None."""
    if not isinstance(value, str):
        return value if isinstance(value, dict | list) else None
    if not value:
        return None
    try:
        unpacked: object
        unpacked, end = _READ(value) if value[0] in "{[" else (None, 0)
        if end != len(value):  # with room around it, or broken
            unpacked = json.loads(value)
    except (ValueError, RecursionError):
        return None
    return unpacked if isinstance(unpacked, dict | list) else None


def _entries(value: object) -> list[object]:
    unpacked = nested(value)
    return list(unpacked.values()) if isinstance(unpacked, dict) else unpacked if isinstance(unpacked, list) else []


def people(value: object) -> tuple[str, ...]:
    """Names out of `{"7": "Name"}`, in the site's order; also out of a list of names or of `{id, name}`."""
    entries = _entries(value)
    names = [text(entry.get("name") if isinstance(entry, dict) else entry) for entry in entries]
    return tuple(dict.fromkeys(filter(None, names)))


def series(value: object) -> tuple[SeriesRef, ...]:
    """`{"67": ["Name", "1-3, 3.5"]}`, the place being free text; also `{"67": "Name"}`."""
    entries = _entries(value)
    if not entries:
        return ()
    found: list[SeriesRef] = []
    for entry in entries:
        if isinstance(entry, dict):
            parts = [entry.get("name"), entry.get("number")]
        else:
            parts = entry if isinstance(entry, list) else [entry]
        name = text(parts[0]) if parts else ""
        if name:
            found.append(SeriesRef(name, text(parts[1]) if len(parts) > 1 else ""))
    return tuple(found)


def isbn_and_asin(value: object) -> tuple[str | None, str | None]:
    """A bare number (leading zeros lost), text with dashes, or `ASIN:B0…`."""
    if value == "":
        return None, None
    written = _plain(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    asin = _ASIN.search(written.upper())
    bare = _DASH_IN_NUMBER.sub("", written)
    if isinstance(value, int):
        bare = bare.zfill(10)
    isbn = _ISBN.search(bare)
    return (isbn.group(1).upper() if isbn and int(isbn.group(1)[:9]) else None, asin.group(0) if asin else None)


def media_info(value: object) -> tuple[float | None, int | None]:
    """Running time in seconds and bit rate in kbit/s, as far as told."""
    if value == "":
        return None, None
    facts = nested(value)
    general = facts.get("General") if isinstance(facts, dict) else None
    audio = facts.get("Audio1") if isinstance(facts, dict) else None
    duration = general.get("Duration") if isinstance(general, dict) else None
    bit_rate = audio.get("BitRate") if isinstance(audio, dict) else None
    return _duration(duration), _kbps(bit_rate)


def _duration(value: object) -> float | None:
    """`20:04:11`, `04:11` or `20 h 4 min`. A bare number has no unit, so it says nothing."""
    if not isinstance(value, str) or len(value) > LONGEST_MEASURE:
        return None
    written = value.strip().lower()
    if clock := _CLOCK.fullmatch(written):
        hours, minutes, seconds = clock.groups(default="0")
    elif worded := _WORDED.fullmatch(written):
        hours, minutes, seconds = worded.groups(default="0")
    else:
        return None
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds) or None


def _kbps(value: object) -> int | None:
    """Bits a second (`64000`), or with its unit (`64 kb/s`, `1 411 kb/s`)."""
    if isinstance(value, str) and len(value) > LONGEST_MEASURE:
        return None
    written = _BLANK.sub("", value).lower() if isinstance(value, str) else ""
    kilo = _KILOBITS.fullmatch(written) if written.endswith(("ps", "/s")) else None
    rate = real(kilo.group(1)) if kilo else real(value)
    if rate is None:
        return None
    kbps = round(rate if kilo else rate / 1000)
    return kbps if 0 < kbps < 100_000 else None


def _plain(value: str | int | float) -> str:
    try:
        return str(value)
    except ValueError:  # Python refuses to write integers of thousands of digits
        return ""
