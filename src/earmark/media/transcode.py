"""One source file, or one range of it, into one track of a wished format: which codec, rate and quality, and the
ffmpeg run that does it. Ranges are cut at samples, so that the tracks of one image have neither gap nor overlap."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from earmark.core.binding import AudioInfo
from earmark.media.containers import sniff
from earmark.media.decode import PcmFormat, decoding
from earmark.media.encode import LOSSLESS
from earmark.media.ffmpeg import SAFE_INPUT, FfmpegTool, running, url

AlbumFormat: TypeAlias = Literal["vorbis", "opus", "mp3", "flac", "keep"]

DEFAULT_KBPS = {"vorbis": 320, "opus": 160, "mp3": 320}
SUFFIXES = {"vorbis": ".ogg", "opus": ".opus", "mp3": ".mp3", "flac": ".flac", "aac": ".m4a", "alac": ".m4a"}

_MUXERS = {"vorbis": "ogg", "opus": "opus", "mp3": "mp3", "flac": "flac"}
_OPUS_RATES = (48_000,)  # whatever goes in, it decodes at 48 kHz
_MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_VORBIS_MOST_HZ = 192_000
# Nominal kbit/s of libvorbis' qualities -1 to 10 in 44.1 kHz stereo. Asked for by quality, it takes any rate and any
# number of channels; asked for by bit rate, it refuses 320 kbit/s of mono or of 96 kHz.
_VORBIS_KBPS = (45, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 500)
# Containers whose packets say exactly which sample they begin with: a range can be reached by seeking.
_EXACT_SEEK = ("flac", "alac", "pcm_")
_PREROLL_SECS = 1.0  # decoded and thrown away before a range, for the resampler to find its feet


@dataclass(frozen=True, slots=True)
class AlbumProfile:
    """How the tracks of an album are to come out.

    `quality` (Vorbis -1..10, MP3 9..0 as VBR) goes before `bitrate_kbps`; without either the default of the format:
    Vorbis 320 kbit/s (which is its quality 9), MP3 320, Opus 160. `sample_rate_hz` None: the source's own, brought
    down to 44.1 or 48 kHz for lossy formats. `keep` copies what can be tagged and encodes only what must be cut.
    """

    format: AlbumFormat = "vorbis"
    bitrate_kbps: int | None = None
    quality: float | None = None
    sample_rate_hz: int | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one track is made. `codec` is vorbis, opus, mp3 or flac; for a copy it is the source's own."""

    codec: str
    rate: int
    args: tuple[str, ...]
    copied: bool = False

    @property
    def suffix(self) -> str:
        return SUFFIXES[self.codec]


def recipe_for(source: AudioInfo, profile: AlbumProfile, *, whole: bool) -> Recipe:
    """What becomes of `source`, or of a range of it (`whole` is False)."""
    if profile.format != "keep":
        return _encoding(profile.format, source, profile)
    kept = source.codec in SUFFIXES and sniff(source.path) in {"mp4", "mp3", "flac", "ogg"}
    if whole and kept:
        return Recipe(source.codec, source.sample_rate, (), copied=True)
    lossless = source.codec.startswith(LOSSLESS)
    codec = "flac" if lossless else source.codec if source.codec in _MUXERS else "vorbis"
    return _encoding(codec, source, AlbumProfile("keep", source.bitrate_kbps or DEFAULT_KBPS.get(codec)))


async def encode_track(
    tool: FfmpegTool,
    source: AudioInfo,
    span: tuple[float, float | None] | None,
    recipe: Recipe,
    out: Path,
    on_secs: Callable[[float], None],
) -> None:
    """Encode `source`, or the seconds `span` of it, to `out`; `on_secs` hears how many seconds are written.

    Raises PermanentError `source_corrupt` when the decoder lost audio on the way, `ffmpeg_failed`; TransientError
    `ffmpeg_crashed`, `ffmpeg_hung`, `disk_full`.
    """
    complaints: list[str] = []
    seek, filters = _cut(source, span, recipe.rate)
    args = ["-v", "level+error", "-y", *SAFE_INPUT, *seek]
    args += ["-err_detect", "crccheck"] if source.codec == "flac" else []
    args += ["-i", url(source.path), "-map", "0:a:0", "-map_metadata", "-1", "-map_chapters", "-1"]
    args += [*(["-af", ",".join(filters)] if filters else []), *recipe.args, "-fflags", "+bitexact"]
    args += ["-progress", "pipe:1", "-f", _MUXERS[recipe.codec], url(out)]
    async with running(tool, args, subject=source.path.name, on_line=_collect(complaints)) as run:
        rest = b""
        while chunk := await run.read():
            *lines, rest = (rest + chunk).split(b"\n")
            for told in lines:
                if clock := re.match(rb"out_time_us=(\d+)", told):
                    on_secs(int(clock[1]) / 1_000_000)
        code = await run.finish()
    if code != 0 and (error := run.error(code)).transient:
        raise error
    if code != 0 or complaints:
        await _judge(tool, source)
    if code != 0:
        raise run.error(code)


def _encoding(codec: str, source: AudioInfo, profile: AlbumProfile) -> Recipe:
    rate = _rate_for(codec, source.sample_rate, profile.sample_rate_hz)
    kbps = profile.bitrate_kbps or DEFAULT_KBPS.get(codec, 0)
    mono = source.channels == 1
    fold = ["-ac", "2"] if source.channels > 2 else []  # MP3 has no more, and libopus refuses some layouts of 5.1
    if codec == "vorbis":
        quality = profile.quality if profile.quality is not None else vorbis_quality(kbps)
        args = ["-c:a", "libvorbis", "-q:a", f"{min(10.0, max(-1.0, quality)):g}"]
    elif codec == "opus":
        args = ["-c:a", "libopus", "-b:a", f"{min(max(kbps, 6), 256 if mono else 510)}k", *fold]
    elif codec == "mp3":
        vbr = profile.quality is not None
        size = ["-q:a", f"{profile.quality:g}"] if vbr else ["-b:a", f"{min(max(kbps, 8), 320)}k"]
        args = ["-c:a", "libmp3lame", *size, *fold, "-id3v2_version", "0"]
    else:
        # A lossy source has no more than 16 bits to keep; ffmpeg would write its floats as 24.
        args = ["-c:a", "flac", *([] if source.codec.startswith(LOSSLESS) else ["-sample_fmt", "s16"])]
    return Recipe(codec, rate, (*args, *([] if rate == source.sample_rate else ["-ar", str(rate)])))


def vorbis_quality(kbps: int) -> float:
    """The quality of libvorbis whose nominal bit rate is `kbps`: 320 → 9, 192 → 6, 128 → 4."""
    if kbps <= _VORBIS_KBPS[0]:
        return -1.0
    for index, (low, high) in enumerate(itertools.pairwise(_VORBIS_KBPS)):
        if kbps <= high:
            return round(index - 1 + (kbps - low) / (high - low), 2)
    return 10.0


def _rate_for(codec: str, source_hz: int, wished_hz: int | None) -> int:
    """The rate of the track: what was wished for or the source's, as far as the codec takes it."""
    wanted = wished_hz or source_hz
    if codec == "flac":
        return wanted
    if wished_hz is None and wanted > 48_000:
        wanted = 44_100 if source_hz % 44_100 == 0 else 48_000
    if codec == "vorbis":
        return min(max(wanted, 8_000), _VORBIS_MOST_HZ)
    rates = _OPUS_RATES if codec == "opus" else _MP3_RATES
    return next((rate for rate in rates if rate >= wanted), rates[-1])


def _cut(source: AudioInfo, span: tuple[float, float | None] | None, rate: int) -> tuple[list[str], list[str]]:
    """Input arguments and filters for a range.

    The range is counted in samples of the output, from the start of the file, so that where one track ends the next
    begins. Where the source can be reached by seeking, reading starts a little earlier, at a sample that falls on both
    clocks: the resampler then works as if it had read the whole file.
    """
    resampled = [f"aresample={rate}"] if rate != source.sample_rate else []
    if span is None:
        return [], resampled
    first, last = round(span[0] * rate), None if span[1] is None else round(span[1] * rate)
    seek, begin, skipped = list[str](), list[str](), 0
    if source.codec.startswith(_EXACT_SEEK) and span[0] > 2 * _PREROLL_SECS:
        step = source.sample_rate // math.gcd(source.sample_rate, rate)
        near = int((span[0] - _PREROLL_SECS) * source.sample_rate) // step * step
        skipped = near * rate // source.sample_rate
        seek = ["-ss", f"{near / source.sample_rate - _PREROLL_SECS:.6f}", "-noaccurate_seek", "-copyts"]
        begin = [f"atrim=start_pts={near}", "asetpts=PTS-STARTPTS"]
    end = "" if last is None else f":end_sample={last - skipped}"
    return seek, [*begin, *resampled, f"atrim=start_sample={first - skipped}{end}", "asetpts=PTS-STARTPTS"]


def _collect(complaints: list[str]) -> Callable[[str], None]:
    def listen(said: str) -> None:
        if ("[error]" in said or "[fatal]" in said) and len(complaints) < 100:
            complaints.append(said)

    return listen


async def _judge(tool: FfmpegTool, source: AudioInfo) -> None:
    """ffmpeg complained: decode the source alone, which tells harmless words from lost audio, and names the second."""
    async with decoding(tool, source, PcmFormat(source.sample_rate, min(source.channels, 2))) as decoder:
        while await decoder.read():
            pass
        await decoder.check()
