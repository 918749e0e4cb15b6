"""The session id: what may be pasted, when a rotation is stored, and that nothing overtakes it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx2
import pytest

from earmark.core.wish import Kind
from earmark.http import RateLimited, SiteUnavailable
from earmark.indexers.errors import BadSessionId, SessionExpired, SessionMissing, SessionNotSaved
from earmark.indexers.mam import MamIndexer
from earmark.indexers.mam.cookie import may_be_sent_to, parse_mam_id, rotated_value
from earmark.indexers.pacing import Pacer
from earmark.ports import SearchQuery

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
ACCOUNT = {"uid": 424242, "username": "sandbox_mouse"}
QUERY = SearchQuery("moonstone", Kind.AUDIOBOOK)
NOTHING = {"error": "Nothing returned, out of 0"}

Open = Callable[..., MamIndexer]


def ok(set_cookie: str | None = None, body: Any = None) -> httpx2.Response:
    headers = {"set-cookie": set_cookie} if set_cookie else {}
    return httpx2.Response(200, json=ACCOUNT if body is None else body, headers=headers)


@pytest.mark.parametrize(
    "pasted",
    [
        "abc%2Bd",
        " abc%2Bd \n",
        "mam_id=abc%2Bd",
        "mam_id=abc%2Bd;",
        "Cookie: mam_id=abc%2Bd",
        "uid=1; mam_id=abc%2Bd; x=y",
        '"abc%2Bd"',
    ],
)
def test_a_session_id_is_taken_in_every_form_people_paste(pasted: str) -> None:
    assert parse_mam_id(pasted) == "abc%2Bd"


@pytest.mark.parametrize(
    "pasted",
    [
        "",
        "  ",
        "mam_id=",
        "abc\r\nX-Evil: 1",
        "abc;def",
        "abc def",
        "abc,def",
        "ab\x00c",
        "é",
        "deleted",
        "mam_id=deleted",
    ],
)
def test_what_cannot_be_a_cookie_is_refused_without_repeating_it(pasted: str) -> None:
    with pytest.raises(BadSessionId) as error:
        parse_mam_id(pasted)
    assert "def" not in error.value.reason.message


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        (["mam_id=new; Path=/; Domain=.myanonamouse.net; HttpOnly"], "new"),
        (["mam_id=new; Max-Age=2592000; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], "new"),  # Max-Age rules
        (["mam_id=new; expires=Wed, 01-Jan-2031 00:00:00 GMT"], "new"),
        (["mam_id=new; expires=some day"], "new"),
        (["mam_id=one", "other=x", "mam_id=two"], "two"),
        (["mam_id=new", "mam_id=deleted; Max-Age=0"], "new"),
        (["mam_id=deleted; Max-Age=0; Path=/"], None),
        (["mam_id=deleted; expires=Thu, 01-Jan-1970 00:00:01 GMT; Max-Age=0"], None),
        (["mam_id=deleted"], None),
        (["mam_id=x; Max-Age=0"], None),
        (["mam_id=x; Max-Age=-5"], None),
        (["mam_id=x; Expires=Thu, 01 Jan 1970 00:00:00 GMT"], None),
        (["mam_id="], None),
        (["xmam_id=y", "lid=3"], None),
        ([], None),
    ],
)
def test_only_a_real_rotation_counts(headers: list[str], value: str | None) -> None:
    assert rotated_value(headers, NOW) == value


@pytest.mark.parametrize(
    ("url", "site", "allowed"),
    [
        ("https://www.myanonamouse.net/x", "https://www.myanonamouse.net", True),
        ("https://cdn.myanonamouse.net/x", "https://www.myanonamouse.net", True),
        ("https://myanonamouse.net/x", "https://www.myanonamouse.net", True),
        ("http://cdn.myanonamouse.net/x", "https://www.myanonamouse.net", False),
        ("http://www.myanonamouse.net/x", "https://www.myanonamouse.net", False),
        ("https://evilmyanonamouse.net/x", "https://www.myanonamouse.net", False),
        ("https://myanonamouse.net.evil.example/x", "https://www.myanonamouse.net", False),
        ("http://127.0.0.1:8000/x", "http://127.0.0.1:8000", True),
        ("http://127.0.0.1:8001/x", "http://127.0.0.1:8000", False),
        ("https://www.myanonamouse.net/x", "http://127.0.0.1:8000", False),
    ],
)
def test_the_cookie_goes_to_the_site_and_nowhere_else(url: str, site: str, allowed: bool) -> None:
    assert may_be_sent_to(httpx2.URL(url), httpx2.URL(site)) is allowed


async def test_every_call_carries_the_session_id_and_names_earmark(mam: Open, site: Any, canary: str) -> None:
    site.replies = [ok()]
    await mam().account()
    request = site.requests[0]
    assert request.headers["cookie"] == f"mam_id={canary}"
    assert request.headers["user-agent"].startswith("Earmark/")
    assert str(request.url) == "https://www.myanonamouse.net/jsonLoad.php?snatch_summary"


async def test_a_rotated_session_id_is_stored_and_used_alone_by_the_next_call(mam: Open, site: Any, store: Any) -> None:
    site.replies = [ok("mam_id=second; Path=/; Domain=.myanonamouse.net"), ok("mam_id=third"), ok()]
    indexer = mam("first")
    for _ in range(3):
        await indexer.account()
    assert site.cookies == ["mam_id=first", "mam_id=second", "mam_id=third"]
    assert store.saved == ["second", "third"]


async def test_a_deletion_cookie_is_never_stored(mam: Open, site: Any, store: Any) -> None:
    site.replies = [ok("mam_id=deleted; Max-Age=0; Path=/")]
    indexer = mam("first")
    await indexer.account()
    await indexer.account()
    assert site.cookies == ["mam_id=first"] * 2
    assert store.saved == []


async def test_the_new_id_is_durable_before_the_next_call_starts(mam: Open, site: Any, store: Any) -> None:
    log: list[str] = []
    save = store.save

    async def slow_save(value: str) -> None:
        await asyncio.sleep(0.02)
        await save(value)
        log.append(f"saved {store.value}")

    def reply(request: httpx2.Request) -> httpx2.Response:
        log.append(f"asked with {request.headers['cookie'].removeprefix('mam_id=')}")
        return ok(f"mam_id=v{len(site.requests)}")

    store.save = slow_save
    site.replies = [reply]
    indexer = mam("v0")
    await asyncio.gather(*(indexer.account() for _ in range(3)))
    assert log == ["asked with v0", "saved v1", "asked with v1", "saved v2", "asked with v2", "saved v3"]


async def test_a_rotation_that_cannot_be_saved_stops_all_calls_until_it_can(mam: Open, site: Any, store: Any) -> None:
    site.replies = [ok("mam_id=second"), ok()]
    indexer = mam("first")
    store.fails = True
    with pytest.raises(SessionNotSaved):
        await indexer.account()
    with pytest.raises(SessionNotSaved):
        await indexer.account()
    assert len(site.requests) == 1
    store.fails = False
    await indexer.account()
    assert store.value == "second"
    assert site.cookies == ["mam_id=first", "mam_id=second"]


async def test_the_rotation_of_a_failing_reply_is_kept_too(mam: Open, site: Any, store: Any) -> None:
    site.replies = [httpx2.Response(503, headers={"set-cookie": "mam_id=second"}), ok()]
    indexer = mam("first")
    with pytest.raises(SiteUnavailable):
        await indexer.account()
    await indexer.account()
    assert site.cookies[1] == "mam_id=second"


async def test_a_caller_that_gives_up_does_not_lose_the_rotation(mam: Open, site: Any, store: Any) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(request: httpx2.Request) -> httpx2.Response:
        asked.set()
        await answer.wait()
        return ok("mam_id=second")

    site.replies = [slow]
    indexer = mam("first")
    caller = asyncio.create_task(indexer.account())
    await asyncio.wait_for(asked.wait(), 5)
    queued = asyncio.create_task(indexer.account())
    await asyncio.sleep(0)
    for task in (queued, caller):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    answer.set()
    await indexer.close()
    assert store.value == "second"
    assert len(site.requests) == 1, "a call that had not begun is not made for nobody"


async def test_the_stored_id_is_tried_first_and_the_configured_one_second(mam: Open, site: Any, store: Any) -> None:
    store.value = "stored"
    site.replies = [httpx2.Response(403), ok(), ok()]
    indexer = mam("configured")
    await indexer.account()
    await indexer.account()
    assert site.cookies == ["mam_id=stored", "mam_id=configured", "mam_id=configured"]
    assert store.value == "configured"


async def test_when_both_ids_are_dead_the_error_says_so_and_the_stored_one_is_kept(
    mam: Open, site: Any, store: Any
) -> None:
    store.value = "stored"
    site.replies = [httpx2.Response(403)]
    indexer = mam("configured")
    for _ in range(2):
        with pytest.raises(SessionExpired):
            await indexer.account()
    assert site.cookies == ["mam_id=stored", "mam_id=configured", "mam_id=stored"]
    assert store.value == "stored"


async def test_a_busy_site_costs_neither_id_its_turn(mam: Open, site: Any, store: Any) -> None:
    store.value = "stored"
    site.replies = [httpx2.Response(403), httpx2.Response(502), httpx2.Response(403), ok()]
    indexer = mam("configured")
    with pytest.raises(SiteUnavailable):
        await indexer.account()
    await indexer.account()
    assert site.cookies == ["mam_id=stored", "mam_id=configured"] * 2


async def test_an_id_put_into_the_settings_later_goes_before_the_stored_one(mam: Open, site: Any, store: Any) -> None:
    site.replies = [ok("mam_id=first-rotated"), ok()]
    await mam("first").account()
    await mam("first").account()
    await mam("second").account()
    await mam("second").account()
    assert site.cookies == [f"mam_id={value}" for value in ("first", "first-rotated", "second", "second")]
    assert store.value == "second"


async def test_a_later_id_in_the_settings_that_is_dead_costs_one_call_and_not_the_session(
    mam: Open, site: Any, store: Any
) -> None:
    site.replies = [ok("mam_id=first-rotated"), httpx2.Response(403), ok()]
    await mam("first").account()
    await mam("mistaken").account()
    await mam("mistaken").account()
    assert site.cookies[1:] == ["mam_id=mistaken", "mam_id=first-rotated", "mam_id=first-rotated"]
    assert store.value == "first-rotated"


async def test_an_id_given_while_running_stays_before_the_same_settings(mam: Open, site: Any, store: Any) -> None:
    site.replies = [ok()]
    await mam("settings").set_mam_id("given")
    await mam("settings").account()
    assert site.cookies == ["mam_id=given"]
    await mam("newer-settings").account()
    assert site.cookies[1:] == ["mam_id=newer-settings"]


async def test_an_id_that_was_stored_bare_is_told_from_later_settings_once_it_was_used(
    mam: Open, site: Any, store: Any
) -> None:
    store.value = "bare"
    site.replies = [ok()]
    await mam("old").account()
    await mam("new").account()
    assert site.cookies == ["mam_id=bare", "mam_id=new"]
    assert store.value == "new"


async def test_settings_without_an_id_use_the_stored_one(mam: Open, site: Any, store: Any) -> None:
    site.replies = [ok("mam_id=rotated"), ok()]
    await mam("first").account()
    await mam(None).account()
    await mam("second").account()
    assert site.cookies == ["mam_id=first", "mam_id=rotated", "mam_id=second"]


async def test_a_new_session_id_is_used_from_the_next_call_on(mam: Open, site: Any, store: Any) -> None:
    site.replies = [ok()]
    indexer = mam("first")
    await indexer.account()
    await indexer.set_mam_id("mam_id=fresh;")
    await indexer.account()
    assert site.cookies == ["mam_id=first", "mam_id=fresh"]
    assert store.value == "fresh"
    with pytest.raises(BadSessionId):
        await indexer.set_mam_id("bad\r\nvalue")


async def test_a_late_rotation_of_the_old_session_does_not_overwrite_a_new_id(mam: Open, site: Any, store: Any) -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(request: httpx2.Request) -> httpx2.Response:
        asked.set()
        await answer.wait()
        return ok("mam_id=old-rotated")

    site.replies = [slow, ok()]
    indexer = mam("old")
    call = asyncio.create_task(indexer.account())
    await asyncio.wait_for(asked.wait(), 5)
    change = asyncio.create_task(indexer.set_mam_id("fresh"))
    await asyncio.sleep(0)
    answer.set()
    await asyncio.gather(call, change)
    await indexer.account()
    assert site.cookies[-1] == "mam_id=fresh"
    assert store.value == "fresh"


async def test_without_any_session_id_nothing_is_sent(mam: Open, site: Any) -> None:
    with pytest.raises(SessionMissing) as error:
        await mam(None).account()
    assert "mam_id" in error.value.reason.action
    assert site.requests == []


async def test_ten_calls_take_at_least_nine_seconds(mam: Open, site: Any, passing_time: Any) -> None:
    site.replies = [ok()]
    indexer = mam()
    began = passing_time.now
    for _ in range(10):
        await indexer.account()
    assert passing_time.now - began >= 9


async def test_the_set_rate_is_never_exceeded_however_slow_an_answer_is(passing_time: Any) -> None:
    pacer = Pacer(2.0, monotonic=passing_time.monotonic, sleep=passing_time.sleep)
    answered: float | None = None
    for latency in (0.0, 0.7, 0.1, 3.0, 0.0):
        await pacer.turn()
        assert answered is None or passing_time.now - answered >= 0.5
        passing_time.now += latency
        answered = passing_time.now
        pacer.done()


async def test_retry_after_is_honoured_before_anything_else_is_asked(mam: Open, site: Any, passing_time: Any) -> None:
    site.replies = [httpx2.Response(429, headers={"retry-after": "90"}), ok()]
    indexer = mam()
    with pytest.raises(RateLimited) as first:
        await indexer.account()
    assert first.value.retry_after_secs == 90
    with pytest.raises(RateLimited):  # too long to sit out: the caller is told, the site is not asked
        await indexer.account()
    assert len(site.requests) == 1
    passing_time.now += 85
    await indexer.account()  # the last five seconds are sat out
    assert passing_time.naps[-1] == pytest.approx(5)


async def test_a_retry_after_that_is_a_date_counts_too(mam: Open, site: Any) -> None:
    site.replies = [httpx2.Response(429, headers={"retry-after": "Wed, 01 Jul 2026 12:02:00 GMT"})]
    with pytest.raises(RateLimited) as error:
        await mam().account()
    assert error.value.retry_after_secs == 120


async def test_the_session_id_is_in_no_repr_log_line_or_error(
    mam: Open, site: Any, canary: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(0)
    rotated = "canary-rotated-99"
    said: list[str] = []
    troubles: list[Any] = [
        httpx2.Response(403, text=f"Invalid session {canary}"),
        httpx2.Response(200, text=f"Error, you are not signed in <br />{canary}"),
        httpx2.Response(200, html=f"<title>Login</title>{canary}"),
        httpx2.Response(200, json={"error": f"odd {canary}"}),
        httpx2.Response(500, text=canary, headers={"set-cookie": f"mam_id={rotated}"}),
        httpx2.ConnectError(f"failed with {canary}"),
        httpx2.Response(302, headers={"location": f"/login.php?returnto={rotated}"}),
        httpx2.Response(200, text=f"junk {rotated}", headers={"content-type": "application/json"}),
    ]
    indexer = mam()
    for trouble in troubles:
        site.replies = [trouble]
        for call in (indexer.account, lambda: indexer.search(QUERY)):
            with pytest.raises(Exception) as error:
                await call()
            said += [
                repr(error.value),
                str(error.value),
                repr(getattr(error.value, "reason", "")),
                repr(error.value.__cause__),
            ]
        said.append((await indexer.test()).message)
    said += [repr(indexer), repr(indexer._session), caplog.text, *capsys.readouterr()]
    assert not [line for line in said if canary in line or rotated in line]


async def test_the_libraries_that_log_urls_and_headers_are_silenced(
    caplog: pytest.LogCaptureFixture, mam: Open, site: Any
) -> None:
    caplog.set_level(0)
    site.replies = [ok()]
    await mam().account()
    assert not [r for r in caplog.records if r.name.startswith(("httpx2", "httpcore2"))]


async def test_a_cookie_in_the_clients_own_jar_is_not_sent_beside_ours(mam: Open, site: Any) -> None:
    site.replies = [ok("mam_id=second; Path=/"), ok("lid=7; Path=/"), ok()]
    indexer = mam("first")
    for _ in range(3):
        await indexer.account()
    assert site.cookies[-1] == "mam_id=second"
    assert all(len(r.headers.get_list("cookie")) == 1 for r in site.requests)
