"""The stand-in's door: rotation and grace, the signs of a bad session, the User-Agent rule, the seedbox address."""

from __future__ import annotations

import httpx2
import pytest

SEARCH = "/tor/js/loadSearchJSONbasic.php"
API = ["/jsonLoad.php", "/json/checkCookie.php", "/json/dynamicSeedbox.php", f"{SEARCH}?tor[text]="]


def rotated(response: httpx2.Response) -> str | None:
    return response.cookies.get("mam_id")


def with_cookie(value: str) -> dict[str, str]:
    return {"Cookie": f"mam_id={value}"}


@pytest.mark.parametrize("path", API)
async def test_every_api_answer_carries_a_new_cookie(site, client, path) -> None:
    before = site.sessions.newest()
    response = await client.get(path)
    assert response.status_code == 200
    assert rotated(response) == site.sessions.newest() != before


async def test_the_value_before_lives_for_its_grace_and_no_longer(site, visit) -> None:
    first = site.sessions.newest()
    async with visit(site, cookie=False) as client:
        second = rotated(await client.get("/jsonLoad.php", headers=with_cookie(first)))
        client.cookies.clear()
        await client.post("/sandbox/clock", json={"seconds": 59})
        assert (await client.get("/jsonLoad.php", headers=with_cookie(first))).status_code == 200
        client.cookies.clear()
        await client.post("/sandbox/clock", json={"seconds": 61})
        assert (await client.get("/jsonLoad.php", headers=with_cookie(first))).status_code == 403
        client.cookies.clear()
        assert second
        assert (
            await client.get("/jsonLoad.php", headers=with_cookie(second))
        ).status_code == 403  # replaced long ago, too
        client.cookies.clear()
        assert (await client.get("/jsonLoad.php", headers=with_cookie(site.sessions.newest()))).status_code == 200


async def test_rotation_can_be_switched_off(site, client) -> None:
    await client.post("/sandbox/settings", json={"rotate": False})
    assert rotated(await client.get("/jsonLoad.php")) is None


async def test_a_request_without_a_user_agent_is_a_bad_request(client) -> None:
    client.headers.pop("User-Agent")
    response = await client.post(SEARCH, json={"tor": {}})
    assert response.status_code == 400
    assert response.headers["x-stand-in"] == "Earmark sandbox"


async def test_a_bad_cookie_is_refused_and_deleted_not_rotated(site, visit) -> None:
    async with visit(site, cookie=False) as client:
        response = await client.post(SEARCH, json={"tor": {}}, headers=with_cookie("stale"))
    assert response.status_code == 403
    assert response.text.startswith("Error, you are not signed in <br />")
    assert "mam_id=deleted" in response.headers["set-cookie"]
    assert "Max-Age=0" in response.headers["set-cookie"]


async def test_each_endpoint_refuses_in_its_own_words(site, visit) -> None:
    async with visit(site, cookie=False) as client:
        assert (await client.get("/json/dynamicSeedbox.php")).json()["msg"] == "No Session Cookie"
        bad = await client.get("/json/dynamicSeedbox.php", headers=with_cookie("stale"))
        assert (bad.status_code, bad.json()["msg"], bad.json()["ASN"]) == (
            403,
            "Invalid session - Invalid Cookie",
            64496,
        )
        assert (await client.get("/json/checkCookie.php")).json()["Success"] is False
        assert "Not logged in!" in (await client.get("/tor/poster_mini.php/1/jpeg")).text


async def test_a_new_session_can_be_made_and_all_can_be_ended(site, client) -> None:
    made = (await client.post("/sandbox/session", json={})).json()["mam_id"]
    assert made == site.sessions.newest()
    await client.delete("/sandbox/session")
    assert (await client.get("/jsonLoad.php")).status_code == 403


async def test_two_sessions_rotate_apart(site, visit) -> None:
    first = site.sessions.newest()
    second = site.sessions.create()
    async with visit(site, cookie=False) as client:
        rotated_first = rotated(await client.get("/jsonLoad.php", headers=with_cookie(first)))
        client.cookies.clear()
        assert rotated_first not in {first, second}
        assert rotated(await client.get("/jsonLoad.php", headers=with_cookie(second))) not in {
            first,
            second,
            rotated_first,
        }


async def test_the_seedbox_address_changes_once_an_hour_at_most(client) -> None:
    async def call(ip: str) -> tuple[int, object]:
        response = await client.get("/json/dynamicSeedbox.php", headers={"X-Sandbox-Address": ip})
        return response.status_code, response.json()["msg"]

    assert await call("203.0.113.7") == (200, "Completed")
    assert await call("203.0.113.7") == (200, "No change")
    assert await call("203.0.113.8") == (429, "Last change too recent")
    await client.post("/sandbox/clock", json={"minutes": 61})
    assert await call("203.0.113.8") == (200, "Completed")


async def test_a_session_without_the_permission_cannot_set_the_address(client) -> None:
    await client.post("/sandbox/settings", json={"seedbox_permission": False})
    response = await client.get("/json/dynamicSeedbox.php")
    assert (response.status_code, response.json()["msg"]) == (403, "Incorrect session type - not allowed this function")


async def test_anybody_may_ask_for_their_address(site, visit) -> None:
    async with visit(site, cookie=False) as client:
        answer = (await client.get("/json/jsonIp.php")).json()
    assert (answer["ip"], answer["AS"]) == ("127.0.0.1", "TEST-AS")


async def test_the_request_log_shows_everything_but_the_cookie(site, client) -> None:
    value = site.sessions.newest()
    await client.post(SEARCH, json={"tor": {"text": "moonstone"}})
    [entry] = (await client.get("/sandbox/requests")).json()
    assert (entry["method"], entry["path"], entry["status"]) == ("POST", SEARCH, 200)
    assert entry["json"] == {"tor": {"text": "moonstone"}}
    assert entry["headers"]["user-agent"] == "Earmark-test"
    assert entry["cookie"]
    assert value not in str(entry)
