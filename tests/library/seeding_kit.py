"""A finished download that seeds: files with their torrent, and what they looked like when they were finished."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from pathlib import Path

import bencode2
from library_kit import TICKET

from earmark.library.methods import Method
from earmark.library.placement import PlacementPlan, Planned, plan_placement
from earmark.library.seedproof import SeedProof, prove_untouched

PIECE = 16384
PARTS = {"01.mp3": b"one" * 30_001, "02.mp3": b"two" * 9_001, "folder.jpg": b"\xff\xd8\xff" + bytes(5000)}


@dataclass(frozen=True)
class Download:
    """`home/Book/...` with the .torrent that tells of it."""

    home: Path
    torrent: bytes

    @property
    def folder(self) -> Path:
        return self.home / "Book"

    def looks(self) -> dict[str, tuple[bytes, int, int, int]]:
        """Everything a torrent client could notice: bytes, mode, owner, time of change."""
        return {
            path.name: (path.read_bytes(), path.stat().st_mode, path.stat().st_uid, path.stat().st_mtime_ns)
            for path in sorted(self.folder.iterdir())
        }

    def proof(self, pieces: int = 1000) -> SeedProof:
        return prove_untouched(self.torrent, self.home, pieces=pieces, rng=random.Random(7))

    def plan(self, root: Path, method: Method, *, released: bool = False) -> PlacementPlan:
        """The download placed as it is, with a sidecar of our own."""
        files = [
            Planned(self.folder / name, name, "cover" if name.endswith("jpg") else "book", "seeding") for name in PARTS
        ]
        files.append(Planned(b"{}\n", "metadata.json", "sidecar"))
        return plan_placement(root, ("Author", "Book"), files, TICKET, method=method, released=released)


def finished(home: Path) -> Download:
    """Write the files and make their torrent. Doing it again changes nothing."""
    folder = home / "Book"
    if not folder.exists():  # also when its files were moved away: they do not come back
        folder.mkdir(parents=True)
        for name, data in PARTS.items():
            (folder / name).write_bytes(data)
            (folder / name).chmod(0o640)
    content = b"".join(PARTS.values())
    info = {
        b"name": b"Book",
        b"piece length": PIECE,
        b"private": 1,
        b"files": [{b"length": len(data), b"path": [name.encode()]} for name, data in PARTS.items()],
        b"pieces": b"".join(hashlib.sha1(content[at : at + PIECE]).digest() for at in range(0, len(content), PIECE)),
    }
    return Download(home, bencode2.bencode({b"announce": b"http://tracker.example/a", b"info": info}))


def as_placed() -> dict[str, bytes]:
    """What the library holds after `Download.plan`."""
    return {f"Author/Book/{name}": data for name, data in (PARTS | {"metadata.json": b"{}\n"}).items()}
