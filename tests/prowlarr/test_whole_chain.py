"""The whole chain: the stand-in world, an Earmark that other programs take for their Prowlarr, and a second Earmark that has
the first one as its Prowlarr and as its Torznab feed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from estate import eventually, house_over, make_release, settings_for, settled, wish
from prowlarr_abr import AudioBookRequest
from prowlarr_house import ADMIN_KEY, MAM_PAGE, on_a_socket
from prowlarr_rmab import ReadMeABook
from prowlarr_wire import info_hash_of

from earmark.api.app import create_app
from earmark.core.release import Release
from earmark.core.states import Completed
from earmark.pipeline import desk
from earmark.pipeline.house import House
from earmark.pipeline.outside import outside_grabs
from earmark.sandbox.world import World
from earmark.store import candidates, tickets

pytestmark = pytest.mark.slow

BELIEVABLE_BYTES = 9_000_000  # a feed tells no length, so a book must weigh something to be believed
# A 429 is kept to by ourselves for as long as the site asks, a good test or not; the replays have it.
BAD_DAYS = ("503", "500", "not_json", "truncated_json", "login_html", "not_signed_in", "empty", "hang")


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("catalogue")
    for number, (title, author) in enumerate(
        (
            ("The Time Machine", "H. G. Wells"),
            ("The War of the Worlds", "H. G. Wells"),
            ("The Lost World", "Arthur Conan Doyle"),
            ("Journey to the Centre of the Earth", "Jules Verne"),
        )
    ):
        made = make_release(folder, f"book-{number}", title=title, authors=[author], language="ENG", seeders=4)
        (made / "booklet.pdf").write_bytes(b"%PDF-1.4\n" + bytes([number]) * BELIEVABLE_BYTES)
    return folder


@asynccontextmanager
async def earmark(world: World, home: Path, **sections: dict[str, Any]) -> AsyncIterator[tuple[House, str]]:
    """A whole Earmark on a socket."""
    settings = settings_for(world, home, server={"auth_token": ADMIN_KEY}, **sections)
    async with house_over(settings, home) as house, on_a_socket(create_app(house)) as url:
        yield house, url


@pytest.fixture
async def http() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=60) as client:
        yield client


async def chosen(house: House, ticket_id: Any) -> Release:
    async with house.db.read() as tx:
        found = await candidates.get(tx, ticket_id, 0)
    assert found is not None
    return found.release


async def test_audiobookrequest_grabs_and_the_book_comes_to_the_shelf(
    books: Path, tmp_path: Path, http: httpx2.AsyncClient
) -> None:
    async with World(books, tmp_path / "world") as world, earmark(world, tmp_path / "first") as (house, url):
        abr = AudioBookRequest(http, url, ADMIN_KEY)
        (listed,) = (await abr.indexers()).values()
        assert (listed.id, listed.name, listed.enable) == (1, "MyAnonamouse", True)
        (found,) = await abr.search("The Time Machine")
        assert found.title == "The Time Machine by H. G. Wells [ENG / MP3 PDF]"
        assert await abr.grab(found.guid, found.indexerId)
        assert info_hash_of(await abr.torrent(found))
        async with house.db.read() as tx:
            (ticket,) = (await tickets.page(tx)).items
        done = await settled(house, ticket.id)
        assert isinstance(done.payload, Completed), (done.payload, done.waiting)
        assert any(path.suffix == ".m4b" for path in Path(done.payload.library_path).rglob("*"))
        assert ticket.request.requested_by == "AudioBookRequest"
        assert await abr.grab(found.guid, found.indexerId), "asking again is answered with the same ticket"
        async with house.db.read() as tx:
            assert (await tickets.page(tx)).total == 1


async def test_what_readmeabook_takes_for_itself_is_listed_and_its_duty_watched(
    books: Path, tmp_path: Path, http: httpx2.AsyncClient
) -> None:
    async with World(books, tmp_path / "world") as world, earmark(world, tmp_path / "first") as (house, url):
        rmab = ReadMeABook(http, url, ADMIN_KEY)
        assert [row["id"] for row in await rmab.indexers()] == [1]
        (found,) = await rmab.search("The War of the Worlds", "H. G. Wells", (1,))
        torrent = await rmab.take(found.download_url)
        assert isinstance(torrent, bytes)
        (view,) = (await outside_grabs(house, limit=10, offset=0)).items
        assert (view.grab.source, view.indexer_name, view.torrent) == ("ReadMeABook", "MyAnonamouse", None)
        assert str(view.grab.info_hash) == info_hash_of(torrent)
        house.download_dir.mkdir(parents=True, exist_ok=True)
        await house.client.add(torrent, house.download_dir)  # its client is ours
        house.handed_over.set()

        async def watched() -> object:
            return (await outside_grabs(house, limit=10, offset=0)).items[0].torrent

        record: Any = await eventually(watched, "the torrent another program added is watched")
        assert str(record.info_hash) == info_hash_of(torrent) and record.ticket_id is None
        async with house.db.read() as tx:
            assert (await tickets.page(tx)).total == 0


@pytest.mark.parametrize("way", ["prowlarr", "feed_of_one", "feed_of_all"])
async def test_a_second_earmark_has_the_first_as_its_indexer(way: str, books: Path, tmp_path: Path) -> None:
    async with World(books, tmp_path / "world") as world, earmark(world, tmp_path / "first") as (first, url):
        sections: dict[str, dict[str, Any]] = {
            "prowlarr": {"prowlarr": {"url": url, "api_key": ADMIN_KEY}},
            "feed_of_one": {"jackett": {"url": f"{url}/1/api", "api_key": ADMIN_KEY}},
            "feed_of_all": {"jackett": {"url": f"{url}/0/api", "api_key": ADMIN_KEY}},
        }[way]
        async with earmark(world, tmp_path / "second", mam={"mam_id": None}, **sections) as (second, _):
            health = {name: told.ok for name, told in (await desk.test_indexers(second)).items()}
            assert list(health.values()) == [True], health
            filed = await desk.file_ticket(second, None, wish("The Lost World", "Arthur Conan Doyle"))
            done = await settled(second, filed.ticket.id)
            assert isinstance(done.payload, Completed), (done.payload, done.waiting)
            release = await chosen(second, filed.ticket.id)
            assert release.guid.startswith(MAM_PAGE) and release.private
            assert (release.min_seed_secs or 259_200) == 259_200
            assert ADMIN_KEY not in repr(release)
            (view,) = (await outside_grabs(first, limit=10, offset=0)).items
            assert view.grab.source.lower().startswith("earmark") and view.grab.offer.release.guid == release.guid


async def test_every_bad_day_of_the_site_is_an_error_to_programs_and_ends_with_a_good_test(
    books: Path, tmp_path: Path, http: httpx2.AsyncClient
) -> None:
    async with World(books, tmp_path / "world") as world, earmark(world, tmp_path / "first") as (_, url):
        headers = {"X-Api-Key": ADMIN_KEY}
        search = f"{url}/api/v1/search?query=Time+Machine&type=search&limit=100&offset=0&categories=3030"
        feed = f"{url}/1/api?apikey={ADMIN_KEY}&t=search&cat=3030&limit=100&extended=1"
        for fault in BAD_DAYS:
            assert len((await http.get(search, headers=headers)).json()) == 1, fault
            world.site.faults.arm({"on": "search", "kind": fault})
            answers = [
                await http.get(search, headers=headers),
                await http.get(feed),
                await http.get(search, headers=headers),
            ]
            assert all(answer.status_code >= 400 for answer in answers), (fault, [a.status_code for a in answers])
            assert answers[0].json()["message"] and "<error " in answers[1].text
            assert (await http.get(f"{url}/api/v1/indexerstatus", headers=headers)).json()[0]["indexerId"] == 1
            world.site.faults.clear()
            tested = await http.post(f"{url}/api/v1/indexer/testall", headers=headers)
            assert tested.status_code == 200, (fault, tested.text)
