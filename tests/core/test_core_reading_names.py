"""Which names are one person, which titles one work."""

from __future__ import annotations

import pytest

from earmark.core.reading import persons, titles
from earmark.core.reading.words import tokens


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("J. R. R. Marlowe", "JRR Marlowe"),
        ("J. R. R. Marlowe", "Marlowe, J.R.R."),
        ("H. G. Stone", "Herbert George Stone"),
        ("Mikhail Bulganov", "Michail Bulganow"),
        ("Fyodor Dostovsky", "Fjodor Dostowskij"),
        ("Lev Tolstin", "Leo Tolstin"),
        ("Anton Tschekalow", "Anton Chekalov"),
        ("Ursula K. Le Gant", "Ursula Le Gant"),
        ("John le Carrel", "John LeCarrel"),
        ("Murakawa Haruto", "Haruto Murakawa"),
        ("Peter Høgen", "Peter Hogen"),
        ("William Ash", "Bill Ash"),
    ],
)
def test_one_person_in_two_spellings(a: str, b: str) -> None:
    assert persons.same(a, b) >= persons.ALIKE and persons.same(b, a) >= persons.ALIKE


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Stephen Kane", "Owen Kane"),
        ("Stephen Kane", "Stephen Frey"),
        ("J. Smith", "Robert Smith"),
        ("Ann Lee", "Cy Dane"),
    ],
)
def test_two_people(a: str, b: str) -> None:
    assert persons.same(a, b) < 0.59 and persons.same(b, a) < 0.59


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("The Clockmaker's Daughter", "Clockmakers Daughter, The"),
        ("Angels & Embers", "Angels and Embers"),
        ("The Thirty-Nine Stairs", "The 39 Stairs"),
        ("Part Two of Everything", "Part II of Everything"),
        ("11/22/63", "11.22.63"),
        ("P.S. I Leave You", "PS I Leave You"),
        ("A Thousand Bright Moons", "1,000 Bright Moons"),
        ("Lighthouse", "Light House"),
    ],
)
def test_one_title_in_two_spellings(a: str, b: str) -> None:
    assert titles.alike(titles.bare(tokens(a)), titles.bare(tokens(b))) >= 0.95


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("You", "You Leave Me"),
        ("The Otter", "The Otter's Child"),
        ("The Lamp", "The Lamp and Other Stories"),
        ("1984", "1985"),
        ("Starfall 2", "Starfall 3"),
        ("A Court of Thorns", "A Court of Mist"),
    ],
)
def test_two_titles(a: str, b: str) -> None:
    assert titles.alike(titles.bare(tokens(a)), titles.bare(tokens(b))) < 0.58
