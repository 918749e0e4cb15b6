"""What the Audiobookshelf adapter makes of a real server's answers and quirks."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from earmark import USER_AGENT
from earmark.core.reasons import JsonValue, PermanentError, TransientError
from earmark.core.wish import BookWish, Kind
from earmark.http import RateLimited, new_client
from earmark.sandbox.audiobookshelf import StandInAudiobookshelf
from earmark.servers import AudiobookshelfServer, open_server
from earmark.servers.abs_items import may_be, read_libraries, read_matches, search_words
from earmark.settings import Settings

STATUS = {"app": "audiobookshelf", "serverVersion": "2.36.0", "isInit": True}
LIBRARIES = {
    "libraries": [
        {"id": "lib-1", "name": "Audiobooks", "mediaType": "book", "settings": {"audiobooksOnly": True}},
        {"id": "lib-2", "name": "Books", "mediaType": "book"},
        {"id": "lib-3", "name": "Podcasts", "mediaType": "podcast"},
    ]
}


def item(item_id: str = "li_1", **metadata: object) -> dict[str, object]:
    """A search hit's library item as version 2.36 shows it."""
    told = {"title": "The Moonstone", "authors": [{"id": "a", "name": "Wilkie Collins"}], **metadata}
    media = {"metadata": told, "audioFiles": [{"index": 1}], "ebookFile": None}
    return {"id": item_id, "path": "/books/Wilkie Collins/The Moonstone", "isMissing": False, "media": media}


class Wire:
    """Answers by path, and remembers the requests."""

    def __init__(self, **answers: object) -> None:
        self.answers: dict[str, object] = {
            "/status": STATUS, "/api/libraries": LIBRARIES, "/api/me": {"type": "root"}, **answers
        }  # fmt: skip
        self.requests: list[httpx2.Request] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        answer = self.answers.get(request.url.path, {"book": []} if request.url.path.endswith("/search") else 200)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, httpx2.Response):
            return answer
        return httpx2.Response(answer, text="OK") if isinstance(answer, int) else httpx2.Response(200, json=answer)

    @property
    def posts(self) -> list[str]:
        return [r.url.path for r in self.requests if r.method == "POST"]


def server(
    handler: Callable[[httpx2.Request], httpx2.Response],
    *,
    url: str = "http://abs.test",
    key: str = "top-secret",
    **options: object,
) -> AudiobookshelfServer:
    http = new_client(5, httpx2.MockTransport(handler))
    clock = lambda: datetime(2026, 7, 1, tzinfo=UTC)  # noqa: E731
    return AudiobookshelfServer(url, SecretStr(key), http, clock=clock, **options)  # type: ignore[arg-type]


async def test_health_names_version_and_libraries_of_books() -> None:
    health = await server(Wire()).test()
    assert health.ok and health.version == "2.36.0"
    assert "“Audiobooks”, “Books”" in health.message and "Podcasts" not in health.message


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"/api/libraries": 401}, "does not accept the API key"),
        ({"/api/libraries": 403}, "may not see this"),
        ({"/api/me": {"type": "user"}}, "may not start scans"),
        ({"/status": 404}, "is not Audiobookshelf"),
        ({"/status": httpx2.Response(200, text="<html>Plex</html>")}, "is not Audiobookshelf"),
        ({"/status": {"status": "ok"}}, "is not Audiobookshelf"),
        ({"/status": {"isInit": False}}, "finish its setup"),
        ({"/api/libraries": {"libraries": []}}, "no library of books"),
        ({"/api/libraries": {"oops": 1}}, "cannot read"),
        ({"/status": httpx2.Response(302, headers={"location": "/login"})}, "redirect"),
        ({"/status": httpx2.ConnectError("away")}, "is not available"),
        ({"/status": 502}, "HTTP 502"),
        ({"/api/libraries": 429}, "too many requests"),
    ],
    ids=[
        "key refused", "no access", "no admin", "404", "a page", "other json", "not set up", "no library", "odd json",
        "redirect", "unreachable", "proxy error", "too many",
    ],
)  # fmt: skip
async def test_each_trouble_has_its_own_words(answers: dict[str, object], words: str) -> None:
    health = await server(Wire(**answers)).test()
    assert not health.ok and words in health.message
    assert "top-secret" not in health.message


async def test_old_versions_do_not_tell_theirs() -> None:
    health = await server(Wire(**{"/status": {"isInit": True, "language": "en-us"}})).test()
    assert health.ok and health.version is None


async def test_a_key_that_may_not_scan_is_fine_when_scans_are_off() -> None:
    wire = Wire(**{"/api/me": {"type": "user"}})
    assert (await server(wire, may_scan=False).test()).ok


async def test_a_wrong_library_name_is_told_with_those_there_are() -> None:
    health = await server(Wire(), library="Hörbücher").test()
    assert "“Hörbücher”; there are: “Audiobooks”, “Books”" in health.message


@pytest.mark.parametrize("name", ["lib-1", "Audiobooks", "audiobooks"], ids=["id", "name", "other case"])
async def test_the_library_is_known_by_id_or_name(name: str) -> None:
    wire = Wire()
    await server(wire, library=name).scan(Kind.AUDIOBOOK)
    assert wire.posts == ["/api/libraries/lib-1/scan"]


async def test_a_scan_is_one_request_for_each_library_of_books() -> None:
    wire = Wire()
    await server(wire).scan(Kind.AUDIOBOOK)
    assert wire.posts == ["/api/libraries/lib-1/scan", "/api/libraries/lib-2/scan"]


async def test_ebooks_are_looked_for_where_ebooks_are_shown() -> None:
    wire = Wire()
    await server(wire, library="Audiobooks").scan(Kind.EBOOK)
    assert wire.posts == ["/api/libraries/lib-2/scan"]


async def test_a_scan_refused_for_want_of_rights_says_so() -> None:
    with pytest.raises(PermanentError, match="may not start scans"):
        await server(Wire(**{"/api/libraries/lib-1/scan": 403})).scan(Kind.AUDIOBOOK)


async def test_a_path_before_the_interface_is_kept_and_the_key_goes_in_the_header_alone() -> None:
    seen: list[httpx2.Request] = []
    wire = Wire()

    def below(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        path = request.url.path.removeprefix("/audiobookshelf")
        return wire(httpx2.Request(request.method, request.url.copy_with(path=path)))

    assert (await server(below, url="http://abs.test/audiobookshelf/").test()).ok
    assert {r.url.path for r in seen} == {"/audiobookshelf" + p for p in ("/status", "/api/libraries", "/api/me")}
    assert all("top-secret" not in str(r.url) for r in seen)
    assert {r.headers["user-agent"] for r in seen} == {USER_AGENT}
    guarded = [r.headers.get("authorization") for r in seen if "/api/" in r.url.path]
    assert set(guarded) == {"Bearer top-secret"}


@pytest.mark.parametrize("key", ["schlüssel", "two\nlines", "\x00"])
async def test_a_key_that_cannot_be_sent_is_a_wrong_key(key: str) -> None:
    wire = Wire()
    health = await server(wire, key=key).test()
    assert not health.ok and "does not accept the API key" in health.message
    assert not wire.requests


async def test_retry_after_is_told() -> None:
    busy = httpx2.Response(429, headers={"retry-after": "30"})
    with pytest.raises(RateLimited) as caught:
        await server(Wire(**{"/api/libraries": busy})).scan(Kind.AUDIOBOOK)
    assert caught.value.retry_after_secs == 30


async def test_an_endless_answer_is_cut_off() -> None:
    huge = httpx2.Response(200, content=b" " * (9 * 2**20))
    with pytest.raises(PermanentError, match="more than 8 MiB"):
        await server(Wire(**{"/api/libraries": huge})).find(BookWish("X"))


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"libraries": NaN}', b"", b"\xff\xfe"])
async def test_what_is_no_json_is_a_passing_fault(body: bytes) -> None:
    with pytest.raises(TransientError, match="cannot read"):
        await server(Wire(**{"/api/libraries": httpx2.Response(200, content=body)})).find(BookWish("X"))


def hits(*items: dict[str, object]) -> dict[str, object]:
    return {"/api/libraries/lib-2/search": {"book": [{"libraryItem": i} for i in items]}}


async def test_a_book_in_the_full_shape_is_read() -> None:
    told = item(narrators=["Ada Fenwick"], asin="B0SANDBOX2", isbn="978-0-00-000001-9")
    [found] = await server(Wire(**hits(told))).find(BookWish("The Moonstone", ("Wilkie Collins",)))
    assert found.authors == ("Wilkie Collins",) and found.narrators == ("Ada Fenwick",)
    assert found.kinds == (Kind.AUDIOBOOK,)


async def test_a_book_in_the_minified_shape_is_read() -> None:
    told = item(authors=None, authorName="Wilkie Collins, A. N. Other", narratorName="Ada Fenwick")
    told["media"] |= {"audioFiles": None, "numAudioFiles": 0, "ebookFormat": "epub"}  # type: ignore[operator]
    [found] = await server(Wire(**hits(told))).find(BookWish("The Moonstone", ("Wilkie Collins",)))
    assert found.authors == ("Wilkie Collins", "A. N. Other") and found.kinds == (Kind.EBOOK,)


async def test_a_book_whose_files_are_gone_may_be_fetched_again() -> None:
    assert await server(Wire(**hits(item() | {"isMissing": True}))).find(BookWish("The Moonstone")) == []


async def test_odd_items_are_left_out() -> None:
    odd: list[object] = [
        None,
        7,
        {"id": 3},
        {"id": "x"},
        {"id": "x", "media": []},
        {"id": "x", "media": {"metadata": 1}},
    ]
    answers = {
        "/api/libraries/lib-2/search": {"book": [*({"libraryItem": o} for o in odd), "?", {"libraryItem": item()}]}
    }
    assert [i.id for i in await server(Wire(**answers)).find(BookWish("The Moonstone"))] == ["li_1"]


async def test_isbn_10_and_13_with_and_without_dashes_are_one() -> None:
    told = item(title="Der Monddiamant", isbn="978-0-306-40615-7")
    [found] = await server(Wire(**hits(told))).find(BookWish("The Moonstone", isbn="0306406152"))
    assert found.title == "Der Monddiamant"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(st.sampled_from(["book", "libraryItem", "id", "media", "metadata", "authors", "name"]), inner)
    ),
    max_leaves=20,
)


@given(json_values)
def test_no_answer_whatever_makes_a_reader_stumble(told: JsonValue) -> None:
    read_libraries(told)
    read_libraries({"libraries": [told]})
    read_matches(told)
    read_matches({"book": [{"libraryItem": told}]})
    read_matches({"book": [{"libraryItem": {"id": "x", "media": {"metadata": told, "audioFiles": told}}}]})


def test_the_search_box_is_asked_for_what_it_can_contain() -> None:
    wish = BookWish("Alice’s Adventures in Wonderland: A Tale", asin="b0sandbox3", isbn="978-0-306-40615-7")
    assert search_words(wish) == ("B0SANDBOX3", "9780306406157", "Alice’s Adventures in Wonderland", "Adventures")
    assert search_words(BookWish("L'Île mystérieuse")) == ("L'Île mystérieuse", "rieuse")
    assert search_words(BookWish("雪国")) == ("雪国",)


@pytest.mark.parametrize(
    ("title", "authors", "same"),
    [
        ("The Moonstone: A Romance", ("W. Collins",), True),
        ("the moonstone", (), True),
        ("The Moonstone", ("Someone Else",), False),
        ("The Woman in White", ("Wilkie Collins",), False),
    ],
    ids=["subtitle and initial", "no author told", "another author", "another title"],
)
async def test_likeness_of_title_and_author_decides_without_identifiers(
    title: str, authors: tuple[str, ...], same: bool
) -> None:
    told = item(title=title, authors=[{"name": name} for name in authors])
    found = await server(Wire(**hits(told))).find(BookWish("The Moonstone", ("Wilkie Collins",)))
    assert bool(found) is same
    assert all(may_be(BookWish("The Moonstone", ("Wilkie Collins",)), f) for f in found)


async def test_it_reads_what_a_scan_found_under_another_spelling_of_the_title(tmp_path: Path) -> None:
    stand_in = StandInAudiobookshelf()
    stand_in.add_library("Audiobooks", tmp_path)
    folder = tmp_path / "Lewis Carroll" / "Alice"
    folder.mkdir(parents=True)
    (folder / "a.mp3").write_bytes(b"-")
    told = {"title": "Alice's Adventures in Wonderland", "authors": ["Lewis Carroll"]}
    (folder / "metadata.json").write_text(json.dumps(told))
    http = new_client(5, httpx2.ASGITransport(app=stand_in.app()))
    opened = AudiobookshelfServer(
        "http://abs.test", SecretStr(stand_in.key), http, clock=lambda: datetime(2026, 7, 1, tzinfo=UTC)
    )
    await opened.scan(Kind.AUDIOBOOK)
    [found] = await opened.find(BookWish("Alice’s Adventures in Wonderland (Unabridged)", ("Lewis Carroll",)))
    assert found.folder == str(folder)
    assert stand_in.scans() == 1


def test_without_an_address_there_is_no_server() -> None:
    assert open_server(Settings()) is None
    told = {"audiobookshelf": {"url": "http://localhost:13378/", "api_key": "k"}}
    opened = open_server(Settings.model_validate(told))
    assert opened is not None and opened.name == "audiobookshelf"
