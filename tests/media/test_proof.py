"""What a finished book has to prove: whole, as long as it should be, each source in its place."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
import pytest
from media_bench import REAL, FakeFfmpeg, Studio, ffmpeg

from earmark.core.binding import Chapter
from earmark.core.reasons import EarmarkError, PermanentError
from earmark.media import find_ffmpeg, probe
from earmark.media import proof as proof_module
from earmark.media.encode import mux_book
from earmark.media.ffmpeg import FfmpegTool, _from_wheel
from earmark.media.proof import (
    COPY_TOLERANCE_SECS,
    ENCODE_TOLERANCE_SECS,
    Placed,
    decoded_secs,
    likeness,
    prove_bound,
    prove_source_map,
)
from earmark.media.streamcopy import copy_timeline


@pytest.fixture(params=["PATH", "wheel"])
def either(request: pytest.FixtureRequest) -> FfmpegTool:
    """The distribution's ffmpeg and the bundled one, which is years newer."""
    wheel = _from_wheel()
    assert wheel is not None
    return REAL if request.param == "PATH" else find_ffmpeg(Path(wheel))


class Joined:
    """A book made of copied parts."""

    def __init__(self, book: Path, placed: Sequence[Placed], chapters: Sequence[Chapter], secs: float) -> None:
        self.book, self.placed, self.chapters, self.secs = book, placed, chapters, secs

    async def prove(self, **also: object) -> float:
        found = await prove_bound(
            REAL,
            self.book,
            expected_secs=self.secs,
            chapters=self.chapters,
            on_secs=lambda _: None,
            tolerance_secs=COPY_TOLERANCE_SECS,
            placed=self.placed,
            **also,  # type: ignore[arg-type]
        )
        return found.duration_secs


async def joined(home: Path, *sources: Path) -> Joined:
    infos = [await probe(path, REAL) for path in sources]
    home.mkdir(exist_ok=True)
    nothing = {"on_secs": lambda *_: None, "on_done": lambda *_: None}
    lengths = await copy_timeline(REAL, infos, home / "audio.m4a", **nothing)
    starts = list(accumulate(lengths, initial=0.0))
    chapters = [Chapter(f"Chapter {n}", a, b) for n, (a, b) in enumerate(pairwise(starts), 1)]
    await mux_book(REAL, home / "audio.m4a", chapters, home / "book.m4b", home / "list.txt")
    placed = [Placed(info, start) for info, start in zip(infos, starts, strict=False)]
    return Joined(home / "book.m4b", placed, chapters, sum(lengths))


async def refused(book: Joined, **also: object) -> EarmarkError:
    with pytest.raises(PermanentError) as caught:
        await book.prove(**also)
    return caught.value


def damage(path: Path, at: float) -> None:
    data = bytearray(path.read_bytes())
    start = int(len(data) * at)
    data[start : start + 3000] = random.Random(7).randbytes(3000)
    path.write_bytes(data)


async def test_the_sum_of_stretches_decoded_at_once_is_what_decodes_in_one_go(
    studio: Studio, either: FfmpegTool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof_module, "SPAN_SECS", 5)
    info = await probe(studio.chirp("long.m4a", 31.7), either)
    heard: list[float] = []
    alone = await decoded_secs(either, info, lambda _: None)
    four = await decoded_secs(either, info, heard.append, lanes=4)
    pcm = ffmpeg("-i", str(info.path), "-f", "s16le", "pipe:1")
    assert four == pytest.approx(alone, abs=4 / 44100)
    assert alone == pytest.approx(len(pcm) / 2 / 44100, abs=1024 / 44100)
    assert max(heard) == pytest.approx(four, abs=0.001)


async def test_counting_inside_ffmpeg_is_exact(studio: Studio) -> None:
    info = await probe(studio.chirp("a.m4a", 7.3), REAL)
    pcm = ffmpeg("-i", str(info.path), "-f", "s16le", "pipe:1")
    assert await decoded_secs(REAL, info, lambda _: None) == pytest.approx(len(pcm) / 2 / 44100, abs=0.00001)


async def test_a_copied_book_proves_itself_and_what_is_in_it(studio: Studio, tmp_path: Path) -> None:
    book = await joined(tmp_path / "out", *[studio.chirp(f"{n}.m4a", 3.0 + n / 3) for n in range(4)])
    assert await book.prove() == pytest.approx(book.secs, abs=0.002)
    assert await prove_source_map(REAL, book.book, book.placed) == 4


async def test_an_encoded_book_agrees_with_what_went_in_within_five_milliseconds(
    studio: Studio, tmp_path: Path, either: FfmpegTool
) -> None:
    source = studio.chirp("a.flac", 5.123)
    book = tmp_path / "book.m4b"
    ffmpeg("-i", str(source), "-c:a", "aac", "-f", "ipod", str(book))
    exact = {"chapters": (), "on_secs": lambda _: None, "tolerance_secs": ENCODE_TOLERANCE_SECS}
    assert (await prove_bound(either, book, expected_secs=5.123, **exact)).duration_secs == pytest.approx(
        5.123, abs=0.001
    )  # type: ignore[arg-type]
    with pytest.raises(PermanentError, match=r"5\.123 s where the sources have 5\.133 s"):
        await prove_bound(either, book, expected_secs=5.133, **exact)  # type: ignore[arg-type]


async def test_damage_in_a_copied_source_is_named_by_that_source_and_its_second(studio: Studio, tmp_path: Path) -> None:
    first, second, third = (studio.chirp(f"{n}.m4a", 12.0) for n in range(3))
    damage(second, 0.5)
    error = await refused(await joined(tmp_path / "out", first, second, third))
    assert error.reason.code == "source_corrupt"
    assert error.reason.evidence["path"] == str(second)
    assert error.reason.evidence["second"] == pytest.approx(6, abs=1.5)


async def test_a_book_of_another_length_or_with_other_chapters_fails(studio: Studio, tmp_path: Path) -> None:
    book = await joined(tmp_path / "out", studio.chirp("1.m4a"), studio.chirp("2.m4a"))
    late = [*book.chapters[:1], Chapter("Chapter 2", book.chapters[1].start_secs + 0.1, book.secs)]
    renamed = [Chapter("Other", 0, 1), *book.chapters[1:]]
    for wrong in (
        Joined(book.book, (), book.chapters, book.secs + 0.1),
        Joined(book.book, (), late, book.secs),
        Joined(book.book, (), renamed, book.secs),
        Joined(book.book, (), book.chapters[:1], book.secs),
    ):
        assert (await refused(wrong)).reason.code == "proof_failed"


async def test_a_book_cut_short_fails(studio: Studio, tmp_path: Path) -> None:
    book = await joined(tmp_path / "out", studio.chirp("1.m4a", 20.0))
    book.book.write_bytes(book.book.read_bytes()[:-40_000])
    assert (await refused(book)).reason.code in {"proof_failed", "source_corrupt"}


async def test_sources_in_each_others_place_are_noticed(studio: Studio, tmp_path: Path) -> None:
    book = await joined(tmp_path / "out", *[studio.chirp(f"{n}.m4a", 3.0) for n in range(3)])
    one, two, three = book.placed
    swapped = [one, Placed(three.source, two.start_secs), Placed(two.source, three.start_secs)]
    with pytest.raises(PermanentError, match=r"is not '2\.m4a'"):
        await prove_source_map(REAL, book.book, swapped)


async def test_silent_and_very_short_sources_are_passed_over(studio: Studio, tmp_path: Path) -> None:
    silent = tmp_path / "silent.m4a"
    ffmpeg("-f", "lavfi", "-i", "anullsrc=r=44100:cl=mono", "-t", "3", "-c:a", "aac", "-b:a", "64k", str(silent))
    book = await joined(tmp_path / "out", silent, studio.chirp("short.m4a", 1.0), studio.chirp("long.m4a", 3.0))
    assert await prove_source_map(REAL, book.book, book.placed) == 1


async def test_a_decoder_that_dies_is_no_judgement_of_the_book(
    studio: Studio, tmp_path: Path, fake_ffmpeg: FakeFfmpeg
) -> None:
    info = await probe(studio.chirp("1.m4a"), REAL)
    with pytest.raises(EarmarkError) as caught:
        await decoded_secs(fake_ffmpeg("kill -SEGV $$"), info, lambda _: None, lanes=2)
    assert caught.value.reason.code == "ffmpeg_crashed"


async def test_a_listener_that_fails_ends_all_lanes_with_its_own_error(
    studio: Studio,
    fake_ffmpeg: FakeFfmpeg,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[[Callable[[], bool], float], Awaitable[float]],
) -> None:
    monkeypatch.setattr(proof_module, "SPAN_SECS", 5)
    info = await probe(studio.chirp("1.m4a", 20.0), REAL)

    def refuse(_: float) -> None:
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        await decoded_secs(fake_ffmpeg('exec "$REAL" -re "$@"'), info, refuse, lanes=3)
    await eventually(lambda: fake_ffmpeg.alive() == [], 5)  # one that was just being started takes a moment to end


def test_likeness_tells_the_same_sound_from_another_and_from_silence() -> None:
    noise = np.random.default_rng(5).standard_normal((2, 16000)).astype("f4")
    hay = np.concatenate([noise[1][:4000], noise[0], noise[1][4000:]])
    assert likeness(noise[0] * 0.3, hay) == pytest.approx(1.0, abs=0.01)
    assert likeness(np.random.default_rng(6).standard_normal(16000).astype("f4"), hay) < 0.1
    assert likeness(noise[0], np.zeros(20000, "f4")) < 0.1
    assert likeness(noise[0], hay[:100]) == 0.0
