"""Small, valid e-books from plain texts: EPUB 2 and 3, PDF, MOBI and AZW3, CBZ. The same texts give the same bytes.

`make_sandbox_library.py` fills the stand-in catalogue with them, and the tests theirs.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

DATE = (2025, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Text:
    """A book: chapters as (title, text); `cover` is a JPEG."""

    title: str
    authors: tuple[str, ...]
    chapters: tuple[tuple[str, str], ...]
    year: int | None = None
    language: str = "en"
    cover: bytes = b""
    series: tuple[str, str] | None = None
    publisher: str = ""
    isbn: str = ""
    description: str = ""
    subjects: tuple[str, ...] = ()


def zipped(members: Sequence[tuple[str, bytes]], stored: Sequence[str] = ()) -> bytes:
    """A zip archive with fixed dates; the members named in `stored` are not packed."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members:
            method = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            archive.writestr(zipfile.ZipInfo(name, DATE), data, method)
    return target.getvalue()


# --- EPUB -------------------------------------------------------------------------------------------------------------


def epub(book: Text, version: int = 3, extra: Mapping[str, bytes] | None = None) -> bytes:
    """An EPUB of version 2 or 3 with its cover, contents and one page per chapter. `extra` adds or replaces members."""
    pages = [(f"chapter{n}.xhtml", title, text) for n, (title, text) in enumerate(book.chapters, 1)]
    members = {
        "mimetype": b"application/epub+zip",
        "META-INF/container.xml": _CONTAINER,
        "OEBPS/content.opf": _package(book, version, [name for name, _, _ in pages]),
        "OEBPS/nav.xhtml": _nav(pages) if version == 3 else b"",
        "OEBPS/toc.ncx": _ncx(book, pages) if version == 2 else b"",
        "OEBPS/cover.jpg": book.cover,
    }
    members |= {
        f"OEBPS/{name}": _page(title, f"<h1>{escape(title)}</h1><p>{escape(text)}</p>") for name, title, text in pages
    }
    members |= extra or {}
    return zipped([(name, data) for name, data in members.items() if data], stored=["mimetype"])


_CONTAINER = b"""<?xml version="1.0"?><container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/></rootfiles></container>"""


def _package(book: Text, version: int, pages: Sequence[str]) -> bytes:
    items = "".join(
        f'<item id="c{n}" href="{page}" media-type="application/xhtml+xml"/>' for n, page in enumerate(pages, 1)
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(1, len(pages) + 1))
    if version == 3:
        items += '<item id="nav" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>'
    else:
        items += '<item id="ncx" href="toc.ncx" media-type="application/x-dtbncx+xml"/>'
    if book.cover:
        mark = ' properties="cover-image"' if version == 3 else ""
        items += f'<item id="picture" href="cover.jpg" media-type="image/jpeg"{mark}/>'
    toc = ' toc="ncx"' if version == 2 else ""
    return f"""<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://www.idpf.org/2007/opf" version="{version}.0" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:opf="http://www.idpf.org/2007/opf">{_metadata(book, version)}</metadata>
<manifest>{items}</manifest><spine{toc}>{spine}</spine></package>""".encode()


def _metadata(book: Text, version: int) -> str:
    parts = [
        f'<dc:identifier id="id">urn:earmark:{escape(book.title)}</dc:identifier>',
        f"<dc:title>{escape(book.title)}</dc:title>",
    ]
    for n, author in enumerate(book.authors):
        role = ' opf:role="aut"' if version == 2 else f' id="author{n}"'
        parts.append(f"<dc:creator{role}>{escape(author)}</dc:creator>")
        if version == 3:
            parts.append(f'<meta refines="#author{n}" property="role" scheme="marc:relators">aut</meta>')
    parts.append(f"<dc:language>{escape(book.language)}</dc:language>")
    parts += [f"<dc:date>{book.year}</dc:date>"] if book.year else []
    parts += [f"<dc:publisher>{escape(book.publisher)}</dc:publisher>"] if book.publisher else []
    parts += [f"<dc:identifier>urn:isbn:{escape(book.isbn)}</dc:identifier>"] if book.isbn else []
    parts += [f"<dc:description>{escape(book.description)}</dc:description>"] if book.description else []
    parts += [f"<dc:subject>{escape(subject)}</dc:subject>" for subject in book.subjects]
    if book.series and version == 2:
        parts.append(f'<meta name="calibre:series" content="{escape(book.series[0])}"/>')
        parts.append(f'<meta name="calibre:series_index" content="{escape(book.series[1])}"/>')
    if book.series and version == 3:
        parts.append(f'<meta property="belongs-to-collection" id="s">{escape(book.series[0])}</meta>')
        parts.append('<meta refines="#s" property="collection-type">series</meta>')
        parts.append(f'<meta refines="#s" property="group-position">{escape(book.series[1])}</meta>')
    if book.cover and version == 2:
        parts.append('<meta name="cover" content="picture"/>')
    if version == 3:
        parts.append('<meta property="dcterms:modified">2025-01-01T00:00:00Z</meta>')
    return "".join(parts)


def _nav(pages: Sequence[tuple[str, str, str]]) -> bytes:
    entries = "".join(f'<li><a href="{name}">{escape(title)}</a></li>' for name, title, _ in pages)
    return _page("Contents", f'<nav epub:type="toc"><h1>Contents</h1><ol>{entries}</ol></nav>')


def _ncx(book: Text, pages: Sequence[tuple[str, str, str]]) -> bytes:
    points = "".join(
        f'<navPoint id="p{n}" playOrder="{n}"><navLabel><text>{escape(title)}</text></navLabel><content src="{name}"/></navPoint>'
        for n, (name, title, _) in enumerate(pages, 1)
    )
    return f"""<?xml version="1.0" encoding="utf-8"?><ncx xmlns="http://www.daisy.org/z3986/2005/ncx/" version="2005-1">
<head/><docTitle><text>{escape(book.title)}</text></docTitle><navMap>{points}</navMap></ncx>""".encode()


def _page(title: str, body: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<html xmlns="http://www.w3.org/1999/xhtml" '
        f'xmlns:epub="http://www.idpf.org/2007/ops"><head><title>{escape(title)}</title></head><body>{body}</body></html>'
    ).encode()


# --- PDF --------------------------------------------------------------------------------------------------------------


def pdf(book: Text) -> bytes:
    """A PDF 1.4 of one page per chapter in Helvetica; text in Latin-1."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    kids = []
    for title, text in book.chapters:
        drawn = b"".join(b"(%s) Tj T* " % _literal(line) for line in (title, "", *_wrapped(text)))
        stream = b"BT /F1 12 Tf 16 TL 60 760 Td " + drawn + b"ET"
        objects.append(b"<</Length %d>>\nstream\n%s\nendstream" % (len(stream), stream))
        page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F1 3 0 R>>>>/Contents %d 0 R>>"
        objects.append(page % len(objects))
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<</Type/Pages/Count %d/Kids[%s]>>" % (len(kids), b" ".join(kids))
    author = ", ".join(book.authors)
    objects.append(b"<</Title(%s)/Author(%s)>>" % (_literal(book.title), _literal(author)))
    data, places = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    trailer = b"trailer\n<</Size %d/Root 1 0 R/Info %d 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        len(objects),
        len(data),
    )
    return data + head + table + trailer


def _literal(text: str) -> bytes:
    return text.encode("latin-1", "replace").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _wrapped(text: str, width: int = 80) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


# --- MOBI -------------------------------------------------------------------------------------------------------------


def mobi(book: Text, version: int = 6, lock: int = 0) -> bytes:
    """A MOBI (version 6) or AZW3 header (8) with unpacked text. `lock` is the header's kind of encryption."""
    body = "".join(f"<h1>{escape(title)}</h1><p>{escape(text)}</p>" for title, text in book.chapters)
    text = f"<html><body>{body}</body></html>".encode()
    texts = [text[at : at + 4096] for at in range(0, len(text), 4096)]
    pictures = [book.cover] if book.cover else []
    first_picture = len(texts) + 1 if pictures else 0xFFFFFFFF
    extended = _exth(book)
    name = book.title.encode()
    start = struct.pack(">HHIHHHH", 1, 0, len(text), len(texts), 4096, lock, 0)
    header = bytearray(b"\xff" * 232)
    header[0:24] = struct.pack(">4sIIIII", b"MOBI", 232, 2, 65001, 1, version)
    header[68:80] = struct.pack(">III", 16 + 232 + len(extended), len(name), 9)
    header[64:68] = struct.pack(">I", len(texts) + 1)
    header[92:96] = struct.pack(">I", first_picture)
    header[112:116] = struct.pack(">I", 0x50)
    first = start + bytes(header) + extended + name + b"\0\0\0\0"
    return _database(book.title, [first, *texts, *pictures, b"\xe9\x8e\r\n"])


def _exth(book: Text) -> bytes:
    fields: list[tuple[int, bytes]] = [(100, author.encode()) for author in book.authors]
    fields += [(503, book.title.encode()), (524, book.language.encode())]
    texts = {101: book.publisher, 103: book.description, 104: book.isbn, 106: str(book.year or "")}
    fields += [(kind, text.encode()) for kind, text in texts.items() if text]
    fields += [(105, subject.encode()) for subject in book.subjects]
    fields += [(201, struct.pack(">I", 0))] if book.cover else []
    body = b"".join(struct.pack(">II", kind, 8 + len(value)) + value for kind, value in fields)
    return struct.pack(">4sII", b"EXTH", 12 + len(body), len(fields)) + body + b"\0" * (-len(body) % 4)


def _database(name: str, records: Sequence[bytes]) -> bytes:
    """A Palm database of type BOOK, creator MOBI."""
    head = name.encode("ascii", "replace")[:31].replace(b" ", b"_").ljust(32, b"\0")
    head += struct.pack(">HHIIIIII4s4sIIH", 0, 0, 0, 0, 0, 0, 0, 0, b"BOOK", b"MOBI", 0, 0, len(records))
    at, table = len(head) + 8 * len(records) + 2, b""
    for number, record in enumerate(records):
        table += struct.pack(">II", at, number)
        at += len(record)
    return head + table + b"\0\0" + b"".join(records)


# --- CBZ --------------------------------------------------------------------------------------------------------------


def cbz(pictures: Sequence[tuple[str, bytes]], info: Mapping[str, str] | None = None) -> bytes:
    """A comic archive of pictures, with ComicInfo.xml when there is something to say."""
    said = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in (info or {}).items())
    document = f'<?xml version="1.0"?><ComicInfo>{said}</ComicInfo>'.encode()
    return zipped([*pictures, *([("ComicInfo.xml", document)] if said else [])])
