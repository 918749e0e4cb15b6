"""One e-book, read by what its bytes are, whatever its name says. Pure parsing: bytes in, facts or `Unreadable` out."""

from __future__ import annotations

import zipfile
from pathlib import Path

from earmark.core.ebooks import EbookFacts, Format
from earmark.media.ebooks import comic, epub, palm, pdf
from earmark.media.ebooks.faults import Cover, UnknownFormat, Unreadable

__all__ = ["UnknownFormat", "Unreadable", "read", "sniff"]

_READERS = {"epub": epub.read, "cbz": comic.read, "pdf": pdf.read, "palm": palm.read}
_OTHERS = {b"Rar!": "a RAR archive", b"7z\xbc\xaf": "a 7-Zip archive", b"AT&TFORM": "a DjVu document"}


def read(path: Path) -> tuple[EbookFacts, Cover | None]:
    """Facts and cover of the file. Raises `UnknownFormat` (none of ours), `Unreadable` (damaged, locked), OSError."""
    with path.open("rb") as file:
        head = file.read(4096)
    kind = _family(path, head)
    if kind is None:
        other = next((what for magic, what in _OTHERS.items() if head.startswith(magic)), "no e-book of a known format")
        raise UnknownFormat(f"it is {other}")
    try:
        return _READERS[kind](path)
    except (OSError, Unreadable):
        raise
    except MemoryError:
        raise Unreadable("reading it takes more memory than any sound book needs") from None
    except Exception as error:  # a parser met something it was not written for: the file is at fault, not we
        raise Unreadable(f"it is damaged ({type(error).__name__})") from error


def sniff(path: Path) -> Format | None:
    """The format by the bytes; None for none of ours."""
    with path.open("rb") as file:
        head = file.read(4096)
    family = _family(path, head)
    if family == "palm":
        return palm.format_of(path)
    return {"epub": "epub", "cbz": "cbz", "pdf": "pdf"}.get(family or "")  # type: ignore[return-value]


def _family(path: Path, head: bytes) -> str | None:
    if b"%PDF-" in head[:1024]:
        return "pdf"
    if head[60:68] in {b"BOOKMOBI", b"TEXtREAd"}:
        return "palm"
    if not head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError):
        # Truncated: its table of contents stood at the end. The first member of an EPUB tells what it was.
        return "epub" if b"application/epub+zip" in head[:100] or path.suffix.lower() == ".epub" else "cbz"
    if "META-INF/container.xml" in names or "mimetype" in names:
        return "epub"
    return "cbz" if any(comic.is_picture(name) for name in names) else None
