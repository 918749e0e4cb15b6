"""Reading audio containers with mutagen: codec by content, duration, tags, chapter marks, embedded pictures.

Pure reading, a millisecond a file, no process started. What mutagen cannot make sense of yields None; `probe` then asks
ffmpeg.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from mutagen import MutagenError

from earmark.core.binding import AudioInfo, Chapter
from earmark.media.mp4 import Mp4Error, read_config


class _StreamInfo(Protocol):
    length: float


class _File(Protocol):
    """The part of mutagen's file types that is used here."""

    info: _StreamInfo
    tags: object


_ID3 = {
    "TIT2": "title", "TALB": "album", "TPE1": "artist", "TPE2": "albumartist", "TCOM": "composer", "TRCK": "track",
    "TPOS": "disc", "TDRC": "date", "TCON": "genre", "TPUB": "publisher", "TLAN": "language", "TIT3": "subtitle",
    "MVNM": "series", "MVIN": "series-part",
}  # fmt: skip
_MP4 = {
    "©nam": "title", "©alb": "album", "©ART": "artist", "aART": "albumartist", "©wrt": "composer", "trkn": "track",
    "disk": "disc", "©day": "date", "©gen": "genre", "©cmt": "comment", "desc": "description", "©nrt": "narrator",
    "©mvn": "series", "©mvi": "series-part",
}  # fmt: skip
_ASF = {
    "title": "title", "author": "artist", "wm/albumtitle": "album", "wm/albumartist": "albumartist",
    "wm/composer": "composer", "wm/tracknumber": "track", "wm/partofset": "disc", "wm/year": "date",
    "wm/genre": "genre", "description": "comment", "wm/publisher": "publisher", "wm/language": "language",
}  # fmt: skip
_VORBIS = {
    "tracknumber": "track", "discnumber": "disc", "album artist": "albumartist", "album_artist": "albumartist",
    "year": "date",
}  # fmt: skip

_MOST_PIPED = 2**31 - 4096  # bytes


def read_container(path: Path) -> AudioInfo | None:
    """What the container of `path` says, or None when it is none that mutagen reads. Raises OSError."""
    kind = sniff(path)
    reader = _READERS.get(kind) if kind else None
    if reader is None:
        return None
    try:
        info = reader(path)
    except (MutagenError, ValueError, KeyError, IndexError, ArithmeticError, AttributeError, TypeError):
        return None  # a damaged header: ffmpeg has the last word
    return info if info.sample_rate > 0 and info.channels > 0 and info.duration_secs > 0 else None


def sniff(path: Path) -> str | None:
    """The container by its first bytes, whatever the name ends in: mp3 mp4 flac ogg asf wav adts."""
    with path.open("rb") as file:
        head = _after_id3(file)
    if head[4:8] == b"ftyp":
        return "mp4"
    for magic, kind in ((b"fLaC", "flac"), (b"OggS", "ogg"), (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf")):
        if head.startswith(magic):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return "wav"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "adts"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        return "mp3"
    # An mp3 may start with padding or junk before its first frame; only mutagen's own search can tell.
    return "mp3" if path.suffix.lower() in {".mp3", ".mp2"} and head else None


def cut_short(path: Path) -> bool:
    """Does an Ogg file end inside a page? Its length is read from its last whole page, so nothing else would tell."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        tail_at = file.seek(max(0, size - 130_000))  # two of the longest pages
        tail = file.read()
    at = tail.rfind(b"OggS")
    if at < 0:
        return False
    page = tail[at:]
    segments = page[26] if len(page) > 26 else 255
    return tail_at + at + 27 + segments + sum(page[27 : 27 + segments]) > size


def _after_id3(file: BinaryIO) -> bytes:
    """64 bytes from where the audio begins: an ID3v2 tag may stand before any container."""
    head = file.read(64)
    for _ in range(4):
        if not head.startswith(b"ID3") or len(head) < 10:
            break
        size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
        file.seek(file.tell() - len(head) + 10 + size)
        head = file.read(64)
    return head


def _mp3(path: Path) -> AudioInfo:
    from mutagen.mp3 import MP3, BitrateMode

    audio = MP3(path)
    info = audio.info
    if info.sketchy:
        raise ValueError("no sure sign of mpeg audio")
    return AudioInfo(
        path=path,
        codec=f"mp{int(info.layer)}",
        duration_secs=float(info.length),
        sample_rate=int(info.sample_rate),
        channels=int(info.channels),
        bitrate_kbps=_kbps(info.bitrate),
        tags=_id3_tags(audio.tags),
        chapters=_id3_chapters(audio.tags),
        has_cover=bool(audio.tags and audio.tags.getall("APIC")),
        duration_estimated=info.bitrate_mode == BitrateMode.UNKNOWN,
    )


def _mp4(path: Path) -> AudioInfo:
    from mutagen.mp4 import MP4

    audio = MP4(path)
    info = audio.info
    codec = str(info.codec)
    known = {"mp4a.40": "aac", "mp4a.69": "mp3", "mp4a.6B": "mp3", "alac": "alac", "ac-3": "ac3", "ec-3": "eac3"}
    name = next((v for k, v in known.items() if codec.startswith(k)), None)
    if name is None:
        raise ValueError("a codec mutagen does not name as ffmpeg does")
    length = float(info.length)
    return AudioInfo(
        path=path,
        codec=name,
        duration_secs=length,
        sample_rate=int(info.sample_rate),
        channels=(_heard_channels(path) if name == "aac" else None) or int(info.channels),
        bitrate_kbps=_kbps(info.bitrate) or _by_size(path, length),
        tags=_mp4_tags(audio.tags),
        chapters=spans([(float(c.start), str(c.title)) for c in audio.chapters or ()], length),
        has_cover=bool(audio.tags and audio.tags.get("covr")),
    )


def _heard_channels(path: Path) -> int | None:
    """Of mono AAC the container often tells two channels, and mutagen repeats it where SBR might be there."""
    from earmark.media.streamcopy import parse_config  # which needs `sniff` from here

    try:
        return parse_config(read_config(path)).heard_channels
    except Mp4Error:
        return None


def _flac(path: Path) -> AudioInfo:
    from mutagen.flac import FLAC

    audio = FLAC(path)
    tags = _vorbis_tags(audio.tags)
    chapters = _vorbis_chapters(tags, float(audio.info.length))
    return _plain(path, "flac", audio, tags, cover=bool(audio.pictures), chapters=chapters)


def _ogg(path: Path) -> AudioInfo:
    from mutagen.oggflac import OggFLAC
    from mutagen.oggopus import OggOpus
    from mutagen.oggvorbis import OggVorbis

    with path.open("rb") as file:
        head = file.read(256)
    codec, kind = next(
        (codec, kind)
        for magic, codec, kind in (
            (b"OpusHead", "opus", OggOpus),
            (b"\x01vorbis", "vorbis", OggVorbis),
            (b"\x7fFLAC", "flac", OggFLAC),
            (b"", "", None),
        )
        if magic in head
    )
    if kind is None:
        raise ValueError("an Ogg file without known audio")
    audio = kind(path)
    tags = _vorbis_tags(audio.tags)
    cover = "metadata_block_picture" in tags or "coverart" in tags
    for bulky in ("metadata_block_picture", "coverart"):
        tags.pop(bulky, None)
    return _plain(path, codec, audio, tags, cover=cover, chapters=_vorbis_chapters(tags, float(audio.info.length)))


def _asf(path: Path) -> AudioInfo:
    from mutagen.asf import ASF

    audio = ASF(path)
    kind = f"{audio.info.codec_type} {audio.info.codec_name}".casefold()
    codec = next(
        name
        for word, name in (
            ("lossless", "wmalossless"),
            ("professional", "wmapro"),
            ("voice", "wmavoice"),
            ("", "wmav2"),
        )
        if word in kind
    )
    tags = {_ASF.get(k.casefold(), k.casefold()): str(v[0]) for k, v in dict(audio.tags.as_dict()).items() if v}
    return _plain(path, codec, audio, tags, cover=tags.pop("wm/picture", None) is not None)


def _wav(path: Path) -> AudioInfo:
    from mutagen.wave import WAVE

    audio = WAVE(path)
    bits = int(audio.info.bits_per_sample) or 16
    claim, held = float(audio.info.length), path.stat().st_size * 8 / max(1, int(audio.info.bitrate))
    # Who writes to a pipe cannot know the length, and claims the most there is: 4 GiB.
    piped = claim * audio.info.bitrate / 8 > _MOST_PIPED > path.stat().st_size
    if piped:
        audio.info.length = held
    return _plain(path, "pcm_u8" if bits == 8 else f"pcm_s{bits}le", audio, _id3_tags(audio.tags), estimated=piped)


def _adts(path: Path) -> AudioInfo:
    from mutagen.aac import AAC

    audio = AAC(path)  # its length is worked out from the first frames
    return _plain(path, "aac", audio, {}, estimated=True)


_READERS: dict[str, Callable[[Path], AudioInfo]] = {
    "mp3": _mp3,
    "mp4": _mp4,
    "flac": _flac,
    "ogg": _ogg,
    "asf": _asf,
    "wav": _wav,
    "adts": _adts,
}


def _plain(
    path: Path,
    codec: str,
    audio: object,
    tags: dict[str, str],
    *,
    cover: bool = False,
    chapters: tuple[Chapter, ...] = (),
    estimated: bool = False,
) -> AudioInfo:
    info = cast("_File", audio).info
    length = float(info.length)
    rate = int(getattr(info, "sample_rate", 48000))  # Opus always decodes at 48 kHz
    bitrate = _kbps(getattr(info, "bitrate", 0)) or _by_size(path, length)
    channels = int(getattr(info, "channels", 0))
    return AudioInfo(path, codec, length, rate, channels, bitrate, tags, chapters, cover, estimated)


def spans(marks: Iterable[tuple[float, str]], total_secs: float) -> tuple[Chapter, ...]:
    """Chapters from start marks: each ends where the next begins, the last at the end."""
    ordered = sorted(marks, key=lambda m: m[0])
    if not ordered:
        return ()
    ends = [*(start for start, _ in ordered[1:]), max(total_secs, ordered[-1][0])]
    return tuple(Chapter(title, start, end) for (start, title), end in zip(ordered, ends, strict=True))


def _id3_tags(tags: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for frame in _values(tags):
        frame_id = str(getattr(frame, "FrameID", ""))
        key = _ID3.get(frame_id)
        if frame_id == "TXXX":
            key = str(getattr(frame, "desc", "")).casefold()
        elif frame_id == "COMM":
            key = "comment"
        text = " / ".join(str(t) for t in getattr(frame, "text", []) or []).strip()
        if key and text:
            found.setdefault(key, text)
    return found


def _id3_chapters(tags: object) -> tuple[Chapter, ...]:
    marks: list[Chapter] = []
    for frame in _values(tags):
        if getattr(frame, "FrameID", "") == "CHAP":
            names = [t for f in _values(getattr(frame, "sub_frames", None)) for t in getattr(f, "text", [])]
            start, end = float(getattr(frame, "start_time", 0)), float(getattr(frame, "end_time", 0))
            marks.append(Chapter(str(names[0]) if names else "", start / 1000, end / 1000))
    return tuple(sorted(marks, key=lambda c: c.start_secs))


def _mp4_tags(tags: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw, value in _items(tags):
        if raw == "covr" or not isinstance(value, list) or not value:
            continue
        key = _MP4.get(raw) or (raw.rsplit(":", 1)[-1] if raw.startswith("----:") else raw)
        first = value[0]
        if isinstance(first, tuple):  # trkn and disk: (number, total)
            text = f"{first[0]}/{first[1]}" if first[1] else str(first[0])
        elif isinstance(first, bytes):
            text = bytes(first).decode("utf-8", "replace")
        else:
            text = " / ".join(str(v) for v in value)
        if text.strip():
            found.setdefault(key.casefold(), text.strip())
    return found


def _vorbis_tags(tags: object) -> dict[str, str]:
    found: dict[str, str] = {}
    for raw, value in _items(tags):
        key = _VORBIS.get(raw.casefold(), raw.casefold())
        text = " / ".join(str(v) for v in value) if isinstance(value, list) else str(value)
        if text.strip():
            found.setdefault(key, text.strip())
    return found


def _vorbis_chapters(tags: dict[str, str], total_secs: float) -> tuple[Chapter, ...]:
    marks: list[tuple[float, str]] = []
    for key, value in tags.items():
        clock = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", value)
        if re.fullmatch(r"chapter\d{3}", key) and clock:
            start = int(clock[1]) * 3600 + int(clock[2]) * 60 + float(clock[3])
            marks.append((start, tags.get(f"{key}name", "")))
    return spans(marks, total_secs) if marks else ()


def _values(tags: object) -> list[object]:
    values = getattr(tags, "values", None)
    return list(values()) if values else []


def _items(tags: object) -> list[tuple[str, object]]:
    if tags is None:
        return []
    return [(str(k).replace("\xa9", "©"), v) for k, v in dict(cast("dict[str, object]", tags)).items()]


def _kbps(bits: object) -> int | None:
    value = round(bits / 1000) if isinstance(bits, int | float) else 0
    return value if value > 0 else None


def _by_size(path: Path, secs: float) -> int | None:
    return _kbps(path.stat().st_size * 8 / secs) if secs > 0 else None
