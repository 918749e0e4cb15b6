"""Every page in a real Chromium, wide and dark, narrow and light: nothing complains, nothing is fetched from elsewhere,
nothing runs off the side, everything has a name. Then the ways through them, with scripts and without."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from web_pieces import S
from web_site import Server
from web_watch import SHAPES, Watched
from web_world import FakeDesk

from earmark.core.ticket import TicketId

pytestmark = pytest.mark.slow

Look = Callable[..., Watched]

UNNAMED = """() => {
  const name = (e) => (e.getAttribute('aria-label') || '').trim() || e.innerText.trim() ||
    (e.labels && [...e.labels].map((l) => l.innerText.trim()).join(' ')) || (e.title || '').trim();
  const shown = (e) => e.type !== 'hidden' && !e.closest('[hidden]');
  const bad = [];
  for (const e of document.querySelectorAll('input, select, textarea')) {
    if (shown(e) && !(e.labels && e.labels.length) && !e.getAttribute('aria-label')) bad.push(e.outerHTML);
  }
  for (const e of document.querySelectorAll('a, button, summary')) if (shown(e) && !name(e) && !e.textContent.trim()) bad.push(e.outerHTML);
  for (const e of document.querySelectorAll('progress')) if (!e.getAttribute('aria-label')) bad.push(e.outerHTML);
  for (const e of document.querySelectorAll('svg.icon')) if (e.getAttribute('aria-hidden') !== 'true') bad.push(e.outerHTML);
  const ids = [...document.querySelectorAll('[id]')].map((e) => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) bad.push('twice: ' + id);
  for (const e of document.querySelectorAll('[aria-describedby], [aria-labelledby]')) {
    for (const id of (e.getAttribute('aria-describedby') || e.getAttribute('aria-labelledby')).split(' ')) {
      if (!document.getElementById(id)) bad.push('dangling: ' + id);
    }
  }
  if (document.querySelectorAll('h1').length !== 1) bad.push('h1: ' + document.querySelectorAll('h1').length);
  if (!document.querySelector('main')) bad.push('no main');
  return bad;
}"""
TOO_WIDE = """() => {
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= wide) return [];
  return [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > wide + 1)
    .map((e) => e.tagName + '.' + e.className).slice(0, 8);
}"""
SMALL_TARGETS = """() => [...document.querySelectorAll('button, .button, nav a, summary, input:not([type=hidden]):not(.unseen), select')]
  .map((e) => [e, e.getBoundingClientRect()]).filter(([, r]) => r.width > 0 && (r.width < 24 || r.height < 24)).map(([e]) => e.outerHTML)"""


def live(page: Page) -> None:
    expect(page.locator("[data-live-mark]").first).to_have_attribute("data-state", "live")


def id_of(desk: FakeDesk, state: S) -> TicketId:
    return next(i for i, v in desk.views.items() if v.ticket.state is state)


# --- every page -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_every_page_is_sound(look: Look, desk: FakeDesk, shape: str) -> None:
    seen = look(shape)
    cancel = f"/tickets/{id_of(desk, S.DOWNLOADING)}/cancel"
    for path in [
        "/",
        "/add",
        "/approvals",
        "/tickets",
        "/tickets?q=zzz",
        "/system",
        cancel,
        *(f"/tickets/{i}" for i in desk.views),
    ]:
        page = seen.open(path)
        live(page)
        assert page.evaluate(UNNAMED) == [], path
        assert page.evaluate(TOO_WIDE) == [], path
        assert page.evaluate(SMALL_TARGETS) == [], path
        assert page.title() != "owned"
    assert seen.complaints == []
    assert seen.foreign == []


@pytest.mark.parametrize("shape", SHAPES)
def test_the_login_and_the_errors_are_sound(look: Look, shape: str) -> None:
    seen = look(shape, key="")
    page = seen.open("/login")
    assert page.evaluate(UNNAMED) == []
    assert page.evaluate(TOO_WIDE) == []
    page.fill("#key", "wrong")
    page.click("text=Sign in >> nth=-1")
    expect(page.get_by_role("alert")).to_contain_text("does not open Earmark")
    page.fill("#key", "admin-key")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).to_have_text("Home")
    seen.open("/tickets/nope")
    assert page.evaluate(TOO_WIDE) == []
    expect(page.locator("h1")).to_contain_text("no such")
    assert seen.foreign == []


@pytest.mark.parametrize("shape", SHAPES)
def test_an_open_dialog_fits_and_gives_the_focus_back(look: Look, desk: FakeDesk, shape: str) -> None:
    page = look(shape).open(f"/tickets/{id_of(desk, S.NEEDS_APPROVAL)}")
    opener = page.get_by_role("link", name="Reject the wish")
    opener.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    assert page.evaluate(TOO_WIDE) == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()


# --- with scripts ------------------------------------------------------------------------------------------------------------


def test_approving_redraws_the_panel_without_leaving_the_page(look: Look, desk: FakeDesk) -> None:
    seen = look()
    ticket = id_of(desk, S.NEEDS_APPROVAL)
    page = seen.open(f"/tickets/{ticket}")
    live(page)
    page.evaluate("window.stayed = true")
    page.get_by_role("button", name="Approve this one").nth(1).click()
    expect(page.locator(".story h2")).to_have_text("Approved by admin")
    expect(page.locator(".toast")).to_contain_text("Approved.")
    assert page.evaluate("window.stayed")
    assert desk.heard == [("approve", ticket, "1", "admin")]
    expect(page.locator("#asked").first).to_contain_text("6")  # two to choose, four to answer
    assert seen.complaints == []


def test_rejecting_and_cancelling_ask_first_and_take_a_reason(look: Look, desk: FakeDesk) -> None:
    page = look().open(f"/tickets/{id_of(desk, S.NEEDS_APPROVAL)}")
    page.get_by_role("link", name="Reject the wish").click()
    page.get_by_label("Reason").locator("visible=true").fill("Have it")
    page.get_by_role("dialog").get_by_role("button", name="Reject the wish").click()
    expect(page.locator(".story h2")).to_have_text("Rejected by admin")
    expect(page.get_by_role("dialog")).to_have_count(0)

    page.goto(page.url.rsplit("/", 1)[0] + f"/{id_of(desk, S.DOWNLOADING)}")
    page.get_by_role("link", name="Cancel", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("129 MiB")
    page.get_by_role("dialog").get_by_role("button", name="Cancel the wish").click()
    expect(page.locator(".story h2")).to_have_text("Cancelled by admin")


def test_searching_again_and_giving_a_magnet(look: Look, desk: FakeDesk) -> None:
    page = look().open(f"/tickets/{id_of(desk, S.FAILED)}")
    page.locator("summary", has_text="Search again").click()
    page.get_by_label("Search words").fill("frankenstein shelley librivox")
    page.get_by_role("button", name="Search again").click()
    expect(page.locator(".story")).to_contain_text("frankenstein shelley librivox")
    page.locator("summary", has_text="Give a magnet or .torrent instead").click()
    page.get_by_label("Magnet link").fill("http://not-a-magnet")
    page.get_by_role("button", name="Download this").click()
    expect(page.locator(".toast.bad")).to_contain_text("no magnet link")
    page.get_by_label("Magnet link").fill("magnet:?xt=urn:btih:a94a8fe5ccb19ba61c4c0873d391e987982fbbd3")
    page.get_by_role("button", name="Download this").click()
    expect(page.locator(".story h2")).to_have_text("Downloading")


def test_what_happens_elsewhere_appears_by_itself(look: Look, desk: FakeDesk) -> None:
    from datetime import UTC, datetime

    from earmark.core.states import Converting

    ticket = id_of(desk, S.DOWNLOADING)
    page = look().open("/")
    live(page)
    row = page.locator("li", has=page.locator(f'[data-progress="{ticket}"]'))
    progress = {
        "type": "progress",
        "ticket_id": ticket,
        "state": "DOWNLOADING",
        "stage": "download",
        "progress_pct": 77.7,
    }
    desk.publish(
        progress | {"done": 777, "total": 1000, "unit": "bytes", "speed_bps": 2048, "eta_secs": 90, "label": ""}
    )
    expect(row.locator('[data-f="pct"]')).to_have_text("77 %")
    expect(row.locator('[data-f="amount"]')).to_have_text("777 B of 1000 B")
    expect(row.locator('[data-f="speed"]')).to_have_text("2.0 KiB/s")
    expect(row.locator('[data-f="eta"]')).to_have_text("0:01 h left")
    assert row.locator("progress").evaluate("e => [e.value, e.max]") == [77, 100], "the bar is as wide as its text says"
    expect(row.locator(".sep")).to_be_visible()
    expect(row.locator('[data-f="eta"]').locator("..")).to_have_text("2.0 KiB/s0:01 h left")
    desk.publish(
        progress | {"done": 778, "total": 1000, "unit": "bytes", "speed_bps": 12, "eta_secs": 9_000_000, "label": ""}
    )
    expect(row.locator('[data-f="speed"]')).to_have_text("12 B/s")
    expect(row.locator('[data-f="eta"]')).to_be_hidden()
    expect(row.locator(".sep")).to_be_hidden()
    row.locator("progress").evaluate("e => { e.mine = true; }")

    ahead = Converting("a" * 40, datetime.now(UTC), 3, 0, "One", 1.0, 9.0)
    assert desk.loop is not None
    import asyncio

    asyncio.run_coroutine_threadsafe(desk.move(ticket, ahead), desk.loop).result(5)
    expect(row.locator(".badge")).to_have_text("Binding")
    assert row.locator("progress").evaluate("e => [e.value, e.mine]") == [11, None], (
        "a new bar, not the old one running back"
    )


def test_binding_tells_the_chapter_in_hand_as_it_goes(look: Look, desk: FakeDesk) -> None:
    ticket = id_of(desk, S.CONVERTING)
    page = look().open(f"/tickets/{ticket}")
    live(page)
    told = {"type": "progress", "ticket_id": ticket, "state": "CONVERTING", "unit": "seconds", "label": "encode"}
    for idx, done in ((0, 90.0), (6, 10.0)):
        desk.publish(
            told
            | {"stage": "encode", "progress_pct": done, "done": done, "total": 100.0, "chapter_idx": idx}
            | {"chapter_count": 7, "speed_bps": None, "eta_secs": None}
        )
        expect(page.locator(".story h2")).to_have_text(f"Binding chapter {idx + 1} of 7")
        expect(page.locator(".chapters-bar i.done")).to_have_count(idx)
        expect(page.locator(".chapters-bar i.now")).to_have_count(1)
        expect(page.locator(".chapters-bar i")).to_have_count(7)
    assert page.locator(".story progress").evaluate("e => e.className") == "jump"


def test_what_is_being_typed_survives_a_redraw(look: Look, desk: FakeDesk) -> None:
    ticket = id_of(desk, S.NEEDS_APPROVAL)
    page = look().open(f"/tickets/{ticket}")
    live(page)
    page.locator("summary", has_text="Search again").click()
    page.get_by_label("Magnet link").fill("magnet:?half")
    page.get_by_label("Search words").fill("half a thou")
    with page.expect_response(lambda r: r.url.endswith("/panel")):
        desk.publish({"type": "note", "seq": desk.line.seq, "ticket_id": ticket})
    page.wait_for_timeout(200)
    expect(page.get_by_label("Search words")).to_have_value("half a thou")
    expect(page.get_by_label("Search words")).to_be_focused()
    expect(page.get_by_label("Magnet link")).to_have_value("magnet:?half")


def test_a_lost_line_says_so_and_comes_back(look: Look, desk: FakeDesk, site: Server) -> None:
    seen = look()
    sockets: list[object] = []
    page = seen.page
    page.on("websocket", lambda ws: sockets.append(ws.url))
    blocked = {"on": False}

    def route(ws: object) -> None:
        if blocked["on"]:
            ws.close()  # type: ignore[attr-defined]
        else:
            links.append(ws.connect_to_server() and ws)  # type: ignore[attr-defined]

    links: list[object] = []
    page.route_web_socket("**/ws*", route)  # type: ignore[arg-type]
    seen.open("/")
    live(page)
    blocked["on"] = True
    links[0].close()  # type: ignore[attr-defined]
    mark = page.locator("[data-live-mark]").first
    expect(mark).to_have_attribute("data-state", "reconnecting")
    expect(mark).to_have_text("Reconnecting")
    blocked["on"] = False
    expect(mark).to_have_attribute("data-state", "live", timeout=20_000)


def test_the_theme_is_remembered(look: Look) -> None:
    page = look("desktop-dark").open("/")
    root = page.locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.locator("[data-theme-toggle]").locator("visible=true").click()
    expect(root).to_have_attribute("data-theme", "light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != dark
    page.goto(page.url + "tickets")
    expect(root).to_have_attribute("data-theme", "light")


def test_the_list_follows_while_one_types(look: Look) -> None:
    page = look().open("/tickets")
    live(page)
    page.keyboard.press("/")
    box = page.get_by_label("Search")
    expect(box).to_be_focused()
    page.keyboard.type("stoker")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.wait_for_url("**q=stoker**")
    expect(box).to_have_value("stoker")


def test_the_skip_link_leads_to_the_content(look: Look) -> None:
    page = look().open("/system")
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


def test_the_indexers_are_tested_from_the_system_page(look: Look, desk: FakeDesk) -> None:
    page = look("phone-light").open("/system")
    page.get_by_role("button", name="Test all").click()
    expect(page.locator("#tests")).to_contain_text("Signed in as reader")
    expect(page.locator("#tests .error")).to_contain_text("It does not answer")


# --- without scripts -----------------------------------------------------------------------------------------------------------


def test_everything_can_be_done_without_scripts(look: Look, desk: FakeDesk) -> None:
    page = look("phone-light", js=False).open("/add")
    page.get_by_label("Title").fill("Emma")
    page.get_by_label("Author").fill("Jane Austen")
    page.get_by_role("button", name="Wish for this book").click()
    expect(page.locator("[data-said]")).to_have_text("Your wish is filed.")
    page.get_by_role("link", name="Cancel", exact=True).click()
    expect(page.locator("h1")).to_have_text("Cancel this wish?")
    page.get_by_label("Reason").fill("Found it")
    page.get_by_role("button", name="Cancel the wish").click()
    expect(page.locator(".story h2")).to_have_text("Cancelled by admin")

    base = page.url.split("/tickets")[0]
    asking = [i for i, v in desk.views.items() if v.ticket.state is S.NEEDS_APPROVAL]
    page.goto(f"{base}/tickets/{asking[0]}")
    page.get_by_role("button", name="Approve this one").first.click()
    expect(page.locator(".story h2")).to_have_text("Approved by admin")
    page.goto(f"{base}/tickets/{asking[1]}")
    page.get_by_label("Search words").fill("alice wonderland")
    page.get_by_role("button", name="Search again").click()
    expect(page.locator(".story h2")).to_have_text("Queued for the search")
    page.goto(f"{base}/tickets/{asking[2]}")
    page.get_by_role("link", name="Reject the wish").click()
    page.get_by_role("button", name="Reject the wish").click()
    expect(page.locator(".story h2")).to_have_text("Rejected by admin")

    page.goto(f"{base}/tickets")
    page.get_by_label("Search").fill("stoker")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("tbody tr")).to_have_count(1)
    page.locator("form[action$='/logout'] button").locator("visible=true").click()
    expect(page.locator("h1")).to_have_text("Sign in")
