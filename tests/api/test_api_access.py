from __future__ import annotations

import logging
import time

import httpx2
import jwt
import pytest
from fastapi import APIRouter, Request, Response
from fastapi.testclient import TestClient

from earmark.api.app import create_app
from earmark.api.auth import Sessions, issue_session, session_role
from earmark.api.middleware import WithoutKeys
from earmark.pipeline.house import House

JWT_SECRET = "a-jwt-secret-of-at-least-32-bytes!"
ID = "123e4567-e89b-42d3-a456-426614174000"
BOOK = {"search": {"title": "Emma"}}
CLOSED = [
    ("GET", "/api/v1/tickets"),
    ("POST", "/api/v1/ticket"),
    ("GET", f"/api/v1/ticket/{ID}"),
    ("GET", f"/api/v1/ticket/{ID}/explain"),
    ("GET", "/api/v1/jobs"),
    ("GET", "/api/v1/stats"),
    ("GET", "/metrics"),
]
ADMINS_ONLY = [
    ("DELETE", f"/api/v1/ticket/{ID}"),
    ("POST", f"/api/v1/ticket/{ID}/approve"),
    ("POST", f"/api/v1/ticket/{ID}/reject"),
    ("POST", f"/api/v1/ticket/{ID}/retry"),
    ("POST", f"/api/v1/ticket/{ID}/force-search"),
    ("POST", f"/api/v1/ticket/{ID}/force-magnet"),
    ("POST", f"/api/v1/ticket/{ID}/force-torrent"),
    ("POST", f"/api/v1/ticket/{ID}/answer"),
    ("POST", f"/api/v1/ticket/{ID}/block"),
    ("POST", f"/api/v1/ticket/{ID}/undo"),
    ("POST", f"/api/v1/ticket/{ID}/reprocess"),
    ("POST", "/api/v1/library/reprocess"),
    ("GET", "/api/v1/library/space"),
    ("POST", "/api/v1/library/prune"),
    ("GET", "/api/v1/settings/media"),
    ("PUT", "/api/v1/settings/media"),
    ("GET", "/api/v1/config"),
    ("PUT", "/api/v1/settings/mam-session"),
    ("GET", "/api/v1/indexers/test"),
    ("POST", "/api/v1/indexers/test"),
]


@pytest.mark.parametrize(("method", "path"), CLOSED + ADMINS_ONLY)
@pytest.mark.parametrize(
    "headers", [{}, {"X-Api-Key": "wrong"}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer"}]
)
async def test_without_a_valid_key_nothing_opens(anybody, method, path, headers) -> None:
    answer = await anybody.request(method, path, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthorized"


async def test_a_stranger_learns_nothing_from_a_bad_body(anybody) -> None:
    answer = await anybody.post("/api/v1/ticket", content="{broken", headers={"Content-Type": "application/json"})
    assert answer.status_code == 401


@pytest.mark.parametrize(("method", "path"), ADMINS_ONLY)
async def test_a_users_key_neither_decides_nor_reads_the_configuration(anybody, method, path) -> None:
    answer = await anybody.request(method, path, headers={"X-Api-Key": "the-user-key"})
    assert (answer.status_code, answer.json()["code"]) == (403, "admin_only")


async def test_a_users_key_files_and_follows(anybody) -> None:
    anybody.headers["X-Api-Key"] = "the-user-key"
    filed = await anybody.post("/api/v1/ticket", json=BOOK)
    assert filed.status_code == 201
    for path in (filed.json()["links"]["self"], "/api/v1/tickets", "/api/v1/jobs", "/api/v1/stats", "/api/v1/health"):
        assert (await anybody.get(path)).status_code == 200


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"Authorization": "Bearer the-admin-key"}, ""),
        ({"authorization": "bearer the-admin-key"}, ""),
        ({"X-Api-Key": "the-admin-key"}, ""),
        ({}, "?apikey=the-admin-key"),
        ({}, "?token=the-admin-key"),
        ({"X-Api-Key": "wrong"}, "?apikey=the-admin-key"),
    ],
)
async def test_the_key_may_come_in_several_ways(anybody, headers, query) -> None:
    assert (await anybody.get("/api/v1/config" + query, headers=headers)).status_code == 200


async def test_a_wrong_key_in_the_query_is_not_rescued_by_a_right_header(api) -> None:
    assert (await api.get("/api/v1/stats?apikey=wrong")).status_code == 401


def token(secret: str = JWT_SECRET, **claims) -> str:
    return jwt.encode({"exp": time.time() + 60, **claims}, secret, algorithm="HS256")


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (lambda: token(role="admin"), 200),
        (lambda: token(role="user"), 403),
        (lambda: token(), 403),
        (lambda: token(role="admin", exp=time.time() - 10), 401),
        (lambda: token("another-secret-of-32-bytes-or-more", role="admin"), 401),
        (lambda: token(role="root"), 401),
        (lambda: jwt.encode({"role": "admin"}, JWT_SECRET, algorithm="HS256"), 401),
        (lambda: jwt.encode({"role": "admin", "exp": 9999999999}, None, algorithm="none"), 401),
    ],
)
async def test_a_signed_token_is_as_good_as_its_claims(anybody, made, status) -> None:
    answer = await anybody.get("/api/v1/config", headers={"Authorization": f"Bearer {made()}"})
    assert answer.status_code == status


async def test_ping_and_health_need_no_key_and_tell_no_secret(anybody) -> None:
    assert (await anybody.get("/ping")).json() == {"status": "OK"}
    assert (await anybody.head("/ping")).status_code == 200
    health = await anybody.get("/health")
    assert health.status_code == 200
    assert set(health.json()) == {"status", "version", "checks"}
    assert all(set(check) == {"name", "status"} for check in health.json()["checks"])


# --- sessions of the login page ---


def with_session(house: House, role: str = "admin") -> dict[str, str]:
    return {"Cookie": f"earmark_session={issue_session(house, role)}"}


async def test_a_session_reads_and_writes_from_our_own_pages(anybody, house) -> None:
    headers = with_session(house)
    assert (await anybody.get("/api/v1/config", headers=headers)).status_code == 200
    own = headers | {"Origin": "http://earmark.test"}
    assert (await anybody.post("/api/v1/ticket", json=BOOK, headers=own)).status_code == 201


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({}, 403),
        ({"Origin": "http://evil.test"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "http://earmark.test.evil.test"}, 403),
        ({"Origin": "http://earmark.test:81"}, 403),
        ({"Referer": "http://evil.test/?http://earmark.test"}, 403),
        ({"Origin": "http://earmark.test", "Sec-Fetch-Site": "cross-site"}, 403),
        ({"Origin": "http://earmark.test", "Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://earmark.test", "Sec-Fetch-Site": "none"}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 201),
        ({"Origin": "http://earmark.test"}, 201),
        ({"Referer": "http://earmark.test/tickets"}, 201),
        ({"Origin": "https://books.example", "X-Forwarded-Host": "books.example"}, 201),
    ],
)
async def test_a_session_is_of_no_use_to_other_peoples_pages(anybody, house, sent, status) -> None:
    answer = await anybody.post("/api/v1/ticket", json=BOOK, headers=with_session(house) | sent)
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("peer", "status"),
    [(("127.0.0.1", 4000), 201), (("192.0.2.7", 0), 201), (("192.0.2.7", 4000), 403)],
    ids=["a proxy here", "told by a proxy here", "anybody else"],
)
async def test_only_a_proxy_on_this_machine_may_name_the_host(house, peer, status) -> None:
    transport = httpx2.ASGITransport(app=create_app(house), client=peer)
    sent = {"Origin": "https://books.example", "X-Forwarded-Host": "books.example"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://earmark.test") as client:
        answer = await client.post("/api/v1/ticket", json=BOOK, headers=with_session(house) | sent)
    assert answer.status_code == status


async def test_a_key_needs_no_origin(api) -> None:
    answer = await api.post("/api/v1/ticket", json=BOOK, headers={"Origin": "http://evil.test"})
    assert answer.status_code == 201


async def test_a_session_ends_with_its_time_and_with_the_key(house, clock) -> None:
    cookie = issue_session(house, "admin")
    assert session_role(house, cookie) == "admin"
    clock.pass_(days=29)
    assert session_role(house, cookie) == "admin"
    clock.pass_(days=1)
    assert session_role(house, cookie) is None


@pytest.mark.parametrize(
    "forge",
    [
        lambda c: c.replace("user", "admin", 1),
        lambda c: c[:-1] + ("0" if c[-1] != "0" else "1"),
        lambda c: c.rpartition(".")[0],
        lambda _: "",
        lambda _: None,
        lambda _: "....",
        lambda _: "admin.9999999999.x.é",
        lambda c: c + "é",
    ],
)
async def test_a_forged_session_is_nobody(house, forge) -> None:
    assert session_role(house, forge(issue_session(house, "user"))) is None


async def test_the_login_page_gets_what_it_needs_to_open_a_session(house, anybody) -> None:
    sessions = Sessions(house)
    anybody.cookies.set(sessions.cookie_name, sessions.issue("user"))
    assert (await anybody.get("/api/v1/stats")).status_code == 200
    assert (await anybody.get("/api/v1/config")).status_code == 403


# --- around every request ---


async def test_every_answer_carries_version_request_id_and_safe_headers(api, anybody) -> None:
    for answer in (await api.get("/api/v1/stats"), await anybody.get("/api/v1/stats"), await anybody.get("/nowhere")):
        assert answer.headers["x-application-version"]
        assert len(answer.headers["x-request-id"]) == 32
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        opened = answer.request.url.path.startswith("/api")
        assert answer.headers.get("access-control-allow-origin") == ("*" if opened else None)
        assert "access-control-allow-credentials" not in answer.headers  # so a session is never sent along
    answer = await api.get("/api/v1/stats", headers={"X-Request-Id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    answer = await api.get("/api/v1/stats", headers={"X-Request-Id": "<script>"})
    assert len(answer.headers["x-request-id"]) == 32


async def test_wrong_method_and_wrong_path_are_problems(api) -> None:
    answer = await api.put("/api/v1/tickets")
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in answer.json()["action"]
    answer = await api.get("/api/v1/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_when_we_break_the_caller_gets_a_number_and_no_secret(house, capsys) -> None:
    class Broken:
        async def stats(self, house: House) -> None:
            secret = "the-mam-cookie"
            raise RuntimeError(f"boom {len(secret)}")

    app = create_app(house, desk=Broken())
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://earmark.test") as client:
        answer = await client.get("/api/v1/stats?apikey=the-admin-key")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert "boom" not in answer.text
    assert "Traceback" not in answer.text
    logged = capsys.readouterr()
    shown = logged.out + logged.err
    assert answer.json()["request_id"] in shown
    assert "boom" in shown
    assert "the-mam-cookie" not in shown
    assert "the-admin-key" not in shown


def test_the_servers_own_log_lines_lose_their_keys() -> None:
    line = logging.LogRecord(
        "uvicorn.error", 20, "", 0, '%s - "WebSocket %s"', ("a", "/ws?since=1&token=geheim&x=1"), None
    )
    assert WithoutKeys().filter(line)
    assert line.getMessage() == 'a - "WebSocket /ws?since=1&token=***&x=1"'


async def test_behind_a_prefix_everything_moves_along(house) -> None:
    server = house.settings.server.model_copy(update={"url_base": "/earmark"})
    house.settings = house.settings.model_copy(update={"server": server})
    transport = httpx2.ASGITransport(app=create_app(house))
    headers = {"X-Api-Key": "the-admin-key"}
    async with httpx2.AsyncClient(transport=transport, base_url="http://earmark.test", headers=headers) as client:
        assert (await client.get("/earmark/ping")).status_code == 200
        filed = await client.post("/earmark/api/v1/ticket", json=BOOK)
        assert filed.headers["location"].startswith("/earmark/api/v1/ticket/")
        assert (await client.get(filed.headers["location"])).status_code == 200
        assert (await client.get("/earmark/openapi.json")).status_code == 200
        assert (await client.get("/ping")).status_code == 404


def test_the_prefix_without_its_slash_leads_home(house) -> None:
    server = house.settings.server.model_copy(update={"url_base": "/em"})
    house.settings = house.settings.model_copy(update={"server": server})
    answer = TestClient(create_app(house, web=APIRouter())).get("/em", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (308, "/em/")


def test_pages_get_their_own_error_page_and_the_api_does_not(house) -> None:
    async def page(request: Request, problem) -> Response:
        return Response(f"<h1>{problem.detail}</h1>", problem.status, media_type="text/html")

    client = TestClient(create_app(house, error_page=page))
    assert client.get("/tickets/5").text.startswith("<h1>")
    assert client.get("/api/v1/nothing").json()["code"] == "not_found"
    assert client.get("/metrics").json()["code"] == "unauthorized"
