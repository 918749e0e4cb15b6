"""What a single file or folder name may look like, on any file system a library may live on: ext4, btrfs, NTFS,
exFAT, SMB shares. Turns hostile text into such a name, or says what is wrong with one. Knows nothing of books."""

from __future__ import annotations

import re
import unicodedata

SEGMENT_BYTES = 255
"""The longest name common file systems take, in bytes of UTF-8."""

FOLDER_BYTES = 240
"""The longest name we make ourselves: leaves room for an extension or a distinguishing suffix."""

_ILLEGAL = str.maketrans({"/": "-", "\\": "-", "|": "-", '"': "'", "*": "", "?": "", "<": "", ">": ""})
_JOINERS = "\u200c\u200d"  # needed inside words of several scripts, never at an edge
_LONGEST_CLUSTER = 16  # characters; a family of emoji has 11, and a tower of accents need not be kept whole
_EDGES = re.compile(rf"^(?:- |[ .{_JOINERS}])+|(?: -|[ .{_JOINERS}])+$")  # a dash at an edge separates nothing
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])", re.IGNORECASE)


def safe_text(text: str) -> str:
    """Free text that can stand inside a name: one line, NFC, no illegal or invisible characters. Empty when nothing
    readable is left."""
    clean = unicodedata.normalize("NFC", text)
    clean = re.sub(r"\s*:(?=\s|$)", " -", clean).replace(":", "-")  # "Dune: Messiah" -> "Dune - Messiah", 3:10 -> 3-10
    clean = "".join(map(_visible, clean.translate(_ILLEGAL)))
    clean = unicodedata.normalize("NFC", re.sub(r"\s+", " ", clean))
    clean = re.sub(rf"^(?:- |[ {_JOINERS}])+|(?: -|[ {_JOINERS}])+$", "", clean)  # "Wait..." keeps its dots here
    return clean if _EDGES.sub("", clean) else ""


def safe_segment(text: str, limit: int = FOLDER_BYTES) -> str:
    """A name for a file or folder of at most `limit` bytes, or "" when nothing readable is left. Never `.` or `..`,
    never hidden, never ending in a dot or space, never a reserved device name. Applying it twice changes nothing."""
    name = shorten(_EDGES.sub("", safe_text(text)), limit)
    if is_reserved(name):
        stem, dot, rest = name.partition(".")
        name = _EDGES.sub("", shorten(f"{stem.rstrip()}_{dot}{rest}", limit))
    return name


def shorten(text: str, limit: int) -> str:
    """Cut to `limit` bytes of UTF-8 without splitting a character from its marks or leaving a dot, space or dash at
    the cut."""
    data = text.encode()
    if len(data) <= limit:
        return text
    cut = data[:limit].decode(errors="ignore")
    whole = cut
    while whole and len(cut) - len(whole) < _LONGEST_CLUSTER and _continues(text, len(whole)):
        whole = whole[:-1]
    cut = cut if not whole or _continues(text, len(whole)) else whole
    return _EDGES.sub("", cut)


def _continues(text: str, idx: int) -> bool:
    """Does the character at `idx` make one visible sign with the one before it?"""
    char = text[idx]
    joined = (
        unicodedata.category(char) in {"Mn", "Me", "Mc"} or char in _JOINERS or "\U0001f3fb" <= char <= "\U0001f3ff"
    )
    return joined or text[idx - 1] == "\u200d"


def is_reserved(name: str) -> bool:
    """Would Windows or an SMB share open a device instead of a file of this name?"""
    return _RESERVED.fullmatch(name.split(".", maxsplit=1)[0].strip()) is not None


def problem_with_segment(name: str) -> str | None:
    """What forbids this name as one path segment, as the end of a sentence; None when it is fine as it stands."""
    illegal = re.search(r'[\\/:*?"<>|]', name)
    faults = {
        "a level is empty or climbs out of its folder": name in {"", ".", ".."},
        "a name begins with a dot, which hides it from media servers": name.startswith("."),
        f"the character {illegal[0] if illegal else ''} is not allowed": illegal is not None,
        "there is a control character": any(unicodedata.category(char) in {"Cc", "Cs"} for char in name),
        "a name ends in a dot or space": name != name.rstrip(" ."),
        f"a name is longer than {SEGMENT_BYTES} bytes": len(name.encode(errors="replace")) > SEGMENT_BYTES,
        "a name is reserved for a device": is_reserved(name),
    }
    return next((fault for fault, found in faults.items() if found), None)


def _visible(char: str) -> str:
    category = unicodedata.category(char)
    if char.isspace() or category in {"Zl", "Zp"}:
        return " "
    if category in {"Cc", "Cs"} or (category == "Cf" and char not in _JOINERS):
        return ""  # control characters, lone surrogates, direction overrides that make a name lie
    return char
