from __future__ import annotations

import asyncio

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from earmark.api.metrics import Metrics
from earmark.core.reasons import PermanentError, Reason, TransientError
from earmark.core.release import Account
from earmark.pipeline.bus import Message
from earmark.ports import IndexerHealth
from earmark.store import Severity, alerts


async def test_health_names_each_check_with_what_to_do(api: httpx2.AsyncClient, house) -> None:
    async with house.write() as tx:
        await alerts.raise_(tx, "client", Severity.ERROR, Reason("gone", "It is away.", "Start it."), house.now())
    found = (await api.get("/health")).json()
    assert found["status"] == "error"
    client = next(c for c in found["checks"] if c["name"].startswith("client"))
    assert (client["message"], client["action"]) == ("It is away.", "Start it.")
    assert all("action" not in check or check["action"] for check in found["checks"])


async def test_stats_count_every_state(api: httpx2.AsyncClient, parked) -> None:
    await parked()
    await api.post("/api/v1/ticket", json={"search": {"title": "Emma"}})
    found = (await api.get("/api/v1/stats")).json()
    assert (found["pending"], found["needs_approval"], found["downloading"]) == (1, 1, 0)
    assert found["states"]["NEEDS_APPROVAL"] == 1
    assert found["states"]["CANCELLED"] == 0
    assert {"completed_today", "failed_today", "download_bps", "seeding"} <= set(found)


async def test_the_configuration_is_shown_without_its_secrets(api: httpx2.AsyncClient, house) -> None:
    answer = await api.get("/api/v1/config")
    told = answer.json()
    assert told["data_dir"] == str(house.data_dir)
    assert told["settings"]["mam"]["mam_id"] == "**********"
    assert told["settings"]["jackett"]["api_key"] is None
    assert told["settings"]["seeding"]["hours"] == 72.0
    for secret in ("the-admin-key", "the-user-key", "the-mam-cookie", "a-jwt-secret"):
        assert secret not in answer.text


async def test_a_new_session_cookie_goes_into_use_and_is_never_repeated(api: httpx2.AsyncClient, house) -> None:
    given = []

    async def renew(value: str) -> IndexerHealth:
        given.append(value)
        return IndexerHealth(ok=True, message="Welcome.", account=Account(1, "me", "VIP", ratio=2.5))

    house.renew_session = renew
    answer = await api.put("/api/v1/settings/mam-session", json={"mam_id": " mam_id=abc%2Bdef; "})
    assert answer.status_code == 200
    assert given == ["abc%2Bdef"]
    assert answer.json()["account"]["ratio"] == 2.5
    assert "abc" not in answer.text


@pytest.mark.parametrize("value", ["", "  ", "a b", "a;b=c", "x\r\ny", 5, None])
async def test_what_is_no_cookie_value_is_refused_unrepeated(api: httpx2.AsyncClient, value) -> None:
    answer = await api.put("/api/v1/settings/mam-session", json={"mam_id": value})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "mam_id"


class Site:
    def __init__(self, answer) -> None:
        self.answer = answer

    async def test(self) -> IndexerHealth:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def test_every_indexer_is_asked_and_a_failing_one_says_why(api: httpx2.AsyncClient, house) -> None:
    house.indexers = {
        "mam": Site(IndexerHealth(True, "Session is alive.")),
        "feed": Site(TransientError.of("away", "It is away.", "Wait.")),
    }
    for answer in (await api.get("/api/v1/indexers/test"), await api.post("/api/v1/indexers/test")):
        assert answer.json()["mam"]["ok"] is True
        assert answer.json()["feed"] == {"ok": False, "message": "It is away. Wait.", "account": None}


@pytest.mark.parametrize(("error", "status"), [(TransientError, 503), (PermanentError, 400)])
async def test_refusals_of_the_house_carry_their_reason(api: httpx2.AsyncClient, house, error, status) -> None:
    async def renew(_: str) -> IndexerHealth:
        raise error.of("why_so", "It did not work.", "Do this.", tried=2)

    house.renew_session = renew
    answer = await api.put("/api/v1/settings/mam-session", json={"mam_id": "abc"})
    told = answer.json()
    assert answer.status_code == status
    assert (told["code"], told["detail"], told["action"]) == ("why_so", "It did not work.", "Do this.")
    assert told["evidence"] == {"tried": 2}
    assert told["type"] == "urn:earmark:problem:why_so"


def samples(text: str) -> dict[tuple[str, ...], float]:
    return {(s.name, *s.labels.values()): s.value for f in text_string_to_metric_families(text) for s in f.samples}


async def test_metrics_expose_tickets_by_state_and_requests(api: httpx2.AsyncClient, house, parked) -> None:
    await parked()
    async with house.write() as tx:
        await alerts.raise_(tx, "disk", Severity.WARNING, Reason("full", "Full.", "Clear."), house.now())
    house.rates = (1000, 50)
    answer = await api.get("/metrics")
    found = samples(answer.text)
    assert answer.headers["content-type"].startswith("text/plain")
    assert found["earmark_tickets", "NEEDS_APPROVAL"] == 1
    assert found["earmark_tickets", "COMPLETED"] == 0
    assert found["earmark_download_bytes_per_second",] == 1000
    assert found["earmark_alerts", "warning"] == 1
    assert found["earmark_http_request_seconds_count", "POST", "/api/v1/ticket", "201"] == 1


async def test_transitions_are_counted_as_they_happen(house) -> None:
    metrics = Metrics(house.bus)
    metrics.start()
    await asyncio.sleep(0)
    house.bus.publish(Message("state_change", None, {"old_state": None, "new_state": "PENDING"}, 1))
    house.bus.publish(Message("state_change", None, {"old_state": "PENDING", "new_state": "SEARCHING"}, 2))
    async with asyncio.timeout(5):
        while (
            metrics.registry.get_sample_value(
                "earmark_ticket_transitions_total", {"old_state": "PENDING", "new_state": "SEARCHING"}
            )
            != 1
        ):
            await asyncio.sleep(0)


async def test_openapi_describes_every_operation(api: httpx2.AsyncClient) -> None:
    spec = (await api.get("/openapi.json")).json()
    operations = {(m, p): o for p, methods in spec["paths"].items() for m, o in methods.items()}
    assert len(operations) >= 20
    ids = [o["operationId"] for o in operations.values()]
    assert len(set(ids)) == len(ids)
    for (method, path), operation in operations.items():
        assert operation["summary"] and operation["tags"], (method, path)
        if path not in ("/ping", "/health"):
            assert operation["security"], path
            told = operation["responses"]["401"].get("content", {})
            assert ("application/problem+json" in told) is ("prowlarr" not in operation["tags"]), path
    examples = operations["post", "/api/v1/ticket"]["requestBody"]["content"]["application/json"]["examples"]
    assert set(examples) == {"audiobook", "music"}
