"""Choosing by hand in a real browser: with the keys, with a pointer, with a file, and on a page without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import web_approving
from playwright.sync_api import expect
from test_web_approving import TORRENT
from test_web_browser import SMALL_TARGETS, TOO_WIDE, UNNAMED, live
from web_pieces import S
from web_watch import SHAPES, Watched
from web_world import FakeDesk

from earmark.core.ticket import TicketId

pytestmark = pytest.mark.slow

Look = Callable[..., Watched]


@pytest.fixture
def book(desk: FakeDesk) -> TicketId:
    return web_approving.add_book(desk)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_comparison_and_its_sheets_are_sound(look: Look, desk: FakeDesk, book: TicketId, shape: str) -> None:
    album = web_approving.add_album(desk)
    seen = look(shape)
    paths = [f"/tickets/{i}" for i in (book, album, web_approving.add_pack(desk))]
    paths += [f"/tickets/{book}/candidates/6/approve", f"/tickets/{book}/candidates/0/block", "/approvals"]
    for path in paths:
        page = seen.open(path)
        live(page)
        page.evaluate("for (const fold of document.querySelectorAll('details')) fold.open = true")
        assert page.evaluate(UNNAMED) == [], path
        assert page.evaluate(TOO_WIDE) == [], path
        assert page.evaluate(SMALL_TARGETS) == [], path
    assert seen.complaints == [] and seen.foreign == []


def test_columns_share_their_rows(look: Look, book: TicketId) -> None:
    page = look().open(f"/tickets/{book}")
    tops = page.evaluate(
        "[...document.querySelectorAll('.compare .lay')].map((lay) => [...lay.children].map((column) =>"
        " [...column.querySelectorAll('.cell')].map((cell) => Math.round(cell.getBoundingClientRect().top)).join()))"
    )
    assert all(len(set(columns)) == 1 for columns in tops)


def test_the_keys_go_through_the_candidates_and_approve_after_one_question(
    look: Look, desk: FakeDesk, book: TicketId
) -> None:
    seen = look()
    page = seen.open(f"/tickets/{book}")
    live(page)
    page.keyboard.press("j")
    expect(page.locator("#candidate-0")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#candidate-2")).to_be_focused()
    page.keyboard.press("k")
    expect(page.locator("#candidate-1")).to_be_focused()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Approve this release?")
    page.keyboard.press("j")  # sleeps while a dialog is open
    page.keyboard.press("Escape")
    expect(page.locator("#candidate-1")).to_be_focused()
    page.keyboard.press("Enter")
    expect(dialog.get_by_role("button", name="Approve")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".story h2")).to_have_text("Approved by admin")
    assert desk.heard == [("approve", book, "1", "admin")]
    assert seen.complaints == []


def test_a_refused_one_opens_on_the_way_and_its_approval_rests_on_the_way_back(look: Look, book: TicketId) -> None:
    page = look().open(f"/tickets/{book}")
    live(page)
    for _ in range(8):
        page.keyboard.press("j")
    last = page.locator("#candidate-7")
    expect(last).to_be_focused()
    expect(last).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("in spite of that")
    expect(page.get_by_role("dialog").get_by_role("link", name="Back")).to_be_focused()


def test_the_keys_refuse_reject_search_and_help(look: Look, desk: FakeDesk, book: TicketId) -> None:
    page = look().open(f"/tickets/{book}")
    live(page)
    page.keyboard.press("s")
    expect(page.get_by_label("Search words")).to_be_focused()
    page.keyboard.type("jbr?")  # letters, while one types
    expect(page.get_by_label("Search words")).to_have_value("jbr?")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Tab")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Keys on this page")
    page.keyboard.press("Escape")
    page.keyboard.press("r")
    expect(page.get_by_role("dialog")).to_contain_text("Reject this wish?")
    page.keyboard.press("Escape")
    page.keyboard.press("j")
    page.keyboard.press("b")
    page.get_by_role("dialog").get_by_label("Reason").fill("a hiss")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text("Not that one")
    assert desk.heard == [("block", book, "0", "a hiss", "admin")]


def test_single_keys_can_be_switched_off(look: Look, book: TicketId) -> None:
    page = look().open(f"/tickets/{book}")
    live(page)
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Do not listen to single keys").check()
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press("j")
    page.keyboard.press("r")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.reload()
    live(page)
    page.get_by_role("button", name="Keys").click()
    expect(page.get_by_label("Do not listen to single keys")).to_be_checked()


def test_a_torrent_file_is_given_with_scripts_and_without(
    look: Look, desk: FakeDesk, book: TicketId, tmp_path: Path
) -> None:
    file = tmp_path / "one.torrent"
    file.write_bytes(TORRENT)
    large = tmp_path / "large.torrent"
    large.write_bytes(b"0" * (10 * 1024 * 1024 + 1))
    page = look().open(f"/tickets/{book}")
    live(page)
    page.keyboard.press("s")
    box = page.get_by_label(".torrent file")
    box.set_input_files(large)
    assert "10 MiB" in box.evaluate("(box) => box.validationMessage")
    box.set_input_files(file)
    page.get_by_role("button", name="Download from this file").click()
    expect(page.locator(".story h2")).to_have_text("Downloading")
    other = next(i for i, v in desk.views.items() if v.ticket.state is S.NEEDS_APPROVAL)
    plain = look("phone-light", js=False).open(f"/tickets/{other}")
    plain.locator("summary", has_text="Search again with your words").click()
    plain.get_by_label(".torrent file").set_input_files(file)
    plain.get_by_role("button", name="Download from this file").click()
    expect(plain.locator(".story h2")).to_have_text("Downloading")
    assert [heard[0] for heard in desk.heard] == ["torrent", "torrent"]


def test_one_is_refused_without_scripts(look: Look, desk: FakeDesk, book: TicketId) -> None:
    page = look("phone-light", js=False).open(f"/tickets/{book}")
    page.get_by_role("link", name="Not this one").first.click()
    expect(page.locator("h1")).to_have_text("Not this release?")
    page.get_by_label("Reason").fill("a hiss")
    page.get_by_role("button", name="Not this one").click()
    expect(page.locator("[data-said]")).to_contain_text("Not that one")
    assert desk.heard == [("block", book, "0", "a hiss", "admin")]


def test_a_link_to_the_tracks_opens_their_table(look: Look, desk: FakeDesk) -> None:
    album = web_approving.add_album(desk)
    page = look().open(f"/tickets/{album}")
    live(page)
    page.locator("#refused-candidates > summary").click()
    page.get_by_role("link", name="12 of 12 tracks").click()
    expect(page.locator("#tracks-2")).to_be_visible()


def test_the_list_is_walked_with_keys_and_shrinks_with_each_choice(look: Look, desk: FakeDesk, book: TicketId) -> None:
    seen = look()
    page = seen.open("/approvals")
    live(page)
    rows = page.locator(".awaiting > li")
    before = rows.count()
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(rows.nth(1).locator(".title-link")).to_be_focused()
    page.evaluate("window.stayed = true")
    row = rows.filter(has_text="The Mysterious Island")
    row.get_by_role("button").click()
    expect(rows).to_have_count(before - 1)
    expect(page.locator(".toast")).to_contain_text("Approved.")
    assert page.evaluate("window.stayed")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/tickets/"))
    assert seen.complaints == []
