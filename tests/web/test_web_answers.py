"""What the pages answer, without a browser: who gets in, which forms count, what an action does, how an error looks."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import httpx2
import pytest
from web_pieces import LONG_TITLE, SCRIPT_TITLE, S
from web_site import make_app
from web_world import FakeDesk

from earmark.core.reasons import PermanentError
from earmark.core.ticket import TicketId


def id_of(desk: FakeDesk, state: S) -> TicketId:
    return next(i for i, v in desk.views.items() if v.ticket.state is state)


async def token(client: httpx2.AsyncClient, path: str = "/add") -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', (await client.get(path)).text)
    assert found
    return found.group(1)


async def post(client: httpx2.AsyncClient, path: str, **fields: str) -> httpx2.Response:
    """A form of ours, as a browser without scripts sends it."""
    return await client.post(path, data={"csrf": await token(client)} | fields)


# --- getting in ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/tickets?q=x", "/add", "/approvals", "/system", "/tickets/abc"])
async def test_nobody_sees_a_page_before_signing_in(visitor: httpx2.AsyncClient, path: str) -> None:
    answer = await visitor.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")


async def test_the_right_key_opens_the_page_one_wanted(visitor: httpx2.AsyncClient) -> None:
    asked = await visitor.get("/tickets?state=failed")
    answer = await visitor.post(
        "/login",
        data={
            "csrf": await token(visitor, asked.headers["location"]),
            "key": " admin-key ",
            "next": "/tickets?state=failed",
        },
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == "/tickets?state=failed"
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith("earmark_session="))
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert (await visitor.get("/tickets")).status_code == 200


async def test_a_wrong_key_says_what_to_do(visitor: httpx2.AsyncClient) -> None:
    answer = await visitor.post("/login", data={"csrf": await token(visitor, "/login"), "key": "nonsense"})
    assert answer.status_code == 401
    assert "does not open Earmark" in answer.text
    assert "auth_token" in answer.text
    assert "nonsense" not in answer.text


async def test_ten_wrong_keys_make_the_login_rest(visitor: httpx2.AsyncClient) -> None:
    form = {"csrf": await token(visitor, "/login"), "key": "nonsense"}
    codes = [(await visitor.post("/login", data=form)).status_code for _ in range(11)]
    assert codes == [401] * 10 + [429]
    refused = await visitor.post("/login", data=form | {"key": "admin-key"})
    assert refused.status_code == 429


async def test_one_addresss_wrong_keys_do_not_keep_others_out(desk: FakeDesk) -> None:
    app = make_app(desk)
    for host, key, status in [("192.0.2.1", "nonsense", 429), ("192.0.2.2", "admin-key", 303)]:
        transport = httpx2.ASGITransport(app=app, client=(host, 4000))
        headers = {"Origin": "http://earmark.test"}
        async with httpx2.AsyncClient(transport=transport, base_url="http://earmark.test", headers=headers) as client:
            form = {"csrf": await token(client, "/login"), "key": key}
            codes = [(await client.post("/login", data=form)).status_code for _ in range(11)]
        assert status in codes
        assert codes[0] == (401 if status == 429 else 303)


async def test_signing_out_takes_the_session_away(admin: httpx2.AsyncClient) -> None:
    answer = await post(admin, "/logout")
    assert answer.headers["location"] == "/login"
    assert 'earmark_session=""' in answer.headers["set-cookie"]


async def test_a_link_from_elsewhere_does_not_end_at_the_login_of_somebody_signed_in(
    visitor: httpx2.AsyncClient,
) -> None:
    answer = await visitor.get("/tickets", headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200
    assert 'http-equiv="refresh"' in answer.text


async def test_htmx_is_sent_to_the_login_when_the_session_is_over(visitor: httpx2.AsyncClient) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://earmark.test/tickets"}
    answer = await visitor.get("/tickets/panel", headers=headers)
    assert answer.headers["hx-redirect"] == "/login?next=/tickets"


# --- which forms count ------------------------------------------------------------------------------------------------------


ACTIONS = {
    "approve": {"candidate_idx": "1"},
    "reject": {"reason": "no"},
    "cancel": {},
    "search": {"query": "other words"},
    "magnet": {"magnet_uri": "magnet:?xt=urn:btih:a94a8fe5ccb19ba61c4c0873d391e987982fbbd3"},
}


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_form_without_our_token_does_nothing(admin: httpx2.AsyncClient, desk: FakeDesk, action: str) -> None:
    path = f"/tickets/{id_of(desk, S.NEEDS_APPROVAL)}/{action}"
    for fields in (ACTIONS[action], ACTIONS[action] | {"csrf": "0" * 64}):
        assert (await admin.post(path, data=fields)).status_code == 403
    assert desk.heard == []


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
async def test_a_form_from_another_site_does_nothing(
    admin: httpx2.AsyncClient, desk: FakeDesk, headers: dict[str, str]
) -> None:
    right = await token(admin)
    path = f"/tickets/{id_of(desk, S.NEEDS_APPROVAL)}/approve"
    answer = await admin.post(path, data={"csrf": right}, headers=headers)
    assert answer.status_code == 403
    assert "another site" in answer.text
    assert desk.heard == []


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_user_may_not_decide(user: httpx2.AsyncClient, desk: FakeDesk, action: str) -> None:
    answer = await post(user, f"/tickets/{id_of(desk, S.NEEDS_APPROVAL)}/{action}", **ACTIONS[action])
    assert answer.status_code == 403
    assert desk.heard == []


async def test_a_user_may_wish_and_sees_no_buttons_that_are_not_for_them(
    user: httpx2.AsyncClient, desk: FakeDesk
) -> None:
    page = (await user.get(f"/tickets/{id_of(desk, S.NEEDS_APPROVAL)}")).text
    assert "Approve" not in re.sub(r"Approvals", "", page)
    assert (await post(user, "/add", title="Emma")).status_code == 303
    system = (await user.get("/system")).text
    assert "mam_id" not in system
    assert "Test all" not in system


# --- what an action does ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "heard"),
    [
        ("approve", ("approve", "1", "admin")),
        ("reject", ("reject", "no", "admin")),
        ("cancel", ("cancel", "", "admin")),
        ("search", ("search", "other words", "admin")),
        ("magnet", ("magnet", "magnet:?xt=urn:btih:a94a8fe5ccb19ba61c4c0873d391e987982fbbd3", "admin")),
    ],
)
async def test_an_action_is_done_once_and_told(
    admin: httpx2.AsyncClient, desk: FakeDesk, action: str, heard: tuple[str, ...]
) -> None:
    ticket = id_of(desk, S.NEEDS_APPROVAL)
    answer = await post(admin, f"/tickets/{ticket}/{action}", **ACTIONS[action])
    assert answer.status_code == 303
    assert desk.heard == [(heard[0], ticket, *heard[1:])]
    told = await admin.get(answer.headers["location"])
    assert 'data-said="good"' in told.text


async def test_htmx_gets_the_fresh_panel_and_a_toast(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    ticket = id_of(desk, S.FAILED)
    answer = await admin.post(
        f"/tickets/{ticket}/retry", data={"csrf": await token(admin)}, headers={"HX-Request": "true"}
    )
    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert "Queued for the search" in answer.text
    assert "toast" in answer.headers["hx-trigger"]


async def test_an_action_that_comes_too_late_says_where_the_ticket_is(
    admin: httpx2.AsyncClient, desk: FakeDesk
) -> None:
    ticket = id_of(desk, S.COMPLETED)
    answer = await post(admin, f"/tickets/{ticket}/cancel")
    assert answer.status_code == 409
    assert "COMPLETED cannot become CANCELLED" in answer.text
    assert f"/tickets/{ticket}" in answer.text
    partial = await admin.post(
        f"/tickets/{ticket}/cancel", data={"csrf": await token(admin)}, headers={"HX-Request": "true"}
    )
    assert partial.status_code == 200
    assert "cannot become" in partial.headers["hx-trigger"]
    assert "On the shelf" in partial.text


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("approve", {"candidate_idx": "-1"}),
        ("approve", {"candidate_idx": "99"}),
        ("approve", {"candidate_idx": "\u0663"}),
        ("search", {"query": "  "}),
        ("magnet", {"magnet_uri": "http://x"}),
    ],
)
async def test_nonsense_in_a_form_is_told_with_its_fix(
    admin: httpx2.AsyncClient, desk: FakeDesk, action: str, fields: dict[str, str]
) -> None:
    answer = await post(admin, f"/tickets/{id_of(desk, S.NEEDS_APPROVAL)}/{action}", **fields)
    assert answer.status_code == 400
    assert "Back to the ticket" in answer.text


async def test_a_wish_is_filed_once_however_often_it_is_sent(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    page = (await admin.get("/add")).text
    given = re.search(r'name="ticket_id" value="([^"]+)"', page)
    assert given
    fields = {"title": "Emma", "author": "Jane Austen", "ticket_id": given.group(1)}
    first, second = [await post(admin, "/add", **fields) for _ in range(2)]
    assert first.headers["location"] == f"/tickets/{given.group(1)}?done=filed"
    assert second.headers["location"] == f"/tickets/{given.group(1)}?done=known"


async def test_a_wish_that_cannot_be_filed_keeps_what_was_typed(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    answer = await post(admin, "/add", author="Jane <b>Austen", year="x")
    assert answer.status_code == 400
    assert 'value="Jane &lt;b&gt;Austen"' in answer.text
    assert answer.text.count('aria-invalid="true"') == 2
    assert desk.heard == []


async def test_an_ebook_is_wished_for_by_its_kind(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    assert 'value="ebook"' in (await admin.get("/add")).text
    filed = await post(admin, "/add", title="Emma", kind="ebook")
    view = desk.views[TicketId(filed.headers["location"].split("/")[-1].split("?")[0])]
    assert view.ticket.request.kind == "ebook"
    assert (await post(admin, "/add", title="Emma", kind="scroll")).status_code == 400


async def test_a_refusal_of_the_house_stands_at_the_field_it_is_about(
    admin: httpx2.AsyncClient, desk: FakeDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise PermanentError.of("no_ebook_library", "No folder.", "Set ebooks in [library].", field="kind")

    monkeypatch.setattr(desk, "file_ticket", refuse)
    answer = await post(admin, "/add", title="Emma", kind="ebook")
    assert answer.status_code == 400 and 'value="Emma"' in answer.text
    assert 'id="f-kind-say"' in answer.text and "Set ebooks in [library]." in answer.text


async def test_a_session_goes_to_the_desk_and_never_back_to_the_page(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    answer = await post(admin, "/system/session", mam_id="very-secret-cookie")
    assert desk.heard == [("session", "very-secret-cookie", "admin")]
    assert "Signed in as reader" in answer.text
    assert "very-secret-cookie" not in answer.text


# --- what is shown ----------------------------------------------------------------------------------------------------------


async def test_hostile_words_stay_words_on_every_page(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    for path in ["/", "/tickets", "/approvals", *(f"/tickets/{i}" for i in desk.views)]:
        text = (await admin.get(path)).text
        for evil in (SCRIPT_TITLE, "<script>document", "<img src=x", "<b>bold</b>", "<i>no</i>"):
            assert evil not in text, (path, evil)


async def test_an_unknown_account_is_unknown_and_never_zero(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    from earmark.core.release import Account

    desk.account = Account(None, "reader")
    page = (await admin.get("/")).text
    card = page[page.index("Tracker account") : page.index("Figures")]
    assert card.count("unknown") >= 6
    assert ">0<" not in card
    desk.account = None
    assert "has not told anything" in (await admin.get("/")).text


async def test_an_empty_house_says_what_to_do_first() -> None:
    transport = httpx2.ASGITransport(app=make_app(FakeDesk(empty=True)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://earmark.test") as client:
        client.cookies.set("earmark_session", "session-of-admin")
        page = (await client.get("/")).text
        assert "What would you like to listen to?" in page
        assert 'action="/add"' in page
        assert "No wishes yet" in (await client.get("/tickets")).text


async def test_the_list_is_narrowed_by_state_kind_and_words(admin: httpx2.AsyncClient) -> None:
    assert "Frankenstein" in (await admin.get("/tickets?state=failed")).text
    assert "Dracula" not in (await admin.get("/tickets?state=failed")).text
    assert "Silence" in (await admin.get("/tickets?kind=music")).text
    assert "Dracula" in (await admin.get("/tickets?q=stoker")).text
    assert "Nothing matches" in (await admin.get("/tickets?q=zzz")).text


@pytest.mark.parametrize("query", ["?page=-1", "?page=99999999999", "?page=x", "?state=%00", "?kind=car", "?page=²"])
async def test_an_odd_address_still_shows_a_page(admin: httpx2.AsyncClient, query: str) -> None:
    assert (await admin.get(f"/tickets{query}")).status_code == 200


async def test_a_page_far_behind_the_end_leads_back(admin: httpx2.AsyncClient) -> None:
    assert "To the first page" in (await admin.get("/tickets?page=7")).text


async def test_many_tickets_are_shown_a_page_at_a_time(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    for n in range(60):
        await post(admin, "/add", title=f"Book number {n}")
    first = (await admin.get("/tickets?q=Book+number")).text
    assert "1–50 of 60" in first
    assert "/tickets?q=Book+number&amp;page=2" in first
    assert "51–60 of 60" in (await admin.get("/tickets?q=Book+number&page=2")).text


async def test_a_long_title_is_whole_in_the_page(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    ticket = next(i for i, v in desk.views.items() if LONG_TITLE in str(v.ticket.request.wish))
    assert LONG_TITLE in (await admin.get(f"/tickets/{ticket}")).text


# --- errors, headers, links -------------------------------------------------------------------------------------------------


async def test_an_unknown_ticket_and_an_unknown_page_look_like_us(admin: httpx2.AsyncClient) -> None:
    for path in ("/tickets/nope", "/nowhere"):
        answer = await admin.get(path)
        assert answer.status_code == 404
        assert "earmark.css" in answer.text


async def test_what_breaks_inside_is_told_without_its_innards(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    desk.broken = True
    answer = await admin.get("/")
    assert answer.status_code == 500
    assert "could not draw this page" in answer.text
    assert "fell over" not in answer.text


async def test_every_page_forbids_foreign_scripts_and_frames(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    for path in ("/", "/login", "/tickets", "/tickets/nope", f"/tickets/{id_of(desk, S.FAILED)}"):
        headers = (await admin.get(path)).headers
        if headers.get("location"):
            continue
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["cache-control"] == "no-store"


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.styled = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src", "hx-get") and value:
                self.found.add(value)
            self.styled = self.styled or name == "style" or name.startswith("on")


async def test_no_link_is_dead_and_none_leaves_the_house(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    app = make_app(FakeDesk(), "/earmark")
    transport = httpx2.ASGITransport(app=app)
    async with httpx2.AsyncClient(transport=transport, base_url="http://earmark.test") as client:
        client.cookies.set("earmark_session", "session-of-admin")
        seen: set[str] = set()
        todo = {"/earmark/"}
        while todo:
            path = todo.pop()
            seen.add(path)
            answer = await client.get(path)
            assert answer.status_code in (200, 303), (path, answer.status_code)
            if not answer.headers.get("content-type", "").startswith("text/html"):
                continue
            links = Links()
            links.feed(answer.text)
            assert not links.styled, path
            local = {link.split("#")[0] for link in links.found if not link.startswith("#")}
            assert all(link.startswith("/earmark") for link in local), (path, local)
            todo |= {x for x in local if x and "/api/v1/" not in x and "focus" not in x} - seen
        assert len(seen) > 40


async def test_files_are_kept_by_the_browser_until_they_change(admin: httpx2.AsyncClient) -> None:
    page = (await admin.get("/")).text
    sheet = re.search(r'href="(/static/earmark.css\?v=\w+)"', page)
    assert sheet
    assert "immutable" in (await admin.get(sheet.group(1))).headers["cache-control"]
    assert (await admin.get("/static/../render.py")).status_code == 404
