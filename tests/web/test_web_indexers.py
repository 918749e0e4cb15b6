"""The pages about indexers, without a browser: what each role sees, testing, switching, adding and changing with the word at
the field, secrets that never come back, the order of asking, and what other programs took."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx2
import pytest
from test_web_answers import post, token
from web_pieces import SCRIPT_TITLE
from web_site import make_app
from web_world import FakeDesk

from earmark.core.reasons import Reason
from earmark.ports import IndexerHealth

HTMX = {"HX-Request": "true"}
FEED = {"sort": "torznab", "name": "Books", "url": "http://jackett.lan:9117/api/v2.0/indexers/books/results/torznab/"}
SECRET = "s3cret-of-somebody"


def fault(text: str, name: str) -> str:
    """What stands at a field of the form."""
    found = re.search(rf'id="ix-{name}-fault"[^>]*?( hidden)?>.*?<span>(.*?)</span>', text, re.S)
    assert found, name
    return "" if found.group(1) else found.group(2)


# --- looking ------------------------------------------------------------------------------------------------------------


async def test_every_indexer_is_shown_with_how_it_stands(admin: httpx2.AsyncClient) -> None:
    text = (await admin.get("/indexers")).text
    assert 'href="/indexers" aria-current="page"' in text
    assert "4 indexers: 1 paused, 1 failed lately." in text
    for told in ("refused the API key", "Copy the key again", "412 ms", "1.8 s", "3 failed", "20 searches a hour"):
        assert told in text.replace("an hour", "a hour"), told
    assert re.search(r"38 <span class=\"quiet\">of 500</span>", text)
    assert "Asked again" in text
    assert "Switched off" in text


async def test_a_user_sees_how_they_stand_but_no_address_no_reason_and_no_button(user: httpx2.AsyncClient) -> None:
    for path in ("/indexers", "/indexers/panel", "/indexers/connect", "/indexers/taken"):
        text = (await user.get(path)).text
        for hidden in ("jackett.lan", "tracker.example", "auth_token", "10.0.0.7", "/switch", "Add an indexer"):
            assert hidden not in text, (path, hidden)
    text = (await user.get("/indexers")).text
    assert "Paused" in text
    assert "MyAnonamouse" in text


@pytest.mark.parametrize("path", ["/indexers/add", "/indexers/1", "/indexers/10/remove"])
async def test_a_user_opens_no_page_that_changes_something(user: httpx2.AsyncClient, path: str) -> None:
    assert (await user.get(path)).status_code == 403


@pytest.mark.parametrize("path", ["test", "10/test", "10/switch", "10/remove", "order", "add", "10"])
async def test_only_the_administrator_acts_and_only_from_our_pages(
    user: httpx2.AsyncClient, desk: FakeDesk, path: str
) -> None:
    assert (await post(user, f"/indexers/{path}")).status_code == 403
    user.cookies.set("earmark_session", "session-of-admin")
    assert (await user.post(f"/indexers/{path}", data={"csrf": "0" * 64})).status_code == 403
    right = await token(user)
    foreign = {"Origin": "http://elsewhere.example"}
    assert (await user.post(f"/indexers/{path}", data={"csrf": right}, headers=foreign)).status_code == 403
    assert desk.heard == []


async def test_hostile_names_and_titles_stay_words(admin: httpx2.AsyncClient) -> None:
    for path in ("/indexers", "/indexers/connect", "/indexers/taken", "/indexers/10", "/indexers/10/remove"):
        text = (await admin.get(path)).text
        assert SCRIPT_TITLE not in text, path
        assert "&lt;script&gt;" in text, path
        assert "<b>host" not in text, path


async def test_an_empty_house_says_what_to_do_first() -> None:
    transport = httpx2.ASGITransport(app=make_app(FakeDesk(empty=True)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://earmark.test") as client:
        client.cookies.set("earmark_session", "session-of-admin")
        text = (await client.get("/indexers")).text
        assert "Add the first one" in text
        assert "Nothing was taken" in (await client.get("/indexers/taken")).text


@pytest.mark.parametrize("path", ["/indexers/77", "/indexers/77/remove"])
async def test_an_unknown_number_leads_back_to_the_list(admin: httpx2.AsyncClient, path: str) -> None:
    answer = await admin.get(path)
    assert answer.status_code == 404
    assert 'href="/indexers"' in answer.text


# --- acting -------------------------------------------------------------------------------------------------------------


async def test_a_test_is_told_and_stays_on_the_page(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    answer = await post(admin, "/indexers/1/test")
    assert answer.headers["location"] == "/indexers#indexer-1"
    assert desk.heard == [("test", "1")]
    for _ in range(2):
        assert "Signed in as reader." in (await admin.get("/indexers/panel")).text
    desk.places.answer = IndexerHealth(False, "the site does not answer")
    answer = await admin.post("/indexers/1/test", data={"csrf": await token(admin)}, headers=HTMX)
    assert "MyAnonamouse failed the test." in answer.headers["HX-Trigger"]
    assert "The site does not answer." in answer.text
    assert "Signed in as reader." not in answer.text


async def test_all_are_tested_at_once(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    answer = await admin.post("/indexers/test", data={"csrf": await token(admin)}, headers=HTMX)
    assert "1 of 4 indexers failed the test." in answer.headers["HX-Trigger"]
    assert answer.text.count("Signed in as reader.") == 3
    assert desk.heard == [("test-all",)]


async def test_switching_off_keeps_everything_else(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    before = desk.places.rows[10].record
    answer = await post(admin, "/indexers/10/switch", on="0")
    assert answer.headers["location"] == "/indexers?done=indexer_off"
    assert desk.places.rows[10].record == replace(before, enabled=False)
    assert desk.places.drafts[0].secret is None
    await post(admin, "/indexers/10/switch", on="1")
    assert desk.places.rows[10].record == before


async def test_removing_asks_first_and_says_what_it_costs(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    page = await admin.get("/indexers/10/remove")
    assert "number 10" in page.text
    assert "seeding" in page.text
    assert desk.heard == []
    answer = await post(admin, "/indexers/10/remove")
    assert answer.headers["location"] == "/indexers?done=indexer_removed"
    assert 10 not in desk.places.rows


async def test_one_of_the_settings_is_not_removed_here(admin: httpx2.AsyncClient) -> None:
    assert "/indexers/2/remove" not in (await admin.get("/indexers")).text
    assert (await admin.get("/indexers/2/remove")).headers["location"] == "/indexers/2"


# --- adding and changing ------------------------------------------------------------------------------------------------


async def test_a_kind_is_chosen_and_one_tracker_is_enough(admin: httpx2.AsyncClient) -> None:
    text = (await admin.get("/indexers/add")).text
    assert "/indexers/add?sort=torznab" in text
    assert "/indexers/add?sort=prowlarr" in text
    assert "/indexers/add?sort=mam" not in text
    assert "one is enough" in text


async def test_a_new_one_is_added_with_all_that_was_typed(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    typed = FEED | {
        "secret": SECRET, "priority": "7", "categories": "3030, 7020", "enabled": "on", "query_limit": "100",
        "limits_unit": "hour", "requests_per_second": "0,5", "timeout_secs": "", "seed_ratio": "1.5", "do": "save",
    }  # fmt: skip
    answer = await post(admin, "/indexers/add", **typed)
    assert answer.headers["location"] == "/indexers?done=indexer_added"
    (draft,) = desk.places.drafts
    assert (draft.name, draft.priority, draft.enabled, draft.secret) == ("Books", 7, True, SECRET)
    facts = draft.facts
    assert (facts.url, facts.categories, facts.query_limit, facts.grab_limit) == (FEED["url"], (3030, 7020), 100, None)
    assert (facts.limits_unit, facts.requests_per_second, facts.timeout_secs, facts.seed_ratio) == (
        "hour",
        0.5,
        30.0,
        1.5,
    )


async def test_what_was_typed_can_be_tested_before_it_counts(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    answer = await post(admin, "/indexers/add", **FEED, secret=SECRET, do="try")
    assert "The test went well." in answer.text
    assert "Nothing is saved yet." in answer.text
    assert desk.heard == [("try", "Books")]
    assert FEED["url"] in answer.text
    assert SECRET not in answer.text
    assert "Type it again" in answer.text
    desk.places.answer = IndexerHealth(False, "The key was refused.")
    assert "The key was refused." in (await post(admin, "/indexers/add", **FEED, do="try")).text


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("url", "", "is missing"),
        ("url", "jackett.lan:9117", "begins with http"),
        ("url", "http://jackett.lan/api?apikey=abc", "Leave the key out"),
        ("name", "", "is missing"),
        ("priority", "51", "from 1 to 50"),
        ("priority", "one", "whole number"),
        ("categories", "audiobooks", "numbers with commas"),
        ("query_limit", "0", "from 1 to"),
        ("requests_per_second", "0", "number from"),
        ("timeout_secs", "-3", "number from"),
        ("limits_unit", "week", "Choose one"),
    ],
)
async def test_a_fault_is_told_at_its_field_and_nothing_is_lost(
    admin: httpx2.AsyncClient, desk: FakeDesk, name: str, value: str, told: str
) -> None:
    typed = FEED | {"categories": "7020", "secret": SECRET, "do": "save"} | {name: value}
    answer = await post(admin, "/indexers/add", **typed)
    assert answer.status_code == 400
    assert told in fault(answer.text, name.replace("_", "-"))
    assert SECRET not in answer.text
    assert desk.heard == []
    for kept in typed.keys() - {name, "sort", "secret", "do"}:
        assert f'value="{typed[kept]}"' in answer.text, kept


async def test_a_refusal_of_the_house_stands_at_the_field_it_names(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    desk.places.refuse = Reason("bad_indexer", "Another indexer has this name.", "Choose another.", {"field": "name"})
    answer = await post(admin, "/indexers/add", **FEED, do="save")
    assert answer.status_code == 400
    assert fault(answer.text, "name") == "Another indexer has this name. Choose another."
    desk.places.refuse = Reason("one_mam_only", "There is one already.", "Change that one.", {"field": "sort"})
    answer = await post(admin, "/indexers/add", **FEED, do="save")
    assert "There is one already. Change that one." in answer.text


async def test_htmx_gets_the_form_again_and_is_sent_on_when_it_is_saved(admin: httpx2.AsyncClient) -> None:
    form = FEED | {"csrf": await token(admin), "do": "save"}
    wrong = await admin.post("/indexers/add", data=form | {"url": "x"}, headers=HTMX)
    assert wrong.status_code == 200
    assert fault(wrong.text, "url")
    assert "Type it again" not in wrong.text  # what was typed is still in the browser
    saved = await admin.post("/indexers/add", data=form, headers=HTMX)
    assert saved.headers["HX-Redirect"] == "/indexers?done=indexer_added"


async def test_an_empty_key_keeps_the_one_in_use(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    page = (await admin.get("/indexers/10")).text
    assert re.search(r'name="secret" type="password"[^>]*>', page)
    assert 'value="http://tracker.example/torznab"' in page
    form = {"name": "Renamed", "url": "http://tracker.example/torznab", "priority": "3", "do": "save", "secret": ""}
    answer = await post(admin, "/indexers/10", **form)
    assert answer.headers["location"] == "/indexers?done=indexer_saved"
    (draft,) = desk.places.drafts
    assert (draft.name, draft.priority, draft.secret, draft.enabled) == ("Renamed", 3, None, False)


async def test_what_the_settings_hold_is_shown_locked_and_never_changed(
    admin: httpx2.AsyncClient, desk: FakeDesk
) -> None:
    page = (await admin.get("/indexers/2")).text
    assert "It is the setting jackett.url" in page
    assert 'name="secret"' not in page
    form = {"name": "Jackett", "url": "http://evil.example", "secret": "x", "timeout_secs": "9", "priority": "2"}
    await post(admin, "/indexers/2", **form, enabled="on", do="save")
    (draft,) = desk.places.drafts
    assert draft.facts.url == "http://jackett.lan:9117"
    assert draft.facts.timeout_secs == 30.0
    assert draft.secret is None
    assert draft.priority == 2


async def test_a_session_that_is_tried_is_in_use_and_added_with_what_was_typed(
    admin: httpx2.AsyncClient, desk: FakeDesk
) -> None:
    mam = desk.places.rows.pop(1)
    page = (await admin.get("/indexers/add?sort=mam")).text
    assert "Test and add" in page
    assert 'name="url"' not in page
    desk.places.answer = IndexerHealth(False, "The site refused the session.")
    form = {"sort": "mam", "name": "The mouse", "secret": SECRET, "priority": "4", "enabled": "on", "do": "save"}
    refused = await post(admin, "/indexers/add", **form)
    assert "The site refused the session." in refused.text
    assert "Nothing was saved." in refused.text
    desk.places.answer = IndexerHealth(True, "Signed in as reader.")
    desk.places.rows[1] = mam  # trying it puts it into use
    answer = await post(admin, "/indexers/add", **form)
    assert answer.headers["location"] == "/indexers?done=indexer_added"
    assert [heard[0] for heard in desk.heard] == ["try", "try", "change"]
    last = desk.places.drafts[-1]
    assert (last.name, last.priority, last.secret, last.facts.url) == ("The mouse", 4, None, mam.record.facts.url)


# --- order, connection, taken -------------------------------------------------------------------------------------------


async def test_the_order_of_asking_is_shown_and_saved(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    text = (await admin.get("/indexers")).text
    assert re.search(r'id="step-1".*?value="jackett" selected', text, re.S)
    form = {"csrf": await token(admin), "step": ["mam", "", "mam", "indexer-10", "made-up"]}
    answer = await admin.post("/indexers/order", data=form)
    assert answer.headers["location"] == "/indexers?done=order"
    assert desk.heard == [("order", "admin", "mam", "indexer-10")]
    desk.places.refuse = Reason("settings_fixed", "It may not be changed.", "Change it there.")
    refused = await admin.post("/indexers/order", data=form)
    assert refused.status_code == 400
    assert "It may not be changed. Change it there." in refused.text


async def test_a_locked_order_tells_where_it_is_set(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    desk.places.locked = "environment: EARMARK_SEARCH__ORDER"
    text = (await admin.get("/indexers")).text
    assert "environment: EARMARK_SEARCH__ORDER" in text
    assert 'name="step"' not in text


async def test_other_programs_are_given_the_address_the_browser_sees_and_never_the_key(desk: FakeDesk) -> None:
    transport = httpx2.ASGITransport(app=make_app(desk, "/earmark"))
    async with httpx2.AsyncClient(transport=transport, base_url="http://books.lan:8787") as client:
        client.cookies.set("earmark_session", "session-of-admin")
        text = (await client.get("/earmark/indexers/connect")).text
    assert ">http://books.lan:8787/earmark</code>" in text
    for number in (0, 1, 2, 10, 11):
        assert f">http://books.lan:8787/earmark/{number}/api</code>" in text
    assert "/srv/earmark/auth_token" in text
    assert "admin-key" not in text
    assert "without the /api at its end" in text  # Readarr and Listenarr put it there themselves
    for page in ("audiobookrequest", "readmeabook", "shelfmark", "listenarr", "readarr", "autobrr"):
        assert f"docs/prowlarr/{page}.md" in text


async def test_what_others_took_is_told_with_whose_duty_it_is(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    text = (await admin.get("/indexers/taken")).text
    for told in (
        "Not in our client",
        "that program’s duty",
        "Owes seeding",
        "Owes nothing",
        "Gone too early",
        "3 times",
    ):
        assert told in text
    desk.places.taken = desk.places.taken * 10
    assert "1 to 50 of 80" in (await admin.get("/indexers/taken")).text
    assert "51 to 80 of 80" in (await admin.get("/indexers/taken?page=2")).text
    for odd in ("0", "-1", "x", "9" * 30):
        assert (await admin.get(f"/indexers/taken?page={odd}")).status_code == 200
