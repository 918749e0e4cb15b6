"""What a probe says of files of every kind, rightly and wrongly named."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from media_bench import CODECS, Bench, Studio
from mutagen.flac import FLAC, Picture
from mutagen.id3 import CHAP, ID3, TIT2
from mutagen.oggopus import OggOpus

from earmark.core.reasons import PermanentError
from earmark.media.probe import ask_ffmpeg, parse_ffmetadata

NAMES = {"m4a": "aac", "m4b": "aac", "ogg": "vorbis", "wma": "wmav2", "wav": "pcm_s16le"}


@pytest.mark.parametrize("suffix", sorted(CODECS))
async def test_every_kind_of_audio_is_recognised(suffix: str, studio: Studio, bench: Bench) -> None:
    info = await bench.binder.probe(studio.chirp(f"a.{suffix}", 3.0, title="Loomings", artist="Melville", track="3/9"))
    assert info.codec == NAMES.get(suffix, suffix)
    assert info.duration_secs == pytest.approx(3.0, abs=0.3)
    assert (info.sample_rate, info.channels) == (48000 if suffix == "opus" else 44100, 1)
    assert info.bitrate_kbps
    if suffix not in {"aac", "wav"}:  # raw AAC has no tags; ffmpeg writes WAV tags as RIFF INFO
        assert (info.tags["title"], info.tags["artist"]) == ("Loomings", "Melville")
        assert info.tags["track"].startswith("3")


@pytest.mark.parametrize("suffix", ["mp3", "m4a", "flac", "ogg", "opus", "wma"])
async def test_the_name_does_not_matter_only_the_content(suffix: str, studio: Studio, bench: Bench) -> None:
    honest = studio.chirp(f"a.{suffix}")
    for lie in ("a.wav.mp3", "a.bin", "b.flac"):
        disguised = honest.with_name(lie)
        disguised.write_bytes(honest.read_bytes())
        assert (await bench.binder.probe(disguised)).codec == NAMES.get(suffix, suffix)


@pytest.mark.parametrize("suffix", ["mp3", "m4a", "flac", "opus", "wma", "wav"])
async def test_ffmpeg_says_the_same_as_mutagen(suffix: str, studio: Studio, bench: Bench) -> None:
    path = studio.chirp(f"a.{suffix}", 3.0, title="Loomings", artist="Melville")
    fast, asked = await bench.binder.probe(path), await ask_ffmpeg(path, bench.tool)
    assert (asked.codec, asked.sample_rate, asked.channels) == (fast.codec, fast.sample_rate, fast.channels)
    assert asked.duration_secs == pytest.approx(fast.duration_secs, abs=0.05)
    if suffix != "opus":  # Ogg keeps its tags with the stream, and nobody needs ffmpeg to read them
        assert asked.tags["title"] == "Loomings"


async def test_a_text_file_named_mp3_is_no_audio(tmp_path: Path, bench: Bench) -> None:
    path = tmp_path / "chapter 1.mp3"
    path.write_text("This is not a song.\n" * 50)
    with pytest.raises(PermanentError) as caught:
        await bench.binder.probe(path)
    assert caught.value.reason.code == "not_audio"
    assert "chapter 1.mp3" in caught.value.reason.message


async def test_an_empty_file_is_no_audio(tmp_path: Path, bench: Bench) -> None:
    path = tmp_path / "empty.mp3"
    path.touch()
    with pytest.raises(PermanentError, match="empty") as caught:
        await bench.binder.probe(path)
    assert caught.value.reason.code == "not_audio"


async def test_a_missing_file_is_named(tmp_path: Path, bench: Bench) -> None:
    with pytest.raises(PermanentError, match=r"gone\.mp3") as caught:
        await bench.binder.probe(tmp_path / "gone.mp3")
    assert caught.value.reason.code == "file_missing"


async def test_a_picture_is_no_audio(tmp_path: Path, bench: Bench, run_ffmpeg) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "cover.m4a"
    run_ffmpeg("-f", "lavfi", "-i", "color=red:s=64x64", "-frames:v", "1", "-f", "mjpeg", str(path))
    with pytest.raises(PermanentError) as caught:
        await bench.binder.probe(path)
    assert caught.value.reason.code == "not_audio"


async def test_a_playlist_in_disguise_opens_no_other_file(tmp_path: Path, studio: Studio, bench: Bench) -> None:
    secret = studio.chirp("private.mp3")
    for name, text in (
        ("list.mp3", f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n{secret}\n#EXT-X-ENDLIST\n"),
        ("list.m4a", f"ffconcat version 1.0\nfile {secret}\n"),
    ):
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(PermanentError) as caught:
            await bench.binder.probe(path)
        assert caught.value.reason.code == "not_audio"


async def test_chapters_embedded_in_an_mp3_are_read(studio: Studio, bench: Bench) -> None:
    path = studio.chirp("whole.mp3", 4.0)
    tags = ID3(path)
    tags.add(CHAP(element_id="b", start_time=1500, end_time=4000, sub_frames=[TIT2(text="Two")]))
    tags.add(CHAP(element_id="a", start_time=0, end_time=1500, sub_frames=[TIT2(text="One")]))
    tags.save()
    info = await bench.binder.probe(path)
    assert [(c.title, c.start_secs) for c in info.chapters] == [("One", 0.0), ("Two", 1.5)]


async def test_an_ogg_cover_is_noticed_and_kept_out_of_the_tags(studio: Studio, bench: Bench) -> None:
    path = studio.chirp("a.opus")
    picture = Picture()
    picture.data, picture.type, picture.mime = b"\xff\xd8picture", 3, "image/jpeg"
    audio = OggOpus(path)
    audio["metadata_block_picture"] = [base64.b64encode(picture.write()).decode()]
    audio.save()
    info = await bench.binder.probe(path)
    assert info.has_cover
    assert "metadata_block_picture" not in info.tags


async def test_an_mp3_without_a_length_header_is_known_to_be_an_estimate(
    studio: Studio, bench: Bench, run_ffmpeg
) -> None:  # type: ignore[no-untyped-def]
    path = studio.chirp("a.mp3")
    bare = path.with_name("bare.mp3")
    run_ffmpeg("-i", str(path), "-c", "copy", "-write_xing", "0", str(bare))
    assert (await bench.binder.probe(bare)).duration_estimated
    assert not (await bench.binder.probe(path)).duration_estimated


@pytest.mark.parametrize("rate", [22050, 44100])
async def test_mono_aac_is_known_as_mono_whatever_its_container_says(rate: int, studio: Studio, bench: Bench) -> None:
    for channels in (1, 2):
        path = studio.chirp(f"{channels}.m4a", rate=rate, channels=channels)
        assert (await bench.binder.probe(path)).channels == channels


async def test_chapters_in_the_comments_of_a_flac_are_read(studio: Studio, bench: Bench) -> None:
    path = studio.chirp("whole.flac", 4.0)
    audio = FLAC(path)
    audio["CHAPTER001"], audio["CHAPTER001NAME"] = "00:00:00.000", "One"
    audio["CHAPTER002"], audio["CHAPTER002NAME"] = "00:00:01.500", "Two"
    audio.save()
    info = await bench.binder.probe(path)
    assert [(c.title, c.start_secs, c.end_secs) for c in info.chapters] == [("One", 0.0, 1.5), ("Two", 1.5, 4.0)]


async def test_a_wav_from_a_pipe_claims_no_length(studio: Studio, bench: Bench, run_ffmpeg) -> None:  # type: ignore[no-untyped-def]
    path = studio.chirp("a.wav", 3.0)
    piped = path.with_name("piped.wav")
    piped.write_bytes(run_ffmpeg("-i", str(path), "-f", "wav", "pipe:1"))
    info = await bench.binder.probe(piped)
    assert info.duration_estimated
    assert info.duration_secs == pytest.approx(3.0, abs=0.01)


def test_ffmpegs_metadata_format_is_read_with_its_escapes() -> None:
    tags, chapters = parse_ffmetadata(
        ";FFMETADATA1\nTITLE=A \\= B\\; C\\\\\nalbum_artist=X\n"
        "[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=1500\ntitle=One \\#1\\\nmore\n"
        "[STREAM]\ntitle=not a chapter\n[CHAPTER]\nTIMEBASE=1/10\nSTART=15\nEND=20\n"
    )
    assert tags == {"title": "A = B; C\\", "albumartist": "X"}
    assert [(c.title, c.start_secs, c.end_secs) for c in chapters] == [("One #1\nmore", 0.0, 1.5), ("", 1.5, 2.0)]
