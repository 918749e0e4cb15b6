"""Every fault on demand, the levers that arm it, and the label on every answer."""

from __future__ import annotations

import asyncio
import json

import httpx2
import pytest

from earmark.sandbox.faults import FaultKind

SEARCH = "/tor/js/loadSearchJSONbasic.php"
STAND_IN = "This is not MyAnonamouse"


async def arm(client, kind: str, on: str = "any", times: int | None = 1) -> httpx2.Response:
    return await client.post("/sandbox/faults", json={"on": on, "kind": kind, "times": times})


async def ask(client) -> httpx2.Response:
    return await client.post(SEARCH, json={"tor": {"text": "moonstone"}})


@pytest.mark.parametrize("kind", ["401", "403", "404", "406", "429", "500", "503"])
async def test_a_status_fault_strikes_once_and_is_gone(client, kind) -> None:
    await arm(client, kind)
    assert (await ask(client)).status_code == int(kind)
    assert (await ask(client)).status_code == 200


async def test_a_429_says_when_to_come_back(client) -> None:
    await arm(client, "429", on="search")
    assert (await ask(client)).headers["retry-after"] == "30"


async def test_a_401_on_a_download_uses_the_sites_words(client) -> None:
    await arm(client, "401", on="download")
    assert "no auth cookie provided" in (await client.get("/tor/download.php?tid=1")).text


async def test_a_fault_strikes_only_where_it_is_armed(client) -> None:
    await arm(client, "500", on="account")
    assert (await ask(client)).status_code == 200
    assert (await client.get("/jsonLoad.php")).status_code == 500


@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [
        ("login_html", 200, "Not logged in!"),
        ("not_signed_in", 200, "Error, you are not signed in <br />"),
        ("empty", 200, ""),
        ("not_json", 200, "being looked after"),
    ],
)
async def test_a_fault_that_looks_like_success(client, kind, status, text) -> None:
    await arm(client, kind)
    response = await ask(client)
    assert response.status_code == status
    assert text in response.text
    assert response.headers["content-type"].startswith("text/html")
    assert kind != "empty" or response.content == b""


async def test_a_redirect_leads_to_the_login_page(client) -> None:
    await arm(client, "redirect_login")
    response = await ask(client)
    assert (response.status_code, response.headers["location"]) == (302, "/login.php")
    assert "Login | My Anonamouse" in (await client.get("/login.php")).text


async def test_truncated_json_is_half_an_answer(client) -> None:
    await arm(client, "truncated_json", on="search")
    response = await ask(client)
    with pytest.raises(ValueError):
        response.json()
    assert response.content.startswith(b'{"perpage"')


async def test_a_malformed_author_spoils_the_nested_json_only(client) -> None:
    await arm(client, "malformed_author")
    [row] = (await ask(client)).json()["data"]
    with pytest.raises(ValueError):
        json.loads(row["author_info"])
    assert row["title"] == "The Moonstone"


async def test_a_malformed_row_leaves_the_other_rows_alone(client) -> None:
    await arm(client, "malformed_row")
    rows = (await client.post(SEARCH, json={"tor": {}})).json()["data"]
    assert rows[0]["id"] is None
    assert len(rows) == 4
    assert all(isinstance(row["id"], int) for row in rows[1:])


async def test_a_torrent_may_be_a_page(client, find) -> None:
    await arm(client, "html_torrent", on="download")
    response = await client.get(f"/tor/download.php?tid={find('The Moonstone').id}")
    assert response.headers["content-type"].startswith("text/html")


async def test_the_unsatisfied_limit_can_be_pretended(client, find) -> None:
    await arm(client, "unsatisfied_limit", on="download")
    assert "unsatisfied limit" in (await client.get(f"/tor/download.php?tid={find('The Moonstone').id}")).text


async def test_a_fault_waits_for_an_answer_it_can_spoil(client, site) -> None:
    await arm(client, "html_torrent")
    assert (await ask(client)).status_code == 200
    assert len(site.faults.armed) == 1


async def test_a_hanging_answer_gives_up_in_the_end(client) -> None:
    await client.post("/sandbox/settings", json={"hang_secs": 0.05})
    await arm(client, "hang")
    assert (await ask(client)).status_code == 504


async def test_a_hanging_answer_ends_when_the_client_leaves(site, client) -> None:
    await arm(client, "hang")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await ask(client)


async def test_a_fault_without_times_lasts_until_it_is_cleared(client) -> None:
    await arm(client, "503", times=None)
    assert [(await ask(client)).status_code for _ in range(3)] == [503, 503, 503]
    assert (await client.get("/sandbox/faults")).json() == [{"on": "any", "kind": "503", "times": None}]
    assert (await client.delete("/sandbox/faults")).json() == []
    assert (await ask(client)).status_code == 200


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({"on": "search", "kind": "gremlins"}, '"kind"'),
        ({"on": "everywhere", "kind": "403"}, '"on"'),
        ({"on": "search", "kind": "403", "times": 0}, '"times"'),
        ({"on": "account", "kind": "html_torrent"}, '"account"'),
        ({"kind": "403", "extra": 1}, "keys"),
    ],
)
async def test_a_wrong_fault_is_refused_with_the_key_named(client, told, named) -> None:
    response = await client.post("/sandbox/faults", json=told)
    assert response.status_code == 400
    assert named in response.json()["error"]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/sandbox/clock", {"hours": -1}),
        ("/sandbox/clock", {"fortnights": 1}),
        ("/sandbox/settings", {"unknown": 1}),
        ("/sandbox/settings", {"grace_secs": "long"}),
        ("/sandbox/account", {"passkey": "mine"}),
    ],
)
async def test_a_wrong_lever_is_refused(client, path, told) -> None:
    assert (await client.post(path, json=told)).status_code == 400


async def test_levers_take_json_only_and_loopback_names_only(client) -> None:
    assert (await client.post("/sandbox/faults", content=b'{"kind":"403"}')).status_code == 415
    assert (await client.get("/", headers={"Host": "evil.example"})).status_code == 400


async def test_every_kind_of_answer_says_it_is_a_stand_in(client, find) -> None:
    tid = find("The Moonstone").id
    paths = [
        "/",
        f"/t/{tid}",
        "/login.php",
        "/jsonLoad.php",
        "/nowhere",
        f"/tor/download.php?tid={tid}",
        "/sandbox/faults",
    ]
    for path in paths:
        assert (await client.get(path)).headers["x-stand-in"] == "Earmark sandbox"
    for kind in FaultKind:
        if kind is not FaultKind.HANG:
            await client.delete("/sandbox/faults")
            await arm(client, kind)
            assert (await ask(client)).headers["x-stand-in"] == "Earmark sandbox"


async def test_every_page_says_it_in_plain_sight_and_the_home_page_lists_the_catalogue(client, find) -> None:
    for path in ("/", f"/t/{find('The Moonstone').id}", "/login.php", "/t/1", "/tor/download.php?tid=1"):
        assert STAND_IN in (await client.get(path)).text
    home = (await client.get("/")).text
    assert "The Time Machine" in home
    assert "L&#x27;île mystérieuse" in home
