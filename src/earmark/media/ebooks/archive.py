"""Zip archives from strangers, with caps: how many members, how large unpacked, and every byte checked against its CRC."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from earmark.media.ebooks.faults import Unreadable

MOST_MEMBERS = 20_000
MOST_BYTES = 4 * 1024**3  # unpacked, all together
MOST_XML = 16 * 1024**2
MOST_PICTURE = 30_000_000
LOCKED = 0x1  # zip flag: the member is encrypted
PIECE = 1 << 20


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The archive, once its size is known to be sane. Raises `Unreadable`."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError) as error:
        raise Unreadable("its archive is damaged or ends too early") from error
    with archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS or sum(m.file_size for m in members) > MOST_BYTES:
            raise Unreadable("its archive unpacks to more than any book holds")
        if any(m.flag_bits & LOCKED for m in members):
            raise Unreadable("it is locked with a password")
        yield archive


def check_whole(archive: zipfile.ZipFile) -> None:
    """Unpack every member once, keeping nothing. Raises `Unreadable` naming the first damaged one."""
    for member in archive.infolist():
        try:
            with archive.open(member) as file:
                while file.read(PIECE):
                    pass
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError) as error:
            raise Unreadable(f"its part {member.filename[:120]!r} is damaged") from error


def xml_of(archive: zipfile.ZipFile, name: str) -> Element:
    """A member as well-formed XML without entities of its own. Raises `Unreadable`."""
    data = bytes_of(archive, name, MOST_XML)
    if data is None:
        raise Unreadable(f"its part {name[:120]!r} is missing or absurdly large")
    try:
        root: Element = fromstring(data)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Unreadable(f"its part {name[:120]!r} is not well-formed XML") from error
    return root


def bytes_of(archive: zipfile.ZipFile, name: str, most: int = MOST_PICTURE) -> bytes | None:
    """A member's bytes; None when it is missing or larger than `most`."""
    try:
        member = archive.getinfo(name)
    except KeyError:
        return None
    return archive.read(member) if member.file_size <= most else None
