"""AAC files joined as they are: every packet kept, every start true, nothing that cannot be joined joined."""

from __future__ import annotations

import hashlib
import struct
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pytest
from media_bench import REAL, Studio, ffmpeg
from mutagen.mp4 import MP4
from scipy.io import wavfile
from scipy.signal import butter, correlate, sosfilt

from earmark.core.binding import AudioInfo, BookTags, Chapter
from earmark.core.reasons import PermanentError
from earmark.media import probe, read_chapters, read_tags, write_tags
from earmark.media.encode import mux_book
from earmark.media.mp4 import read_track
from earmark.media.proof import embedded_chapters
from earmark.media.streamcopy import copy_timeline, copyable, parse_config, read_stream
from earmark.media.verify import verify_file

Sound = np.ndarray[tuple[int], np.dtype[np.float64]]
EXACT_SECS = 0.002


def heard(path: Path, *before: str, rate: int = 44100) -> Sound:
    """All that decodes, as mono."""
    raw = ffmpeg(*before, "-i", str(path), "-map", "0:a:0", "-ac", "1", "-ar", str(rate), "-f", "s16le", "pipe:1")
    return np.frombuffer(raw, "<i2").astype(float)


def make_parts(
    folder: Path, lengths: Sequence[float], suffix: str = "m4a", *, rate: int = 44100, channels: int = 1
) -> list[Path]:
    """Files of low noise, each unlike every other, cut out of one sound by one ffmpeg."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(11).standard_normal(int(sum(lengths) * rate) + rate)
    low = sosfilt(butter(6, 3000, fs=rate, output="sos"), noise)
    wavfile.write(folder / "all.wav", rate, (low / np.abs(low).max() * 20000).astype(np.int16))
    paths = [folder / f"part {n:03}.{suffix}" for n in range(len(lengths))]
    args = ["-i", str(folder / "all.wav")]
    for start, length, path in zip(accumulate(lengths, initial=0.0), lengths, paths, strict=False):
        args += ["-ss", f"{start:.4f}", "-t", f"{length:.4f}", "-ac", str(channels), "-c:a", "aac", str(path)]
    ffmpeg(*args)
    (folder / "all.wav").unlink()
    return paths


def marks(lengths: Sequence[float]) -> list[Chapter]:
    starts = list(accumulate(lengths, initial=0.0))
    return [Chapter(f"Chapter {n}", a, b) for n, (a, b) in enumerate(pairwise(starts), 1)]


async def join(sources: Sequence[Path], out: Path) -> list[Chapter]:
    """Copy `sources` to a book at `out` with a chapter for each."""
    infos = [await probe(path, REAL) for path in sources]
    nothing = {"on_secs": lambda *_: None, "on_done": lambda *_: None}
    return marks(await copy_timeline(REAL, infos, out, chapters_of=marks, **nothing))


def slip_secs(part: Sound, book: Sound, start_secs: float, rate: int = 44100) -> float:
    """By how much the sound of `part` begins later in `book` than `start_secs`, looked for half a second around."""
    inside, width, reach = rate // 4, rate // 2, rate // 2
    needle = part[inside : inside + width]
    at = round(start_secs * rate) + inside
    low = max(0, at - reach)
    found = correlate(book[low : at + width + reach], needle, "valid", "fft")
    return float(low + int(found.argmax()) - at) / rate


def packets(path: Path) -> list[str]:
    command = [str(REAL.path), "-v", "error", "-i", str(path), "-map", "0:a:0", "-c", "copy"]
    command += ["-bsf:a", "aac_adtstoasc", "-f", "framehash", "-"]
    lines = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    return [line.split(",")[5].strip() for line in lines if not line.startswith("#")]


def payloads(path: Path) -> list[str]:
    """SHA-256 of every packet, read straight from the file (ffmpeg leaves out what an edit list hides)."""
    track, data = read_track(path), path.read_bytes()
    stream = b"".join(data[at : at + size] for at, size in track.extents)
    ends = list(accumulate(track.sizes))
    return [hashlib.sha256(stream[a:b]).hexdigest() for a, b in zip([0, *ends], ends, strict=False)]


def patched(path: Path, change: Callable[[bytearray], None]) -> Path:
    data = bytearray(path.read_bytes())
    change(data)
    path.write_bytes(data)
    return path


@pytest.mark.slow
async def test_a_hundred_parts_start_where_their_sound_starts_by_seeking_and_by_counting(tmp_path: Path) -> None:
    parts = make_parts(tmp_path / "in", [1.2 + n % 7 / 9 for n in range(100)])
    book = tmp_path / "book.m4b"
    chapters = await join(parts, book)
    sound = heard(book)
    with ThreadPoolExecutor(2) as two:
        sounds = list(two.map(heard, parts))
    assert len(sound) / 44100 == pytest.approx(chapters[-1].end_secs, abs=0.03)
    assert [c.title for c in await embedded_chapters(REAL, book)] == [c.title for c in chapters]
    slips = [slip_secs(part, sound, mark.start_secs) for part, mark in zip(sounds, chapters, strict=True)]
    assert max(map(abs, slips)) < EXACT_SECS
    for n in (1, 33, 66, 99):
        sought = heard(book, "-ss", f"{chapters[n].start_secs:.6f}", "-t", "1.2")
        assert abs(slip_secs(sounds[n], sought, 0.0)) < EXACT_SECS
    # What stands between two parts is the encoder's own delay and padding, no more.
    true = sum(map(len, sounds)) / 44100
    assert 0 <= chapters[-1].end_secs - true < 100 * 0.047


@pytest.mark.parametrize(
    ("suffix", "rate", "channels"), [("m4a", 44100, 2), ("m4b", 22050, 1), ("aac", 44100, 1), ("aac", 48000, 2)]
)
async def test_every_kind_of_aac_file_is_joined_packet_by_packet(
    suffix: str, rate: int, channels: int, tmp_path: Path
) -> None:
    parts = make_parts(tmp_path / "in", [1.3, 2.1, 1.7], suffix, rate=rate, channels=channels)
    book = tmp_path / "book.m4b"
    chapters = await join(parts, book)
    assert packets(book) == [one for part in parts for one in packets(part)]
    sound = heard(book, rate=rate)
    for part, chapter in zip(parts, chapters, strict=True):
        assert abs(slip_secs(heard(part, rate=rate), sound, chapter.start_secs, rate)) < EXACT_SECS


async def test_every_packet_of_every_part_is_there_once_and_in_order(tmp_path: Path) -> None:
    parts = make_parts(tmp_path / "in", [1.0, 1.5, 2.0])
    await join(parts, tmp_path / "audio.m4a")
    assert payloads(tmp_path / "audio.m4a") == [one for part in parts for one in payloads(part)]


async def test_one_source_stays_what_it_decodes_to(studio: Studio, tmp_path: Path) -> None:
    source = studio.chirp("book.m4a", 3.0)
    book = tmp_path / "book.m4b"
    chapters = await join([source], book)
    assert (heard(book) == heard(source)).all()
    assert chapters[0].end_secs == pytest.approx(3.0, abs=0.001)


async def test_the_delay_each_encoder_states_is_respected(tmp_path: Path) -> None:
    """Parts whose edit lists hide 0, 1024 and 2112 samples; the last is what Apple's encoder needs."""
    parts = make_parts(tmp_path / "in", [2.0, 2.0, 2.0])
    for part, delay in ((parts[0], 2112), (parts[1], 0)):

        def change(data: bytearray, delay: int = delay) -> None:
            at = data.find(b"elst") + 12
            struct.pack_into(">Ii", data, at, struct.unpack_from(">I", data, at)[0] - (delay - 1024) // 44, delay)

        patched(part, change)
    for order in (parts, parts[::-1]):
        book = tmp_path / "book.m4b"
        chapters = await join(order, book)
        sound = heard(book)
        for part, chapter in zip(order, chapters, strict=True):
            assert abs(slip_secs(heard(part), sound, chapter.start_secs)) < EXACT_SECS


async def test_what_itunes_notes_of_delay_and_padding_is_respected(tmp_path: Path) -> None:
    """Files without an edit list, as iTunes wrote them for years."""
    whole = make_parts(tmp_path / "in", [2.0, 2.0, 2.0])
    parts = [tmp_path / f"{n}.m4a" for n in range(3)]
    for delay, source, part in zip((1024, 2112, 2112), whole, parts, strict=True):
        ffmpeg("-i", str(source), "-c", "copy", "-use_editlist", "0", "-avoid_negative_ts", "make_zero", str(part))
        assert b"elst" not in part.read_bytes()
        audio = MP4(part)
        audio["----:com.apple.iTunes:iTunSMPB"] = [f" 00000000 {delay:08X} 00000400 {88200:016X}".encode()]
        audio.save()
        stream = read_stream(part)
        assert stream is not None
        assert stream.delay_secs == pytest.approx(delay / 44100)
        assert stream.secs == pytest.approx(stream.all_secs - (delay + 0x400) / 44100, abs=0.001)
    book = tmp_path / "book.m4b"
    chapters = await join(parts, book)
    sound = heard(book)
    for part, chapter in zip(parts, chapters, strict=True):
        assert abs(slip_secs(heard(part), sound, chapter.start_secs)) < EXACT_SECS


async def test_he_aac_counts_its_packets_twice_as_long(tmp_path: Path) -> None:
    parts = [as_he_aac(path) for path in make_parts(tmp_path / "in", [2.0, 1.5, 1.8], rate=22050)]
    book = tmp_path / "book.m4b"
    chapters = await join(parts, book)
    assert (await probe(book, REAL)).sample_rate == 44100
    sound = heard(book)
    for part, chapter in zip(parts, chapters, strict=True):
        # ffmpeg before 7 hides the encoder delay of HE-AAC twice: one packet, the same in every chapter.
        assert abs(slip_secs(heard(part), sound, chapter.start_secs)) < 0.065


def as_he_aac(path: Path) -> Path:
    """Announce SBR at twice the rate in a file that has none: decoders then double the rate of what is there."""

    def change(data: bytearray) -> None:
        at = data.find(bytes.fromhex("1388 56e500"))  # AAC-LC, 22050 Hz, mono, no SBR
        assert at > 0
        data[at : at + 5] = bytes.fromhex("2b8a08 0000")  # SBR over AAC-LC, 22050 -> 44100 Hz, mono

    return patched(path, change)


@pytest.mark.parametrize("lead", [0.0, 1.5])
async def test_chapters_stand_in_the_book_to_the_sample_for_every_reader(lead: float, tmp_path: Path) -> None:
    parts = make_parts(tmp_path / "in", [2.0, 2.5, 3.0])
    infos = [await probe(path, REAL) for path in parts]
    book = tmp_path / "book.m4b"
    wanted: list[Chapter] = []

    def chapters_of(lengths: Sequence[float]) -> list[Chapter]:
        one, *more = marks(lengths)
        wanted.extend([Chapter("Ünë 一", lead, one.end_secs), *more])
        return wanted

    await copy_timeline(REAL, infos, book, on_secs=lambda *_: None, on_done=lambda *_: None, chapters_of=chapters_of)
    write_tags(book, BookTags("A Book", ("An Author",)))
    for found in (await embedded_chapters(REAL, book), read_chapters(book)):
        assert [c.title for c in found] == ["Ünë 一", "Chapter 2", "Chapter 3"]
        for mark, one in zip(found, wanted, strict=True):
            assert mark.start_secs == pytest.approx(one.start_secs, abs=1 / 44100)
            assert lead or mark.end_secs == pytest.approx(one.end_secs, abs=0.03)
    data = book.read_bytes()
    assert data[4:12] == b"ftypM4B "
    assert data.find(b"moov") < data.find(b"mdat")
    assert read_tags(book).title == "A Book"
    assert lead or (await verify_file(REAL, book)).ok


async def test_more_chapters_than_the_short_list_holds_all_arrive(studio: Studio, tmp_path: Path) -> None:
    info = await probe(studio.chirp("whole.m4a", 6.0), REAL)
    many = [Chapter(f"Mark {n}", n / 50, (n + 1) / 50) for n in range(300)]
    book = tmp_path / "book.m4b"
    nothing = {"on_secs": lambda *_: None, "on_done": lambda *_: None}
    await copy_timeline(REAL, [info], book, chapters_of=lambda _: many, **nothing)
    assert [c.title for c in await embedded_chapters(REAL, book)] == [c.title for c in many]
    assert len(read_chapters(book)) == 255


async def test_what_was_joined_can_be_muxed_again_by_ffmpeg(tmp_path: Path) -> None:
    parts = make_parts(tmp_path / "in", [1.3, 2.1, 1.7])
    chapters = await join(parts, tmp_path / "joined.m4b")
    book = tmp_path / "book.m4b"
    await mux_book(REAL, tmp_path / "joined.m4b", chapters, book, tmp_path / "list.txt")
    assert packets(book) == packets(tmp_path / "joined.m4b")
    for part, chapter in zip(parts, chapters, strict=True):
        assert abs(slip_secs(heard(part), heard(book), chapter.start_secs)) < EXACT_SECS


async def test_progress_names_each_source_and_ends_at_its_length(tmp_path: Path) -> None:
    parts = make_parts(tmp_path / "in", [1.0, 1.5])
    infos = [await probe(path, REAL) for path in parts]
    heard_of: list[tuple[int, float]] = []
    done: list[tuple[int, float]] = []
    lengths = await copy_timeline(
        REAL, infos, tmp_path / "a.m4a", on_secs=lambda *a: heard_of.append(a), on_done=lambda *a: done.append(a)
    )
    assert done == list(enumerate(lengths))
    assert heard_of == done


# --- what is not joined ----------------------------------------------------------------------------------------------


async def test_sources_of_different_kinds_are_told_apart_in_words(studio: Studio) -> None:
    async def why(*paths: Path) -> str:
        return copyable([await probe(path, REAL) for path in paths]) or "copyable"

    mono = studio.chirp("mono.m4a")
    assert await why(mono, studio.chirp("more.m4a")) == "copyable"
    assert "2 channels" in await why(mono, studio.chirp("stereo.m4a", channels=2))
    assert "22050 Hz" in await why(mono, studio.chirp("low.m4a", rate=22050))
    assert "mp3, not AAC" in await why(mono, studio.chirp("a.mp3"))
    assert "different ways" in await why(mono, studio.chirp("raw.aac"))
    assert copyable([]) is not None


async def test_a_fragmented_file_is_not_taken_apart(tmp_path: Path) -> None:
    part = make_parts(tmp_path / "in", [1.0])[0]
    fragmented = tmp_path / "f.m4a"
    ffmpeg("-i", str(part), "-c", "copy", "-movflags", "frag_keyframe+empty_moov", str(fragmented))
    assert "fragmented" in (copyable([aac(fragmented)]) or "")


def aac(path: Path) -> AudioInfo:
    return AudioInfo(path, "aac", 1.0, 44100, 1, 64)


def stretch(data: bytearray) -> None:
    """Let the first packets last twice as long."""
    at = data.find(b"stts") + 12
    count, delta = struct.unpack_from(">II", data, at)
    struct.pack_into(">II", data, at, count, delta * 2)


def cut_out(data: bytearray) -> None:
    at = data.find(b"elst") + 12
    struct.pack_into(">Ii", data, at, 300, 20_000)


def hold_back(data: bytearray) -> None:
    struct.pack_into(">i", data, data.find(b"elst") + 16, -1)


def too_many(data: bytearray) -> None:
    struct.pack_into(">I", data, data.find(b"stsz") + 12, 0xFFFFFFFF)


def far_away(data: bytearray) -> None:
    struct.pack_into(">I", data, data.find(b"stco") + 12, 0x7FFFFFFF)


def too_long(data: bytearray) -> None:
    struct.pack_into(">I", data, data.find(b"stbl") - 4, 0x7FFFFFFF)


def still_clock(data: bytearray) -> None:
    struct.pack_into(">I", data, data.find(b"mdhd") + 16, 0)


def cut_short(data: bytearray) -> None:
    del data[len(data) // 2 :]


def another_codec(data: bytearray) -> None:
    at = data.find(bytes.fromhex("40 15 00"))
    data[at] = 0x6B


@pytest.mark.parametrize(
    "harm", [stretch, cut_out, hold_back, too_many, far_away, too_long, still_clock, cut_short, another_codec]
)
async def test_a_hostile_or_odd_index_ends_in_copy_impossible(
    harm: Callable[[bytearray], None], tmp_path: Path
) -> None:
    good, bad = make_parts(tmp_path / "in", [1.0, 1.0])
    patched(bad, harm)
    with pytest.raises(PermanentError) as caught:
        await copy_timeline(
            REAL, [aac(good), aac(bad)], tmp_path / "a.m4a", on_secs=lambda *_: None, on_done=lambda *_: None
        )
    assert caught.value.reason.code == "copy_impossible"
    assert bad.name in caught.value.reason.message


async def test_no_single_flipped_byte_of_an_index_brings_down_the_reader(tmp_path: Path) -> None:
    part = make_parts(tmp_path / "in", [0.4])[0]
    whole = part.read_bytes()
    at = whole.find(b"moov")
    for place in range(at - 4, min(len(whole), at + 900)):
        for value in (0, 0xFF, whole[place] ^ 0x01):
            broken = bytearray(whole)
            broken[place] = value
            part.write_bytes(broken)
            copyable([aac(part)])  # an answer, whichever


async def test_raw_aac_with_a_hole_is_left_to_the_decoder(studio: Studio) -> None:
    source = studio.chirp("raw.aac", 3.0)
    patched(source, lambda data: data.__setitem__(slice(9000, 9400), bytes(400)))
    assert "not whole" in (copyable([aac(source)]) or "")


def test_decoder_configurations_are_read_as_the_standard_writes_them() -> None:
    plain = parse_config(bytes.fromhex("1210"))
    assert (plain.object_type, plain.rate, plain.channels, plain.frame, plain.sbr) == (2, 44100, 2, 1024, None)
    assert parse_config(bytes.fromhex("1208 56e500")).sbr == 0
    high = parse_config(bytes.fromhex("2b8a0800"))
    assert (high.object_type, high.rate, high.channels, high.sbr) == (5, 22050, 1, 44100)
    assert parse_config(bytes.fromhex("1214")).frame == 960


def test_what_a_container_says_of_channels_is_checked_against_the_decoders_own_words() -> None:
    told = {"1208 56e500": 1, "1210": 2, "1208": 1, "1388": None, "1388 56e500": 1, "2b8a0800": None, "eb8a0800": 2}
    assert {config: parse_config(bytes.fromhex(config)).heard_channels for config in told} == told
