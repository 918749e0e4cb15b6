"""What the site says instead of an answer: every sign of a bad session and every kind of trouble has its own name."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from earmark.core.reasons import EarmarkError
from earmark.core.release import Release
from earmark.core.torrentfile import BadTorrent
from earmark.core.wish import Kind
from earmark.http import AnswerNotUnderstood, AnswerTooLarge, RateLimited, SiteUnavailable
from earmark.indexers import errors
from earmark.indexers.mam import MamIndexer
from earmark.ports import SearchQuery

QUERY = SearchQuery("moonstone", Kind.AUDIOBOOK)
LOGIN_PAGE = "<!DOCTYPE html><html><head><title>Login | My Anonamouse</title></head><body>Not logged in!</body></html>"
Open = Callable[..., MamIndexer]
Reply = httpx2.Response

ANY_CALL: list[tuple[str, Any, type[EarmarkError]]] = [
    ("403 plain", Reply(403, text="Forbidden"), errors.SessionExpired),
    ("403 json", Reply(403, json={"Success": False, "msg": "Invalid session - Invalid Cookie"}), errors.SessionExpired),
    ("403 no cookie", Reply(403, json={"msg": "No Session Cookie"}), errors.SessionExpired),
    ("403 ip", Reply(403, json={"msg": "Invalid session - IP mismatch"}), errors.SessionAddressMismatch),
    ("403 asn", Reply(403, json={"msg": "Invalid session - ASN mismatch"}), errors.SessionAddressMismatch),
    ("403 type", Reply(403, json={"msg": "Incorrect session type - not allowed this function"}), errors.NotAllowed),
    ("403 browser", Reply(403, json={"msg": "Incorrect session type - non-API session"}), errors.NotAllowed),
    ("401", Reply(401), errors.SessionExpired),
    ("login page", Reply(200, html=LOGIN_PAGE), errors.SessionExpired),
    ("login page as json", Reply(200, text=LOGIN_PAGE, headers={"content-type": "application/json"}), errors.SessionExpired),
    ("not signed in", Reply(200, text="Error, you are not signed in <br />Other error"), errors.SessionExpired),
    ("bad cookie", Reply(200, text="Error, you are not signed in <br />Invalid/missing cookie"), errors.SessionExpired),
    ("some error", Reply(200, text="Error, something"), errors.SessionExpired),
    ("empty", Reply(200, content=b""), errors.SessionExpired),
    ("blank", Reply(200, content=b" \n"), errors.SessionExpired),
    ("redirect", Reply(302, headers={"location": "https://www.myanonamouse.net/login.php?returnto=x"}), errors.SessionExpired),
    ("429", Reply(429), RateLimited),
    ("500", Reply(500), SiteUnavailable),
    ("503", Reply(503, html="<h1>maintenance</h1>"), SiteUnavailable),
    ("520", Reply(520), SiteUnavailable),
    ("timeout", httpx2.ReadTimeout("slow"), SiteUnavailable),
    ("refused", httpx2.ConnectError("refused"), SiteUnavailable),
    ("cut off", httpx2.RemoteProtocolError("closed"), SiteUnavailable),
    ("400", Reply(400, text="Bad Request"), AnswerNotUnderstood),
    ("elsewhere", Reply(301, headers={"location": "https://example.org/x?token=1"}), AnswerNotUnderstood),
]  # fmt: skip
JSON_CALL: list[tuple[str, Any, type[EarmarkError]]] = [
    ("plain text", Reply(200, text="hello"), errors.SessionExpired),
    ("some page", Reply(200, html="<html><body>We moved</body></html>"), AnswerNotUnderstood),
    ("cut json", Reply(200, text='{"data": [', headers={"content-type": "application/json"}), AnswerNotUnderstood),
    ("list", Reply(200, json=[]), AnswerNotUnderstood),
    ("deep", Reply(200, text="[" * 100_000, headers={"content-type": "application/json"}), AnswerNotUnderstood),
    ("huge number", Reply(200, text="1" * 5000, headers={"content-type": "application/json"}), AnswerNotUnderstood),
    ("json refusal", Reply(200, json={"error": "You are not signed in"}), errors.SessionExpired),
    ("bare object", Reply(200, json={}), AnswerNotUnderstood),
    ("too large", Reply(200, content=b" " * (9 * 2**20)), AnswerTooLarge),
]  # fmt: skip
DOWNLOAD: list[tuple[str, Any, type[EarmarkError]]] = [
    ("login page", Reply(200, html="Invalid download link, or not signed in"), errors.SessionExpired),
    ("any page", Reply(200, html="<html><body>Hello</body></html>"), errors.SessionExpired),
    ("wrong address", Reply(401, text="ip 203.0.113.7 does not match account, and no auth cookie provided"), errors.SessionAddressMismatch),
    ("limit page", Reply(200, html="<p>You have reached your unsatisfied limit.</p>"), errors.UnsatisfiedLimitReached),
    ("limit 403", Reply(403, html="<p>Unsatisfied torrent limit reached</p>"), errors.UnsatisfiedLimitReached),
    ("406", Reply(406), errors.GrabsBlocked),
    ("404", Reply(404), errors.TorrentGone),
    ("410", Reply(410), errors.TorrentGone),
    ("no torrent", Reply(200, text="hello"), BadTorrent),
    ("half a torrent", Reply(200, content=b"d8:announce3:ab"), BadTorrent),
    ("too large", Reply(200, content=b"d" * (21 * 2**20)), AnswerTooLarge),
]  # fmt: skip


def cases(*tables: list[tuple[str, Any, type[EarmarkError]]]) -> Any:
    rows = [row for table in tables for row in table]
    return pytest.mark.parametrize(("reply", "error"), [r[1:] for r in rows], ids=[r[0] for r in rows])


def says_what_to_do(error: EarmarkError) -> None:
    assert error.reason.code and error.reason.message.endswith(".") and error.reason.action.endswith(".")


@cases(ANY_CALL, JSON_CALL)
async def test_a_search_names_its_trouble(mam: Open, site: Any, reply: Any, error: type[EarmarkError]) -> None:
    site.replies = [reply]
    with pytest.raises(error) as caught:
        await mam().search(QUERY)
    says_what_to_do(caught.value)


@cases(ANY_CALL, JSON_CALL)
async def test_the_account_names_its_trouble(mam: Open, site: Any, reply: Any, error: type[EarmarkError]) -> None:
    site.replies = [reply]
    with pytest.raises(error) as caught:
        await mam().account()
    says_what_to_do(caught.value)


@cases(ANY_CALL, DOWNLOAD)
async def test_a_fetch_names_its_trouble(
    mam: Open, site: Any, release: Release, reply: Any, error: type[EarmarkError]
) -> None:
    site.replies = [reply]
    with pytest.raises(error) as caught:
        await mam().fetch(release)
    says_what_to_do(caught.value)


@cases(ANY_CALL, JSON_CALL)
async def test_the_health_check_reports_instead_of_raising(
    mam: Open, site: Any, reply: Any, error: type[EarmarkError]
) -> None:
    site.replies = [reply]
    health = await mam().test()
    assert not health.ok
    assert len(health.message) > 40


async def test_a_site_that_never_answers_is_unavailable(mam: Open, site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(request: httpx2.Request) -> httpx2.Response:
        await asyncio.sleep(60)
        raise AssertionError

    site.replies = [hang]
    indexer = mam()
    indexer._session._timeout_secs = 0.05
    with pytest.raises(SiteUnavailable, match="did not answer"):
        await indexer.account()


async def test_a_body_that_drips_for_ever_is_given_up(mam: Open, site: Any) -> None:
    class Drip(httpx2.AsyncByteStream):
        async def __aiter__(self) -> Any:
            while True:
                yield b" "
                await asyncio.sleep(0.01)

    site.replies = [lambda request: httpx2.Response(200, stream=Drip())]
    indexer = mam()
    indexer._session._timeout_secs = 0.1
    with pytest.raises(SiteUnavailable):
        await indexer.account()


async def test_the_torrent_is_fetched_by_id_with_the_cookie(
    mam: Open, site: Any, release: Release, canary: str, make_torrent: Callable[..., bytes]
) -> None:
    torrent = make_torrent()
    site.replies = [Reply(200, content=torrent, headers={"content-type": "application/x-bittorrent"})]
    assert await mam().fetch(release) == torrent
    assert str(site.requests[0].url) == "https://www.myanonamouse.net/tor/download.php?tid=900101"
    assert site.cookies == [f"mam_id={canary}"]


async def test_a_torrent_without_the_private_flag_is_refused(
    mam: Open, site: Any, release: Release, make_torrent: Callable[..., bytes]
) -> None:
    site.replies = [Reply(200, content=make_torrent(private=False))]
    with pytest.raises(BadTorrent) as error:
        await mam().fetch(release)
    assert error.value.reason.code == "torrent_not_private"


async def test_a_torrent_whose_paths_climb_out_is_refused(
    mam: Open, site: Any, release: Release, make_torrent: Callable[..., bytes]
) -> None:
    site.replies = [Reply(200, content=make_torrent(name="../../etc"))]
    with pytest.raises(BadTorrent) as error:
        await mam().fetch(release)
    assert error.value.reason.code == "torrent_path_hostile"


@pytest.mark.parametrize(
    "changes",
    [{"indexer": "jackett"}, {"download_ref": "../x"}, {"download_ref": "0"}, {"download_ref": "", "guid": "x"}],
)
async def test_a_release_of_somebody_else_is_not_fetched(
    mam: Open, site: Any, release_with: Callable[..., Release], changes: dict[str, Any]
) -> None:
    with pytest.raises(errors.NotOurRelease):
        await mam().fetch(release_with(**changes))
    assert site.requests == []


ACCOUNT = json.loads((Path(__file__).parent / "data/mam_account.json").read_text())


def old_shape() -> dict[str, Any]:
    buckets = {
        key: {**value, "red": False} if isinstance(value, dict) else value
        for key, value in ACCOUNT["snatch_summary"].items()
    }
    return {**{k: v for k, v in ACCOUNT.items() if k != "snatch_summary"}, **buckets}


@pytest.mark.parametrize(
    "payload", [ACCOUNT, old_shape(), {**ACCOUNT, "unsat": None}], ids=["nested", "old", "nested and null"]
)
async def test_the_account_is_read_in_both_shapes(mam: Open, site: Any, payload: dict[str, Any]) -> None:
    site.replies = [Reply(200, json=payload)]
    account = await mam().account()
    assert (account.user_id, account.username, account.classname) == (424242, "sandbox_mouse", "Power User")
    assert (account.unsatisfied, account.unsatisfied_limit, account.connectable) == (12, 100, "yes")
    assert (account.uploaded_bytes, account.downloaded_bytes) == (332717237862, 103519446630)
    assert (account.ratio, account.bonus_points, account.wedges, account.vip_until) == (3.214118, 21480, 3, None)
    assert not account.vip_member


async def test_what_the_account_does_not_tell_stays_unknown(mam: Open, site: Any) -> None:
    site.replies = [Reply(200, json={"username": 813, "ratio": "---", "uploaded": "1.5 GiB", "uploaded_bytes": None})]
    account = await mam().account()
    assert (account.username, account.uploaded_bytes) == ("813", round(1.5 * 2**30))
    assert (
        account.unsatisfied
        is account.unsatisfied_limit
        is account.wedges
        is account.ratio
        is account.bonus_points
        is None
    )


async def test_a_vip_member_is_one_until_the_utc_time_told(mam: Open, site: Any) -> None:
    site.replies = [
        Reply(200, json={**ACCOUNT, "classname": " elite vip ", "vip_until": "2026-09-01 08:00:00", "ratio": "3.5"})
    ]
    account = await mam().account()
    assert account.vip_member and account.ratio == 3.5
    assert account.vip_until is not None and account.vip_until.isoformat() == "2026-09-01T08:00:00+00:00"
