"""The exchange every adapter shares: bounded in time and size, polite, and silent about what it carries."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from earmark import USER_AGENT
from earmark.http import (
    Answer,
    AnswerNotUnderstood,
    AnswerTooLarge,
    OnHeaders,
    SiteUnavailable,
    exchange,
    new_client,
    read_json,
)

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


class Drip(httpx2.AsyncByteStream):
    """A body that never ends and hardly moves."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b"x"
            await asyncio.sleep(0.01)


async def ask(
    response: httpx2.Response | Exception,
    *,
    timeout_secs: float = 5.0,
    max_bytes: int = 1000,
    on_headers: OnHeaders | None = None,
) -> Answer:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert request.headers["user-agent"] == USER_AGENT
        if isinstance(response, Exception):
            raise response
        return response

    async with new_client(timeout_secs, httpx2.MockTransport(answer)) as http:
        return await exchange(
            http, http.build_request("GET", "http://a.test/?key=secret"), site="a.test", timeout_secs=timeout_secs,
            now=lambda: NOON, max_bytes=max_bytes, on_headers=on_headers,
        )  # fmt: skip


@pytest.mark.parametrize(
    ("header", "secs"),
    [
        ("30", 30.0), ("0", 0.0), ("999999999", 86_400.0), ("-5", None), ("soon", None), ("٣٠", None),
        ("Wed, 01 Jul 2026 12:01:00 GMT", 60.0), ("Wed, 01 Jul 2026 11:00:00 GMT", 0.0), ("Wed, 01 Jul 2026", None),
        ((NOON + timedelta(days=400)).strftime("%a, %d %b %Y %H:%M:%S GMT"), 86_400.0),
    ],
)  # fmt: skip
async def test_retry_after_is_read_in_both_forms_and_never_beyond_a_day(header: str, secs: float | None) -> None:
    answer = await ask(httpx2.Response(503, headers={"retry-after": header.encode()}))
    assert answer.retry_after == secs


async def test_the_head_is_handed_over_even_when_the_body_never_comes() -> None:
    seen: list[str] = []

    async def note(headers: httpx2.Headers) -> None:
        seen.append(headers["set-cookie"])

    with pytest.raises(SiteUnavailable):
        await ask(
            httpx2.Response(200, stream=Drip(), headers={"set-cookie": "id=2"}), timeout_secs=0.1, on_headers=note
        )
    assert seen == ["id=2"]


async def test_a_body_that_drips_for_ever_is_given_up() -> None:
    with pytest.raises(SiteUnavailable, match="did not answer within"):
        await ask(httpx2.Response(200, stream=Drip()), timeout_secs=0.1)


async def test_a_body_too_long_is_cut_off() -> None:
    with pytest.raises(AnswerTooLarge):
        await ask(httpx2.Response(200, content=b"x" * 1001))


async def test_a_packed_body_is_measured_unpacked() -> None:
    import gzip

    packed = gzip.compress(b"x" * 10**6)
    assert len(packed) < 2000
    with pytest.raises(AnswerTooLarge):
        await ask(httpx2.Response(200, content=packed, headers={"content-encoding": "gzip"}), max_bytes=2000)


async def test_redirects_are_shown_and_not_followed() -> None:
    answer = await ask(httpx2.Response(302, headers={"location": "http://elsewhere.test/"}))
    assert (answer.status, answer.location) == (302, "http://elsewhere.test/")


async def test_no_error_and_no_log_line_carries_the_address(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(SiteUnavailable) as caught:
        await ask(httpx2.ConnectError("http://a.test/?key=secret"))
    await ask(httpx2.Response(200, text="fine"))
    assert "secret" not in str(caught.value) + str(caught.value.reason) + caplog.text
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_what_is_quoted_of_an_answer_is_quoted_without_its_secrets() -> None:
    answer = Answer(200, "text/html", b"<p>Hello hush-hush!</p>", secrets=("hush-hush",))
    with pytest.raises(AnswerNotUnderstood, match=r"not JSON but “Hello \*\*\*!”"):
        read_json(answer, "a.test")
    assert "hush" not in repr(answer)
