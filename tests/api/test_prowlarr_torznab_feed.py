"""The written documents: the order and form programs read, and any text unharmed apart from what XML forbids."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st

from earmark.api.prowlarr.feed import Item, caps_document, error_document, feed
from earmark.core.indexing import IndexerRecord, IndexerSort
from earmark.core.listing import shown
from earmark.core.newznab import Capabilities, Category
from earmark.core.release import Freeleech, Release

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MAM = IndexerRecord(1, "mam", IndexerSort.MAM, "MyAnonamouse", True, 25, True, NOON)
BOOK = Release(
    guid="https://www.myanonamouse.net/t/123", indexer="mam", title="The Way of Kings", size_bytes=943_718_400,
    authors=("Brandon Sanderson",), language="en", filetypes=("m4b",), file_count=2, categories=(3030, 100_041),
    seeders=85, leechers=1, grabs=412, published_at=datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC), year=2010,
    freeleech=Freeleech(everyone=True, vip=True), info_url="https://www.myanonamouse.net/t/123", min_ratio=1.0,
    min_seed_secs=259_200, info_hash="ab" * 20, description="A tale.", download_ref="123",
)  # fmt: skip
LINK = "http://earmark:8080/1/download?apikey=1.x&link=aa&file=The%20Way"
ATTR = "{http://torznab.com/schemas/2015/feed}attr"


def written(release: Release, indexer: IndexerRecord = MAM) -> bytes:
    told = shown(release, structured=indexer.sort is IndexerSort.MAM, vip_member=False, now=NOON)
    return feed([Item(told, release, indexer, LINK)])


def read(release: Release, indexer: IndexerRecord = MAM) -> Element:
    item = ElementTree.fromstring(written(release, indexer), forbid_dtd=True).find("./channel/item")
    assert item is not None
    return item


def attrs(item: Element) -> list[tuple[str | None, str | None]]:
    return [(child.get("name"), child.get("value")) for child in item if child.tag == ATTR]


def test_an_item_has_prowlarrs_parts_in_prowlarrs_order() -> None:
    item = read(BOOK)
    assert [(child.tag, child.text) for child in item if child.tag != ATTR] == [
        ("title", "The Way of Kings by Brandon Sanderson [ENG / M4B] [VIP]"),
        ("description", "A tale."),
        ("guid", "https://www.myanonamouse.net/t/123"),
        ("prowlarrindexer", "MyAnonamouse"),
        ("comments", "https://www.myanonamouse.net/t/123"),
        ("pubDate", "Thu, 02 Jan 2020 03:04:05 +0000"),
        ("size", "943718400"),
        ("link", LINK),
        ("category", "3030"),
        ("category", "100041"),
        ("enclosure", None),
    ]
    enclosure, indexer = item.find("enclosure"), item.find("prowlarrindexer")
    assert enclosure is not None
    assert indexer is not None
    assert enclosure.attrib == {"url": LINK, "length": "943718400", "type": "application/x-bittorrent"}
    assert indexer.attrib == {"id": "1", "type": "private"}
    assert attrs(item) == [
        ("category", "3030"),
        ("category", "100041"),
        ("tag", "freeleech"),
        ("language", "ENG"),
        ("seeders", "85"),
        ("files", "2"),
        ("grabs", "412"),
        ("peers", "86"),
        ("year", "2010"),
        ("author", "Brandon Sanderson"),
        ("booktitle", "The Way of Kings"),
        ("infohash", "ab" * 20),
        ("minimumratio", "1"),
        ("minimumseedtime", "259200"),
        ("downloadvolumefactor", "0"),
        ("uploadvolumefactor", "1"),
        ("size", "943718400"),
        ("filetype", "M4B"),
        ("lang_code", "ENG"),
    ]


def test_what_is_not_known_is_not_there() -> None:
    feed_indexer = replace(MAM, id=10, sort=IndexerSort.TORZNAB, name="A & B")
    item = read(Release(guid="g", indexer="x", title="T", private=False, magnet="magnet:?xt=a&dn=b"), feed_indexer)
    assert [child.tag for child in item if child.tag != ATTR] == [
        "title", "description", "guid", "prowlarrindexer", "pubDate", "size", "link", "category", "enclosure",
    ]  # fmt: skip
    assert item.findtext("description") == "T"
    assert item.findtext("size") == "0"
    assert attrs(item) == [
        ("category", "8000"),
        ("downloadvolumefactor", "1"),
        ("uploadvolumefactor", "1"),
        ("magneturl", "magnet:?xt=a&dn=b"),
    ]


def test_a_private_release_leads_through_our_link_alone() -> None:
    assert "magneturl" not in dict(attrs(read(replace(BOOK, magnet="magnet:?xt=urn:btih:aa&tr=https://t/passkey"))))


def test_readers_of_the_bare_text_find_their_words() -> None:
    text = written(BOOK).decode()
    assert 'xmlns:torznab="http://torznab.com/schemas/2015/feed"' in text
    assert 'xmlns:atom="http://www.w3.org/2005/Atom"' in text
    assert '<torznab:attr name="seeders" value="85"/>' in text


FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
TEXT = st.text(st.characters(exclude_categories=()), max_size=60)


@given(title=TEXT, guid=TEXT, author=TEXT, flag=TEXT, about=TEXT, page=TEXT, name=TEXT)
def test_any_text_round_trips_apart_from_what_xml_forbids(
    title: str, guid: str, author: str, flag: str, about: str, page: str, name: str
) -> None:
    release = Release(
        guid=guid, indexer="x", title=title, authors=(author,), flags=(flag,), description=about, info_url=page
    )
    item = read(release, replace(MAM, sort=IndexerSort.TORZNAB, name=name))

    def kept(text: str) -> str:
        return FORBIDDEN.sub("", text)

    told = dict(attrs(item))
    if title.strip() and kept(title).strip():
        assert item.findtext("title") == kept(title)
    if kept(about).strip():
        assert item.findtext("description") == kept(about)
    assert (item.findtext("title") or "").strip()
    assert (item.findtext("description") or "").strip()
    assert (item.findtext("guid") or "") == kept(guid)
    assert (item.findtext("prowlarrindexer") or "") == kept(name)
    assert (item.findtext("comments") or "") == kept(page)
    assert told.get("author", "") == kept(author)
    assert told.get("tag", "") == kept(flag.lower())


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_date_is_read_back_to_the_second(at: datetime) -> None:
    written_date = read(replace(BOOK, published_at=at)).findtext("pubDate")
    assert written_date is not None
    assert re.fullmatch(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} \+0000", written_date)
    if at.year >= 1000:  # the reader takes earlier years for abbreviated ones
        assert parsedate_to_datetime(written_date) == at.replace(microsecond=0)


def test_a_long_description_is_cut() -> None:
    assert len(read(replace(BOOK, description="x" * 100_000)).findtext("description") or "") == 2000


def test_capabilities_say_what_can_be_asked_and_in_which_categories() -> None:
    can = Capabilities(
        (Category(3000, "Audio", (Category(3030, "Audio/Audiobook"),)), Category(100_041, 'Fantasy & "Co"')),
        book_params=("q", "author"), limit_default=50, limit_max=75,
    )  # fmt: skip
    caps = ElementTree.fromstring(caps_document(can))
    assert caps.tag == "caps"
    assert caps.find("server").attrib == {"title": "Prowlarr"}
    assert caps.find("limits").attrib == {"default": "50", "max": "75"}
    searches = {one.tag: (one.get("available"), one.get("supportedParams")) for one in caps.find("searching")}
    assert searches == {
        "search": ("yes", "q"),
        "tv-search": ("no", "q"),
        "movie-search": ("no", "q"),
        "music-search": ("no", "q"),
        "audio-search": ("no", "q"),
        "book-search": ("yes", "q,author"),
    }
    told = [(top.get("id"), top.get("name"), [sub.attrib for sub in top]) for top in caps.find("categories")]
    assert told == [
        ("3000", "Audio", [{"id": "3030", "name": "Audio/Audiobook"}]),
        ("100041", 'Fantasy & "Co"', []),
    ]
    assert "freeleech" in {tag.get("name") for tag in caps.find("tags")}


@pytest.mark.parametrize("words", ["plain", "a <b> & \"c\" ]]> 'd'", "\x00\ud800\uffff", ""], ids=str.__len__)
def test_an_error_document_says_any_words(words: str) -> None:
    error = ElementTree.fromstring(error_document(900, words))
    assert (error.tag, error.get("code"), error.get("description")) == ("error", "900", FORBIDDEN.sub("", words))
