"""Books on the shelf: what taking one back and re-processing it would do is shown first, then done; how a book was made."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx2
import pytest
from web_pieces import S, ago
from web_world import FakeDesk

from earmark.core.reasons import JsonValue, Reason
from earmark.core.states import Completed
from earmark.core.ticket import TicketId
from earmark.store import Event, JournalEntry
from earmark.store.journal import JournalOp, JournalState
from earmark.web import shelf, timeline, words


def on_the_shelf(desk: FakeDesk) -> TicketId:
    return next(
        i
        for i, v in desk.views.items()
        if isinstance(v.ticket.payload, Completed) and v.ticket.payload.undone_at is None
    )


def taken_back(desk: FakeDesk) -> TicketId:
    return next(i for i, v in desk.views.items() if words.taken_back(v.ticket))


async def post(
    client: httpx2.AsyncClient, path: str, data: dict[str, str | list[str]] | None = None
) -> httpx2.Response:
    found = re.search(r'name="csrf" value="([^"]+)"', (await client.get("/add")).text)
    assert found
    return await client.post(path, data={"csrf": found.group(1)} | (data or {}))


def reorganise(desk: FakeDesk, the_id: TicketId) -> None:
    """The book was moved to another folder, and its old sidecar lies in the recycle folder."""
    view = desk.views[the_id]
    old, new = "/srv/audiobooks/Wells/Time", "/srv/audiobooks/H. G. Wells/The Time Machine (1895)"
    done = JournalState.VERIFIED
    rows = [
        JournalEntry(JournalOp.MOVE, f"{new}/The Time Machine.m4b", ago(hours=1), f"{old}/Time.m4b", state=done, act=2),
        JournalEntry(
            JournalOp.SIDECAR, f"{new}/metadata.json", ago(hours=1), state=done, act=2, kept="/bin/metadata.json"
        ),
    ]
    told: dict[str, JsonValue] = {"what": "reorganised", "act": 2, "moved": 1, "folder": new, "actor": "admin"}
    note = Event(desk.line.seq + 1, ago(hours=1), the_id, "note", told)
    desk.views[the_id] = replace(view, journal=[*view.journal, *rows], events=[*view.events, note])


# --- taking back --------------------------------------------------------------------------------------------------------


async def test_the_sheet_says_what_goes_where_and_for_how_long(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    text = (await admin.get(f"/tickets/{on_the_shelf(desk)}/undo")).text
    assert "Take this book off the shelf again?" in text
    assert "The Time Machine.m4b" in text
    assert "30 days" in text
    assert "goes on seeding" in text
    desk.shelf.days = 0
    assert "deleted at the next sweep" in (await admin.get(f"/tickets/{on_the_shelf(desk)}/undo")).text


async def test_after_a_reorganisation_only_that_is_taken_back(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    the_id = on_the_shelf(desk)
    reorganise(desk, the_id)
    back = shelf.take_back(desk.views[the_id], await desk.undoable(the_id))
    assert back is not None
    assert not back.whole
    assert back.going == ("metadata.json",)
    assert back.back == ("metadata.json",)
    assert back.root == "/srv/audiobooks"
    assert back.moves == (("H. G. Wells/The Time Machine (1895)/The Time Machine.m4b", "Wells/Time/Time.m4b"),)
    text = (await admin.get(f"/tickets/{the_id}/undo")).text
    assert "Take the last reorganisation back?" in text
    assert "Wells/Time/Time.m4b" in text


async def test_taking_back_is_done_and_the_ticket_says_since_when(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    the_id = on_the_shelf(desk)
    answer = await post(admin, f"/tickets/{the_id}/undo")
    assert answer.headers["location"] == f"/tickets/{the_id}?done=undone"
    assert desk.heard == [("undo", the_id, "admin")]
    text = (await admin.get(f"/tickets/{the_id}")).text
    assert "Taken back from the shelf" in text
    assert "Stood in" in text
    assert f"/tickets/{the_id}/undo" not in text


async def test_a_refused_undo_tells_why(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    answer = await post(admin, f"/tickets/{taken_back(desk)}/undo")
    assert answer.status_code == 400
    assert "has nothing on the shelf" in answer.text


async def test_where_nothing_can_be_taken_back_the_sheet_says_so(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    for the_id in (taken_back(desk), next(i for i, v in desk.views.items() if v.ticket.state is S.DOWNLOADING)):
        text = (await admin.get(f"/tickets/{the_id}/undo")).text
        assert "Nothing to take back" in text
        assert 'class="button harm"' not in text


# --- re-processing --------------------------------------------------------------------------------------------------------


async def test_reprocessing_shows_old_and_new_paths_before_anything_changes(
    admin: httpx2.AsyncClient, desk: FakeDesk
) -> None:
    the_id = on_the_shelf(desk)
    text = (await admin.get(f"/tickets/{the_id}/reprocess")).text
    assert "H. G. Wells/The Time Machine (1895)/cover.jpg" in text
    assert "H. G. Wells/1895 - The Time Machine/cover.jpg" in text
    assert "metadata.json, metadata.opf" in text
    assert desk.heard == []
    answer = await post(admin, f"/tickets/{the_id}/reprocess")
    assert answer.headers["location"] == f"/tickets/{the_id}?done=reprocessed"
    assert desk.heard == [("reprocess", "admin", the_id)]
    assert "There is nothing to change" in (await admin.get(f"/tickets/{the_id}/reprocess")).text


async def test_a_book_that_cannot_be_reprocessed_says_why_and_offers_no_button(
    admin: httpx2.AsyncClient, desk: FakeDesk
) -> None:
    the_id = on_the_shelf(desk)
    desk.shelf.refused[the_id] = Reason("book_gone", "The Time Machine.m4b is gone.", "Put it back, then try again.")
    text = (await admin.get(f"/tickets/{the_id}/reprocess")).text
    assert "The Time Machine.m4b is gone." in text
    assert "Change it" not in text
    answer = await post(admin, f"/tickets/{the_id}/reprocess")
    assert answer.status_code == 400
    assert "Put it back" in answer.text


async def test_the_list_of_placed_books_lets_one_choose_many(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    text = (await admin.get("/tickets?state=done")).text
    assert f'name="ticket" value="{on_the_shelf(desk)}"' in text
    assert re.search(rf'id="tick-{taken_back(desk)}" disabled', text)
    for path in ("/tickets", "/tickets?state=failed"):
        assert 'name="ticket"' not in (await admin.get(path)).text


async def test_many_are_previewed_in_one_table_then_changed_each_with_its_outcome(
    admin: httpx2.AsyncClient, desk: FakeDesk
) -> None:
    first = on_the_shelf(desk)
    gone, same = TicketId("gone"), TicketId("same")
    desk.views[gone] = desk.views[same] = desk.views[first]
    desk.shelf.refused[gone] = Reason("book_gone", "Its file is gone.", "Put it back.")
    desk.shelf.settled.add(same)
    preview = await post(admin, "/shelf/reprocess", {"ticket": [first, gone, same]})
    assert "3 books: 1 would change, 1 as wanted already, 1 cannot be changed." in preview.text
    assert "Its file is gone." in preview.text
    assert re.findall(r'name="ticket" value="([^"]+)"', preview.text) == [first]
    assert desk.heard == []
    done = await post(admin, "/shelf/reprocess/apply", {"ticket": [first, gone]})
    assert "2 books: 1 changed, 1 could not be changed." in done.text
    assert desk.heard == [("reprocess", "admin", first, gone)]


async def test_all_on_the_shelf_means_all(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    preview = await post(admin, "/shelf/reprocess", {"all": "1"})
    assert re.findall(r'name="ticket" value="([^"]+)"', preview.text) == [on_the_shelf(desk)]


async def test_choosing_nothing_says_what_to_do(admin: httpx2.AsyncClient) -> None:
    answer = await post(admin, "/shelf/reprocess")
    assert answer.status_code == 400
    assert "Tick the books" in answer.text


@pytest.mark.parametrize(
    "path", ["/tickets/{}/undo", "/tickets/{}/reprocess", "/shelf/reprocess", "/shelf/reprocess/apply"]
)
async def test_only_an_administrators_own_form_changes_the_shelf(
    user: httpx2.AsyncClient, desk: FakeDesk, path: str
) -> None:
    the_id = on_the_shelf(desk)
    assert (await post(user, path.format(the_id), {"ticket": the_id})).status_code == 403
    user.cookies.set("earmark_session", "session-of-admin")
    assert (await user.post(path.format(the_id), data={"csrf": "0" * 64, "ticket": the_id})).status_code == 403
    assert desk.heard == []


async def test_a_user_sees_no_buttons_of_the_shelf(user: httpx2.AsyncClient, desk: FakeDesk) -> None:
    text = (await user.get(f"/tickets/{on_the_shelf(desk)}")).text
    assert "Take back" not in text
    assert 'name="ticket"' not in (await user.get("/tickets?state=done")).text
    assert "/settings/media" not in text
    assert (await user.get(f"/tickets/{on_the_shelf(desk)}/undo")).status_code == 403


# --- how it was made ------------------------------------------------------------------------------------------------------


async def test_the_ticket_shows_where_chapters_came_from_and_how_each_file_was_brought(
    admin: httpx2.AsyncClient, desk: FakeDesk
) -> None:
    text = (await admin.get(f"/tickets/{on_the_shelf(desk)}")).text
    making = text.split("How it was made")[1].split("</section>")[0]
    for told in (
        "Audible, whose running time agrees",
        "94 of 100, taken",
        "61 of 100",
        "hard link",
        "The Time Machine (old).mp3",
        "its owner could not be set",
        "sample.mp3",
        "Settled, 16 files",
    ):
        assert told in making


def test_an_order_a_person_chose_and_its_doubts_are_told(desk: FakeDesk) -> None:
    view = desk.views[on_the_shelf(desk)]
    plan = replace(view.tasks[0], detail={"order": ["a", "b"], "doubts": ["order_disputed"]})
    ticket = replace(view.ticket, answers={"order": "tags"})
    made = shelf.making(replace(view, ticket=ticket, tasks=[plan]))
    assert made.order_chosen == "tags"
    assert made.doubts == ("names, tags or playlist disagreed about the order",)
    assert made.chapters_from == ""


def test_what_was_replaced_is_named_below_the_books_folder(desk: FakeDesk) -> None:
    view = desk.views[on_the_shelf(desk)]
    payload = view.ticket.payload
    assert isinstance(payload, Completed)
    place = replace(view.tasks[-1], detail={"replaced": [f"{payload.library_path}/CD1/old.mp3", "/elsewhere/x.mp3"]})
    assert shelf.making(replace(view, tasks=[place])).replaced == ("CD1/old.mp3", "/elsewhere/x.mp3")


def test_what_was_done_on_the_shelf_stands_in_the_history_in_words(desk: FakeDesk) -> None:
    told: list[dict[str, JsonValue]] = [
        {"what": "undone", "actor": "admin", "removed": 4, "restored": 1, "kept": ["/x"]},
        {"what": "reorganised", "actor": "admin", "moved": 2, "folder": "/srv/x", "sidecars": ["metadata.json"]},
        {"what": "answered", "actor": "admin", "question": "order", "answer": "names"},
    ]
    events = [Event(n, ago(minutes=9 - n), None, "note", payload) for n, payload in enumerate(told)]
    moments = {moment.title: moment.text for moment in timeline.history(events)}
    assert moments == {
        "Taken back": "4 to the recycle folder, 1 back in its place, "
        "1 left alone, changed since it was placed, by admin",
        "Re-processed": "moved to /srv/x, 1 file written anew, by admin",
        "Answered": "“names”, by admin",
    }
