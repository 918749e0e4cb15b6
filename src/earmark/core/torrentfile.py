"""Reading a .torrent file that may be hostile, broken or not one at all.

Only sound files pass: bencoded, version 1, with sane relative paths and a sane size. A site's error page, a path that
climbs out of the download folder or a name that no file system takes ends in `BadTorrent` with a code and evidence.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import bencode2

from earmark.core.filenames import SEGMENT_BYTES, is_reserved
from earmark.core.reasons import PermanentError, Reason
from earmark.core.torrents import InfoHash, TorrentEntry, TorrentMeta

MAX_TORRENT_BYTES = 20 * 1024 * 1024  # a .torrent of a 10 TiB release is smaller
MAX_CONTENT_BYTES = 2 * 1024**4
MAX_FILES = 50_000


class BadTorrent(PermanentError):
    """Bytes that must not be handed to a torrent client."""


def read_torrent(data: bytes) -> TorrentMeta:
    """The facts of a .torrent file. Raises `BadTorrent` for anything that is not a sound one."""
    if len(data) > MAX_TORRENT_BYTES:
        raise _bad(
            "torrent_too_large",
            f"The torrent file has {len(data)} bytes, more than any real one.",
            size=len(data),
        )
    if not data.startswith(b"d"):
        raise _bad("not_a_torrent", "What came back is not a torrent file.", starts_with=_printable(data[:40]))
    try:
        outer = bencode2.bdecode(data)
    except (bencode2.BencodeDecodeError, RecursionError) as error:
        raise _bad("torrent_malformed", f"The torrent file is damaged: {error}.") from error
    info = outer.get(b"info") if isinstance(outer, dict) else None
    if not isinstance(info, dict):
        raise _bad("torrent_malformed", "The torrent file has no info dictionary.")
    name = _text(info.get(b"name"), "name")
    piece_length = info.get(b"piece length")
    pieces = info.get(b"pieces")
    if not isinstance(piece_length, int) or piece_length <= 0 or not isinstance(pieces, bytes) or len(pieces) % 20:
        raise _bad(
            "torrent_malformed",
            "The torrent file has no valid piece hashes (version 1 torrents are supported).",
        )
    entries, size = _entries(info, name)
    if not 0 < size <= MAX_CONTENT_BYTES:
        raise _bad("torrent_size_insane", f"The torrent claims {size} bytes of content.", size=size)
    if -(-size // piece_length) != len(pieces) // 20:
        raise _bad("torrent_malformed", "The number of piece hashes does not fit the size of the content.")
    return TorrentMeta(
        info_hash=InfoHash(hashlib.sha1(bencode2.bencode(info), usedforsecurity=False).hexdigest()),
        name=name,
        private=info.get(b"private") == 1,
        piece_length=piece_length,
        entries=entries,
        trackers=_trackers(outer),
    )


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of the content in the order in which pieces are counted; `path` is None for padding (BEP 47)."""

    path: str | None
    size: int


@dataclass(frozen=True, slots=True)
class Pieces:
    """What the bytes of a torrent's content must be: the SHA-1 of each piece of `length` bytes, over all `spans`."""

    length: int
    hashes: tuple[bytes, ...]
    spans: tuple[Span, ...]


def read_pieces(data: bytes) -> Pieces:
    """The piece hashes of a .torrent file that `read_torrent` takes (version 1, or hybrid). Raises `BadTorrent`."""
    meta = read_torrent(data)
    info = bencode2.bdecode(data)[b"info"]
    hashes: bytes = info[b"pieces"]
    files = info.get(b"files")
    if files is None:
        spans = [Span(meta.entries[0].path, meta.entries[0].size)]
    else:
        spans = [Span(_path_of(meta.name, file), file[b"length"]) for file in files]
    return Pieces(meta.piece_length, tuple(hashes[at : at + 20] for at in range(0, len(hashes), 20)), tuple(spans))


def _path_of(name: str, file: dict[bytes, Any]) -> str | None:
    parts = [part.decode() for part in file[b"path"]]
    return None if b"p" in file.get(b"attr", b"") else "/".join([name, *parts])


def _entries(info: dict[bytes, object], name: str) -> tuple[tuple[TorrentEntry, ...], int]:
    """Files with the torrent's name as first folder, as every client lays them out, and the size of all content.
    Padding counts for the size but is written by no client; a symbolic link could lead anywhere and is refused."""
    _check_segment(name)
    files = info.get(b"files")
    if files is None:
        _check_attributes(info, name)
        size = _size(info.get(b"length"), name)
        return (TorrentEntry(name, size),), size
    if not isinstance(files, list) or not 0 < len(files) <= MAX_FILES:
        raise _bad("torrent_malformed", "The torrent file's list of files is empty or absurdly long.")
    entries: list[TorrentEntry] = []
    seen: set[str] = set()
    total = 0
    for file in files:
        parts = file.get(b"path") if isinstance(file, dict) else None
        if not isinstance(parts, list) or not parts:
            raise _bad("torrent_malformed", "A file in the torrent has no path.")
        path = "/".join([name, *(_checked(part) for part in parts)])
        size = _size(file.get(b"length"), path)
        total += size
        if _check_attributes(file, path):
            continue
        if path.casefold() in seen:
            raise _bad("torrent_path_twice", "Two files of the torrent have the same path.", path=path)
        seen.add(path.casefold())
        entries.append(TorrentEntry(path, size))
    return tuple(entries), total


def _check_attributes(file: dict[bytes, object], path: str) -> bool:
    """Whether the file is padding (BEP 47). Raises for a symbolic link."""
    attributes = file.get(b"attr")
    if isinstance(attributes, bytes) and b"l" in attributes:
        raise _bad("torrent_path_hostile", "A file of the torrent is a symbolic link.", path=path)
    return isinstance(attributes, bytes) and b"p" in attributes


def _checked(part: object) -> str:
    segment = _text(part, "path")
    _check_segment(segment)
    return segment


def _check_segment(segment: str) -> None:
    """One path segment that every file system takes and that stays where it is put."""
    problem = None
    if segment in {"", ".", ".."}:
        problem = "it is empty or climbs out of its folder"
    elif "/" in segment or "\\" in segment:
        problem = "it contains a path separator"
    elif re.search(r"[\x00-\x1f\x7f]", segment):
        problem = "it contains control characters"
    elif len(segment.encode()) > SEGMENT_BYTES:
        problem = f"it is longer than {SEGMENT_BYTES} bytes"
    elif is_reserved(segment):
        problem = "it is a reserved device name"
    elif re.match(r"^[A-Za-z]:", segment):
        problem = "it looks like a drive letter"
    if problem:
        raise _bad(
            "torrent_path_hostile",
            f"A path in the torrent cannot be trusted: {problem}.",
            segment=_printable(segment.encode()[:120]),
        )


def _size(value: object, path: str) -> int:
    if not isinstance(value, int) or value < 0:
        raise _bad("torrent_malformed", "A file in the torrent has no valid size.", path=path)
    return value


def _text(value: object, field: str) -> str:
    if not isinstance(value, bytes):
        raise _bad("torrent_malformed", f"The torrent file's {field} is missing or not text.")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _bad("torrent_malformed", f"The torrent file's {field} is not valid UTF-8.") from error


def _trackers(outer: dict[bytes, object]) -> tuple[str, ...]:
    urls: list[str] = []
    announce = outer.get(b"announce")
    if isinstance(announce, bytes):
        urls.append(announce.decode("utf-8", "replace"))
    tiers = outer.get(b"announce-list")
    for tier in tiers if isinstance(tiers, list) else []:
        for url in tier if isinstance(tier, list) else []:
            if isinstance(url, bytes):
                urls.append(url.decode("utf-8", "replace"))
    return tuple(dict.fromkeys(urls))


def _printable(data: bytes) -> str:
    return data.decode("utf-8", "replace").encode("unicode_escape").decode("ascii")


def _bad(code: str, message: str, **evidence: str | int) -> BadTorrent:
    return BadTorrent(Reason(code, message, "Choose another release, or report this one to the site.", evidence))
