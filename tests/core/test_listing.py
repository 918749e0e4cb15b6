"""How a release is shown to other programs: one title line, one set of marks, numbers that are always numbers."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.listing import shown
from earmark.core.release import Freeleech, Release, SeriesRef
from earmark.core.wish import Kind

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
MAYBE_TEXT, COUNT, FACTOR = st.none() | TEXT, st.none() | st.integers(0, 2**40), st.none() | st.floats()


def line(structured: bool = True, **facts: object) -> str:
    release = Release(**{"guid": "g", "indexer": "mam", "title": "Kings", **facts})
    return shown(release, structured=structured, vip_member=False, now=NOON).title


def flags(vip_member: bool = False, **facts: object) -> tuple[str, ...]:
    release = Release(**{"guid": "g", "indexer": "mam", "title": "Kings", **facts})
    return shown(release, structured=True, vip_member=vip_member, now=NOON).flags


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({}, "Kings", id="title-alone"),
        pytest.param({"authors": ("Ann",)}, "Kings by Ann", id="author"),
        pytest.param({"language": "en"}, "Kings [ENG]", id="language"),
        pytest.param({"language": "guj"}, "Kings [GUJ]", id="trackers-own-code"),
        pytest.param({"language": "xx"}, "Kings", id="unknown-code"),
        pytest.param({"filetypes": ("epub", "mobi")}, "Kings [EPUB MOBI]", id="formats"),
        pytest.param({"freeleech": Freeleech(vip=True)}, "Kings [VIP]", id="vip"),
        pytest.param(
            {"authors": tuple("ABCDEFG"), "language": "de", "filetypes": ("m4b",), "freeleech": Freeleech(vip=True)},
            "Kings by A, B, C, D, E [GER / M4B] [VIP]",
            id="everything-and-five-authors",
        ),
    ],
)
def test_a_title_line_tells_author_language_format_and_vip(facts: dict[str, object], expected: str) -> None:
    assert line(**facts) == expected


def test_a_feeds_own_title_is_the_line() -> None:
    assert line(structured=False, title="Kings MP3", authors=("Ann",), language="en") == "Kings MP3"


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param({}, (), id="none"),
        pytest.param({"freeleech": Freeleech(everyone=True)}, ("freeleech",), id="free"),
        pytest.param({"freeleech": Freeleech(vip=True)}, (), id="free-for-others"),
        pytest.param({"freeleech": Freeleech(vip=True), "vip_member": True}, ("freeleech",), id="free-for-vip-members"),
        pytest.param({"download_factor": 0.5, "upload_factor": 2.0}, ("halfleech", "doubleupload"), id="factors"),
        pytest.param({"download_factor": 0.0, "upload_factor": 0.0}, ("freeleech", "neutralleech"), id="neutral"),
        pytest.param({"download_factor": 1.0, "freeleech": Freeleech(everyone=True)}, (), id="the-factor-told-wins"),
        pytest.param(
            {"flags": ("Internal", "", "FREELEECH"), "download_factor": 0.0}, ("freeleech", "internal"), id="own"
        ),
    ],
)
def test_flags_follow_the_factors_and_stand_once(facts: dict[str, object], expected: tuple[str, ...]) -> None:
    assert flags(**facts) == expected


@pytest.mark.parametrize("factor", [math.nan, math.inf, -1.0])
def test_a_factor_that_is_no_number_counts_as_not_told(factor: float) -> None:
    release = Release("g", "x", "T", download_factor=factor, upload_factor=factor, min_ratio=factor)
    told = shown(release, structured=False, vip_member=False, now=NOON)
    assert (told.download_factor, told.upload_factor, told.min_ratio) == (1.0, 1.0, None)


def test_without_a_description_the_facts_stand_in() -> None:
    release = Release(
        "g", "mam", "Kings", tags="Unabridged", series=(SeriesRef("Archive", "1"), SeriesRef("Cosmere")),
        narrators=("Kate", "Mike"), language="en", filetypes=("m4b",),
    )  # fmt: skip
    told = shown(release, structured=True, vip_member=False, now=NOON)
    assert told.description == "Unabridged, Archive 1, Cosmere, Narrated by Kate, Mike, ENG, M4B"


@pytest.mark.parametrize(
    ("kind", "category"),
    [(Kind.AUDIOBOOK, 3030), (Kind.EBOOK, 7020), (Kind.MUSIC, 3000), (None, 8000)],
    ids=["audiobook", "ebook", "music", "unknown"],
)
def test_a_release_without_categories_has_that_of_its_kind(kind: Kind | None, category: int) -> None:
    told = shown(Release("g", "x", "T", kind=kind), structured=False, vip_member=False, now=NOON)
    assert [number for number, _ in told.categories] == [category]


RELEASES = st.builds(
    Release, guid=TEXT, indexer=TEXT, title=TEXT, size_bytes=COUNT, kind=st.none() | st.sampled_from(Kind),
    authors=st.lists(TEXT, max_size=8).map(tuple), narrators=st.lists(TEXT, max_size=3).map(tuple),
    series=st.lists(st.builds(SeriesRef, TEXT, TEXT), max_size=2).map(tuple), language=MAYBE_TEXT,
    filetypes=st.lists(TEXT, max_size=3).map(tuple), tags=TEXT, description=MAYBE_TEXT,
    categories=st.lists(st.integers(0, 2**31 - 1), max_size=4).map(tuple), flags=st.lists(TEXT, max_size=3).map(tuple),
    download_factor=FACTOR, upload_factor=FACTOR, min_ratio=FACTOR, min_seed_secs=COUNT, seeders=COUNT, leechers=COUNT,
    grabs=COUNT, file_count=COUNT, published_at=st.none() | st.datetimes(timezones=st.just(UTC)),
    freeleech=st.builds(Freeleech, st.booleans(), st.booleans(), st.booleans(), st.booleans()),
    info_url=MAYBE_TEXT, info_hash=MAYBE_TEXT,
)  # fmt: skip


@given(RELEASES, st.booleans(), st.booleans())
def test_anything_at_all_can_be_shown(release: Release, structured: bool, vip_member: bool) -> None:
    told = shown(release, structured=structured, vip_member=vip_member, now=NOON)
    assert told.categories
    assert told.size_bytes >= 0
    assert told.published_at.tzinfo is not None
    assert told.title or not release.guid
    assert told.description or not release.guid
    for number in (told.download_factor, told.upload_factor, told.min_ratio or 0.0):
        assert math.isfinite(number)
        assert number >= 0
    assert all(told.flags)
    assert len(set(told.flags)) == len(told.flags)
    assert ("freeleech" in told.flags) >= (told.download_factor == 0)


WORD = st.from_regex(r"\A[A-Za-z]{1,8}\Z")


@given(
    WORD,
    st.lists(WORD, max_size=8),
    st.sampled_from([None, "en", "de", "guj"]),
    st.lists(WORD, max_size=2),
    st.booleans(),
)
def test_a_structured_line_always_has_prowlarrs_shape(
    title: str, authors: list[str], language: str | None, filetypes: list[str], vip: bool
) -> None:
    told = line(
        title=title, authors=tuple(authors), language=language, filetypes=tuple(filetypes), freeleech=Freeleech(vip=vip)
    )
    shape = r"(?P<title>[A-Za-z]+)(?: by (?P<by>[A-Za-z]+(?:, [A-Za-z]+){0,4}))?(?: \[(?P<marks>[A-Z /]+)\])??(?P<vip> \[VIP\])?"
    found = re.fullmatch(shape, told)
    assert found
    assert found["title"] == title
    assert (found["by"] or "") == ", ".join(authors[:5])
    assert bool(found["vip"]) == vip
