"""An album from the wish to its tracks at the paths the ticket names, walked in the stand-in world."""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from estate import FFMPEG, eventually, house_over, settings_for, settled
from mutagen.oggvorbis import OggVorbis
from pydantic import SecretStr

from earmark.core.states import Completed, Failed, NeedsApproval
from earmark.core.ticket import Ticket
from earmark.core.torrents import TorrentState
from earmark.core.wish import AlbumWish, Constraints, ImageWish, Kind, TicketRequest, TrackWish
from earmark.pipeline import desk
from earmark.pipeline.house import House
from earmark.sandbox.world import World

pytestmark = pytest.mark.slow

NAMES = ("Morning Fog", "The Long Quay", "Lantern Song", "Low Tide")
SECS = (6.0, 7.5, 9.0, 5.0)


def tone(path: Path, number: int, secs: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    source = f"sine=frequency={220 * number}:sample_rate=44100:duration={secs}"
    subprocess.run([FFMPEG, "-v", "error", "-f", "lavfi", "-i", source, "-ac", "2", str(path)], check=True)


def release(folder: Path, name: str, **row: Any) -> Path:
    made = folder / name
    made.mkdir(parents=True)
    facts = {"authors": ["Harbour Lights"], "main_category": 15, "language": "ENG", "mediainfo": {}} | row
    (made / "release.json").write_text(json.dumps(facts))
    return made


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("records")
    files = release(folder, "Harbour Lights - Quayside (2011) [FLAC]", title="Harbour Lights - Quayside (2011) [FLAC]")
    for number, (name, secs) in enumerate(zip(NAMES, SECS, strict=True), 1):
        disc, track = (1, number) if number < 4 else (2, 1)
        tone(files / f"CD{disc}/{track:02} - {name}.flac", number, secs)
    tone(files / "CD2/02 - Hidden Bonus.flac", 7, 4.0)
    cover = ["-f", "lavfi", "-i", "testsrc=s=500x500", "-frames:v", "1", str(files / "cover.jpg")]
    subprocess.run([FFMPEG, "-v", "error", *cover], check=True)
    image = release(
        folder, "Harbour Lights - Breakwater (2014) [FLAC]", title="Harbour Lights - Breakwater (2014) [FLAC]"
    )
    tone(image / "Breakwater.flac", 2, sum(SECS))
    marks = [
        f'  TRACK {n:02} AUDIO\n    TITLE "{name}"\n    INDEX 01 {int(start // 60):02}:{int(start % 60):02}:{round(start % 1 * 75):02}'
        for n, (name, start) in enumerate(zip(NAMES, [sum(SECS[:n]) for n in range(4)], strict=True), 1)
    ]
    (image / "Breakwater.cue").write_text("\n".join(['FILE "Breakwater.flac" WAVE', *marks]) + "\n")
    return folder


@pytest.fixture
async def world(records: Path, tmp_path: Path) -> AsyncIterator[World]:
    async with World(records, tmp_path / "world") as running:
        yield running


def album(music: Path, title: str, discs: Sequence[int] = (1, 1, 1, 2)) -> TicketRequest:
    numbers = [discs[:n].count(disc) + 1 for n, disc in enumerate(discs)]
    tracks = tuple(
        TrackWish(f"t{n}", disc, number, name, secs, str(music / title / f"{disc}-{number:02} {name}.ogg"))
        for n, (disc, number, name, secs) in enumerate(zip(discs, numbers, NAMES, SECS, strict=True), 1)
    )
    images = (ImageWish("i1", "cover_front", str(music / title / "cover.jpg")),)
    wish = AlbumWish("Harbour Lights", title, 2011 if title == "Quayside" else 2014, tracks=tracks, images=images)
    return TicketRequest(Kind.MUSIC, wish, constraints=Constraints("ogg_vorbis", 320, 44100))


async def carried_out(house: House, request: TicketRequest) -> Ticket:
    """The ticket at its end; whoever is asked says yes to the release that is recommended."""
    filed = (await desk.file_ticket(house, None, request)).ticket
    ticket = await settled(house, filed.id)
    if isinstance(ticket.payload, NeedsApproval):
        await desk.approve(house, filed.id, 0, "ann")
        ticket = await settled(house, filed.id)
    return ticket


def with_music(world: World, home: Path) -> Any:
    (home / "music").mkdir()
    return settings_for(world, home, library={"audiobooks": home / "library", "music": home / "music"})


async def test_every_track_ends_at_its_path_with_its_tags_and_the_cover_beside_it(world: World, tmp_path: Path) -> None:
    async with house_over(with_music(world, tmp_path), tmp_path) as house:
        ticket = await carried_out(house, album(tmp_path / "music", "Quayside"))
        assert isinstance(ticket.payload, Completed), ticket.payload
        shelf = tmp_path / "music/Quayside"
        named = ["1-01 Morning Fog.ogg", "1-02 The Long Quay.ogg", "1-03 Lantern Song.ogg", "2-01 Low Tide.ogg"]
        assert sorted(p.name for p in shelf.iterdir()) == [*named, "cover.jpg"]
        tracks = [OggVorbis(shelf / name) for name in named]
        assert [round(t.info.length, 1) for t in tracks] == list(SECS)
        assert [t.tags["title"] for t in tracks] == [[name] for name in NAMES]
        assert tracks[3].tags["discnumber"] == ["2"] and tracks[0].tags["artist"] == ["Harbour Lights"]
        assert "metadata_block_picture" in tracks[0].tags
        view = await desk.view(house, ticket.id)
        (mapped,) = (t.detail["tracks"] for t in view.tasks if t.stage == "plan")
        assert mapped == dict(
            zip(
                ("t1", "t2", "t3", "t4"),
                [f"{n:02} - {x}.flac" for n, x in zip((1, 2, 3, 1), NAMES, strict=True)],
                strict=True,
            )
        )

        async def seeds() -> bool:
            return [s.state for s in (await house.client.snapshot()).values()] == [TorrentState.SEEDING]

        await eventually(seeds, "the torrent seeds")
        assert not list(house.work_dir.iterdir())


async def test_an_album_that_the_first_in_the_order_does_not_have_is_taken_from_the_next(
    world: World, tmp_path: Path
) -> None:
    settings = with_music(world, tmp_path)
    proxy = settings.prowlarr.model_copy(update={"url": world.prowlarr_url, "api_key": SecretStr(world.prowlarr.key)})
    order = settings.search.model_copy(update={"order": ("prowlarr", "mam")})
    async with house_over(settings.model_copy(update={"prowlarr": proxy, "search": order}), tmp_path) as house:
        world.site.log.clear()
        ticket = await carried_out(house, album(tmp_path / "music", "Quayside"))
        assert isinstance(ticket.payload, Completed), ticket.payload
        view = await desk.view(house, ticket.id)
        assert {candidate.release.indexer for candidate in view.candidates} == {"mam"}
        assert (
            sum(call["path"] == "/api/v1/search" for call in world.prowlarr.visits.calls) == 2
        )  # both of its questions
        assert sum("loadSearch" in str(call["path"]) for call in world.site.log) == 1


async def test_an_image_with_a_sheet_is_cut_into_its_tracks(world: World, tmp_path: Path) -> None:
    async with house_over(with_music(world, tmp_path), tmp_path) as house:
        ticket = await carried_out(house, album(tmp_path / "music", "Breakwater", discs=(1, 1, 1, 1)))
        assert isinstance(ticket.payload, Completed), ticket.payload
        tracks = [OggVorbis(path) for path in sorted((tmp_path / "music/Breakwater").glob("*.ogg"))]
        assert [round(t.info.length, 1) for t in tracks] == list(SECS)
        assert [t.tags["title"][0] for t in tracks] == list(NAMES)


async def test_an_album_of_which_a_track_is_missing_is_not_placed(world: World, tmp_path: Path) -> None:
    async with house_over(with_music(world, tmp_path), tmp_path) as house:
        request = album(tmp_path / "music", "Quayside")
        assert isinstance(request.wish, AlbumWish)
        fifth = TrackWish("t5", 2, 3, "A Song They Never Sang", 200.0, str(tmp_path / "music/Quayside/2-03.ogg"))
        tracks = (*request.wish.tracks, fifth)
        ticket = await carried_out(house, replace(request, wish=replace(request.wish, tracks=tracks)))
        assert isinstance(ticket.payload, Failed), ticket.payload
        assert ticket.payload.error.code == "tracks_missing"
        assert "A Song They Never Sang" in ticket.payload.error.message
        assert not list((tmp_path / "music").iterdir())


async def test_without_a_library_for_music_nothing_is_searched(world: World, tmp_path: Path) -> None:
    async with house_over(settings_for(world, tmp_path), tmp_path) as house:
        ticket = await carried_out(house, album(tmp_path / "music", "Quayside"))
        assert isinstance(ticket.payload, Failed) and ticket.payload.error.code == "no_music_library"
