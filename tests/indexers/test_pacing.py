"""How often a service is asked: starts are paced, answers may overlap, and a wish to be left alone is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from earmark.http import RateLimited
from earmark.indexers.upstream import Upstream

Open = Callable[..., Upstream]


async def test_requests_start_apart_and_one_slow_answer_holds_up_nobody(upstream: Open, passing_time: Any) -> None:
    slow = asyncio.Event()
    started: list[float] = []

    async def answer(request: httpx2.Request) -> httpx2.Response:
        started.append(passing_time.now)
        if request.url.path == "/slow":
            await slow.wait()
        return httpx2.Response(200)

    service = upstream("feed", "http://feed.test/api", per_second=4.0, transport=httpx2.MockTransport(answer))
    waiting = asyncio.create_task(service.get(httpx2.URL("http://feed.test/slow")))
    while not started:
        await asyncio.sleep(0)
    for _ in range(3):
        await service.get(httpx2.URL("http://feed.test/quick"))
    assert not waiting.done() and [later - started[0] for later in started] == [0, 0.25, 0.5, 0.75]
    slow.set()
    assert (await waiting).status == 200


async def test_a_long_hold_is_told_to_everybody_and_nothing_is_asked_until_it_is_over(
    upstream: Open, site: Any, passing_time: Any
) -> None:
    service, url = upstream("feed", "http://feed.test/api"), httpx2.URL("http://feed.test/api")
    site.replies = [httpx2.Response(429, headers={"retry-after": "90"}), httpx2.Response(200)]
    await service.get(url)
    with pytest.raises(RateLimited) as caught:
        await service.get(url)
    assert len(site.requests) == 1 and caught.value.retry_after_secs == 90
    passing_time.now += 85
    assert (await service.get(url)).status == 200  # a short rest is slept through
    assert 5 in passing_time.naps


async def test_no_service_silences_us_for_more_than_a_day(upstream: Open, site: Any) -> None:
    service, url = upstream("feed", "http://feed.test/api"), httpx2.URL("http://feed.test/api")
    site.replies = [httpx2.Response(429, headers={"retry-after": "9999999"})]
    assert (await service.get(url)).retry_after == 86_400
    with pytest.raises(RateLimited) as caught:
        await service.get(url)
    assert caught.value.retry_after_secs == 86_400


async def test_a_stranger_behind_a_redirect_cannot_silence_the_service(upstream: Open, site: Any) -> None:
    service = upstream("feed", "http://feed.test/api")
    site.replies = [httpx2.Response(429, headers={"retry-after": "90"}), httpx2.Response(200)]
    await service.get(httpx2.URL("http://elsewhere.test/"))
    assert (await service.get(service.url)).status == 200
