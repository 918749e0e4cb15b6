"""Torrent files from the wild: sound ones are read, everything else is refused by name."""

from __future__ import annotations

import contextlib
import hashlib

import bencode2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from earmark.core.torrentfile import BadTorrent, read_torrent


def torrent(*, name: bytes = b"Book", files: list[tuple[list[bytes], int]] | None = None, **changes: object) -> bytes:
    size = sum(length for _, length in files) if files else 40_000
    info: dict[bytes, object] = {
        b"name": name,
        b"piece length": 16384,
        b"pieces": b"x" * 20 * -(-size // 16384),
        b"private": 1,
    }
    if files:
        info[b"files"] = [{b"length": length, b"path": path} for path, length in files]
    else:
        info[b"length"] = size
    info |= {k.encode().replace(b"_", b" "): v for k, v in changes.items()}
    return bencode2.bencode({b"announce": b"http://tracker.example/announce/key", b"info": info})


def test_a_sound_folder_torrent_is_read_with_its_name_as_first_folder() -> None:
    data = torrent(files=[([b"CD1", b"01.mp3"], 30_000), ([b"cover.jpg"], 10_000)])
    meta = read_torrent(data)
    assert [(e.path, e.size) for e in meta.entries] == [("Book/CD1/01.mp3", 30_000), ("Book/cover.jpg", 10_000)]
    assert meta.private and meta.size == 40_000
    info = bencode2.bencode(bencode2.bdecode(data)[b"info"])
    assert meta.info_hash == hashlib.sha1(info).hexdigest()


@pytest.mark.parametrize(
    ("segment", "word"),
    [
        (b"..", "climbs"),
        (b".", "climbs"),
        (b"", "climbs"),
        (b"../../etc/passwd", "separator"),
        (b"/etc/passwd", "separator"),
        (b"a\\b", "separator"),
        (b"C:evil", "drive"),
        (b"con", "reserved"),
        (b"AUX.mp3", "reserved"),
        (b"lpt1.txt", "reserved"),
        (b"a\x00b", "control"),
        (b"line\nfeed", "control"),
        (b"x" * 300, "longer than 255"),
    ],
)
def test_a_hostile_path_is_refused_whether_it_names_the_torrent_or_a_file(segment: bytes, word: str) -> None:
    for data in (torrent(name=segment), torrent(files=[([b"ok", segment], 40_000)])):
        with pytest.raises(BadTorrent, match=word) as refused:
            read_torrent(data)
        assert refused.value.reason.code == "torrent_path_hostile"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "not_a_torrent"),
        (b"<html><title>Login</title>", "not_a_torrent"),
        (b"d8:announce", "torrent_malformed"),
        (b"de", "torrent_malformed"),
        (b"d4:infoi1ee", "torrent_malformed"),
        (b"d" * 100_000, "torrent_malformed"),
        (torrent(pieces=b"short"), "torrent_malformed"),
        (torrent(piece_length=0), "torrent_malformed"),
        (torrent(length=-5), "torrent_malformed"),
        (torrent(length=0), "torrent_size_insane"),
        (torrent(length=10**16), "torrent_size_insane"),
        (torrent(name=b"\xff\xfe"), "torrent_malformed"),
        (torrent(files=[([b"a"], 1), ([b"A"], 1)]), "torrent_path_twice"),
        (b"d" + b"x" * (21 * 1024 * 1024), "torrent_too_large"),
    ],
)
def test_what_is_no_sound_torrent_is_refused_by_name(data: bytes, code: str) -> None:
    with pytest.raises(BadTorrent) as refused:
        read_torrent(data)
    assert refused.value.reason.code == code


def test_padding_is_counted_but_is_no_file_and_a_link_is_refused() -> None:
    good = bencode2.bdecode(torrent(files=[([b"a.mp3"], 16_000), ([b".pad", b"384"], 384), ([b"b.mp3"], 10_000)]))
    good[b"info"][b"files"][1][b"attr"] = b"p"
    meta = read_torrent(bencode2.bencode(good))
    assert [e.path for e in meta.entries] == ["Book/a.mp3", "Book/b.mp3"]
    good[b"info"][b"files"][1][b"attr"] = b"l"
    with pytest.raises(BadTorrent, match="symbolic link"):
        read_torrent(bencode2.bencode(good))


@given(st.binary(max_size=400))
def test_no_bytes_whatever_crash_the_reader(data: bytes) -> None:
    with contextlib.suppress(BadTorrent):
        read_torrent(data)


@given(st.data())
def test_a_damaged_torrent_is_refused_or_still_sound(data: st.DataObject) -> None:
    good = bytearray(torrent(files=[([b"a", b"b.mp3"], 20_000), ([b"c.mp3"], 20_000)]))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        meta = read_torrent(bytes(good))
    except BadTorrent:
        return
    assert all(".." not in e.path.split("/") and not e.path.startswith("/") for e in meta.entries)
