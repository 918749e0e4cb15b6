"""The dialects of qBittorrent's newer versions, as recorded from 5.1.0 and 5.3.0: login, add, stop, share limits, states.

The installed 4.5 is spoken to for real in `tests/contract`.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from earmark.clients.qbittorrent import QbittorrentClient
from earmark.clients.qbittorrent_status import status_of
from earmark.core.reasons import PermanentError
from earmark.core.torrentfile import read_torrent
from earmark.core.torrents import TorrentState
from earmark.sandbox.seeder import make_torrent

S = TorrentState


@dataclass
class Program:
    """A qBittorrent that answers as the recorded version did."""

    api_version: str
    latest: bool  # 5.3.0 and not 5.1.0
    its_hash: str
    port: int
    hybrid_id: str | None = None
    row: dict | None = None
    calls: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        path = request.path.removeprefix("/api/v2/")
        self.calls.append(path)
        cookie = f"QBT_SID_{self.port}" if self.latest else "SID"
        if path == "auth/login":
            return self.login(request, cookie)
        if cookie not in request.cookies:
            return Response("Forbidden", 403)
        return getattr(self, path.replace("/", "_"), self.unknown)(request)

    def login(self, request: Request, cookie: str) -> Response:
        if request.form["password"] != "secret":
            return Response("", 401) if self.latest else Response("Fails.")
        answer = Response("", 204) if self.latest else Response("Ok.")
        answer.set_cookie(cookie, "abc")
        return answer

    def unknown(self, _: Request) -> Response:
        return Response("Not Found", 404)

    def app_webapiVersion(self, _: Request) -> Response:
        return Response(self.api_version)

    def torrents_categories(self, _: Request) -> Response:
        return Response("{}")

    def torrents_createCategory(self, _: Request) -> Response:
        return Response("")

    def torrents_add(self, _: Request) -> Response:
        if self.row is not None:
            return Response("", 409) if self.latest else Response("Fails.")
        self.somebody_added()
        if self.latest:
            return Response(json.dumps({"added_torrent_ids": [self.its_hash], "success_count": 1, "failure_count": 0}))
        return Response("Ok.")

    def somebody_added(self) -> None:
        self.row = {
            "hash": self.hybrid_id or self.its_hash,
            "infohash_v1": self.its_hash,
            "name": "b",
            "state": "stalledUP",
        }
        self.row |= {"progress": 1, "size": 10, "private": True, "category": "", "save_path": "/x", "eta": 8640000}

    def torrents_info(self, request: Request) -> Response:
        asked = request.values.get("hashes")
        rows = [self.row] if self.row and asked in {None, "", self.row["hash"]} else []
        return Response(json.dumps(rows))

    def torrents_setCategory(self, _: Request) -> Response:
        return Response("")

    def torrents_setShareLimits(self, request: Request) -> Response:
        needed = {"hashes", "ratioLimit", "seedingTimeLimit", "inactiveSeedingTimeLimit"}
        if self.latest:
            needed |= {"shareLimitAction", "shareLimitsMode"}
        return Response("", 200 if needed <= set(request.form) else 400)

    def torrents_addTags(self, request: Request) -> Response:
        assert self.row is not None
        if request.form["hashes"] == self.row["hash"]:
            self.row["tags"] = request.form["tags"]
        return Response("")

    def torrents_stop(self, request: Request) -> Response:
        assert self.row is not None
        if request.form["hashes"] == self.row["hash"]:
            self.row["state"] = "stoppedUP"
        return Response("")

    def torrents_start(self, request: Request) -> Response:
        assert self.row is not None
        if request.form["hashes"] == self.row["hash"]:
            self.row["state"] = "stalledUP"
        return Response("")


@pytest.fixture
def torrent(tmp_path) -> bytes:
    (tmp_path / "b").write_bytes(b"x" * 10)
    return make_torrent(tmp_path / "b", "http://127.0.0.1:1/announce/pk")


@pytest.fixture(params=[("2.11.4", False), ("2.16.2", True)], ids=["5.1.0", "5.3.0"])
def program(request, httpserver: HTTPServer, torrent: bytes) -> Program:
    version, latest = request.param
    program = Program(version, latest, read_torrent(torrent).info_hash, httpserver.port)
    httpserver.expect_request(re.compile("/api/v2/.*")).respond_with_handler(program)
    return program


@pytest.fixture
async def client(program: Program, httpserver: HTTPServer) -> AsyncIterator[QbittorrentClient]:
    client = QbittorrentClient(httpserver.url_for("").rstrip("/"), "admin", "secret")
    yield client
    await client.close()


async def test_login_add_stop_and_start_in_each_dialect(program, client, torrent, tmp_path) -> None:
    info_hash = await client.add(torrent, tmp_path)
    status = await client.status(info_hash)
    assert (status.state, status.private, status.complete) == (S.SEEDING, True, True)
    await client.pause(info_hash)
    assert (await client.status(info_hash)).state is S.PAUSED
    await client.resume(info_hash)
    assert (await client.status(info_hash)).state is S.SEEDING
    assert "torrents/pause" not in program.calls
    assert program.calls.count("auth/login") == 1


async def test_a_duplicate_is_adopted_in_each_dialect(program, client, torrent, tmp_path) -> None:
    program.somebody_added()
    assert await client.add(torrent, tmp_path) == program.its_hash
    assert "torrents/setShareLimits" in program.calls
    assert "torrents/setCategory" in program.calls


async def test_a_hybrid_torrent_is_found_under_its_version_1_hash(program, client, torrent, tmp_path) -> None:
    program.hybrid_id = "d" * 40
    info_hash = await client.add(torrent, tmp_path)
    assert list(await client.snapshot()) == [info_hash] == [program.its_hash]
    await client.pause(info_hash)
    assert (await client.status(info_hash)).state is S.PAUSED


async def test_a_torrent_whose_id_changes_keeps_its_hash_for_us_and_gets_its_tags(
    program, client, torrent, tmp_path
) -> None:
    info_hash = await client.add(torrent, tmp_path)
    program.row["hash"] = "d" * 40  # a magnet turned out to be a hybrid torrent: its id is now cut from the other hash
    await client.tag(info_hash, ["earmark", "asin:B002V0QK4C"])
    assert program.row["tags"] == "earmark,asin:B002V0QK4C"
    assert (await client.status(info_hash)).state is S.SEEDING
    assert list(await client.snapshot()) == [info_hash]


async def test_a_bad_login_is_named_in_each_dialect(program, httpserver) -> None:
    client = QbittorrentClient(httpserver.url_for("").rstrip("/"), "admin", "wrong")
    with pytest.raises(PermanentError) as refused:
        await client.snapshot()
    assert refused.value.reason.code == "client_login_failed"
    await client.close()


@pytest.mark.parametrize(
    ("word", "progress", "state"),
    [
        ("metaDL", 0, S.DOWNLOADING),
        ("forcedMetaDL", 0, S.DOWNLOADING),
        ("downloading", 0.5, S.DOWNLOADING),
        ("stalledDL", 0.5, S.DOWNLOADING),
        ("forcedDL", 0.5, S.DOWNLOADING),
        ("queuedDL", 0, S.QUEUED),
        ("allocating", 0, S.QUEUED),
        ("checkingResumeData", 0, S.QUEUED),
        ("checkingDL", 0.5, S.CHECKING),
        ("checkingUP", 1, S.CHECKING),
        ("pausedDL", 0.5, S.PAUSED),
        ("stoppedDL", 0.5, S.PAUSED),
        ("pausedUP", 1, S.PAUSED),
        ("stoppedUP", 1, S.PAUSED),
        ("uploading", 1, S.SEEDING),
        ("stalledUP", 1, S.SEEDING),
        ("forcedUP", 1, S.SEEDING),
        ("queuedUP", 1, S.SEEDING),
        ("moving", 1, S.SEEDING),
        ("moving", 0.5, S.DOWNLOADING),
        ("a state to come", 0.5, S.DOWNLOADING),
        ("error", 0.5, S.ERROR),
        ("missingFiles", 0.5, S.ERROR),
    ],
)
def test_every_state_it_knows_is_one_of_ours(word: str, progress: float, state: TorrentState) -> None:
    row = {"hash": "a" * 40, "state": word, "progress": progress, "eta": 8640000}
    status = status_of(row, private=True, complaint=None)
    assert status.state is state
    assert (status.error is not None) == (state is S.ERROR)
    assert status.eta_secs is None


@pytest.mark.parametrize(
    ("row", "state"),
    [
        ({"ratio": 2.0, "max_ratio": 2.0, "max_seeding_time": -1}, S.FINISHED),
        ({"seeding_time": 3600, "max_seeding_time": 60, "max_ratio": -1}, S.FINISHED),
        ({"ratio": 1.9, "max_ratio": 2.0, "seeding_time": 3599, "max_seeding_time": 60}, S.PAUSED),
        ({"ratio": 99, "max_ratio": -1, "seeding_time": 10**9, "max_seeding_time": -1}, S.PAUSED),
    ],
)
def test_stopped_at_its_limit_is_finished_and_otherwise_paused(row: dict, state: TorrentState) -> None:
    row = {"hash": "a" * 40, "state": "stoppedUP", "progress": 1} | row
    assert status_of(row, private=False, complaint=None).state is state
