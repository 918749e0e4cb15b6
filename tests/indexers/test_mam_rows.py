"""Search rows of MyAnonamouse: the three synthetic examples, and every quirk of the wire one by one."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from earmark.core.release import Release, SeriesRef
from earmark.core.wish import Kind
from earmark.indexers.mam import fields
from earmark.indexers.mam.languages import iso_language
from earmark.indexers.mam.rows import RowNotUnderstood, read_page, read_row, torrent_page

SITE = "https://www.myanonamouse.net"
EXAMPLE = json.loads((Path(__file__).parent / "data/mam_search.json").read_text())


def page(rows: list[Any], **envelope: Any) -> Any:
    return read_page({"data": rows, **envelope}, base_url=SITE, indexer="mam")


def row(**changes: Any) -> Release:
    return read_row({"id": 7, "title": "T", **changes}, base_url=SITE, indexer="mam")


def test_the_first_example_row_becomes_a_complete_audiobook() -> None:
    moonstone = page(EXAMPLE["data"], found=EXAMPLE["found"]).releases[0]
    assert moonstone.guid == moonstone.info_url == "https://www.myanonamouse.net/t/900101"
    assert (moonstone.title, moonstone.kind, moonstone.language) == ("The Moonstone", Kind.AUDIOBOOK, "en")
    assert moonstone.authors == ("Wilkie Collins",)
    assert moonstone.narrators == ("Ada Fenwick", "Tobias Marl")
    assert moonstone.size_bytes == round(412.6 * 2**20)
    assert moonstone.runtime_secs == 20 * 3600 + 4 * 60 + 11
    assert moonstone.bitrate_kbps == 64
    assert moonstone.description == "A yellow diamond, an English country house & one very patient sergeant."
    assert moonstone.published_at == datetime(2025, 2, 3, 9, 14, 55, tzinfo=UTC)
    assert (moonstone.seeders, moonstone.leechers, moonstone.grabs, moonstone.file_count) == (31, 1, 118, 1)
    assert (moonstone.filetypes, moonstone.category) == (("m4b",), "Audiobooks - Literary Classics")
    assert moonstone.private and not moonstone.already_snatched and moonstone.abridged is False
    assert moonstone.download_ref == "900101"


def test_the_second_example_row_has_a_number_for_a_title_and_an_isbn_that_is_an_integer() -> None:
    lupin = page(EXAMPLE["data"]).releases[1]
    assert (lupin.title, lupin.kind) == ("813", Kind.EBOOK)
    assert lupin.isbn == "9780000000813"
    assert lupin.size_bytes == round(1016.2 * 1024)
    assert lupin.series == (SeriesRef("Arsène Lupin", "4"),)
    assert lupin.already_snatched
    assert lupin.freeleech.vip and lupin.freeleech.vip_union and not lupin.freeleech.everyone
    assert lupin.freeleech.vip_until == datetime.fromtimestamp(1798675200, UTC)
    assert lupin.freeleech.for_account(vip_member=True) and not lupin.freeleech.for_account(vip_member=False)


def test_the_third_example_row_has_entities_two_series_an_asin_and_is_abridged() -> None:
    island = page(EXAMPLE["data"]).releases[2]
    assert island.title == "L'île mystérieuse"
    assert island.language == "fr"
    assert (island.isbn, island.asin) == (None, "B0SANDBOX1")
    assert island.series == (SeriesRef("Voyages extraordinaires", "12"), SeriesRef("Capitaine Nemo", "2-3, 3.5"))
    assert island.abridged is True
    assert island.freeleech.everyone


def test_no_download_hash_reaches_a_release() -> None:
    assert "SBXdl" not in repr(page(EXAMPLE["data"]).releases)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("412.6 MiB", round(412.6 * 2**20)),
        ("1,016.2 KiB", round(1016.2 * 1024)),
        ("1.2 GiB", round(1.2 * 2**30)),
        ("7.975 TiB", round(7.975 * 2**40)),
        ("3 MB", 3 * 2**20),
        ("432650649", 432650649),
        (432650649, 432650649),
        ("512 B", 512),
        ("", None),
        ("big", None),
        (None, None),
        (True, None),
        (-1, None),
        ("9" * 30 + " PiB", None),
        (",", None),
    ],
)
def test_sizes_are_read_from_human_text_and_from_bytes(written: object, read: int | None) -> None:
    assert fields.size_bytes(written) == read


@pytest.mark.parametrize("written", [1, "1", "yes", "Yes", True, "true"])
def test_every_form_of_a_raised_flag_counts(written: object) -> None:
    assert fields.flag(written)


@pytest.mark.parametrize("written", [0, "0", "no", "", False, "false", None, [], {}, 2, "2"])
def test_every_form_of_a_lowered_flag_does_not(written: object) -> None:
    assert not fields.flag(written)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (813, "813"),
        ("L&#039;&icirc;le", "L'île"),
        ("a\x00b\n c", "a b c"),
        (1.5, "1.5"),
        (None, ""),
        (True, ""),
        ("\ud800x", "?x"),
    ],
)
def test_text_may_be_a_number_and_hold_entities(written: object, read: str) -> None:
    assert fields.text(written) == read


def test_an_integer_of_absurd_length_is_no_text() -> None:
    assert fields.text(10**5000) == ""
    assert fields.whole(10**5000) is None


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('{"7": "Ann O&#039;Hara", "8": "Bo"}', ("Ann O'Hara", "Bo")),
        ({"7": "Ann"}, ("Ann",)),
        ("[]", ()),
        ("", ()),
        (None, ()),
        ('{"7": "Jane "The Pen" Doe"}', ()),
        ('{"7": ["nested"]}', ()),
        ([{"id": "7", "name": "Ann"}], ("Ann",)),
        ('{"7": 1984}', ("1984",)),
        ("[" * 100_000, ()),
    ],
)
def test_people_are_json_in_a_string_and_malformed_ones_are_dropped(written: object, read: tuple[str, ...]) -> None:
    assert fields.people(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ('{"67": ["Earthsea", "1-3, 3.5"]}', (SeriesRef("Earthsea", "1-3, 3.5"),)),
        ('{"67": ["Earthsea", ".5"]}', (SeriesRef("Earthsea", ".5"),)),
        ('{"67": ["Earthsea", 2.5]}', (SeriesRef("Earthsea", "2.5"),)),
        ('{"67": ["Earthsea", ""]}', (SeriesRef("Earthsea", ""),)),
        ('{"67": ["Earthsea"]}', (SeriesRef("Earthsea", ""),)),
        ('{"67": "Earthsea"}', (SeriesRef("Earthsea", ""),)),
        ('{"67": []}', ()),
        ('{"67": ["broken', ()),
        ("", ()),
        (None, ()),
    ],
)
def test_series_keep_their_place_as_free_text(written: object, read: tuple[SeriesRef, ...]) -> None:
    assert fields.series(written) == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (9780000000813, ("9780000000813", None)),
        ("978-0-00-000081-3", ("9780000000813", None)),
        (441172717, ("0441172717", None)),  # ISBN-10 whose leading zero the wire ate
        ("0-8044-2957-X", ("080442957X", None)),
        ("ASIN:B0SANDBOX1", (None, "B0SANDBOX1")),
        ("ASIN: b0sandbox1 / 9780000000813", ("9780000000813", "B0SANDBOX1")),
        ("", (None, None)),
        (0, (None, None)),
        ("none", (None, None)),
        (None, (None, None)),
        (True, (None, None)),
    ],
)
def test_isbn_and_asin_share_one_field(written: object, read: tuple[str | None, str | None]) -> None:
    assert fields.isbn_and_asin(written) == read


@pytest.mark.parametrize(
    ("duration", "bit_rate", "read"),
    [
        ("20:04:11", "64000", (72251.0, 64)),
        ("04:11", 128000, (251.0, 128)),
        ("20 h 4 min", "64 kb/s", (72240.0, 64)),
        ("9 min 3 s", "1,411 kbps", (543.0, 1411)),
        ("", "", (None, None)),
        (None, None, (None, None)),
        ("soon", "loud", (None, None)),
        (72251, 0, (None, None)),  # a bare number has no unit
    ],
)
def test_media_info_gives_running_time_and_bit_rate(duration: object, bit_rate: object, read: object) -> None:
    info = json.dumps({"General": {"Duration": duration}, "Audio1": {"BitRate": bit_rate}})
    assert fields.media_info(info) == read


@pytest.mark.parametrize("written", ["", None, "[]", "{", '{"General": 1, "Audio1": "x"}', "null"])
def test_media_info_may_be_missing_or_broken(written: object) -> None:
    assert fields.media_info(written) == (None, None)


def test_a_running_time_of_only_the_first_of_many_files_is_left_out() -> None:
    info = json.dumps({"General": {"Duration": "00:20:00"}, "Audio1": {"BitRate": "64000"}})
    assert row(mediainfo=info, size="412.6 MiB", numfiles=46).runtime_secs is None
    assert row(mediainfo=info, size="9.2 MiB", numfiles=2).runtime_secs == 1200


@pytest.mark.parametrize(
    ("language_id", "code", "iso"),
    [
        (1, "ENG", "en"),
        (36, "FRE", "fr"),
        (52, "BP", "pt"),
        (None, "GER", "de"),
        (999, "ENG", "en"),
        (999, "XYZ", "xyz"),
        (47, "", None),
    ],
)
def test_languages_become_iso_codes_and_unknown_ones_never_hurt(language_id: int | None, code: str, iso: str) -> None:
    assert iso_language(language_id, code) == iso


@pytest.mark.parametrize(
    ("media_type", "main_category", "kind"),
    [
        (1, 13, Kind.AUDIOBOOK),
        (2, 14, Kind.EBOOK),
        (6, 14, Kind.EBOOK),
        (8, 13, Kind.AUDIOBOOK),
        (3, 15, Kind.MUSIC),
        (0, 13, Kind.AUDIOBOOK),
        (77, "14", Kind.EBOOK),
        (None, None, None),
        (4, 16, None),
    ],
)
def test_the_kind_comes_from_the_new_media_type_or_else_the_old_category(
    media_type: object, main_category: object, kind: Kind | None
) -> None:
    assert row(mediatype=media_type, main_cat=main_category).kind is kind


def test_times_are_utc_and_a_zero_date_is_unknown() -> None:
    assert row(added="2019-07-28 04:40:00").published_at == datetime(2019, 7, 28, 4, 40, tzinfo=UTC)
    assert row(added="0000-00-00 00:00:00").published_at is None
    assert row(vip_expire=0).freeleech.vip_until is None


def test_numbers_may_come_as_text_and_what_is_missing_stays_unknown() -> None:
    told = row(seeders="1,031", leechers="0", times_completed="x")
    assert (told.seeders, told.leechers, told.grabs) == (1031, 0, None)
    silent = row()
    assert (silent.seeders, silent.size_bytes, silent.file_count, silent.abridged) == (None, None, None, None)


def test_category_names_lose_their_double_spaces() -> None:
    assert row(catname="Radio -  Comedy").category == "Radio - Comedy"


def test_a_description_becomes_plain_paragraphs() -> None:
    html = "<p>One &amp; <b>two</b><br />three</p><script>steal()</script>[url=http://x]four[/url]"
    assert row(description=html).description == "One & two\nthree\nfour"


def test_rows_that_make_no_sense_are_set_aside_and_the_others_kept() -> None:
    result = page(
        [
            {"id": 1, "title": "Good"},
            "nonsense",
            {"title": "no id"},
            {"id": 3, "title": None},
            {"id": "4", "title": "Fine"},
        ]
    )
    assert [r.title for r in result.releases] == ["Good", "Fine"]
    assert [(s.position, s.row_id, s.why) for s in result.skipped] == [
        (1, None, "not an object"),
        (2, None, "no id"),
        (3, 3, "no title"),
    ]
    assert result.received == 5


def test_the_page_for_people_is_the_canonical_one_on_the_real_site_and_the_stand_ins_own_elsewhere() -> None:
    assert torrent_page("https://www.myanonamouse.net", 5) == "https://www.myanonamouse.net/t/5"
    assert torrent_page("https://myanonamouse.net/", 5) == "https://www.myanonamouse.net/t/5"
    assert torrent_page("http://127.0.0.1:8123", 5) == "http://127.0.0.1:8123/t/5"


json_like = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["{", '{"1": "x"}', "[1, 2]", "1,0 MiB", "99:99:99"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = sorted({key for example in EXAMPLE["data"] for key in example} | {"filetypes", "name"})


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.one_of(json_like, st.dictionaries(st.sampled_from(FIELDS), json_like, max_size=8)), max_size=4),
    json_like,
)
def test_no_row_however_odd_breaks_a_page(rows: list[Any], found: Any) -> None:
    result = page(rows, found=found)
    assert len(result.releases) + len(result.skipped) == result.received == len(rows)
    for release in result.releases:
        repr(release).encode("utf-8")


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(st.sampled_from(FIELDS), json_like | st.text(), max_size=12))
@example({"browseflags": "0\x1f"})  # white space to strip(), but not to int()
def test_a_row_with_an_id_and_a_title_is_a_release_whatever_else_it_holds(noise: dict[str, Any]) -> None:
    noise.pop("id", None)
    noise.pop("title", None)
    assert row(**noise).title == "T"


def test_a_row_without_an_id_says_so() -> None:
    with pytest.raises(RowNotUnderstood, match="no id"):
        read_row({"title": "x", "id": 0}, base_url=SITE, indexer="mam")
