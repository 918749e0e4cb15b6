"""EPUB 2 and 3: the package document's metadata, spine and cover (EPUB Packages 3.3; OPF 2.0.1; calibre's meta names)."""

from __future__ import annotations

import posixpath
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote
from xml.etree.ElementTree import Element

from earmark.core.ebooks import EbookFacts
from earmark.media.ebooks.archive import bytes_of, check_whole, opened, xml_of
from earmark.media.ebooks.faults import (
    Cover,
    Unreadable,
    asin_in,
    cover_of,
    isbn_in,
    language_in,
    line,
    lines,
    year_in,
)

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
LOCKS = frozenset({"META-INF/sinf.xml", "META-INF/license.lcpl"})  # Apple FairPlay, Readium LCP
FONT_MANGLING = frozenset({"http://www.idpf.org/2008/embedding", "http://ns.adobe.com/pdf/enc#RC"})
MOST_NAMES = 50


def read(path: Path) -> tuple[EbookFacts, Cover | None]:
    """Facts and cover of an EPUB. Raises `Unreadable` for a damaged or locked one."""
    with opened(path) as archive:
        _check_unlocked(archive)
        check_whole(archive)
        opf_name = _package_of(archive)
        package = xml_of(archive, opf_name)
        items = {item.get("id", ""): item for item in _all(package, "item")}
        pages = [_member(opf_name, items[ref]) for ref in _spine(package) if ref in items]
        missing = [page for page in pages if page not in archive.NameToInfo]
        if not pages:
            raise Unreadable("it has no pages")
        if missing:
            raise Unreadable(f"{len(missing)} of its {len(pages)} pages are missing")
        cover = _cover(archive, package, items, opf_name)
    return _facts(package, len(pages)), cover


def _check_unlocked(archive: zipfile.ZipFile) -> None:
    """Mangled fonts are no lock; anything else that is encrypted is."""
    names = archive.NameToInfo
    ways = set()
    if ENCRYPTION in names:
        ways = {e.get("Algorithm", "") for e in _all(xml_of(archive, ENCRYPTION), "EncryptionMethod")}
    if LOCKS & names.keys() or ways - FONT_MANGLING:
        raise Unreadable("it is locked (DRM)")


def _package_of(archive: zipfile.ZipFile) -> str:
    roots = [e.get("full-path", "") for e in _all(xml_of(archive, CONTAINER), "rootfile")]
    found = next((posixpath.normpath(name) for name in roots if name), None)
    if found is None:
        raise Unreadable("it names no package document")
    return found


def _spine(package: Element) -> list[str]:
    return [e.get("idref", "") for e in _all(package, "itemref")]


def _member(opf_name: str, item: Element) -> str:
    """The archive's name of a manifest item, whose address is relative to the package document."""
    href = unquote(item.get("href", "").split("#", maxsplit=1)[0])
    return posixpath.normpath(posixpath.join(posixpath.dirname(opf_name), href))


def _cover(archive: zipfile.ZipFile, package: Element, items: dict[str, Element], opf_name: str) -> Cover | None:
    """EPUB 3's marked picture, EPUB 2's named one, else a picture called cover."""
    named = next((m.get("content", "") for m in _all(package, "meta") if m.get("name") == "cover"), "")
    marked = [i for i in items.values() if "cover-image" in i.get("properties", "").split()]
    called = [i for key, i in items.items() if "cover" in f"{key} {i.get('href', '')}".casefold()]
    for item in [*marked, *([items[named]] if named in items else []), *called]:
        if item.get("media-type", "").startswith("image/"):
            found = cover_of(bytes_of(archive, _member(opf_name, item)) or b"")
            if found is not None:
                return found
    return None


# --- metadata ---------------------------------------------------------------------------------------------------------


def _facts(package: Element, pages: int) -> EbookFacts:
    refined = _refinements(package)
    titles = [(refined.get((e.get("id", ""), "title-type")), line(_text(e))) for e in _all(package, "title")]
    main = next((t for kind, t in titles if kind == "main" and t), None) or next((t for _, t in titles if t), None)
    series, index = _series(package, refined)
    identifiers = [(_scheme(e), _text(e)) for e in _all(package, "identifier")]
    return EbookFacts(
        format="epub",
        parts=pages,
        title=main,
        subtitle=next((t for kind, t in titles if kind == "subtitle" and t), None),
        authors=lines([_text(e) for e in _all(package, "creator") if _role(e, refined) in {"", "aut"}])[:MOST_NAMES],
        series=series,
        series_index=index,
        year=_year(package),
        publisher=_first(package, "publisher"),
        description=next((_text(e)[:20_000] for e in _all(package, "description") if _text(e).strip()), None),
        language=language_in(_first(package, "language")),
        genres=lines([_text(e) for e in _all(package, "subject")])[:MOST_NAMES],
        isbn=next((found for _, text in identifiers if (found := isbn_in(text))), None),
        asin=next((found for scheme, text in identifiers if "a" in scheme and (found := asin_in(text))), None),
    )


def _refinements(package: Element) -> dict[tuple[str, str], str]:
    """EPUB 3: what `meta refines="#id" property="…"` says, by id and property."""
    return {
        (m.get("refines", "").removeprefix("#"), m.get("property", "")): _text(m).strip()
        for m in _all(package, "meta")
        if m.get("property")
    }


def _series(package: Element, refined: dict[tuple[str, str], str]) -> tuple[str | None, str | None]:
    """calibre's names first, then EPUB 3's collections."""
    named = {m.get("name", ""): m.get("content") for m in _all(package, "meta")}
    if series := line(named.get("calibre:series")):
        return series, _number(named.get("calibre:series_index"))
    for meta in _all(package, "meta"):
        key = meta.get("id", "")
        if (
            meta.get("property") == "belongs-to-collection"
            and refined.get((key, "collection-type"), "series") == "series"
        ):
            return line(_text(meta)), _number(refined.get((key, "group-position")))
    return None, None


def _number(text: str | None) -> str | None:
    """calibre writes 1.0 for the first."""
    return (line(text) or "").removesuffix(".0") or None


def _year(package: Element) -> int | None:
    """The publication's date; a date of another event (conversion, modification) is none."""
    dates = [(_attribute(e, "event"), year_in(_text(e))) for e in _all(package, "date")]
    published = [year for event, year in dates if year and event in {"", "publication", "original-publication"}]
    return published[0] if published else None


def _role(creator: Element, refined: dict[tuple[str, str], str]) -> str:
    return _attribute(creator, "role") or refined.get((creator.get("id", ""), "role"), "")


def _scheme(identifier: Element) -> str:
    """`amazon`, `mobi-asin`, `asin`, `isbn` … in lower case; the address form `urn:asin:` counts too."""
    text = _text(identifier).strip().lower()
    return _attribute(identifier, "scheme").lower() or (text.split(":")[1] if text.startswith("urn:") else "a")


def _first(package: Element, name: str) -> str | None:
    return next((found for e in _all(package, name) if (found := line(_text(e)))), None)


def _all(root: Element, name: str) -> Iterator[Element]:
    """Elements of that local name, whatever namespace a sloppy program put them in."""
    return (e for e in root.iter() if isinstance(e.tag, str) and e.tag.rpartition("}")[2].lower() == name.lower())


def _attribute(element: Element, name: str) -> str:
    """An attribute of that local name, with or without its namespace."""
    return next((v.strip() for k, v in element.attrib.items() if k.rpartition("}")[2] == name), "")


def _text(element: Element) -> str:
    return "".join(element.itertext())
