"""The media management settings: shown with where each is set, previewed, tried, saved, and refused without losing what
was typed. Then the disks and the planner that frees room."""

from __future__ import annotations

import re

import httpx2
import pytest
from web_shelf import GIB
from web_world import FakeDesk

from earmark.core.reasons import Reason
from earmark.library.methods import MethodCheck
from earmark.pipeline.mediasettings import CHANGEABLE
from earmark.settings_sources import ConfigError
from earmark.web import mediaform

HTMX = {"HX-Request": "true"}


async def fields(client: httpx2.AsyncClient) -> dict[str, str]:
    """The form as a browser would post it, untouched."""
    text = (await client.get("/settings/media")).text
    form = text.split('id="media-form"')[1]
    found = dict(re.findall(r'<input class="input[^"]*" id="[^"]+" name="([^"]+)" value="([^"]*)"', form))
    for select in re.findall(r"<select.*?</select>", form, re.S):
        name = re.search(r'name="([^"]+)"', select)
        chosen = re.search(r'value="([^"]+)" selected', select)
        if name and chosen and " disabled" not in select.split(">", 1)[0]:
            found[name.group(1)] = chosen.group(1)
    found |= {
        m.group(1): "on" for m in re.finditer(r'type="checkbox" id="[^"]+" name="([^"]+)" value="on" checked', form)
    }
    token = re.search(r'name="csrf" value="([^"]+)"', form)
    assert token
    return found | {"csrf": token.group(1)}


def test_every_changeable_setting_has_its_field() -> None:
    assert set(mediaform.FIELDS) == set(CHANGEABLE)


async def test_the_page_shows_what_is_in_force_and_what_is_set_elsewhere(admin: httpx2.AsyncClient) -> None:
    text = (await admin.get("/settings/media")).text
    for _, title, _ in mediaform.GROUPS:
        assert title in text
    assert "only changed there: environment: EARMARK_CONVERTER__CODEC" in text
    assert re.search(r'name="converter.codec" disabled', text)
    assert "Jules Verne" in text, "the examples are there before anybody types"
    assert 'href="/settings/media" aria-current="page"' in text


async def test_saving_hands_over_only_what_was_changed(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    form = await fields(admin)
    answer = await admin.post(
        "/settings/media",
        data=form
        | {
            "library.pattern": "{author}/{title}",
            "library.recycle_days": "7",
            "library.ebook_formats": "PDF epub",
            "library.review_before_import": "on",
        },
    )
    assert answer.headers["location"] == "/settings/media?done=settings"
    assert desk.heard == [
        (
            "save",
            "admin",
            "library.ebook_formats=('pdf', 'epub')",
            "library.pattern={author}/{title}",
            "library.recycle_days=7",
            "library.review_before_import=True",
        )
    ]
    assert 'value="{author}/{title}"' in (await admin.get("/settings/media")).text


async def test_a_form_that_changes_nothing_saves_nothing(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    answer = await admin.post("/settings/media", data=await fields(admin))
    assert answer.headers["location"] == "/settings/media?done=unchanged"
    assert desk.heard == [("save", "admin")]


async def test_an_emptied_field_brings_the_default_back(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    desk.shelf.values["library.owner"] = "media:media"
    await admin.post("/settings/media", data=await fields(admin) | {"library.owner": ""})
    assert desk.heard == [("save", "admin", "library.owner=None")]


async def test_what_is_locked_stays_whatever_is_posted(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    await admin.post("/settings/media", data=await fields(admin) | {"converter.codec": "opus"})
    assert desk.heard == [("save", "admin")]


WRONG = {
    "pattern": ("library.pattern", "{autor}/{title}", "Did you mean"),
    "file-pattern": ("library.file_pattern", "a/{title}", "Write folders into the folder pattern"),
    "no-number": ("library.recycle_days", "many", "Write a whole number."),
    "number": ("converter.mono_kbps", "3", "greater than or equal to 16"),
    "mode": ("library.file_mode", "9z", "Must be three octal digits"),
    "path": ("library.audiobooks", "books", "it begins with a /"),
    "choice": ("library.method", "teleport", "Choose one of the list."),
    "impossible": ("library.method", "reflink", "does not work here"),
}


@pytest.mark.parametrize("case", WRONG)
async def test_a_fault_is_told_at_its_field_and_nothing_typed_is_lost(
    admin: httpx2.AsyncClient, desk: FakeDesk, case: str
) -> None:
    name, value, told = WRONG[case]
    answer = await admin.post(
        "/settings/media",
        data=await fields(admin) | {"library.owner": "me:us", name: value, "converter.stereo_kbps": "96"},
    )
    assert answer.status_code == 400
    one = mediaform.FIELDS[name]
    fault = answer.text.split(f'id="{one.id}-fault"')[1].split("</p>")[0]
    assert told in fault.replace("&#39;", "'")
    assert " hidden" not in fault.split(">", 1)[0]
    assert "earmark.toml" not in fault
    assert 'value="me:us"' in answer.text
    assert 'value="96"' in answer.text
    if one.sort != "choice":
        assert f'value="{value}"' in answer.text
    assert desk.heard == []


def test_a_fault_of_no_field_is_told_above_the_form() -> None:
    form = mediaform.refused(mediaform.MediaForm({}), ConfigError(["earmark.toml: cannot be written (No space left)."]))
    assert form.general == ("earmark.toml: cannot be written (No space left).",)
    assert form.errors == {}


TOLD = {
    "pattern": (
        "/srv/earmark.toml: library.owner = 'a: b': The owner 'a: b' is odd. Write a name.. Expected: Owner of files.",
        "The owner 'a: b' is odd. Write a name.",
    ),
    "limit": ("earmark.toml: library.owner = 'a: b': Input should be less than 9. Expected: x", "It should be less than 9."),
    "folder": ("default: library.owner = '/x' lies in '/', which is not there. Mount it.", "'/x' lies in '/', which is not there. Mount it."),
    "elsewhere": (
        "environment: EARMARK_X: library.owner is set there and would win at the next start. Change it there.",
        "It is set elsewhere, which would win: environment: EARMARK_X.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TOLD)
def test_a_fault_of_the_settings_file_is_told_without_what_stands_at_the_field(case: str) -> None:
    problem, told = TOLD[case]
    form = mediaform.refused(mediaform.MediaForm({"library.owner": "a: b"}), ConfigError([problem]))
    assert form.errors == {"library.owner": told}


async def test_the_preview_follows_the_patterns(admin: httpx2.AsyncClient) -> None:
    form = await fields(admin) | {"library.pattern": "Shelf/{title}"}
    answer = await admin.post("/settings/media/preview", data=form, headers=HTMX)
    assert "Shelf<" in answer.text
    assert "<html" not in answer.text
    wrong = await admin.post("/settings/media/preview", data=form | {"library.file_pattern": "{titel}"}, headers=HTMX)
    assert "No examples" in wrong.text
    fault = wrong.text.split('id="library-file-pattern-fault"')[1].split("</p>")[0]
    assert "Did you mean {title}" in fault
    assert (
        'id="library-pattern-fault" data-fault-of="library-pattern" aria-live="polite" hx-swap-oob="true" hidden'
        in (wrong.text)
    )


async def test_without_scripts_the_preview_is_the_page_with_what_was_typed(
    admin: httpx2.AsyncClient, desk: FakeDesk
) -> None:
    form = await fields(admin) | {"library.pattern": "Shelf/{title}", "library.owner": "me"}
    text = (await admin.post("/settings/media/preview", data=form)).text
    assert "<html" in text
    assert 'value="Shelf/{title}"' in text
    assert 'value="me"' in text
    assert desk.heard == []


async def test_the_method_in_force_is_tried_and_the_outcome_told(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    form = await fields(admin)
    good = await admin.post("/settings/media/try", data=form, headers=HTMX)
    assert "no bytes are copied" in good.text
    desk.shelf.method = MethodCheck(False, None, Reason("other_fs", "They are on different disks.", "Choose copy."))
    bad = await admin.post("/settings/media/try", data=form)
    assert "They are on different disks." in bad.text
    assert "Choose copy." in bad.text


@pytest.mark.parametrize("path", ["/settings/media", "/settings/media/preview", "/settings/media/try"])
async def test_settings_are_an_administrators(user: httpx2.AsyncClient, desk: FakeDesk, path: str) -> None:
    token = re.search(r'name="csrf" value="([^"]+)"', (await user.get("/add")).text)
    assert token
    assert (await user.get("/settings/media")).status_code == 403
    assert (await user.post(path, data={"csrf": token.group(1)})).status_code == 403
    user.cookies.set("earmark_session", "session-of-admin")
    assert (await user.post(path, data={"csrf": "0" * 64})).status_code == 403
    assert desk.heard == []


# --- disks ----------------------------------------------------------------------------------------------------------------


async def test_the_system_page_shows_each_disk_with_what_is_free_and_what_is_low(user: httpx2.AsyncClient) -> None:
    text = (await user.get("/system")).text
    assert "1.2 TiB" in text
    assert "Only 312 MiB are free" in text
    assert "/mnt/nas/books is away" in text
    assert 'id="prune"' not in text, "planning is for the administrator"


async def prune(client: httpx2.AsyncClient, path: str = "/system/prune", **form: str) -> httpx2.Response:
    token = re.search(r'name="csrf" value="([^"]+)"', (await client.get("/add")).text)
    assert token
    return await client.post(path, data={"csrf": token.group(1)} | form, headers=HTMX)


def seal_of(text: str) -> str:
    found = re.search(r'name="plan" value="([0-9a-f]+)"', text)
    assert found
    return found.group(1)


async def test_the_planner_shows_what_goes_what_it_truly_frees_and_why_the_rest_stays(
    admin: httpx2.AsyncClient, desk: FakeDesk
) -> None:
    text = (await prune(admin, gib="11")).text
    assert "2 torrents would go and truly free <b>11.7 GiB</b>" in text
    assert "Middlemarch still owes its tracker seeding." in text
    assert "frees nothing" in text
    assert "Delete 2 torrents with the files" in text
    assert desk.heard == []


async def test_the_plan_one_saw_is_carried_out(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    seal = seal_of((await prune(admin, gib="0,4")).text)
    text = (await prune(admin, "/system/prune/apply", gib="0.4", plan=seal)).text
    assert "1 torrent let go of." in text
    assert desk.heard == [("prune", str(round(0.4 * GIB)), "admin")]


async def test_a_plan_that_changed_meanwhile_is_shown_again_and_nothing_goes(
    admin: httpx2.AsyncClient, desk: FakeDesk
) -> None:
    seal = seal_of((await prune(admin, gib="0.4")).text)
    desk.shelf.held = desk.shelf.held[1:]
    text = (await prune(admin, "/system/prune/apply", gib="0.4", plan=seal)).text
    assert "The plan has changed meanwhile" in text
    assert seal_of(text) != seal
    assert desk.heard == []


async def test_a_plan_that_is_not_enough_says_what_is_missing(admin: httpx2.AsyncClient) -> None:
    assert "would still be missing" in (await prune(admin, gib="900")).text


async def test_where_nothing_may_go_there_is_no_button(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    desk.shelf.held = []
    text = (await prune(admin, gib="1")).text
    assert "Nothing may go." in text
    assert "harm" not in text


@pytest.mark.parametrize("amount", ["", "-1", "0", "many", "1e9", "nan", "1.2.3", "٣"])
async def test_an_odd_amount_is_refused(admin: httpx2.AsyncClient, desk: FakeDesk, amount: str) -> None:
    assert (await prune(admin, gib=amount)).status_code == 400
    assert desk.heard == []


async def test_pruning_is_an_administrators(user: httpx2.AsyncClient, desk: FakeDesk) -> None:
    for path in ("/system/prune", "/system/prune/apply"):
        assert (await prune(user, path, gib="1")).status_code == 403
    assert desk.heard == []
