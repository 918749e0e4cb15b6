"""PDF: its pages and the little that its information dictionary says (ISO 32000). The page tree is walked whole."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from earmark.core.ebooks import EbookFacts
from earmark.media.ebooks.faults import Cover, Unreadable, line, lines

if TYPE_CHECKING:
    from pypdf import PageObject, PdfReader

TAIL = 4096
_JUNK = re.compile(r"^(microsoft word|untitled|document\d*|unknown|.*\.(docx?|pdf|indd|qxd|rtf|tex))\b", re.IGNORECASE)


def read(path: Path) -> tuple[EbookFacts, Cover | None]:
    """Facts of a PDF. Raises `Unreadable` when it is locked, damaged, cut off or has no pages."""
    from pypdf import PdfReader  # heavy: most e-books are no PDF
    from pypdf.errors import PyPdfError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL), os.SEEK_SET)
        if b"%%EOF" not in file.read():
            raise Unreadable("it ends too early")
        file.seek(0)
        try:
            reader = PdfReader(file)
            _unlock(reader)
            pages = len(reader.pages)
            for page in reader.pages:
                _walk(page)
            said = reader.metadata
            title, author, keywords = (said.title, said.author, said.keywords) if said else (None, None, None)
            subject = said.subject if said else None
        except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise Unreadable(f"it is damaged ({type(error).__name__})") from error
    if not pages:
        raise Unreadable("it has no pages")
    known = title if title and not _JUNK.match(title.strip()) else None
    return (
        EbookFacts(
            format="pdf",
            parts=pages,
            title=line(known),
            authors=lines(list(re.split(r"[;&]|\band\b", str(author or "")))),
            description=line(subject),
            genres=lines(list(re.split(r"[,;]", str(keywords or ""))))[:20],
        ),
        None,
    )


def _unlock(reader: PdfReader) -> None:
    """A PDF that only forbids printing opens without a password; one that needs a password is of no use."""
    from pypdf.errors import DependencyError

    if not reader.is_encrypted:
        return
    try:
        opened = reader.decrypt("")
    except (DependencyError, NotImplementedError) as error:
        raise Unreadable("it is encrypted") from error
    if not opened:
        raise Unreadable("it is locked with a password")


def _walk(page: PageObject) -> None:
    """Resolve a page and what is drawn on it."""
    contents = page.get_contents()
    if contents is not None:
        contents.get_data()
