"""The shelf's pages in a real Chromium: answering, taking back, re-processing, the settings with their live preview, the
planner that frees room; by keyboard, and without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from test_web_browser import SMALL_TARGETS, TOO_WIDE, UNNAMED, live
from web_watch import SHAPES, Watched
from web_world import FakeDesk

from earmark.core.states import Completed
from earmark.core.ticket import TicketId

pytestmark = pytest.mark.slow

Look = Callable[..., Watched]


def asking(desk: FakeDesk, code: str) -> TicketId:
    return next(
        i for i, v in desk.views.items() if v.ticket.waiting is not None and v.ticket.waiting.reason.code == code
    )


def on_the_shelf(desk: FakeDesk) -> TicketId:
    return next(i for i, v in desk.views.items() if isinstance(v.ticket.payload, Completed))


@pytest.mark.parametrize("shape", SHAPES)
def test_the_shelfs_pages_are_sound(look: Look, desk: FakeDesk, shape: str) -> None:
    seen = look(shape)
    the_id = on_the_shelf(desk)
    for path in (
        "/tickets?state=done",
        "/settings/media",
        f"/tickets/{the_id}/undo",
        f"/tickets/{the_id}/reprocess",
    ):
        page = seen.open(path)
        live(page)
        assert page.evaluate(UNNAMED) == [], path
        assert page.evaluate(TOO_WIDE) == [], path
        assert page.evaluate(SMALL_TARGETS) == [], path
    assert seen.complaints == []
    assert seen.foreign == []


@pytest.mark.parametrize("shape", SHAPES)
def test_what_comes_of_the_forms_is_sound_too(look: Look, desk: FakeDesk, shape: str) -> None:
    seen = look(shape)
    page = seen.open("/tickets?state=done")
    live(page)
    page.locator("input[name=ticket]").first.check()
    page.get_by_role("button", name="Re-process selected").click()
    expect(page.locator("h1")).to_have_text("Re-process")
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(UNNAMED) == []
    page.get_by_role("button", name="Change 1 book").click()
    expect(page.locator("h1")).to_have_text("Re-processed")
    assert page.evaluate(TOO_WIDE) == []
    page = seen.open("/system")
    page.get_by_label("Free how much").fill("11")
    page.get_by_role("button", name="Plan it").click()
    expect(page.locator("#prune")).to_contain_text("11.7 GiB")
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate(UNNAMED) == []
    page.get_by_role("button", name="Delete 2 torrents").click()
    expect(page.locator("#prune")).to_contain_text("2 torrents let go of.")
    assert [heard[0] for heard in desk.heard] == ["reprocess", "prune"]
    assert seen.complaints == []


def test_a_question_is_answered_by_keyboard_without_leaving_the_page(look: Look, desk: FakeDesk) -> None:
    seen = look()
    the_id = asking(desk, "order_disputed")
    page = seen.open(f"/tickets/{the_id}")
    live(page)
    page.evaluate("window.stayed = true")
    page.get_by_role("region", name="The orders side by side").focus()
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="In the order of the file names")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".question")).to_have_count(0)
    expect(page.locator(".toast")).to_contain_text("Thank you.")
    assert page.evaluate("window.stayed")
    assert desk.heard == [("answer", the_id, "tags", "admin")]
    assert seen.complaints == []


def test_a_book_is_taken_back_after_the_dialog_said_what_it_costs(look: Look, desk: FakeDesk) -> None:
    seen = look("phone-light")
    page = seen.open(f"/tickets/{on_the_shelf(desk)}")
    live(page)
    opener = page.get_by_role("link", name="Take back")
    opener.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("30 days")
    assert page.evaluate(TOO_WIDE) == []
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    assert desk.heard == []
    opener.click()
    dialog.get_by_role("button", name="Take the book back").click()
    expect(page.locator(".story h2")).to_have_text("Taken back from the shelf")
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert seen.complaints == []


def test_the_dialog_of_a_change_stays_while_the_page_below_it_is_refreshed(look: Look, desk: FakeDesk) -> None:
    page = look().open(f"/tickets/{on_the_shelf(desk)}")
    live(page)
    page.get_by_role("link", name="Re-process").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("1895 - The Time Machine")
    with page.expect_response(re.compile("/panel")):
        desk.publish({"seq": desk.line.seq + 1, "type": "note", "ticket_id": on_the_shelf(desk)})
    expect(dialog).to_contain_text("1895 - The Time Machine")
    dialog.get_by_role("button", name="Change it").click()
    expect(page.locator(".toast")).to_contain_text("as today’s settings want it")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_ticks_survive_a_refresh_and_all_can_be_ticked_at_once(look: Look, desk: FakeDesk) -> None:
    page = look().open("/tickets?state=done")
    live(page)
    button = page.get_by_role("button", name="Re-process selected")
    expect(button).to_be_disabled()
    page.get_by_label("All on this page").check()
    tick = page.locator("input[name=ticket]:enabled")
    expect(tick).to_be_checked()
    expect(page.locator("[data-ticked]")).to_have_text("1 selected")
    with page.expect_response(re.compile("/panel")):
        desk.publish({"seq": desk.line.seq + 1, "type": "note", "ticket_id": on_the_shelf(desk)})
    page.wait_for_function("!document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling')")
    expect(tick).to_be_checked()
    expect(button).to_be_enabled()


def test_the_examples_follow_while_one_types_and_saving_keeps_it(look: Look, desk: FakeDesk) -> None:
    seen = look()
    page = seen.open("/settings/media")
    live(page)
    pattern = page.get_by_label("Folder of a book")
    fault = page.locator("#library-pattern-fault")
    expect(fault).to_be_hidden()
    pattern.fill("Shelf/{autor}/{title}")
    expect(fault).to_contain_text("Did you mean {author}?")
    expect(pattern).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#preview")).to_contain_text("No examples")
    pattern.press("End")
    pattern.fill("Shelf/{author}/{title}")
    expect(page.locator("#preview")).to_contain_text("Shelf/H. G. Wells/The Time Machine/")
    expect(fault).to_be_hidden()
    expect(pattern).not_to_have_attribute("aria-invalid", "true")
    expect(pattern).to_be_focused()
    page.get_by_label("A folder for each series").check()
    expect(page.locator("#preview")).to_contain_text("Shelf/Jules Verne/Extraordinary Voyages/")
    page.get_by_role("button", name="Try the method").click()
    expect(page.locator("#method-trial")).to_contain_text("no bytes are copied")
    expect(pattern).to_have_value("Shelf/{author}/{title}")
    days = page.get_by_label("Keep recycled files for")
    days.fill("soon")
    pattern.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("It cannot be saved like this.")
    expect(page.locator("#library-recycle-days-fault")).to_contain_text("whole number")
    expect(page.get_by_label("Folder of a book")).to_have_value("Shelf/{author}/{title}")
    expect(page.get_by_label("A folder for each series")).to_be_checked()
    page.get_by_label("Keep recycled files for").fill("14")
    page.get_by_role("button", name="Save").first.click()
    expect(page.locator(".toast")).to_contain_text("Saved, and in force from now on.")
    expect(page.get_by_label("Folder of a book")).to_have_value("Shelf/{author}/{title}")
    saved = ("library.pattern=Shelf/{author}/{title}", "library.recycle_days=14", "library.use_series_folders=True")
    assert desk.heard == [("try_method",), ("save", "admin", *saved)]
    assert seen.complaints == ["Failed to load resource: the server responded with a status of 400 (Bad Request)"]


def test_the_shelf_works_without_scripts(look: Look, desk: FakeDesk) -> None:
    page = look("phone-light", js=False).open(f"/tickets/{asking(desk, 'target_exists')}")
    page.get_by_role("button", name="Replace what is there").click()
    expect(page.locator(".banner")).to_contain_text("Thank you.")
    page.goto(page.url.split("/tickets")[0] + f"/tickets/{on_the_shelf(desk)}")
    page.get_by_role("link", name="Re-process").click()
    page.get_by_role("button", name="Change it").click()
    page.get_by_role("link", name="Take back").click()
    page.get_by_role("button", name="Take the book back").click()
    expect(page.locator(".story h2")).to_have_text("Taken back from the shelf")
    page.get_by_role("link", name="Settings").click()
    page.get_by_label("Name of a file").fill("{title} by {author}")
    page.get_by_role("button", name="Show the examples").click()
    expect(page.locator("#preview")).to_contain_text("The Time Machine by H. G. Wells.m4b")
    page.get_by_role("button", name="Save").first.click()
    page.get_by_role("link", name="System").click()
    page.get_by_label("Free how much").fill("0.4")
    page.get_by_role("button", name="Plan it").click()
    expect(page.locator("h1")).to_have_text("Free space")
    page.get_by_role("button", name="Delete 1 torrent").click()
    expect(page.locator("#prune")).to_contain_text("1 torrent let go of.")
    assert [heard[0] for heard in desk.heard] == ["answer", "reprocess", "undo", "save", "prune"]
