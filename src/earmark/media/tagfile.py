"""Tag fields in and out of the containers: MP4, MP3 (ID3v2.4), FLAC, Ogg Vorbis and Opus, through mutagen.

Fields have one set of names here, those of Vorbis comments; what they are called in an MP4 atom or an ID3 frame stands
in tables. What the fields mean, for a book or for a track, is decided in `tags` and `tracktags`. Only files of our own
making may be written to; audio and chapter marks are left as they are.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias, cast

from mutagen import MutagenError

from earmark.core.binding import Chapter
from earmark.core.reasons import PermanentError, Reason
from earmark.media.containers import sniff
from earmark.media.pictures import FRONT, picture_of

Fields: TypeAlias = Mapping[str, Sequence[str]]

AUDIOBOOK = 2  # `stik`: what kind of media an MP4 is
TOC_LENGTH = 255  # entries an ID3 table of contents can hold
_FREE = "----:com.apple.iTunes:"
_GAP = _FREE + "iTunSMPB"  # where the audio begins and ends: part of the sound, not of the tags
_BETWEEN = "; "  # how containers that hold one text a field hold several

_ID3 = {
    "TITLE": "TIT2", "ALBUM": "TALB", "ARTIST": "TPE1", "ALBUMARTIST": "TPE2", "COMPOSER": "TCOM", "DATE": "TDRC",
    "GENRE": "TCON", "PUBLISHER": "TPUB", "LANGUAGE": "TLAN", "SUBTITLE": "TIT3", "GROUPING": "TIT1",
    "COPYRIGHT": "TCOP", "ISRC": "TSRC",
}  # fmt: skip
_MP4 = {
    "TITLE": "\xa9nam", "ALBUM": "\xa9alb", "ARTIST": "\xa9ART", "ALBUMARTIST": "aART", "COMPOSER": "\xa9wrt",
    "NARRATOR": "\xa9nrt", "DATE": "\xa9day", "GENRE": "\xa9gen", "DESCRIPTION": "ldes", "GROUPING": "\xa9grp",
    "COPYRIGHT": "cprt",
}  # fmt: skip
# Two names for one thing, for programs that know only the other; read when the first is missing.
_MP4_TWINS = {"DESCRIPTION": "desc", "SERIES": "\xa9mvn", "PUBLISHER": "\xa9pub"}
_ID3_TWINS = {"SERIES": "MVNM", "SERIES-PART": "MVIN"}
_VORBIS_TWINS = {"PUBLISHER": "ORGANIZATION", "DESCRIPTION": "COMMENT"}
_NUMBERS = (("TRACKNUMBER", "TRACKTOTAL", "trkn", "TRCK"), ("DISCNUMBER", "DISCTOTAL", "disk", "TPOS"))


def write_fields(
    path: Path, fields: Fields, picture: bytes | None, *, chapters: Sequence[Chapter] = (), audiobook: bool = False
) -> None:
    """Replace all tags and pictures of `path` by `fields` and `picture` (JPEG or PNG). Chapter marks stay unless
    `chapters` are given; those of an MP4 stay in any case, for they are a track of it.

    Raises PermanentError `tags_unsupported`, `tags_failed`.
    """
    with _named(path, "written"):
        kind = sniff(path)
        if kind == "mp4":
            _write_mp4(path, fields, picture, audiobook=audiobook)
        elif kind == "mp3":
            _write_id3(path, fields, picture, chapters)
        elif kind in {"flac", "ogg"}:
            _write_vorbis(path, fields, picture, chapters)
        else:
            raise _unsupported(path)


def read_fields(path: Path) -> dict[str, tuple[str, ...]]:
    """All text fields of `path` under their Vorbis names, upper case; containers with one text a field give one.

    Raises PermanentError `tags_unsupported`, `tags_failed`.
    """
    with _named(path, "read"):
        kind = sniff(path)
        if kind == "mp4":
            return _read_mp4(path)
        if kind == "mp3":
            return _read_id3(path)
        if kind in {"flac", "ogg"}:
            return _read_vorbis(path)
        raise _unsupported(path)


def _write_mp4(path: Path, fields: Fields, picture: bytes | None, *, audiobook: bool) -> None:
    from mutagen.mp4 import MP4, AtomDataType, MP4Cover, MP4FreeForm

    audio = MP4(path)
    if audio.tags is None:
        audio.add_tags()
    gap = audio.tags.get(_GAP)
    audio.tags.clear()
    if gap:
        audio.tags[_GAP] = gap
    for name, values in fields.items():
        text = _BETWEEN.join(values)
        if name in _MP4_TWINS:
            audio.tags[_MP4_TWINS[name]] = [text]
        if name in _MP4:
            audio.tags[_MP4[name]] = [text]
        elif not any(name in numbers for numbers in _NUMBERS):
            audio.tags[_FREE + name] = [MP4FreeForm(text.encode(), dataformat=AtomDataType.UTF8)]
    for number, total, atom, _ in _NUMBERS:
        pair = (_whole(fields, number), _whole(fields, total))
        if any(pair):
            audio.tags[atom] = [pair]
    movement = _whole(fields, "SERIES-PART")  # holds whole numbers only; 2.5 stands in SERIES-PART alone
    if "SERIES" in fields:
        audio.tags["shwm"] = [1]
        if movement:
            audio.tags["\xa9mvi"] = [movement]
    if audiobook:
        audio.tags["stik"] = [AUDIOBOOK]
        audio.tags["pgap"] = True
    if picture is not None:
        is_png = _checked(path, picture) == "image/png"
        audio.tags["covr"] = [MP4Cover(picture, imageformat=MP4Cover.FORMAT_PNG if is_png else MP4Cover.FORMAT_JPEG)]
    audio.save()


def _read_mp4(path: Path) -> dict[str, tuple[str, ...]]:
    from mutagen.mp4 import MP4

    raw = cast("dict[str, object]", dict(MP4(path).tags or {}))
    found: dict[str, tuple[str, ...]] = {}
    twins = [(atom, name) for name, atom in _MP4_TWINS.items()]
    for atom, name in [*((atom, name) for name, atom in _MP4.items()), *_freeform(raw), *twins]:
        values = raw.get(atom)
        if isinstance(values, list) and values:
            found.setdefault(name, tuple(_text(v) for v in values))
    for number, total, atom, _ in _NUMBERS:
        pairs = cast("list[tuple[int, int]]", raw.get(atom) or [(0, 0)])
        found |= {key: (str(n),) for key, n in zip((number, total), pairs[0], strict=True) if n}
    movement = raw.get("\xa9mvi")
    if isinstance(movement, list) and movement:
        found.setdefault("SERIES-PART", (str(movement[0]),))
    return found


def _freeform(raw: Mapping[str, object]) -> list[tuple[str, str]]:
    return [(key, key.rsplit(":", 1)[-1].upper()) for key in raw if key.startswith("----:") and key != _GAP]


def _write_id3(path: Path, fields: Fields, picture: bytes | None, chapters: Sequence[Chapter]) -> None:
    from mutagen import id3

    old, tags = _id3_of(path), id3.ID3()
    utf8 = id3.Encoding.UTF8
    for name, values in fields.items():
        text = [_BETWEEN.join(values)]
        if name in _ID3:
            tags.add(getattr(id3, _ID3[name])(encoding=utf8, text=text))
        elif not any(name in numbers for numbers in _NUMBERS):
            tags.add(id3.TXXX(encoding=utf8, desc=name, text=text))
        if name == "DESCRIPTION":
            tags.add(id3.COMM(encoding=utf8, lang="eng", desc="", text=text))
    for number, total, _, frame in _NUMBERS:
        pair = (_whole(fields, number), _whole(fields, total))
        if pair[0]:
            tags.add(getattr(id3, frame)(encoding=utf8, text=["/".join(str(n) for n in pair if n)]))
    if "SERIES" in fields:
        tags.add(id3.MVNM(encoding=utf8, text=[_BETWEEN.join(fields["SERIES"])]))
        if movement := _whole(fields, "SERIES-PART"):
            tags.add(id3.MVIN(encoding=utf8, text=[str(movement)]))
    if picture is not None:
        tags.add(id3.APIC(encoding=utf8, mime=_checked(path, picture), type=FRONT, desc="", data=picture))
    for frame in _chapter_frames(chapters) if chapters else [*old.getall("CHAP"), *old.getall("CTOC")]:
        tags.add(frame)
    tags.save(path, v1=0, v2_version=4)


def _chapter_frames(chapters: Sequence[Chapter]) -> list[Any]:
    """CHAP frames and their table of contents, in layers when one cannot hold them all.

    ffmpeg, and with it Audiobookshelf, lists chapters in the order of the file and not by time, and mutagen orders
    frames by length and then by name: so the names make all frames equally long and count upwards.
    """
    from mutagen.id3 import CHAP, CTOC, TIT2, CTOCFlags, Encoding

    none = 0xFFFFFFFF  # no byte offsets: the times count
    lengths = [len(chapter.title.encode()) for chapter in chapters]
    names = [f"chp{n:05}{'.' * (max(lengths) - length)}" for n, length in enumerate(lengths)]
    frames: list[Any] = [
        CHAP(
            element_id=name,
            start_time=round(chapter.start_secs * 1000),
            end_time=round(chapter.end_secs * 1000),
            start_offset=none,
            end_offset=none,
            sub_frames=[TIT2(encoding=Encoding.UTF8, text=[chapter.title])],
        )
        for name, chapter in zip(names, chapters, strict=True)
    ]
    parts = [names[at : at + TOC_LENGTH] for at in range(0, len(names), TOC_LENGTH)]
    top = parts[0] if len(parts) == 1 else [f"toc{n}" for n in range(1, len(parts) + 1)]
    flags = CTOCFlags.TOP_LEVEL | CTOCFlags.ORDERED
    frames.append(CTOC(element_id="toc", flags=flags, child_element_ids=top, sub_frames=[]))
    if len(parts) > 1:
        for name, part in zip(top, parts, strict=True):
            frames.append(CTOC(element_id=name, flags=CTOCFlags.ORDERED, child_element_ids=part, sub_frames=[]))
    return frames


def _read_id3(path: Path) -> dict[str, tuple[str, ...]]:
    tags = _id3_of(path)
    found: dict[str, tuple[str, ...]] = {}
    for name, frame_id in _ID3.items():
        for frame in tags.getall(frame_id):
            found.setdefault(name, tuple(str(text) for text in frame.text))
    for frame in tags.getall("TXXX"):
        found.setdefault(str(frame.desc).upper(), tuple(str(text) for text in frame.text))
    for frame in tags.getall("COMM"):
        if not frame.desc:
            found.setdefault("DESCRIPTION", tuple(str(text) for text in frame.text))
    for name, frame_id in _ID3_TWINS.items():
        for frame in tags.getall(frame_id):
            found.setdefault(name, tuple(str(text) for text in frame.text))
    for number, total, _, frame_id in _NUMBERS:
        for frame in tags.getall(frame_id):
            first, _, last = str(frame).partition("/")
            found |= {key: (text,) for key, text in ((number, first), (total, last)) if text}
    return found


def _id3_of(path: Path) -> Any:
    from mutagen.id3 import ID3, ID3NoHeaderError

    try:
        return ID3(path)
    except ID3NoHeaderError:
        return ID3()


def _write_vorbis(path: Path, fields: Fields, picture: bytes | None, chapters: Sequence[Chapter]) -> None:
    from mutagen.flac import Picture as Block

    audio = _vorbis_file(path)
    if audio.tags is None:
        audio.add_tags()
    marks = [(key, value) for key, value in audio.tags if re.fullmatch(r"CHAPTER\d+(NAME|URL)?", key, re.I)]
    audio.tags.clear()
    for name, values in fields.items():
        audio.tags[name] = list(values)
    for key, value in chapter_comments(chapters) if chapters else marks:
        audio.tags.append((key, value))
    is_flac = hasattr(audio, "clear_pictures")
    if is_flac:
        audio.clear_pictures()
    if picture is not None:
        block, facts = Block(), picture_of(picture)
        block.type, block.mime, block.data, block.depth = FRONT, _checked(path, picture), picture, 24
        if facts:
            block.width, block.height = facts.width, facts.height
        if is_flac:
            audio.add_picture(block)
        else:
            audio.tags["METADATA_BLOCK_PICTURE"] = [base64.b64encode(block.write()).decode("ascii")]
    audio.save()


def chapter_comments(chapters: Sequence[Chapter]) -> list[tuple[str, str]]:
    """Chapters as Vorbis comments: CHAPTER001=00:00:00.000, CHAPTER001NAME=…  (wiki.xiph.org/Chapter_Extension)."""
    comments = []
    for number, chapter in enumerate(chapters, start=1):
        secs, millis = divmod(round(chapter.start_secs * 1000), 1000)
        clock = f"{secs // 3600:02}:{secs // 60 % 60:02}:{secs % 60:02}.{millis:03}"
        comments += [(f"CHAPTER{number:03}", clock), (f"CHAPTER{number:03}NAME", chapter.title)]
    return comments


def _read_vorbis(path: Path) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for key, value in cast("Iterator[tuple[str, str]]", _vorbis_file(path).tags or ()):
        found.setdefault(key.upper(), []).append(value)
    for bulky in ("METADATA_BLOCK_PICTURE", "COVERART"):
        found.pop(bulky, None)
    for name, twin in _VORBIS_TWINS.items():
        if name not in found and twin in found:
            found[name] = found[twin]
    return {name: tuple(values) for name, values in found.items()}


def _vorbis_file(path: Path) -> Any:
    from mutagen.flac import FLAC
    from mutagen.oggflac import OggFLAC
    from mutagen.oggopus import OggOpus
    from mutagen.oggvorbis import OggVorbis

    with path.open("rb") as file:
        head = file.read(256)
    if not head.startswith(b"OggS"):
        return FLAC(path)
    for magic, kind in ((b"OpusHead", OggOpus), (b"\x01vorbis", OggVorbis), (b"\x7fFLAC", OggFLAC)):
        if magic in head:
            return kind(path)
    raise _unsupported(path)


def _whole(fields: Fields, name: str) -> int:
    text = next(iter(fields.get(name, ())), "")
    return int(text) if re.fullmatch(r"[0-9]{1,4}", text) else 0


def _text(value: object) -> str:
    return bytes(value).decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _checked(path: Path, picture: bytes) -> str:
    """The picture's MIME type. Players show JPEG and PNG, so nothing else goes into a file."""
    facts = picture_of(picture)
    if facts is None or facts.kind not in {"jpeg", "png"}:
        raise _failed(path, "written", "its cover is neither a JPEG nor a PNG")
    return facts.mime


@contextmanager
def _named(path: Path, verb: str) -> Iterator[None]:
    try:
        yield
    except (MutagenError, ValueError, TypeError, KeyError, IndexError) as error:
        if isinstance(error, MutagenError) and isinstance(error.__context__, OSError):
            raise error.__context__ from None  # a full disk is a full disk
        raise _failed(path, verb, str(error) or type(error).__name__) from error


def _failed(path: Path, verb: str, why: str) -> PermanentError:
    return PermanentError(
        Reason(
            "tags_failed",
            f"The tags of {path.name!r} could not be {verb}: {why}.",
            "Look at the file named here; if it plays, report the message with the version of Earmark.",
            {"file": path.name},
        )
    )


def _unsupported(path: Path) -> PermanentError:
    return PermanentError(
        Reason(
            "tags_unsupported",
            f"{path.name!r} is of a kind that Earmark writes no tags to.",
            "Choose M4B, MP3, FLAC, Ogg Vorbis or Opus as the format.",
            {"file": path.name},
        )
    )
