"""The contracts with the world. Each outside system stands behind one of these, and every adapter passes the same
contract tests (`tests/contract`). Adapters raise `TransientError` or `PermanentError` subclasses, never bare ones."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from earmark.core.binding import AudioInfo, BindPlan, BindProgress, BoundBook, Chapter
from earmark.core.decision import Decision
from earmark.core.facts import BookFacts as BookFacts  # noqa: PLC0414 - adapters take it from here
from earmark.core.newznab import Capabilities
from earmark.core.reasons import JsonValue
from earmark.core.release import Account, Release
from earmark.core.torrents import InfoHash, SeedGoal, TorrentEntry, TorrentStatus
from earmark.core.wish import BookWish, Kind, Wish


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What to look for. `text` is free text; adapters clean it for their own wire. An empty text sends nothing, unless
    the `newest` releases are wanted: then there is no text."""

    text: str
    kind: Kind | None  # None: every kind the indexer has, or what `categories` say
    limit: int = 100
    language: str | None = None  # ISO 639-1: adapters may narrow by it, never must
    offset: int = 0  # results of this very query to pass over, counted as the indexer counts them
    categories: tuple[int, ...] = ()  # Newznab numbers to narrow to, without their children; empty: those of `kind`
    newest: bool = False


@dataclass(frozen=True, slots=True)
class IndexerHealth:
    ok: bool
    message: str
    account: Account | None = None


@dataclass(frozen=True, slots=True)
class Magnet:
    """An indexer that has no torrent file answers a fetch with this."""

    uri: str


class Indexer(Protocol):
    """A place that knows releases."""

    @property
    def name(self) -> str:
        """Its key in this house, stable for ever; releases carry it as `Release.indexer`."""
        ...

    async def search(self, query: SearchQuery) -> Sequence[Release]:
        """Releases for the query, at most `query.limit`. Never an empty list in place of an error. Categories it does not
        know narrow nothing away silently: a query for unknown ones alone gives nothing and asks nobody."""
        ...

    async def capabilities(self) -> Capabilities:
        """What can be asked: read from the indexer where it tells. The caller keeps it."""
        ...

    async def fetch(self, release: Release) -> bytes | Magnet:
        """The .torrent file of a release this indexer offered: bencoded bytes, checked to be one."""
        ...

    async def account(self) -> Account | None:
        """The account behind the indexer, or None where there is no such thing."""
        ...

    async def test(self) -> IndexerHealth:
        """Is the session alive and allowed to search? Never raises for an answer the site gave."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class ClientIdentity:
    """Who the tracker will see, and whether private torrents are safe with it."""

    name: str  # embedded | qbittorrent | transmission
    version: str
    dht: bool
    pex: bool
    lsd: bool


class TorrentClient(Protocol):
    """A BitTorrent client, embedded or remote. All methods are idempotent; unknown hashes are no error."""

    @property
    def name(self) -> str: ...

    async def about(self) -> ClientIdentity: ...

    async def add(self, torrent: bytes, save_path: Path, *, goal: SeedGoal | None = None) -> InfoHash:
        """Add (or find already there) and start. Raises PermanentError for bytes that are no torrent."""
        ...

    async def add_magnet(self, uri: str, save_path: Path, *, goal: SeedGoal | None = None) -> InfoHash: ...

    async def snapshot(self) -> Mapping[InfoHash, TorrentStatus]:
        """Every torrent the client holds, in one call."""
        ...

    async def status(self, info_hash: InfoHash) -> TorrentStatus | None: ...

    async def entries(self, info_hash: InfoHash) -> tuple[TorrentEntry, ...]:
        """The files with sizes, paths relative to the torrent's save path. Empty while a magnet has no metadata."""
        ...

    async def pause(self, info_hash: InfoHash) -> None: ...

    async def resume(self, info_hash: InfoHash) -> None: ...

    async def recheck(self, info_hash: InfoHash) -> None: ...

    async def reannounce(self, info_hash: InfoHash) -> None: ...

    async def limit(self, info_hash: InfoHash, *, download_bps: int = 0, upload_bps: int = 0) -> None:
        """Caps in bytes a second; 0 lifts the cap."""
        ...

    async def tag(self, info_hash: InfoHash, tags: Sequence[str]) -> None:
        """Labels that the client shows, added to those already there. Clients without labels do nothing."""
        ...

    async def remove(self, info_hash: InfoHash, *, delete_files: bool = False) -> None: ...

    async def close(self) -> None:
        """Save what must survive and let go. Torrents keep their place for the next start."""
        ...


class AudioBinder(Protocol):
    """Probes, binds and checks audio. Cancelling the awaiting task stops the work within a second."""

    async def probe(self, path: Path) -> AudioInfo:
        """Raises PermanentError for a file that is no audio."""
        ...

    async def pick_cover(
        self, folder: Path | None, sources: Sequence[Path], workspace: Path, *, given: bytes | None = None
    ) -> Path | None:
        """The best picture of the download (beside the files or inside them) as `workspace/cover.jpg`, or None. A good
        `given` one, of a provider, comes first."""
        ...

    async def bind(
        self, plan: BindPlan, out: Path, workspace: Path, on_progress: Callable[[BindProgress], None]
    ) -> BoundBook:
        """Make the book at `out`, prove it by decoding it, and say what it is. `workspace` is ours to fill."""
        ...


@dataclass(frozen=True, slots=True)
class ServerHealth:
    ok: bool
    message: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class ShelfItem:
    """A book a media server shows already. `folder` is the server's own view of the path."""

    id: str
    title: str
    authors: tuple[str, ...]
    folder: str
    narrators: tuple[str, ...] = ()
    asin: str | None = None
    isbn: str | None = None
    kinds: tuple[Kind, ...] = ()  # what it holds; empty: not known


class MediaServer(Protocol):
    """A program that shows the shelf to people, such as Audiobookshelf."""

    @property
    def name(self) -> str: ...

    async def test(self) -> ServerHealth:
        """Is it there, does it let us in, is there a library? Never raises for an answer the server gave."""
        ...

    async def scan(self, kind: Kind) -> None:
        """Ask for a scan of the libraries that hold this kind of thing. The server may already be scanning: fine."""
        ...

    async def find(self, wish: BookWish) -> Sequence[ShelfItem]:
        """Books of its libraries that may be this one: same identifier, or like title and author."""
        ...

    async def close(self) -> None: ...


class MetadataProvider(Protocol):
    """Somebody who knows books: titles, people, chapters, covers. Answers are hostile text and are cleaned."""

    @property
    def name(self) -> str: ...

    async def find(self, wish: BookWish) -> Sequence[BookFacts]:
        """Books that may be this one, the likeliest first; empty when there is none."""
        ...

    async def chapters(self, asin: str, runtime_secs: float | None = None) -> Sequence[Chapter]:
        """The chapters of that edition; empty when the provider knows none. `runtime_secs` is how long the copy at hand
        plays: a shop's copy may begin with words of its own."""
        ...

    async def cover(self, facts: BookFacts) -> bytes | None:
        """The cover picture in the best size there is."""
        ...

    async def close(self) -> None: ...


class Matcher(Protocol):
    """Judges releases against a wish. The deterministic one always stands; others may only add to it."""

    async def judge(self, kind: Kind, wish: Wish, releases: Sequence[Release], *, vip_member: bool) -> Decision: ...


@dataclass(frozen=True, slots=True)
class Question:
    """What a witness is asked: standing instructions, the case as quoted data, and the closed JSON schema of the answer."""

    system: str
    prompt: str
    schema: Mapping[str, JsonValue]


class Witness(Protocol):
    """A language model that is heard about doubtful matches. It knows no ticket and keeps nothing."""

    @property
    def provider(self) -> str: ...

    @property
    def model(self) -> str: ...

    async def ask(self, question: Question) -> str:
        """The answer as the model gave it: JSON of the schema, if the model kept to it. Raises TransientError when it is
        late, away or busy, PermanentError when it refuses us."""
        ...

    async def close(self) -> None: ...


ProgressSink = Callable[[BindProgress], None]
Sleep = Callable[[float], Awaitable[None]]
