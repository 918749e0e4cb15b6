"""What an audio file is. mutagen reads nearly everything in a millisecond; ffmpeg is asked about the rest.

A file that neither can read as audio ends in `not_audio`. Whether the audio is whole is not asked here: only decoding
knows (`decode`).
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path

from earmark.core.binding import AudioInfo, Chapter
from earmark.core.reasons import EarmarkError, PermanentError, Reason
from earmark.media.containers import read_container, sniff
from earmark.media.decode import corrupt
from earmark.media.ffmpeg import SAFE_INPUT, FfmpegTool, last_line, running, url


async def probe(path: Path, tool: FfmpegTool) -> AudioInfo:
    """Codec, claimed duration, rate, channels, bit rate, tags and chapter marks of `path`.

    Raises PermanentError `not_audio` or `file_missing` naming the file.
    """
    try:
        if await asyncio.to_thread(lambda: path.stat().st_size) == 0:
            raise not_audio(path, "the file is empty")
        info = await asyncio.to_thread(read_container, path)
        several_tracks = info is not None and info.codec in {"aac", "alac"} and not info.chapters
        if info is not None and not (several_tracks and await asyncio.to_thread(has_chapter_track, path)):
            return info
    except OSError as error:
        raise _unreadable(path, error) from error
    asked = await ask_ffmpeg(path, tool)
    return asked if info is None else _with_chapters(info, asked.chapters)


async def ask_ffmpeg(path: Path, tool: FfmpegTool) -> AudioInfo:
    """The same facts from ffmpeg's own description of the file; about 0.1 s."""
    report: list[str] = []
    args = ["-v", "level+info", *SAFE_INPUT, "-i", url(path), "-map_metadata", "0", "-f", "ffmetadata", "pipe:1"]
    async with running(tool, args, subject=path.name, on_line=report.append) as process:
        listing = b""
        while chunk := await process.read():
            listing += chunk
        code = await process.finish()
    audio = next((line for line in report if re.search(r"Stream #\S+: Audio: ", line)), None)
    if audio is None:
        error = process.error(code)
        if error.transient:
            raise error
        if code and not any("Input #0" in line for line in report):
            raise await asyncio.to_thread(_refused, path, last_line(list(process.lines)))
        raise not_audio(path, "it holds no audio stream")
    tags, chapters = parse_ffmetadata(listing.decode("utf-8", "replace"))
    return _described(path, audio, report, tags, chapters)


def _described(
    path: Path, audio: str, report: list[str], tags: dict[str, str], chapters: tuple[Chapter, ...]
) -> AudioInfo:
    """Put ffmpeg's `Stream … Audio: mp3, 44100 Hz, mono, fltp, 64 kb/s` and `Duration: …` lines into an AudioInfo."""
    codec = re.search(r"Audio: (\w+)", audio)
    rate = re.search(r"(\d+) Hz", audio)
    if codec is None or rate is None or codec[1] == "none":
        raise not_audio(path, "its audio stream cannot be made out")
    clock = next((m for line in report if (m := re.search(r"Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)", line))), None)
    length = int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3]) if clock else 0.0
    bitrate = re.search(r"(\d+) kb/s", audio) or next(
        (m for line in report if (m := re.search(r"Duration: .*bitrate: (\d+) kb/s", line))), None
    )
    names = {"mono": 1, "stereo": 2, "2.1": 3, "quad": 4, "5.0": 5, "5.1": 6, "7.1": 8}
    layout = re.search(r"Hz, (?:(\d+) channels|([\d.]+|mono|stereo|quad))", audio)
    channels = int(layout[1]) if layout and layout[1] else names.get(layout[2], 2) if layout else 2
    return AudioInfo(
        path=path,
        codec=codec[1],
        duration_secs=length,
        sample_rate=int(rate[1]),
        channels=channels,
        bitrate_kbps=int(bitrate[1]) if bitrate else None,
        tags=tags,
        chapters=chapters,
        has_cover=any("attached pic" in line for line in report),
        duration_estimated=clock is None or any("Estimating duration from bitrate" in line for line in report),
    )


def parse_ffmetadata(text: str) -> tuple[dict[str, str], tuple[Chapter, ...]]:
    """ffmpeg's metadata format: global tags (lower-case keys) and chapters."""
    renamed = {"album_artist": "albumartist", "tracknumber": "track", "discnumber": "disc", "year": "date"}
    tags: dict[str, str] = {}
    chapters: list[Chapter] = []
    section, block = "", dict[str, str]()
    for line in [*_logical_lines(text), "[END]"]:
        if re.fullmatch(r"\[\w+\]", line):
            if section == "[CHAPTER]":
                num, _, den = block.get("timebase", "1/1000000000").partition("/")
                unit = int(num) / int(den or 1)
                start, end = int(block.get("start", 0)) * unit, int(block.get("end", 0)) * unit
                chapters.append(Chapter(block.get("title", ""), start, end))
            section, block = line, {}
        elif "=" in line and not line.startswith((";", "#")):
            key, _, value = re.sub(r"\\([=;#\\\n])", r"\1", line).partition("=")
            if section == "":
                tags.setdefault(renamed.get(key.casefold(), key.casefold()), value)
            else:
                block[key.casefold()] = value
    return tags, tuple(chapters)


def _logical_lines(text: str) -> list[str]:
    """Lines of the metadata format: a backslash before the line's end continues it."""
    return re.findall(r"(?:\\.|[^\\\n])+", text, flags=re.DOTALL)


def has_chapter_track(path: Path) -> bool:
    """Does an MP4 name a QuickTime chapter track (`tref/chap`)? mutagen reads only the other kind of chapter list."""
    from mutagen.mp4 import AtomError, Atoms

    try:
        with path.open("rb") as file:
            moov = Atoms(file).path(b"moov")[-1]
            trefs = [a for trak in moov.children or () for a in trak.children or () if a.name == b"tref"]
            return any(b"chap" in tref.read(file)[1] for tref in trefs)
    except (AtomError, KeyError, IndexError, ValueError, AttributeError):
        return False


def not_audio(path: Path, why: str) -> PermanentError:
    return PermanentError(
        Reason(
            "not_audio",
            f"{path.name!r} is no audio file that can be read: {why}.",
            "Choose another release, or remove the file from the list if it is no part of the book.",
            {"file": path.name},
        )
    )


def _refused(path: Path, why: str) -> PermanentError:
    """A file that begins like audio and cannot be opened is damaged; anything else never was audio."""
    if sniff(path) in {"mp4", "flac", "ogg", "asf", "wav"}:
        return corrupt(AudioInfo(path, "", 0.0, 0, 0, None), 0.0, why)
    return not_audio(path, why)


def _with_chapters(info: AudioInfo, chapters: tuple[Chapter, ...]) -> AudioInfo:
    return replace(info, chapters=chapters)


def _unreadable(path: Path, error: OSError) -> EarmarkError:
    missing = isinstance(error, FileNotFoundError)
    return PermanentError(
        Reason(
            "file_missing" if missing else "file_unreadable",
            f"{path.name!r} cannot be read: {error.strerror or error}.",
            "Check that the download is still in place and that Earmark may read it, then retry.",
            {"file": path.name},
        )
    )
