"""A download is what its torrent says, or the piece and the file are named."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import bencode2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seeding_kit import PARTS, PIECE, Download, finished

from earmark.core.torrentfile import read_pieces
from earmark.library.seedproof import SeedingTouched, prove_untouched, require_untouched


@pytest.fixture
def download(tmp_path: Path) -> Download:
    return finished(tmp_path / "downloads")


async def test_an_untouched_download_is_proven_from_a_few_pieces(download: Download) -> None:
    proof = await require_untouched(download.torrent, download.home, pieces=4, rng=random.Random(1))
    last = sum(map(len, PARTS.values())) // PIECE
    border = len(PARTS["01.mp3"]) // PIECE
    assert {0, border, last} <= set(proof.checked)
    assert len(proof.checked) == 4
    assert proof.untouched


@pytest.mark.parametrize("name", list(PARTS))
async def test_one_changed_byte_is_found_when_every_piece_is_read(download: Download, name: str) -> None:
    data = bytearray(PARTS[name])
    data[len(data) // 2] ^= 1
    (download.folder / name).write_bytes(bytes(data))
    proof = download.proof()
    assert len(proof.bad) == 1
    assert f"Book/{name}" in proof.bad[0].files
    with pytest.raises(SeedingTouched) as caught:
        await require_untouched(download.torrent, download.home, pieces=1000, rng=random.Random(1))
    assert f"Book/{name}" in caught.value.reason.evidence["files"]  # type: ignore[operator]


@pytest.mark.parametrize("harm", ["appended", "cut", "gone", "symlink"])
def test_a_file_that_grew_shrank_or_went_is_named(download: Download, harm: str) -> None:
    path = download.folder / "02.mp3"
    if harm == "appended":
        path.write_bytes(PARTS["02.mp3"] + b"TAG")
    elif harm == "cut":
        path.write_bytes(PARTS["02.mp3"][:-1])
    else:
        path.unlink()
        if harm == "symlink":
            path.symlink_to(download.folder / "01.mp3")
    proof = download.proof()
    assert proof.bad
    assert all("Book/02.mp3" in piece.files for piece in proof.bad)


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(0, 5000), min_size=1, max_size=6), length=st.integers(16, 4096), seed=st.integers())
def test_every_layout_of_files_and_padding_is_read_as_the_torrent_counts_it(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], length: int, seed: int
) -> None:
    if not sum(sizes):
        sizes = [*sizes, 1]
    home = tmp_path_factory.mktemp("layout")
    (home / "Book").mkdir()
    rng = random.Random(seed)
    content, files = b"", []
    for number, size in enumerate(sizes):
        data = bytes(size) if number % 3 == 2 else rng.randbytes(size)
        entry: dict[bytes, object] = {b"length": size, b"path": [b"%d" % number]}
        if number % 3 == 2:
            entry[b"attr"] = b"p"
        else:
            (home / "Book" / str(number)).write_bytes(data)
        content += data
        files.append(entry)
    hashes = [hashlib.sha1(content[at : at + length]).digest() for at in range(0, len(content), length)]
    info = {b"name": b"Book", b"piece length": length, b"pieces": b"".join(hashes), b"files": files}
    torrent = bencode2.bencode({b"info": info})
    assert len(read_pieces(torrent).hashes) == len(hashes)
    proof = prove_untouched(torrent, home, pieces=20_000, rng=rng)
    assert proof.untouched
    assert proof.checked == tuple(range(len(hashes)))


def test_a_torrent_of_one_file_is_proven_too(tmp_path: Path) -> None:
    data = random.Random(3).randbytes(70_000)
    (tmp_path / "book.m4b").write_bytes(data)
    pieces = b"".join(hashlib.sha1(data[at : at + PIECE]).digest() for at in range(0, len(data), PIECE))
    info = {b"name": b"book.m4b", b"piece length": PIECE, b"pieces": pieces, b"length": len(data)}
    proof = prove_untouched(bencode2.bencode({b"info": info}), tmp_path, rng=random.Random(1))
    assert proof.checked == (0, 1, 2, 3, 4) and proof.untouched
