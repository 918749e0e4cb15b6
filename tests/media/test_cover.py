"""Covers: the largest sane one, as a JPEG of sane size."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from media_bench import Bench, Studio
from mutagen.id3 import APIC, ID3

from earmark.media.cover import MAX_COVER_BYTES, choose_cover, extract_cover, pick_cover
from earmark.media.pictures import Picture, picture_of

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


def test_what_is_no_picture_is_not_taken_for_one() -> None:
    junk = [b"", b"GIF89a" + bytes(40), b"\xff\xd8\xff", b"\xff\xd8" + b"\xff" * 50, b"<svg/>"]
    junk += [b"RIFF\0\0\0\0WEBPVP8 ", b"RIFF\0\0\0\0WEBPVP8?" + bytes(40), b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"]
    for data in junk:
        assert picture_of(data) is None


async def test_the_larger_of_embedded_and_folder_is_taken(draw: Draw, studio: Studio, bench: Bench) -> None:
    small, large, source = draw("cover.jpg", 200), draw("art.png", 600), studio.chirp("1.mp3")
    embed(source, large)
    cover = await bench.binder.pick_cover(small.parent, [source], bench.workspace)
    assert shape(cover) == Picture("jpeg", 600, 600)


async def test_a_picture_named_like_the_book_is_a_cover(draw: Draw, studio: Studio, bench: Bench) -> None:
    draw("The Book.jpg", 400)
    cover = await bench.binder.pick_cover(studio.folder, [studio.chirp("the book.mp3")], bench.workspace)
    assert shape(cover) == Picture("jpeg", 400, 400)


async def test_a_given_picture_comes_before_the_larger_ones_of_the_download(draw: Draw, bench: Bench) -> None:
    given, folder = draw("own/given.jpg", 500), draw("cover.jpg", 900).parent
    choice = await choose_cover(folder, [], bench.workspace, bench.tool, given=given.read_bytes())
    assert (choice.origin, shape(choice.path)) == ("the given picture", Picture("jpeg", 500, 500))


async def test_a_given_thumbnail_gives_way_to_a_larger_picture(draw: Draw, bench: Bench) -> None:
    given, folder = draw("own/given.jpg", 120), draw("cover.jpg", 900).parent
    cover = await pick_cover(folder, [], bench.workspace, bench.tool, given=given.read_bytes())
    assert shape(cover) == Picture("jpeg", 900, 900)


async def test_a_broken_given_picture_is_passed_over_with_a_note(draw: Draw, bench: Bench) -> None:
    whole = draw("cover.jpg", 300)
    for given in (b"<html>", draw("own/given.png", 900).read_bytes()[:500]):
        choice = await choose_cover(whole.parent, [], bench.workspace, bench.tool, given=given)
        assert shape(choice.path) == Picture("jpeg", 300, 300)
        assert len(choice.notes) == 1 and choice.notes[0].startswith("the given picture was passed over as a cover: ")


@pytest.mark.parametrize("name", ["cover.webp", "cover.gif", "cover.png"])
async def test_other_formats_become_jpegs(draw: Draw, bench: Bench, name: str) -> None:
    source = draw(name, 320, 240)
    facts = picture_of(source.read_bytes())
    assert facts is not None and (facts.mime, facts.width, facts.height) == (f"image/{name[6:]}", 320, 240)
    cover = await bench.binder.pick_cover(source.parent, [], bench.workspace)
    assert shape(cover) == Picture("jpeg", 320, 240)


async def test_what_shines_through_becomes_white(
    studio: Studio, bench: Bench, run_ffmpeg: Callable[..., bytes]
) -> None:
    studio.folder.mkdir()
    png = studio.folder / "cover.png"
    run_ffmpeg("-f", "lavfi", "-i", "color=black@0.0:s=200x200,format=rgba", "-frames:v", "1", str(png))
    cover = await bench.binder.pick_cover(studio.folder, [], bench.workspace)
    grey = run_ffmpeg("-i", str(cover), "-vf", "scale=1:1,format=gray", "-f", "rawvideo", "pipe:1")
    assert grey[0] > 250


async def test_a_picture_that_claims_to_be_enormous_is_never_decoded(draw: Draw, bench: Bench) -> None:
    bomb = draw("cover.png", 100)
    data = bytearray(bomb.read_bytes())
    data[16:24] = struct.pack(">II", 40_000, 40_000)
    bomb.write_bytes(data)
    choice = await choose_cover(bomb.parent, [], bench.workspace, bench.tool)
    assert choice.path is None
    assert choice.notes == ("'cover.png' was passed over as a cover: 40000 × 40000 pixels is no sane size for one.",)


async def test_a_picture_of_few_pixels_and_many_bytes_is_made_smaller(
    studio: Studio, bench: Bench, run_ffmpeg: Callable[..., bytes]
) -> None:
    studio.folder.mkdir()
    noisy = studio.folder / "cover.jpg"
    noise = "nullsrc=s=1400x1400,geq=random(1)*255:128:128"
    run_ffmpeg("-f", "lavfi", "-i", noise, "-frames:v", "1", "-q:v", "1", "-qmin", "1", str(noisy))
    assert noisy.stat().st_size > MAX_COVER_BYTES
    cover = await bench.binder.pick_cover(studio.folder, [], bench.workspace)
    assert cover is not None and cover.stat().st_size <= MAX_COVER_BYTES
    assert shape(cover) == Picture("jpeg", 1400, 1400)


async def test_a_jpeg_in_ink_colours_is_turned_into_light(studio: Studio, bench: Bench) -> None:
    studio.folder.mkdir()
    ink = studio.folder / "cover.jpg"
    ink.write_bytes(cmyk_jpeg(blocks=16))
    assert shape(ink) == Picture("jpeg", 128, 128, channels=4)
    cover = await bench.binder.pick_cover(studio.folder, [], bench.workspace)
    assert shape(cover) == Picture("jpeg", 128, 128, channels=3)


async def test_a_picture_reached_by_a_link_is_no_part_of_the_download(draw: Draw, bench: Bench) -> None:
    elsewhere = draw("../private.jpg", 300)
    (bench.home / "download").mkdir(exist_ok=True)
    (bench.home / "download" / "cover.jpg").symlink_to(elsewhere)
    assert await bench.binder.pick_cover(bench.home / "download", [], bench.workspace) is None


def cmyk_jpeg(blocks: int) -> bytes:
    """A grey square of `blocks` by `blocks` MCUs with four components: every coefficient is zero."""

    def segment(marker: int, body: bytes) -> bytes:
        return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body

    one_code = bytes([1, *[0] * 15, 0])  # one code of one bit, for "nothing"
    frame = struct.pack(">BHHB", 8, blocks * 8, blocks * 8, 4) + b"".join(bytes([n, 0x11, 0]) for n in (1, 2, 3, 4))
    scan = bytes([4, 1, 0, 2, 0, 3, 0, 4, 0, 0, 63, 0])
    bits = blocks * blocks * 4 * 2
    head = segment(0xEE, b"Adobe\0d\0\0\0\0\0") + segment(0xDB, bytes([0]) + b"\x08" * 64)
    tables = segment(0xC4, b"\x00" + one_code) + segment(0xC4, b"\x10" + one_code)
    return b"\xff\xd8" + head + segment(0xC0, frame) + tables + segment(0xDA, scan) + bytes(bits // 8) + b"\xff\xd9"
