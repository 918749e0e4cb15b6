"""Covers: the largest sane one, as a JPEG of sane size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from media_bench import Bench, Studio
from mutagen.id3 import APIC, ID3

from earmark.media.cover import Picture, extract_cover, picture_of

Draw = Callable[..., Path]


@pytest.fixture
def draw(tmp_path: Path, run_ffmpeg: Callable[..., bytes]) -> Draw:
    def picture(name: str, width: int, height: int | None = None) -> Path:
        path = tmp_path / "download" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        run_ffmpeg("-f", "lavfi", "-i", f"testsrc=s={width}x{height or width}", "-frames:v", "1", str(path))
        return path

    return picture


def embed(path: Path, picture: Path) -> None:
    tags = ID3(path)
    tags.add(APIC(mime="image/png", type=3, data=picture.read_bytes()))
    tags.save()


def shape(path: Path | None) -> Picture | None:
    return picture_of(path.read_bytes()) if path else None


async def test_the_largest_cover_of_the_folder_is_taken(draw: Draw, bench: Bench) -> None:
    draw("cover.jpg", 200)
    best = draw("Folder.JPG", 500)
    draw("back.jpg", 900)
    cover = await bench.binder.pick_cover(best.parent, [], bench.workspace)
    assert cover == bench.workspace / "cover.jpg"
    assert cover.read_bytes() == best.read_bytes()


async def test_a_large_png_becomes_a_jpeg_of_sane_size(draw: Draw, bench: Bench) -> None:
    huge = draw("front.png", 3000, 2000)
    before = huge.read_bytes()
    cover = await bench.binder.pick_cover(huge.parent, [], bench.workspace)
    made = shape(cover)
    assert made is not None
    assert (made.kind, made.width) == ("jpeg", 1400)
    assert made.height == pytest.approx(933, abs=1)
    assert huge.read_bytes() == before


async def test_a_small_picture_is_never_blown_up(draw: Draw, bench: Bench) -> None:
    cover = await bench.binder.pick_cover(draw("cover.png", 120).parent, [], bench.workspace)
    assert shape(cover) == Picture("jpeg", 120, 120)


async def test_the_embedded_picture_serves_when_the_folder_has_none(draw: Draw, studio: Studio, bench: Bench) -> None:
    picture, sources = draw("art.png", 300), [studio.chirp("1.mp3"), studio.chirp("2.mp3")]
    embed(sources[1], picture)
    cover = await bench.binder.pick_cover(studio.folder, sources, bench.workspace)
    assert shape(cover) == Picture("jpeg", 300, 300)
    assert [p.name for p in bench.workspace.iterdir()] == ["cover.jpg"]


async def test_the_embedded_picture_is_extracted_as_it_is(draw: Draw, studio: Studio, bench: Bench) -> None:
    picture, source, out = draw("art.png", 300), studio.chirp("1.mp3"), bench.home / "raw"
    assert not extract_cover(source, out)
    embed(source, picture)
    assert extract_cover(source, out)
    assert out.read_bytes() == picture.read_bytes()


async def test_broken_tiny_and_odd_pictures_are_passed_over(draw: Draw, bench: Bench) -> None:
    whole = draw("cover.jpg", 200)
    folder = whole.parent
    draw("cover-banner.jpg", 1200, 200)
    draw("front.png", 20)
    (folder / "cover.jpeg").write_text("<html>no picture</html>")
    cut = draw("folder.png", 900)
    cut.write_bytes(cut.read_bytes()[:400])
    assert shape(await bench.binder.pick_cover(folder, [], bench.workspace)) == Picture("jpeg", 200, 200)


async def test_no_cover_is_no_error(studio: Studio, bench: Bench) -> None:
    assert await bench.binder.pick_cover(studio.folder, [studio.chirp("1.opus")], bench.workspace) is None


def test_only_jpeg_and_png_are_pictures() -> None:
    for junk in (b"", b"GIF89a" + bytes(40), b"\xff\xd8\xff", b"\xff\xd8" + b"\xff" * 50, b"<svg/>"):
        assert picture_of(junk) is None
