"""The site's categories (mam-api.md §7.1) and the Newznab numbers that stand for them (the mapping is Prowlarr's).

A category of the site is 100000 and its own number besides; that goes for the main ones too.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from earmark.core.newznab import AUDIOBOOK, CUSTOM, EBOOK, Capabilities, Category, expanded, name_of
from earmark.core.wish import Kind

AUDIOBOOKS, EBOOKS, MUSICOLOGY, RADIO = 13, 14, 15, 16
MAIN_NAMES = {AUDIOBOOKS: "AudioBooks", EBOOKS: "E-Books", MUSICOLOGY: "Musicology", RADIO: "Radio"}
PREFIXES = {AUDIOBOOKS: "Audiobooks - ", EBOOKS: "Ebooks - ", MUSICOLOGY: "", RADIO: "Radio - "}


def _numbered(text: str) -> dict[int, str]:
    return {int(number): name for number, name in re.findall(r"(\d+) ([^,]+?)\s*(?:,|$)", text)}


SUBS: dict[int, dict[int, str]] = {
    AUDIOBOOKS: _numbered(
        "39 Action/Adventure, 49 Art, 50 Biographical, 83 Business, 51 Computer/Internet, 97 Crafts, 40 Crime/Thriller, "
        "41 Fantasy, 106 Food, 42 General Fiction, 52 General Non-Fic, 98 Historical Fiction, 54 History, "
        "55 Home/Garden, 43 Horror, 99 Humor, 84 Instructional, 44 Juvenile, 56 Language, 45 Literary Classics, "
        "57 Math/Science/Tech, 85 Medical, 87 Mystery, 119 Nature, 88 Philosophy, 58 Pol/Soc/Relig, 59 Recreation, "
        "46 Romance, 47 Science Fiction, 53 Self-Help, 89 Travel/Adventure, 100 True Crime, 108 Urban Fantasy, "
        "48 Western, 111 Young Adult"
    ),
    EBOOKS: _numbered(
        "60 Action/Adventure, 71 Art, 72 Biographical, 90 Business, 61 Comics/Graphic novels, 73 Computer/Internet, "
        "101 Crafts, 62 Crime/Thriller, 63 Fantasy, 107 Food, 64 General Fiction, 74 General Non-Fiction, "
        "102 Historical Fiction, 76 History, 77 Home/Garden, 65 Horror, 103 Humor, 115 Illusion/Magic, "
        "91 Instructional, 66 Juvenile, 78 Language, 67 Literary Classics, 79 Magazines/Newspapers, "
        "80 Math/Science/Tech, 92 Medical, 118 Mixed Collections, 94 Mystery, 120 Nature, 95 Philosophy, "
        "81 Pol/Soc/Relig, 82 Recreation, 68 Romance, 69 Science Fiction, 75 Self-Help, 96 Travel/Adventure, "
        "104 True Crime, 109 Urban Fantasy, 70 Western, 112 Young Adult"
    ),
    MUSICOLOGY: _numbered(
        "19 Guitar/Bass Tabs, 20 Individual Sheet, 24 Individual Sheet MP3, 126 Instructional Book with Video, "
        "22 Instructional Media - Music, 113 Lick Library - LTP/Jam With, 114 Lick Library - Techniques/QL, "
        "17 Music - Complete Editions, 26 Music Book, 27 Music Book MP3, 30 Sheet Collection, 31 Sheet Collection MP3"
    ),
    RADIO: _numbered("127 Comedy, 130 Drama, 128 Factual/Documentary, 132 Reading"),
}
MAIN_OF = {sub: main for main, subs in SUBS.items() for sub in subs}

OF_MAIN = {AUDIOBOOKS: AUDIOBOOK, EBOOKS: EBOOK, MUSICOLOGY: AUDIOBOOK, RADIO: AUDIOBOOK}
OF_SUB = {61: 7030, 79: 7010, 80: 7040}
"""Those that have a standard number of their own; all others go by their main category."""
OF_MEDIA_TYPE = {1: AUDIOBOOK, 2: EBOOK, 3: AUDIOBOOK, 4: AUDIOBOOK, 5: 7030, 6: 7030, 7: 7010, 8: AUDIOBOOK}

MAIN_OF_KIND = {Kind.AUDIOBOOK: AUDIOBOOKS, Kind.EBOOK: EBOOKS, Kind.MUSIC: MUSICOLOGY}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the site is asked for: all of the main categories, or, when there are `subs`, just these."""

    mains: tuple[int, ...]
    subs: tuple[int, ...] = ()


EVERYTHING = Wanted(tuple(SUBS))


def wanted_for(kind: Kind | None, categories: Collection[int]) -> Wanted | None:
    """What to ask for when these Newznab numbers are wanted, else for the kind; None when the site has none of them."""
    if not categories:
        return Wanted((MAIN_OF_KIND[kind],)) if kind else EVERYTHING
    asked = expanded(categories)
    mains = {main for main, number in OF_MAIN.items() if asked & {number, CUSTOM + main}}
    subs = {sub for sub, number in OF_SUB.items() if number in asked} | {
        sub for sub in MAIN_OF if CUSTOM + sub in asked
    }
    subs = {sub for sub in subs if MAIN_OF[sub] not in mains}
    if not subs:
        return Wanted(tuple(sorted(mains))) if mains else None
    # Whether the site takes both lists together as "and" or as "or" is told nowhere: one list alone is plain.
    return Wanted((), tuple(sorted(subs.union(*(SUBS[main] for main in mains)))))


@lru_cache(512)
def newznab_of(main: int | None, sub: int | None, media_type: int | None) -> tuple[int, ...]:
    """A row's numbers: the standard one, then the site's own category; none when the row says nothing of it."""
    main = MAIN_OF.get(sub or 0, main)
    standard = OF_SUB.get(sub or 0) or OF_MAIN.get(main or 0) or OF_MEDIA_TYPE.get(media_type or 0)
    return tuple(number for number in (standard, CUSTOM + sub if sub else None) if number)


def is_wanted(numbers: Collection[int], categories: Collection[int]) -> bool:
    """Do a row's numbers belong to what was asked? The site's main categories count as asked for what is in them; a row
    that names none is let through."""
    mains = {CUSTOM + MAIN_OF[number - CUSTOM] for number in numbers if number - CUSTOM in MAIN_OF}
    return not categories or not numbers or bool(mains.union(numbers) & expanded(categories))


def _tree() -> tuple[Category, ...]:
    """As Prowlarr shows it: the standard categories in their tree, then the site's own side by side."""
    standard: dict[int, set[int]] = {3000: {AUDIOBOOK}, 7000: {EBOOK, *OF_SUB.values()}}
    own = {CUSTOM + main: name for main, name in MAIN_NAMES.items()}
    own |= {CUSTOM + sub: PREFIXES[main] + name for main, subs in SUBS.items() for sub, name in subs.items()}
    return (
        *(
            Category(top, _name(top), tuple(Category(n, _name(n)) for n in sorted(subs)))
            for top, subs in standard.items()
        ),
        *(Category(number, own[number]) for number in sorted(own)),
    )


def _name(number: int) -> str:
    return name_of(number) or str(number)


CAPABILITIES = Capabilities(categories=_tree(), book_params=("q",))
