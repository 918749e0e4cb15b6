"""One wish against the many ways people write a row: what must be taken, asked about, refused."""

from __future__ import annotations

import pytest

from earmark.core.choosing import decide
from earmark.core.matchcases import read_releases, read_wish, result_of
from earmark.core.wish import BookWish

WISH = {"kind": "audiobook", "title": "Rebel Harbour", "authors": ["Daphne du Marais"], "language": "en"}
VOICE = {**WISH, "narrators": ["Anna Massey"]}
BY = "Rebel Harbour by Daphne du Marais "


def decided(wish: dict[str, object], row: dict[str, object]) -> str:
    kind, asked = read_wish(wish)
    assert isinstance(asked, BookWish)
    base = {"guid": "g", "size_bytes": 288_000_000, "seeders": 9, "category": "Audio/Audiobook"}
    releases = read_releases([{**base, **row}], mam_row=lambda _: pytest.fail("no such row here"))
    return str(result_of(decide(kind, asked, releases, threshold=0.85, vip_member=False))["decision"])


def row(title: str, authors: list[str], narrators: list[str]) -> dict[str, object]:
    return {"title": title, "authors": authors, "narrators": narrators, "language": "ENG", "filetype": "m4b", "files": 1,
            "category": "Audiobooks - Fiction", "tags": "Unabridged 64 kbps 10:00:10"}  # fmt: skip


ROWS = [
    ("REBEL HARBOUR", "DAPHNE DU MARAIS", "MASSEY, ANNA"),
    ("Rebel Harbour by Daphne du Marais", "Daphne du Marais", "Anna Massey"),
    ("Daphne du Marais - Rebel Harbour", "du Marais, Daphne", "Read by Anna Massey"),
    ("Daphne du Marais", "Rebel Harbour", "Anna Massey"),
    ("Rebel_Harbour_(Unabridged)", "Daphne_du_Marais", "Anna Massey"),
    ("Rebel Harbour.m4b", "Daphne du Marais (author)", "Anna Massey and Bob Hall"),
    ("Rebel Harbour [B00ABCDEF1]", "Daphne&nbsp;du Marais", "Anna Massey"),
    ("Rebel Harbuor", "Daphne du Mariais", "Anna Massey"),
    ("Ｒｅｂｅｌ Ｈａｒｂｏｕｒ", "Dame Daphne Du Marais", "A. Massey"),
    ("Rebel Harbour â€“ Unabridged", "Daphne du Marais", "Anna Massey"),
]


@pytest.mark.parametrize(("title", "author", "voice"), ROWS, ids=[r[0] for r in ROWS])
def test_a_badly_filled_row_of_the_right_book_is_taken(title: str, author: str, voice: str) -> None:
    assert decided(VOICE, row(title, [author], [voice])) == "auto"


@pytest.mark.parametrize(
    "title",
    [
        "Daphne du Marais - Rebel Harbour [Anna Massey] (64kbps M4B)",
        "Du Marais, Daphne - Rebel Harbour (1938) {Anna Massey}",
        "Rebel.Harbour.Daphne.du.Marais.Read.by.Anna.Massey.2009.Unabridged.MP3.64kbps",
        "Rebel Harbour / Daphne du Marais / narrated by Anna Massey",
        "Daphne du Marais | Rebel Harbour | Narrator: Anna Massey | MP3",
        "Rebel Harbour by Daphne du Marais (Narrated By Anna Massey) [ENG / M4B] [VIP]",
    ],
)
def test_a_bare_title_with_the_wished_voice_is_taken(title: str) -> None:
    assert decided(VOICE, {"title": title}) == "auto"


@pytest.mark.parametrize(
    "title",
    [
        "Rebel Harbour Daphne du Marais",
        "Daphne_Du_Marais-Rebel_Harbour-(UNABRIDGED)-AUDIOBOOK-2009",
        "Rebel Harbour [Audio CD] Daphne du Marais",
        "Daphne du Marais, Rebel Harbour, mp3",
        "REBEL HARBOUR BY DAPHNE DU MARAIS",
    ],
)
def test_a_bare_title_in_any_order_is_taken(title: str) -> None:
    assert decided(WISH, {"title": title}) == "auto"


@pytest.mark.parametrize(
    "mark", ["[GER]", "(German)", "Hörbuch", "[ITA]", "[ES]", "Polish", "- NL", "en français", "Svenska"]
)
def test_another_language_is_refused_wherever_it_is_named(mark: str) -> None:
    assert decided(WISH, {"title": BY + mark}) == "none"


def test_a_language_in_the_wished_title_is_no_mark() -> None:
    wish = {**WISH, "title": "The German Harbour"}
    assert decided(wish, {"title": "The German Harbour by Daphne du Marais [ENG / M4B]"}) == "auto"


@pytest.mark.parametrize("mark", ["[MULTI]", "[EN/DE]", "(English + German)", "Dual Audio"])
def test_several_languages_are_asked_about(mark: str) -> None:
    assert decided(WISH, {"title": BY + mark}) == "approve"


@pytest.mark.parametrize(
    "mark", ["(Part 1)", "Part 1 of 2", "[1/2]", "CD1", "Teil 1", "Part One", "(incomplete)", "Pt. 2", "1of2"]
)
def test_parts_are_asked_about(mark: str) -> None:
    assert decided(WISH, {"title": BY + mark}) == "approve"


def test_another_part_than_the_wished_one_is_never_taken_alone() -> None:
    wish = {**WISH, "title": "Rebel Harbour, Part 1"}
    assert decided(wish, {"title": "Rebel Harbour, Part 1 by Daphne du Marais"}) == "auto"
    assert decided(wish, {"title": "Rebel Harbour, Part 2 by Daphne du Marais"}) != "auto"


@pytest.mark.parametrize(
    "mark",
    ["Expanded Edition", "50th Anniversary Edition", "2nd Edition", "Updated", "Author's Preferred Text", "Uncut"],
)
def test_an_edition_nobody_wished_is_asked_about(mark: str) -> None:
    assert decided(WISH, row(f"Rebel Harbour: {mark}", ["Daphne du Marais"], ["Al Birk"])) == "approve"


@pytest.mark.parametrize(
    "mark", ["(GraphicAudio)", "Full-Cast", "BBC Radio 4", "(Audio Drama)", "(Audible Original Drama)"]
)
def test_a_dramatisation_is_refused_where_a_reader_is_wished(mark: str) -> None:
    assert decided(VOICE, row(f"Rebel Harbour {mark}", ["Daphne du Marais"], ["Anna Massey"])) == "none"


@pytest.mark.parametrize(
    "title",
    ["Rebel Harbour Omnibus", "Rebel Harbour Books 1-3", "The Rebel Harbour Saga: Books 1 - 3", "Rebel Harbour #1-3", "Rebel Harbour Boxset",
     "Rebel Harbour / Stone Quay / Low Tide", "Rebel Harbour and Other Tales"],
)  # fmt: skip
def test_a_set_that_holds_the_book_is_asked_about(title: str) -> None:
    wish = {**WISH, "series": "Rebel Harbour", "series_index": "1"}
    assert decided(wish, row(title, ["Daphne du Marais"], ["Al Birk"])) == "approve"


@pytest.mark.parametrize(
    "title",
    ["Rebel Harbour Nights by Daphne du Marais", "Return to Rebel Harbour by Daphne du Marais", "Rebel by Daphne du Marais",
     "Daphne du Marais - The Making of Rebel Harbour", "Rebel Harbour 2 by Daphne du Marais", "Daphne du Marais: A Biography [M4B]"],
)  # fmt: skip
def test_another_work_with_the_same_words_is_refused(title: str) -> None:
    assert decided(WISH, {"title": title}) == "none"
