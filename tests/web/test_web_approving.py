"""Choosing by hand: what the comparison tells of each candidate, what may be done with it, and the list of all that waits."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx2
import pytest
import web_approving
from web_pieces import S, ago, release, scored
from web_site import make_app
from web_world import FakeDesk

from earmark.api.metrics import Metrics
from earmark.api.middleware import Frame
from earmark.core.decision import ScoredCandidate
from earmark.core.reasons import JsonValue, Reason
from earmark.core.release import Freeleech
from earmark.core.testimony import Effect
from earmark.core.ticket import TicketId
from earmark.pipeline.bus import Bus
from earmark.store import Event
from earmark.web import candidates, packview, ticketpage, tracktable

TORRENT = b"d4:infod6:lengthi5e4:name9:Emma.m4b 12:piece lengthi16384e6:pieces20:" + b"\x01" * 20 + b"7:privatei1eee"


@pytest.fixture
def book(desk: FakeDesk) -> TicketId:
    return web_approving.add_book(desk)


@pytest.fixture
def album(desk: FakeDesk) -> TicketId:
    return web_approving.add_album(desk)


def sheet_of(desk: FakeDesk, the_id: TicketId) -> candidates.Sheet:
    found = ticketpage.context(desk.views[the_id])["sheet"]
    assert isinstance(found, candidates.Sheet)
    return found


async def token(client: httpx2.AsyncClient) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', (await client.get("/add")).text)
    assert found
    return found.group(1)


async def post(client: httpx2.AsyncClient, path: str, **fields: str) -> httpx2.Response:
    return await client.post(path, data={"csrf": await token(client)} | fields)


async def upload(client: httpx2.AsyncClient, the_id: str, torrent: bytes, name: str = "a.torrent") -> httpx2.Response:
    files = {"torrent": (name, torrent, "application/x-bittorrent")}
    return await client.post(f"/tickets/{the_id}/force-torrent", data={"csrf": await token(client)}, files=files)


# --- the comparison -------------------------------------------------------------------------------------------------------


def test_every_column_has_the_rows_of_the_sheet_and_the_shares_make_a_whole(desk: FakeDesk, book: TicketId) -> None:
    sheet = sheet_of(desk, book)
    for column in (*sheet.fit, *sheet.refused):
        assert len(column.bars) == len(sheet.bars)
        assert len(column.facts) == len(sheet.facts)
        for bar, part in zip(sheet.bars, column.bars, strict=True):
            assert part is None or part.name == bar.name
    assert abs(sum(bar.percent for bar in sheet.bars) - 100) <= len(sheet.bars)


def test_facts_tell_where_they_were_read_when_nobody_filled_them_in(desk: FakeDesk, book: TicketId) -> None:
    sheet = sheet_of(desk, book)
    bare = next(c for c in sheet.fit if c.c.release.indexer == "jackett")
    stated = next(c for c in sheet.fit if c.c.release.narrators == ("Peter Eastman",))
    voice = sheet.facts.index("Read by")
    assert (bare.facts[voice].text, bare.facts[voice].note) == ("Kirsten Ferreri", "from the title")
    assert (stated.facts[voice].text, stated.facts[voice].note) == ("Peter Eastman", "")


def test_what_no_candidate_tells_has_no_row_and_what_one_does_not_tell_is_unknown(
    desk: FakeDesk, book: TicketId
) -> None:
    sheet = sheet_of(desk, book)
    assert "Year" not in sheet.facts
    bare = next(c for c in sheet.fit if c.c.release.indexer == "jackett")
    assert bare.facts[sheet.facts.index("Language")] == candidates.Fact("")


def test_the_place_in_quality_names_the_step_it_falls_behind_in(desk: FakeDesk, book: TicketId) -> None:
    sheet = sheet_of(desk, book)
    told = [column.facts[sheet.facts.index("Quality")] for column in sheet.fit]
    assert sum(fact.text == "Best of those that fit" for fact in told) == 1
    assert any("behind in: bit rate" in fact.note for fact in told)


COSTS = {
    "public": (release(1, "x", private=False), True, "Free"),
    "freeleech": (release(1, "x", freeleech=Freeleech(everyone=True)), True, "Free"),
    "own freeleech": (release(1, "x", freeleech=Freeleech(personal=True)), True, "Free for you"),
    "vip and a member": (release(1, "x", freeleech=Freeleech(vip=True)), True, "Free for VIP"),
    "vip and no member": (release(1, "x", freeleech=Freeleech(vip_union=True)), False, "Paid"),
    "paid": (release(1, "x"), False, "Paid"),
    "size unknown": (release(1, "x", size_bytes=None), False, "Paid"),
}


@pytest.mark.parametrize("case", COSTS)
def test_the_cost_is_told_in_words(case: str) -> None:
    offer, free, text = COSTS[case]
    cost = candidates.cost_of(scored(offer, 0.9, free=free))
    assert cost.text == text
    assert ("count" in cost.more and "as downloaded" in cost.more) is (text == "Paid")


def test_a_blocked_candidate_cannot_be_blocked_again_and_a_placed_book_keeps_its_release(
    desk: FakeDesk, book: TicketId
) -> None:
    gate = Reason("release_blocked", "Refused by admin.", "Approve it all the same if you want it.")
    view = desk.views[book]
    blocked = replace(view, candidates=[replace(c, gates=(gate,)) for c in view.candidates])
    assert all(c.blocked and not c.may_block for c in candidates.sheet(blocked, None, None).refused)
    placing = next(v for v in desk.views.values() if v.ticket.state is S.PLACING)
    placing = replace(placing, candidates=view.candidates)
    assert not any(c.may_block for c in candidates.sheet(placing, None, None).fit)


def test_a_fact_outweighs_a_low_score_as_the_main_doubt(desk: FakeDesk, album: TicketId) -> None:
    doubt = candidates.main_doubt(desk.views[album].ticket)
    assert doubt is not None and "missing" in doubt.text


# --- tracks and files -------------------------------------------------------------------------------------------------------


def table_of(desk: FakeDesk, the_id: TicketId, n: int = 0) -> tracktable.TrackTable:
    table = sheet_of(desk, the_id).fit[n].mapping
    assert table is not None
    return table


def test_tracks_stand_beside_their_files_with_lengths_and_the_missing_one_is_marked(
    desk: FakeDesk, album: TicketId
) -> None:
    table = table_of(desk, album)
    assert (table.served, table.wished) == (11, 12)
    missing = [row for row in table.rows if not row.file]
    assert [row.name for row in missing] == ["Fog Signal"]
    near, off = table.rows[0], table.rows[3]
    assert (near.file, near.fit, near.off) == ("01 - Prelude to the Harbour.flac", "good", "")
    assert (off.wished, off.runs, off.fit, off.off) == ("5:18", "5:27", "you", "+9 s")
    assert [name for name, _ in table.spare] == ["cover.jpg", "rip.log"]


def test_a_file_that_is_cut_up_lends_no_track_its_length(desk: FakeDesk, album: TicketId) -> None:
    best = desk.views[album].candidates[0]
    one = best.release.files[0].path
    cut = replace(best, track_mapping=tuple(replace(m, torrent_file_path=one) for m in best.track_mapping))
    table = tracktable.track_table(web_approving.ALBUM, cut)
    assert table is not None
    assert {row.runs for row in table.rows} == {"–"}


def test_files_the_witness_found_are_marked_and_a_book_has_no_tracks(desk: FakeDesk, album: TicketId) -> None:
    best = desk.views[album].candidates[0]
    table = tracktable.track_table(web_approving.ALBUM, best, {(best.release.guid, "t2")})
    assert table is not None
    assert [row.number for row in table.rows if row.by_witness] == [2]
    assert tracktable.track_table(web_approving.WISH, best) is None


# --- the page ---------------------------------------------------------------------------------------------------------------


async def test_the_page_tells_gates_costs_and_the_witness_and_quotes_as_text(
    admin: httpx2.AsyncClient, desk: FakeDesk, book: TicketId
) -> None:
    page = (await admin.get(f"/tickets/{book}")).text
    for words in ("It is abridged; the unabridged book is wished.", "Free for VIP", "The witness", "71 % sure"):
        assert words in page
    assert "<b>The title</b>" not in page
    assert page.count("data-pick ") == 8


async def test_refused_candidates_are_approved_through_a_warning_only(
    admin: httpx2.AsyncClient, desk: FakeDesk, book: TicketId
) -> None:
    page = (await admin.get(f"/tickets/{book}")).text
    columns = sheet_of(desk, book)
    assert page.count("Approve this one") == len(columns.fit)
    idx = next(c.idx for c in columns.refused if c.c.release.abridged)
    sheet = await admin.get(f"/tickets/{book}/candidates/{idx}/approve")
    assert "in spite of that" in sheet.text and "It is abridged" in sheet.text and "140 MiB" in sheet.text
    answer = await post(admin, f"/tickets/{book}/approve", candidate_idx=str(idx))
    assert answer.status_code == 303
    assert desk.heard == [("approve", book, str(idx), "admin")]


async def test_one_release_is_refused_with_a_reason(admin: httpx2.AsyncClient, desk: FakeDesk, book: TicketId) -> None:
    assert "judged again" in (await admin.get(f"/tickets/{book}/candidates/0/block")).text
    answer = await post(admin, f"/tickets/{book}/block", candidate_idx="0", reason="  a hiss  throughout ")
    assert answer.headers["location"] == f"/tickets/{book}?done=blocked"
    assert desk.heard == [("block", book, "0", "a hiss throughout", "admin")]


@pytest.mark.parametrize("number", ["99", "-1", "\u0663", "x"])
@pytest.mark.parametrize("sheet", ["approve", "block"])
async def test_a_candidate_that_is_not_there_is_told(
    admin: httpx2.AsyncClient, book: TicketId, sheet: str, number: str
) -> None:
    answer = await admin.get(f"/tickets/{book}/candidates/{number}/{sheet}")
    assert answer.status_code == 400 and "no such candidate" in answer.text


async def test_a_user_may_look_and_not_choose(user: httpx2.AsyncClient, desk: FakeDesk, book: TicketId) -> None:
    page = (await user.get(f"/tickets/{book}")).text
    assert "How well it fits" in page and "Not this one" not in page and "Approve" not in page.replace("Approvals", "")
    for path in (f"/tickets/{book}/candidates/0/approve", f"/tickets/{book}/candidates/0/block"):
        assert (await user.get(path)).status_code == 403
    assert (await post(user, f"/tickets/{book}/block", candidate_idx="0")).status_code == 403
    assert (await upload(user, book, TORRENT)).status_code == 403
    assert (await post(user, f"/approvals/{book}/approve", candidate_idx="0")).status_code == 403
    assert "Approve<" not in (await user.get("/approvals")).text
    assert desk.heard == []


@pytest.mark.parametrize("path", ["block", "force-torrent"])
async def test_a_choice_without_our_token_does_nothing(
    admin: httpx2.AsyncClient, desk: FakeDesk, book: TicketId, path: str
) -> None:
    assert (await admin.post(f"/tickets/{book}/{path}", data={"candidate_idx": "0"})).status_code == 403
    assert (await admin.post(f"/approvals/{book}/approve", data={"candidate_idx": "0"})).status_code == 403
    assert desk.heard == []


async def test_every_effect_of_the_witness_has_a_word(
    admin: httpx2.AsyncClient, desk: FakeDesk, book: TicketId
) -> None:
    view = desk.views[book]
    assert view.decision is not None and view.decision.decision.witness is not None
    for effect, (_, word) in candidates.EFFECTS.items():
        fault = Reason("witness_late", "It took too long.", "Look at its address.") if effect == "fell_back" else None
        record = replace(view.decision.decision.witness, effect=effect, fault=fault)
        made = replace(view.decision, decision=replace(view.decision.decision, witness=record))
        desk.views[book] = replace(view, decision=made)
        page = (await admin.get(f"/tickets/{book}")).text
        assert word in page and (fault is None or "Look at its address." in page)
    assert set(candidates.EFFECTS) == set(Effect)


# --- several books in one torrent -------------------------------------------------------------------------------------------


async def test_a_pack_shows_which_files_are_which_book_and_offers_the_rest_as_wishes(
    admin: httpx2.AsyncClient, desk: FakeDesk
) -> None:
    the_id = web_approving.add_pack(desk)
    (plan,) = packview.plans(desk.views[the_id].events, desk.views[the_id].candidates)
    assert [(b.title, b.wished, len(b.files)) for b in plan.books][2] == ("The Mysterious Island", True, 3)
    assert (plan.folder, plan.shared) == ("Verne Trilogy", ("cover.jpg",))
    page = (await admin.get(f"/tickets/{the_id}")).text
    assert "Several books in one torrent" in page and "3 books" in page and "the wished one" in page
    assert "03 - The Mysterious Island/2.mp3" in page
    link = re.search(r'href="(/add\?[^"]+)"', page)
    assert link
    wish = (await admin.get(link.group(1).replace("&amp;", "&"))).text
    assert 'value="In Search of the Castaways"' in wish and 'value="Jules Verne"' in wish


ODD_NOTES: dict[str, dict[str, JsonValue]] = {
    "no books": {},
    "books of no shape": {"books": [3, {"files": 7, "name": None, "size_bytes": "x"}, None], "shared": 1},
    "books that are a text": {"books": "x", "confidence": "y", "guid": 4},
}


@pytest.mark.parametrize("case", ODD_NOTES)
@pytest.mark.parametrize("what", [packview.PLAN, packview.OFFERS])
def test_a_note_of_a_strange_shape_breaks_no_page(desk: FakeDesk, book: TicketId, what: str, case: str) -> None:
    view = desk.views[book]
    told: dict[str, JsonValue] = {"guid": view.candidates[0].release.guid, **ODD_NOTES[case], "what": what}
    events = [Event(1, ago(minutes=1), book, "note", told)]
    assert len(packview.plans(events, view.candidates)) <= 1
    assert packview.along(events) == ()


# --- a torrent of one's own -------------------------------------------------------------------------------------------------


async def test_a_torrent_file_is_taken(admin: httpx2.AsyncClient, desk: FakeDesk, book: TicketId) -> None:
    answer = await upload(admin, book, TORRENT)
    assert answer.headers["location"] == f"/tickets/{book}?done=torrent"
    assert desk.heard[0][0] == "torrent"


BAD_FILES = {
    "no torrent": (b"<html>Please log in</html>", "a.torrent", "torrent"),
    "nothing chosen": (b"", "", "No file was chosen"),
    "too large": (b"d" + b"0" * (10 * 1024 * 1024), "a.torrent", "10 MiB"),
}


@pytest.mark.parametrize("case", BAD_FILES)
async def test_a_file_that_will_not_do_is_told(
    admin: httpx2.AsyncClient, desk: FakeDesk, book: TicketId, case: str
) -> None:
    torrent, name, words = BAD_FILES[case]
    answer = await upload(admin, book, torrent, name)
    assert answer.status_code == 400
    assert words in answer.text and "Back to the ticket" in answer.text
    assert desk.heard == []


# --- all that waits -----------------------------------------------------------------------------------------------------------


async def test_the_list_shows_what_is_recommended_and_what_speaks_against_it(
    admin: httpx2.AsyncClient, desk: FakeDesk, album: TicketId
) -> None:
    page = (await admin.get("/approvals")).text
    assert "11 of 12 tracks are in it; missing: “Fog Signal”." in page
    assert "The Quayside Five - Harbour Songs (2011) [FLAC]" in page
    assert "Nothing was found" in page  # a wish without a release is there too


async def test_approving_from_the_list_takes_what_was_shown_and_stays(
    admin: httpx2.AsyncClient, desk: FakeDesk, album: TicketId
) -> None:
    answer = await post(admin, f"/approvals/{album}/approve", candidate_idx="0")
    assert answer.headers["location"] == "/approvals?done=approved"
    assert desk.heard == [("approve", album, "0", "admin")]
    late = await admin.post(
        f"/approvals/{album}/approve",
        data={"csrf": await token(admin), "candidate_idx": "0"},
        headers={"HX-Request": "true"},
    )
    assert late.status_code == 200 and "cannot become" in late.headers["hx-trigger"]
    assert "Harbour Songs" not in late.text


async def test_an_empty_list_says_what_will_stand_there(admin: httpx2.AsyncClient, desk: FakeDesk) -> None:
    desk.views.clear()
    assert "Nothing waits for you" in (await admin.get("/approvals")).text
    assert "fewer pages" in (await admin.get("/approvals?page=7")).text


def test_candidates_without_anything_known_make_a_sheet(desk: FakeDesk, book: TicketId) -> None:
    bare = ScoredCandidate(
        release(1, "", authors=(), narrators=(), language=None, filetypes=(), size_bytes=None), 0.0, ()
    )
    sheet = candidates.sheet(replace(desk.views[book], candidates=[bare], decision=None), None, None)
    assert sheet.bars == () and sheet.count == 1


async def test_a_body_that_is_cut_off_on_its_way_is_told_like_a_large_file(desk: FakeDesk, book: TicketId) -> None:
    transport = httpx2.ASGITransport(app=Frame(make_app(desk), Metrics(Bus())))
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://earmark.test", headers={"Origin": "http://earmark.test"}
    ) as client:
        client.cookies.set("earmark_session", "session-of-admin")
        answer = await upload(client, book, b"d" + b"0" * (11 * 1024 * 1024))
        assert answer.status_code == 400 and "10 MiB" in answer.text
        taken = await upload(client, book, TORRENT + b" " * 2 * 1024 * 1024)
        assert "10 MiB" not in taken.text  # two are let through; that it is no torrent is another matter
    assert desk.heard == []
