"""Playlists (m3u, m3u8, pls) and the text of any sheet beside a book: which files they name, in their order.

What a sheet names is only ever compared with files that are known already; nothing is opened because a sheet says so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote

_MAX_ENTRIES = 20_000


def decode_sheet(data: bytes) -> str:
    """Text in whatever encoding its maker used: UTF-8 or UTF-16 (with a mark or without), else Windows-1252."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    if len(data) > 3 and 0 in data[:4]:
        return data.decode("utf-16-le" if data[1] == 0 else "utf-16-be", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def parse_m3u(text: str) -> list[str]:
    """The entries of an m3u or m3u8 as written."""
    lines = (line.strip().lstrip("\ufeff") for line in text.splitlines()[:_MAX_ENTRIES])
    return [line for line in lines if line and not line.startswith("#")]


def parse_pls(text: str) -> list[str]:
    """The entries of a pls by their numbers."""
    found = re.findall(r"^[ \t]*File(\d{1,6})[ \t]*=[ \t]*([^\r\n]+)", text, re.IGNORECASE | re.MULTILINE)
    return [name.strip() for _, name in sorted(((int(n), name) for n, name in found), key=lambda f: f[0])][
        :_MAX_ENTRIES
    ]


class Shelfmarks:
    """Finds the file that a sheet's entry means among known files: by its path, its name, then its name without the
    extension ("disc.wav" for "disc.flac"). An entry that could mean two files means none."""

    def __init__(self, files: Sequence[Path]) -> None:
        self._by_tail: dict[str, list[Path]] = {}
        for file in dict.fromkeys(files):
            parts = [_plain(p) for p in file.parts]
            stem = [*parts[:-1], _plain(file.stem) + "."]
            for tail in ("/".join(p[-depth:]) for p in (parts, stem) for depth in range(1, min(5, len(parts)) + 1)):
                self._by_tail.setdefault(tail, []).append(file)

    def find(self, entry: str, beside: Path) -> Path | None:
        """The file an entry of a sheet in the folder `beside` names."""
        name = (
            unquote(re.sub(r"^file:/*", "", entry, flags=re.IGNORECASE)) if entry.lower().startswith("file:") else entry
        )
        parts = [p for p in re.split(r"[/\\]+", name[:4_000]) if p not in {"", ".", ".."}]
        if not parts:
            return None
        plain = [_plain(p) for p in parts][-5:]
        stem = [*plain[:-1], _plain(Path(parts[-1]).stem) + "."]
        for tail in ("/".join(p[-depth:]) for p in (plain, stem) for depth in range(len(p), 0, -1)):
            found = self._by_tail.get(tail, [])
            if len(found) > 1:
                found = [f for f in found if f.is_relative_to(beside)]
            if len(found) > 1:
                found = [f for f in found if f.parent == beside]
            if len(found) == 1:
                return found[0]
        return None


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
