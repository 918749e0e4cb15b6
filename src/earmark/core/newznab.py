"""The category numbers that Newznab, Torznab and Prowlarr share, and what an indexer says it can be asked.

Numbers of thousands are parents: asking for one asks for its children too. From 100000 on an indexer counts for itself.
The tree is the one Prowlarr shows; numbers it does not have pass through unnamed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from earmark.core.wish import Kind

AUDIOBOOK, EBOOK, MOVIES, TV = 3030, 7020, 2000, 5000
CUSTOM = 100_000


@dataclass(frozen=True, slots=True)
class Category:
    """A category with its children."""

    id: int
    name: str
    subs: tuple[Category, ...] = ()


def _branch(number: int, name: str, **subs: str) -> Category:
    return Category(number, name, tuple(Category(number + int(n[1:]), f"{name}/{sub}") for n, sub in subs.items()))


STANDARD: tuple[Category, ...] = (
    _branch(
        1000, "Console", _10="NDS", _20="PSP", _30="Wii", _40="XBox", _50="XBox 360", _60="Wiiware", _70="XBox 360 DLC",
        _80="PS3", _90="Other", _110="3DS", _120="PS Vita", _130="WiiU", _140="XBox One", _180="PS4",
    ),
    _branch(
        2000, "Movies", _10="Foreign", _20="Other", _30="SD", _40="HD", _45="UHD", _50="BluRay", _60="3D", _70="DVD",
        _80="WEB-DL", _90="x265",
    ),
    _branch(3000, "Audio", _10="MP3", _20="Video", _30="Audiobook", _40="Lossless", _50="Other", _60="Foreign"),
    _branch(
        4000, "PC", _10="0day", _20="ISO", _30="Mac", _40="Mobile-Other", _50="Games", _60="Mobile-iOS",
        _70="Mobile-Android",
    ),
    _branch(
        5000, "TV", _10="WEB-DL", _20="Foreign", _30="SD", _40="HD", _45="UHD", _50="Other", _60="Sport", _70="Anime",
        _80="Documentary", _90="x265",
    ),
    _branch(
        6000, "XXX", _10="DVD", _20="WMV", _30="XviD", _40="x264", _45="UHD", _50="Pack", _60="ImageSet", _70="Other",
        _80="SD", _90="WEB-DL",
    ),
    _branch(7000, "Books", _10="Mags", _20="EBook", _30="Comics", _40="Technical", _50="Other", _60="Foreign"),
    _branch(8000, "Other", _10="Misc", _20="Hashed"),
)  # fmt: skip

KINDS: dict[Kind, tuple[int, ...]] = {
    Kind.AUDIOBOOK: (AUDIOBOOK,),
    Kind.EBOOK: (7000, 7010, 7020, 7030, 7040, 7050, 7060),
    Kind.MUSIC: (3000, 3010, 3020, 3040, 3050, 3060),
}
"""What a wish of each kind is looked for in. A feed files whatever it has nothing finer for under the parent."""

_NAMES = {one.id: one.name for top in STANDARD for one in (top, *top.subs)}


def name_of(category: int) -> str | None:
    """`Audio/Audiobook` for 3030; None for an indexer's own number."""
    return _NAMES.get(category)


def parent_of(category: int) -> int | None:
    """3000 for 3030; None for a parent and for an indexer's own number."""
    return category - category % 1000 if category < CUSTOM and category % 1000 else None


def expanded(categories: Iterable[int]) -> frozenset[int]:
    """The categories with all children of the parents among them."""
    asked = set(categories)
    return frozenset(asked | {sub.id for top in STANDARD if top.id in asked for sub in top.subs})


def kind_of(categories: Iterable[int]) -> Kind | None:
    """What a release of these categories is: the audiobook's own number wins over its parent."""
    ids = set(categories)
    if AUDIOBOOK in ids:
        return Kind.AUDIOBOOK
    if any(7000 <= number < 8000 for number in ids):
        return Kind.EBOOK
    return Kind.MUSIC if any(3000 <= number < 4000 for number in ids) else None


def belongs(categories: Iterable[int], asked: frozenset[int]) -> bool:
    """Does a release of these categories answer a question for `asked` (expanded; empty: for everything)? One that names no
    category is let through: its feed was asked for these alone."""
    own = set(categories)
    return not asked or not own or bool(own & asked)


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an indexer can be asked. Parameters are Torznab's names (`q`, `author`, `title`, `artist` …); an empty tuple says
    that this sort of search is not available."""

    categories: tuple[Category, ...] = ()
    search_params: tuple[str, ...] = ("q",)
    book_params: tuple[str, ...] = ()
    music_params: tuple[str, ...] = ()
    limit_default: int = 100
    limit_max: int = 100

    def ids(self) -> frozenset[int]:
        """Every category named, parents included."""
        return frozenset(one.id for top in self.categories for one in (top, *top.subs))

    @property
    def tv_params(self) -> tuple[str, ...]:
        """Series are searched by words where there are any; season and episode become words."""
        return ("q", "season", "ep") if self._has(TV) else ()

    @property
    def movie_params(self) -> tuple[str, ...]:
        return ("q",) if self._has(MOVIES) else ()

    def _has(self, top: int) -> bool:
        return any(top <= number < top + 1000 for number in self.ids())

    def serves(self, asked: frozenset[int]) -> bool:
        """Has it any of these (expanded) categories? One that names no category may have all."""
        return not asked or not self.categories or bool(asked & self.ids())


def merged(several: Iterable[Capabilities]) -> Capabilities:
    """What can be asked of all of them together: every category, and the parameters that each of those that can be
    searched so takes."""
    them = list(several)
    tops: dict[int, dict[int, Category]] = {}
    names: dict[int, str] = {}
    for one in them:
        for top in one.categories:
            names.setdefault(top.id, top.name)
            tops.setdefault(top.id, {}).update({sub.id: sub for sub in top.subs})
    return Capabilities(
        categories=tuple(Category(n, names[n], tuple(tops[n][s] for s in sorted(tops[n]))) for n in sorted(tops)),
        search_params=_shared(one.search_params for one in them) or ("q",),
        book_params=_shared(one.book_params for one in them),
        music_params=_shared(one.music_params for one in them),
        limit_default=min((one.limit_default for one in them), default=100),
        limit_max=min((one.limit_max for one in them), default=100),
    )


def _shared(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    known = [params for params in lists if params]
    return tuple(p for p in known[0] if all(p in other for other in known)) if known else ()
