"""An album's tracks: encoded side by side, cut at samples, tagged, proven, and stoppable."""

from __future__ import annotations

import array
import asyncio
import base64
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from media_bench import REAL, FakeFfmpeg, Studio, ffmpeg
from mutagen import File
from mutagen.flac import Picture as Block

from earmark.core.reasons import PermanentError
from earmark.core.tracktags import TrackTags
from earmark.media.album import AlbumProgress, TrackJob, convert_album
from earmark.media.tracktags import read_track_tags
from earmark.media.transcode import AlbumProfile, vorbis_quality

TAGS = TrackTags(
    title="Airbag", artist="Radiohead", album_artist="Radiohead", album="OK Computer", number=1, total=12, disc=1,
    discs=2, year=1997, genre="Alternative Rock; Art Rock", extra={"label": "Parlophone"},
)  # fmt: skip


def job(source: Path, name: str = "d1t01.ogg", **more: float | None) -> TrackJob:
    return TrackJob(source, name, replace(TAGS, title=name), **more)  # type: ignore[arg-type]


def pcm(path: Path, rate: int = 44100, channels: int = 1) -> array.array[int]:
    samples = array.array("h")
    samples.frombytes(
        ffmpeg("-i", str(path), "-map", "0:a", "-ar", str(rate), "-ac", str(channels), "-f", "s16le", "-")
    )
    return samples


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def cover(tmp_path: Path) -> Path:
    path = tmp_path / "cover.jpg"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=300x300", "-frames:v", "1", str(path))
    return path


@pytest.mark.parametrize(
    ("form", "suffix", "codec"), [("vorbis", ".ogg", "vorbis"), ("opus", ".opus", "opus"), ("mp3", ".mp3", "mp3"), ("flac", ".flac", "flac")]
)  # fmt: skip
async def test_tracks_come_out_whole_tagged_and_with_their_cover(
    studio: Studio, out: Path, cover: Path, form: str, suffix: str, codec: str
) -> None:
    sources = [studio.chirp(f"{n}.flac", 2.0 + n / 10, channels=2) for n in (1, 2)]
    jobs = [TrackJob(s, f"t{n}", replace(TAGS, number=n), duration_secs=2.0) for n, s in enumerate(sources, 1)]
    result = await convert_album(REAL, jobs, AlbumProfile(form), out, cover=cover)  # type: ignore[arg-type]
    assert not result.failed
    assert [t.path.name for t in result.tracks] == [f"t1{suffix}", f"t2{suffix}"]
    for number, track in enumerate(result.tracks, 1):
        assert track.codec == codec
        assert track.duration_secs == pytest.approx(2.0 + number / 10, abs=0.001)
        assert track.wished_off_secs == pytest.approx(number / 10, abs=0.001)
        assert track.size_bytes == track.path.stat().st_size
        found = read_track_tags(track.path)
        assert replace(found, extra={}) == replace(TAGS, number=number, extra={})
        assert found.extra["LABEL"] == "Parlophone"
    assert sorted(p.name for p in out.iterdir()) == [f"t1{suffix}", f"t2{suffix}"]


async def test_the_cover_of_an_ogg_is_a_picture_block_that_mutagen_reads(
    studio: Studio, out: Path, cover: Path
) -> None:
    result = await convert_album(REAL, [job(studio.chirp("1.flac"))], AlbumProfile(), out, cover=cover)
    block = Block(base64.b64decode(File(result.tracks[0].path)["metadata_block_picture"][0]))
    assert (block.type, block.mime, block.width, block.height) == (3, "image/jpeg", 300, 300)
    assert block.data == cover.read_bytes()


@pytest.mark.parametrize("form", ["vorbis", "opus", "mp3", "flac"])
async def test_a_studio_master_converts_to_what_the_codec_takes(studio: Studio, out: Path, form: str) -> None:
    studio.folder.mkdir()
    master = studio.folder / "master.flac"
    wave = "aevalsrc='0.4*sin(2*PI*440*t)|0.3*sin(2*PI*550*t)':s=192000:d=2"
    ffmpeg("-f", "lavfi", "-i", wave, "-c:a", "flac", "-sample_fmt", "s32", str(master))
    result = await convert_album(REAL, [job(master, "t")], AlbumProfile(form), out)  # type: ignore[arg-type]
    assert not result.failed
    assert result.tracks[0].sample_rate == (192_000 if form == "flac" else 48_000)
    assert result.tracks[0].duration_secs == pytest.approx(2.0, abs=0.001)


@pytest.mark.parametrize("form", ["vorbis", "opus", "mp3", "flac"])
@pytest.mark.parametrize("rate", [8000, 11025, 22050, 88200])
async def test_every_codec_takes_every_rate(studio: Studio, out: Path, form: str, rate: int) -> None:
    result = await convert_album(REAL, [job(studio.chirp("1.wav", 1.5, rate=rate), "t")], AlbumProfile(form), out)  # type: ignore[arg-type]
    assert not result.failed
    assert result.tracks[0].duration_secs == pytest.approx(1.5, abs=0.001)


@pytest.mark.parametrize("form", ["vorbis", "opus", "mp3", "flac"])
async def test_surround_sound_converts(studio: Studio, out: Path, form: str) -> None:
    studio.folder.mkdir()
    source = studio.folder / "51.flac"
    ffmpeg(
        "-f", "lavfi", "-i", "sine=f=440:d=1.5", "-af", "aformat=channel_layouts=5.1(side)", "-c:a", "flac", str(source)
    )
    result = await convert_album(REAL, [job(source, "t")], AlbumProfile(form), out)  # type: ignore[arg-type]
    assert not result.failed


async def test_the_rate_that_was_asked_for_is_kept_to(studio: Studio, out: Path) -> None:
    profile = AlbumProfile("vorbis", bitrate_kbps=320, sample_rate_hz=44_100)
    sources = [studio.chirp("a.flac", rate=96_000), studio.chirp("b.flac", rate=22_050)]
    result = await convert_album(REAL, [job(s, s.stem) for s in sources], profile, out)
    assert [t.sample_rate for t in result.tracks] == [44_100, 44_100]


@pytest.mark.parametrize("source", ["image.flac", "image.wav", "image.mp3", "image.ogg"])
async def test_the_tracks_of_an_image_have_neither_gap_nor_overlap(studio: Studio, out: Path, source: str) -> None:
    image = studio.chirp(source, 9.5)
    marks = [0.0, 1.0 + 1 / 75, 3 + 17 / 75, 6 + 74 / 75, None]
    jobs = [job(image, f"t{n}", start_secs=a, end_secs=b) for n, (a, b) in enumerate(itertools.pairwise(marks))]
    result = await convert_album(REAL, jobs, AlbumProfile("flac"), out)
    assert not result.failed
    joined = array.array("h")
    for track in result.tracks:
        joined += pcm(track.path)
    assert joined == pcm(image)


async def test_a_resampled_image_is_cut_without_a_seam(studio: Studio, out: Path) -> None:
    image = studio.chirp("image.flac", 9.5, rate=96_000)
    marks = [0.0, 3 + 17 / 75, 6 + 74 / 75, None]
    jobs = [job(image, f"t{n}", start_secs=a, end_secs=b) for n, (a, b) in enumerate(itertools.pairwise(marks))]
    result = await convert_album(REAL, jobs, AlbumProfile("flac", sample_rate_hz=44_100), out)
    joined = array.array("h")
    for track in result.tracks:
        joined += pcm(track.path)
    whole = pcm(image)
    assert sum(t.samples for t in result.tracks) == len(joined) == len(whole)
    assert max(abs(a - b) for a, b in zip(joined, whole, strict=True)) <= 1


async def test_vorbis_tracks_of_an_image_add_up_to_its_samples(studio: Studio, out: Path) -> None:
    image = studio.chirp("image.flac", 6.0)
    jobs = [
        job(image, "a", end_secs=2.5),
        job(image, "b", start_secs=2.5, end_secs=4.0),
        job(image, "c", start_secs=4.0),
    ]
    result = await convert_album(REAL, jobs, AlbumProfile(), out)
    assert [t.samples for t in result.tracks] == [110_250, 66_150, 88_200]


async def test_keep_copies_the_sound_and_encodes_only_what_must_be_cut(studio: Studio, out: Path) -> None:
    mp3, wav, image = studio.chirp("1.mp3"), studio.chirp("2.wav"), studio.chirp("3.flac", 4.0)
    jobs = [job(mp3, "a"), job(wav, "b"), job(image, "c", end_secs=2.0), job(image, "d", start_secs=2.0)]
    result = await convert_album(REAL, jobs, AlbumProfile("keep"), out)
    assert [(t.path.name, t.copied) for t in result.tracks] == [
        ("a.mp3", True), ("b.flac", False), ("c.flac", False), ("d.flac", False),
    ]  # fmt: skip
    assert pcm(result.tracks[0].path) == pcm(mp3)
    assert pcm(result.tracks[1].path) == pcm(wav)
    assert read_track_tags(result.tracks[0].path).title == "a"


def damage(path: Path) -> None:
    """Noise in the middle of the file."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    path.write_bytes(data)


async def test_an_image_that_lost_a_frame_is_not_cut_at_shifted_places(studio: Studio, out: Path) -> None:
    image = studio.chirp("image.flac", 6.0)
    damage(image)
    jobs = [job(image, "a", end_secs=1.0), job(image, "b", start_secs=1.0, end_secs=4.0)]
    result = await convert_album(REAL, jobs, AlbumProfile(), out)
    assert [f.reason.code for f in result.failed] == ["source_corrupt", "source_corrupt"]


async def test_one_bad_track_fails_alone_and_by_name(
    studio: Studio, out: Path, fingerprint: Callable[[Path], object]
) -> None:
    good, bad, gone = studio.chirp("1.flac"), studio.chirp("2.flac", 4.0), studio.folder / "3.flac"
    damage(bad)
    before = fingerprint(studio.folder)
    result = await convert_album(REAL, [job(good, "a"), job(bad, "b"), job(gone, "c")], AlbumProfile(), out)
    assert [t.path.name for t in result.tracks] == ["a.ogg"]
    assert [(f.job.out_name, f.reason.code) for f in result.failed] == [("b", "source_corrupt"), ("c", "file_missing")]
    assert "2.flac" in result.failed[0].reason.message
    assert [p.name for p in out.iterdir()] == ["a.ogg"]
    assert fingerprint(studio.folder) == before


async def test_a_range_beyond_the_end_of_its_image_is_found_out(studio: Studio, out: Path) -> None:
    result = await convert_album(REAL, [job(studio.chirp("i.flac", 3.0), "a", end_secs=9.0)], AlbumProfile(), out)
    assert [f.reason.code for f in result.failed] == ["track_unproven"]
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("names", [["../a"], ["a/b"], ["a\0"], [".."], [""], ["a.ogg", "A.flac"]], ids=ascii)
async def test_names_that_are_no_file_names_are_refused_before_anything_starts(
    studio: Studio, out: Path, names: list[str]
) -> None:
    with pytest.raises(PermanentError) as caught:
        await convert_album(REAL, [job(studio.folder / "x.flac", name) for name in names], AlbumProfile(), out)
    assert caught.value.reason.code == "track_plan_unusable"
    assert not out.exists()


async def test_never_more_ffmpegs_than_allowed(studio: Studio, out: Path, fake_ffmpeg: FakeFfmpeg) -> None:
    slow = fake_ffmpeg('exec "$REAL" -re "$@"')
    sources = [studio.chirp(f"{n}.flac", 0.4) for n in range(5)]
    seen: list[int] = []
    work = asyncio.create_task(
        convert_album(slow, [job(s, s.stem) for s in sources], AlbumProfile(), out, max_parallel=2)
    )
    while not work.done():
        seen.append(len(fake_ffmpeg.alive()))
        await asyncio.sleep(0.01)
    assert len(work.result().tracks) == 5
    assert max(seen) == 2


async def test_cancelling_ends_every_ffmpeg_and_leaves_nothing_half_made(
    studio: Studio,
    out: Path,
    fake_ffmpeg: FakeFfmpeg,
    eventually: Callable[[Callable[[], bool], float], Awaitable[float]],
) -> None:
    slow = fake_ffmpeg('exec "$REAL" -re "$@"')
    jobs = [job(studio.chirp(f"{n}.flac", 30.0), f"t{n}") for n in range(3)]
    work = asyncio.create_task(convert_album(slow, jobs, AlbumProfile(), out))
    await eventually(lambda: len(fake_ffmpeg.alive()) == 3, 20)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert fake_ffmpeg.alive() == []
    assert list(out.iterdir()) == []


async def test_progress_counts_up_to_all_the_seconds_there_are(studio: Studio, out: Path) -> None:
    heard: list[AlbumProgress] = []
    jobs = [job(studio.chirp(f"{n}.flac", 2.0), f"t{n}") for n in range(3)]
    await convert_album(REAL, jobs, AlbumProfile(), out, on_progress=heard.append)
    assert [p.done_secs for p in heard] == sorted(p.done_secs for p in heard)
    assert all(p.total_secs == pytest.approx(6.0, abs=0.01) for p in heard)
    assert heard[-1].done_secs == pytest.approx(6.0, abs=0.01)
    assert heard[-1].tracks_done == 3


def test_bit_rates_become_the_qualities_vorbis_names_them_by() -> None:
    assert [vorbis_quality(k) for k in (16, 64, 128, 192, 320, 500, 900)] == [-1, 0, 4, 6, 9, 10, 10]
