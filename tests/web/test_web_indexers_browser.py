"""The pages about indexers in a real Chromium: sound in both shapes, an indexer added by keyboard with nothing lost on the
way, tested where it stands, removed after a question; and the same without scripts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect
from test_web_browser import SMALL_TARGETS, TOO_WIDE, UNNAMED, live
from web_watch import SHAPES, Watched
from web_world import FakeDesk

from earmark.core.reasons import Reason
from earmark.ports import IndexerHealth

pytestmark = pytest.mark.slow

Look = Callable[..., Watched]
FEED = "http://jackett.lan:9117/api/v2.0/indexers/books/results/torznab/"
PAGES = (
    *("/indexers", "/indexers/connect", "/indexers/taken", "/indexers/add", "/indexers/add?sort=torznab"),
    *("/indexers/add?sort=prowlarr", "/indexers/add?sort=mam", "/indexers/1", "/indexers/2", "/indexers/10"),
    *("/indexers/10/remove", "/indexers/taken?page=9"),
)


@pytest.mark.parametrize("shape", SHAPES)
def test_the_pages_about_indexers_are_sound(look: Look, shape: str) -> None:
    seen = look(shape)
    for path in PAGES:
        page = seen.open(path)
        live(page)
        assert page.evaluate(UNNAMED) == [], path
        assert page.evaluate(TOO_WIDE) == [], path
        assert page.evaluate(SMALL_TARGETS) == [], path
        assert page.title() != "owned"
    assert seen.complaints == []
    assert seen.foreign == []


def test_a_user_sees_sound_pages_too(look: Look) -> None:
    seen = look("phone-light", key="session-of-user")
    for path in ("/indexers", "/indexers/connect", "/indexers/taken"):
        page = seen.open(path)
        live(page)
        assert page.evaluate(UNNAMED) == [], path
        assert page.evaluate(TOO_WIDE) == [], path
    assert seen.complaints == []


def test_an_indexer_is_added_by_keyboard_and_no_fault_loses_what_was_typed(look: Look, desk: FakeDesk) -> None:
    seen = look()
    page = seen.open("/indexers/add?sort=torznab")
    live(page)
    page.evaluate("window.stayed = true")
    address, key, name = (
        page.get_by_label("Address of the feed"),
        page.get_by_label("API key"),
        page.get_by_label("Name"),
    )
    address.focus()
    page.keyboard.type("jackett.lan")
    page.keyboard.press("Tab")
    expect(key).to_be_focused()
    page.keyboard.type("the-key")
    page.keyboard.press("Tab")
    expect(name).to_be_focused()
    page.keyboard.type("Books")
    page.get_by_role("button", name="Test", exact=True).focus()
    page.keyboard.press("Enter")
    expect(address).to_be_focused()
    expect(address).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#ix-url-fault")).to_contain_text("begins with http")
    expect(key).to_have_value("the-key")
    assert page.evaluate(TOO_WIDE) == []

    address.fill(FEED)
    desk.places.answer = IndexerHealth(False, "The key was refused.")
    page.get_by_role("button", name="Test", exact=True).press("Enter")
    expect(page.locator("#indexer-said")).to_contain_text("The key was refused.")
    expect(page.locator("#ix-url-fault")).to_be_hidden()
    expect(address).not_to_have_attribute("aria-invalid", "true")
    expect(key).to_have_value("the-key")
    assert page.evaluate("window.stayed")

    desk.places.refuse = Reason("bad_indexer", "Another indexer has this name.", "Choose another.", {"field": "name"})
    page.get_by_role("button", name="Add", exact=True).press("Enter")
    expect(name).to_be_focused()
    expect(page.locator("#ix-name-fault")).to_contain_text("Another indexer has this name.")
    desk.places.refuse = None
    page.keyboard.press("End")
    page.keyboard.type(" two")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/indexers"))
    expect(page.locator(".toast")).to_contain_text("The indexer is there")
    expect(page.locator("#indexer-12")).to_contain_text("Books two")
    last = desk.places.drafts[-1]
    assert (last.name, last.secret, last.facts.url) == ("Books two", "the-key", FEED)
    assert seen.complaints == []


def test_a_test_answers_where_it_stands_and_outlasts_a_refresh(look: Look, desk: FakeDesk) -> None:
    seen = look("phone-light")
    page = seen.open("/indexers")
    live(page)
    page.evaluate("window.stayed = true")
    button = page.get_by_role("button", name="Test Jackett")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#indexer-2 .tried")).to_contain_text("Signed in as reader.")
    expect(page.locator(".toast")).to_contain_text("Jackett passed the test.")
    expect(button).to_be_focused()
    with page.expect_response(re.compile("/indexers/panel")):
        desk.publish({"seq": desk.line.seq + 1, "type": "alert"})
    expect(page.locator("#indexer-2 .tried")).to_contain_text("Signed in as reader.")
    page.get_by_role("button", name="Switch off Jackett").press("Enter")
    expect(page.locator("#indexer-2 .badge").first).to_have_text("Switched off")
    expect(page.get_by_role("button", name="Switch on Jackett")).to_be_focused()
    assert page.evaluate(TOO_WIDE) == []
    assert page.evaluate("window.stayed")
    assert seen.complaints == []


def test_removing_asks_in_a_dialog_that_escape_closes(look: Look, desk: FakeDesk) -> None:
    seen = look()
    page = seen.open("/indexers")
    live(page)
    opener = page.get_by_role("link", name="Remove Prowlarr in the cellar")
    opener.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("number 11")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(opener).to_be_focused()
    assert desk.heard == []
    opener.press("Enter")
    dialog.get_by_role("button", name="Remove it").press("Enter")
    expect(page.locator(".toast")).to_contain_text("The indexer is gone.")
    expect(page.locator("#indexer-11")).to_have_count(0)
    assert seen.complaints == []


def test_an_address_is_copied_with_one_press(look: Look) -> None:
    seen = look()
    page = seen.open("/indexers/connect")
    live(page)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the address of MyAnonamouse").press("Enter")
    expect(page.locator(".toast")).to_contain_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == f"{seen.site.url}/1/api"
    assert seen.complaints == []


def test_without_scripts_an_indexer_is_tested_added_and_removed(look: Look, desk: FakeDesk) -> None:
    page = look(js=False).open("/indexers/add?sort=torznab")
    page.get_by_label("Address of the feed").fill(FEED)
    page.get_by_label("API key").fill("the-key")
    page.get_by_label("Name").fill("Plain")
    page.get_by_role("button", name="Test", exact=True).click()
    expect(page.locator("#indexer-said")).to_contain_text("The test went well.")
    expect(page.get_by_label("Name")).to_have_value("Plain")
    expect(page.get_by_label("API key")).to_have_value("")
    expect(page.locator("#ix-secret-hint")).to_contain_text("Type it again")
    page.get_by_label("API key").fill("the-key")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#indexer-12")).to_contain_text("Plain")
    page.get_by_role("button", name="Test Plain").click()
    expect(page.locator("#indexer-12 .tried")).to_contain_text("Signed in as reader.")
    page.get_by_role("link", name="Remove Plain").click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.locator("#indexer-12")).to_have_count(0)
    assert json.dumps(desk.heard[-1]) == '["remove", "12", "admin"]'
