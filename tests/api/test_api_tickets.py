from __future__ import annotations

import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest

from earmark.core.reasons import Reason
from earmark.core.states import (
    ApprovalCode,
    ApprovalReason,
    Completed,
    CompletionStats,
    Converting,
    Downloading,
    Failed,
    Matching,
    Placing,
    Searching,
    TicketState,
)
from earmark.core.testimony import Effect, Opinion, Placed, WitnessRecord
from earmark.core.ticket import TicketId, Waiting
from earmark.core.torrents import InfoHash, TorrentEntry, TorrentState
from earmark.pipeline.house import House
from earmark.store import TorrentRecord, decisions, tickets, torrents

BOOK = {"kind": "audiobook", "search": {"title": "The Time Machine", "author": "H. G. Wells"}}
HASH = "0123456789abcdef0123456789abcdef01234567"
ALBUM = {
    "ticket_id": "123e4567-e89b-42d3-a456-426614174000",
    "created_at": "2024-12-24T10:00:00Z",
    "search": {
        "artist": "Radiohead",
        "album": "OK Computer",
        "year": 1997,
        "label": "Parlophone",
        "genres": ["alternative rock", "art rock"],
    },
    "tracks": [
        {
            "catalog_track_id": "t1",
            "disc_number": 1,
            "track_number": 1,
            "name": "Airbag",
            "duration_secs": 284,
            "dest_path": "/media/albums/abc123/d1t01.ogg",
        },
        {
            "catalog_track_id": "t2",
            "disc_number": 1,
            "track_number": 2,
            "name": "Paranoid Android",
            "duration_secs": 383,
            "dest_path": "/media/albums/abc123/d1t02.ogg",
        },
    ],
    "images": [{"catalog_image_id": "img1", "type": "cover_front", "dest_path": "/media/albums/abc123/cover.jpg"}],
    "constraints": {
        "format": "ogg_vorbis",
        "bitrate_kbps": 320,
        "sample_rate_hz": 44100,
        "embed_metadata": True,
        "embed_cover": True,
    },
    "metadata_to_embed": {"artist": "Radiohead", "album": "OK Computer", "year": 1997, "genre": "Alternative Rock"},
}


async def file(api, body=BOOK):
    answer = await api.post("/api/v1/ticket", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["ticket_id"]


async def test_a_filed_audiobook_is_pending_and_can_be_looked_at(api: httpx2.AsyncClient) -> None:
    answer = await api.post("/api/v1/ticket", json=BOOK)
    filed = answer.json()
    assert (answer.status_code, filed["state"], filed["created"]) == (201, "PENDING", True)
    assert answer.headers["location"] == filed["links"]["self"]
    seen = (await api.get(filed["links"]["self"])).json()
    assert seen["search"] == {"title": "The Time Machine", "author": ["H. G. Wells"]}
    assert seen["history"] == [{"seq": 1, "state": "PENDING", "entered_at": "2026-11-20T12:00:00Z", "actor": "api"}]
    assert seen["state_details"] == {"queued_at": "2026-11-20T12:00:00Z", "query": None}


async def test_the_music_ticket_of_document_003_is_kept_word_for_word(api: httpx2.AsyncClient) -> None:
    ticket_id = await file(api, ALBUM)
    seen = (await api.get(f"/api/v1/ticket/{ticket_id}")).json()
    assert ticket_id == ALBUM["ticket_id"]
    assert seen["kind"] == "music"
    assert seen["search"] == ALBUM["search"]
    assert seen["tracks"][0] == ALBUM["tracks"][0] | {"requested": True}
    assert seen["images"] == ALBUM["images"]
    assert seen["constraints"] == ALBUM["constraints"]
    assert seen["metadata_to_embed"]["year"] == "1997"


async def test_the_same_ticket_twice_is_one_ticket(api: httpx2.AsyncClient) -> None:
    body = BOOK | {"ticket_id": str(uuid.uuid4())}
    first, second = await api.post("/api/v1/ticket", json=body), await api.post("/api/v1/ticket", json=body)
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["created"] is False
    assert second.json()["ticket_id"] == first.json()["ticket_id"]
    assert (await api.get("/api/v1/tickets")).json()["total"] == 1


async def test_fifty_callers_who_file_the_same_ticket_at_once_make_one(api: httpx2.AsyncClient) -> None:
    body = BOOK | {"ticket_id": str(uuid.uuid4())}
    answers = await asyncio.gather(*(api.post("/api/v1/ticket", json=body) for _ in range(50)))
    assert sorted(a.status_code for a in answers) == [200] * 49 + [201]


async def test_the_same_id_with_another_body_is_a_conflict(api: httpx2.AsyncClient) -> None:
    body = BOOK | {"ticket_id": str(uuid.uuid4())}
    await api.post("/api/v1/ticket", json=body)
    answer = await api.post("/api/v1/ticket", json=body | {"priority": 3})
    assert answer.status_code == 409
    assert answer.json()["errors"][0]["field"] == "ticket_id"


async def test_an_upper_case_id_is_the_same_id(api: httpx2.AsyncClient) -> None:
    ticket_id = str(uuid.uuid4())
    await file(api, BOOK | {"ticket_id": ticket_id.upper()})
    assert (await api.get(f"/api/v1/ticket/{ticket_id.upper()}")).json()["ticket_id"] == ticket_id


@pytest.mark.parametrize("id", ["0a3bba90-2f4a-4a7c-9c4f-000000000001", "nope", "..%2f..%2fetc", "%00"])
@pytest.mark.parametrize("path", ["ticket/{}", "ticket/{}/explain", "jobs/{}"])
async def test_an_unknown_ticket_is_not_found(api: httpx2.AsyncClient, id: str, path: str) -> None:
    answer = await api.get("/api/v1/" + path.format(id))
    assert answer.status_code == 404
    assert answer.json()["action"]


async def test_only_tickets_in_the_asked_states_are_listed(api: httpx2.AsyncClient, parked) -> None:
    waiting = await parked()
    await file(api)
    for words in ("needs_approval", "NEEDS_APPROVAL", "needs_approval,completed"):
        page = (await api.get("/api/v1/tickets", params={"state": words})).json()
        assert [t["ticket_id"] for t in page["items"]] == [waiting]
    page = (await api.get("/api/v1/tickets", params=[("state", "needs_approval"), ("state", "pending")])).json()
    assert page["total"] == 2


async def test_an_unknown_state_names_the_known_ones(api: httpx2.AsyncClient) -> None:
    answer = await api.get("/api/v1/tickets?state=sleeping")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "state"
    assert "NEEDS_APPROVAL" in answer.json()["errors"][0]["fix"]


async def test_paging_shows_every_ticket_once(api: httpx2.AsyncClient) -> None:
    filed = {await file(api) for _ in range(7)}
    pages = [(await api.get(f"/api/v1/tickets?limit=3&offset={n}")).json() for n in (0, 3, 6)]
    assert {t["ticket_id"] for page in pages for t in page["items"]} == filed
    assert [len(page["items"]) for page in pages] == [3, 3, 1]
    assert {page["total"] for page in pages} == {7}


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "offset=-1", "offset=99999999999999999999"])
async def test_pages_out_of_bounds_are_refused_by_name(api: httpx2.AsyncClient, query: str) -> None:
    answer = await api.get(f"/api/v1/tickets?{query}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == query.partition("=")[0]


async def test_words_find_tickets_by_title_and_author(api: httpx2.AsyncClient) -> None:
    await file(api)
    await file(api, {"search": {"title": "Emma", "author": "Jane Austen"}})
    for words, found in (("time machine", 1), ("AUSTEN", 1), ("%", 0), ("a\x00b", 0), ("zebra", 0)):
        assert (await api.get("/api/v1/tickets", params={"q": words})).json()["total"] == found


async def test_a_cancelled_ticket_cannot_be_cancelled_again(api: httpx2.AsyncClient) -> None:
    ticket_id = await file(api)
    first = await api.delete(f"/api/v1/ticket/{ticket_id}")
    assert (first.status_code, first.json()["state"]) == (200, "CANCELLED")
    assert first.json()["state_details"]["cancelled_by"] == "admin"
    second = await api.delete(f"/api/v1/ticket/{ticket_id}")
    assert second.status_code == 409
    assert "nowhere" in second.json()["action"]


async def test_a_ticket_that_needs_approval_shows_its_candidates_and_doubts(api, parked) -> None:
    seen = (await api.get(f"/api/v1/ticket/{await parked()}")).json()
    details = seen["state_details"]
    assert [c["title"] for c in details["candidates"]] == ["Right", "Near", "Bad"]
    assert details["reason"] == {"code": "LowConfidence", "score": 0.8, "threshold": 0.85, "text": "0.80 is below 0.85"}
    assert (details["recommended_idx"], details["confidence"]) == (0, 0.8)
    assert seen["candidates"][2]["gates"][0]["code"] == "no_seeders"
    assert seen["candidates"][0]["components"][0]["name"] == "title"


async def test_a_private_magnet_never_shows_the_passkey(api, parked) -> None:
    text = (await api.get(f"/api/v1/ticket/{await parked()}")).text
    assert "passkey" not in text
    assert "magnet:?xt=urn:btih:aa" in text


@pytest.mark.parametrize("body", [None, {}, {"candidate_idx": None}])
async def test_approval_without_an_index_takes_the_recommended_candidate(api, parked, body) -> None:
    ticket_id = await parked()
    answer = await api.post(f"/api/v1/ticket/{ticket_id}/approve", **({"json": body} if body is not None else {}))
    assert (answer.status_code, answer.json()["state"]) == (200, "APPROVED")
    details = (await api.get(f"/api/v1/ticket/{ticket_id}")).json()["state_details"]
    assert (details["selected_idx"], details["selected"]["title"], details["approved_by"]) == (0, "Right", "admin")


async def test_approval_with_an_index_takes_that_candidate(api, parked) -> None:
    answer = await api.post(f"/api/v1/ticket/{await parked()}/approve", json={"candidate_idx": 1})
    assert answer.json()["state_details"]["selected_idx"] == 1


@pytest.mark.parametrize("idx", [3, 99999, -1, "0", 0.5, True])
async def test_a_bad_index_is_refused_and_changes_nothing(api, parked, idx) -> None:
    ticket_id = await parked()
    answer = await api.post(f"/api/v1/ticket/{ticket_id}/approve", json={"candidate_idx": idx})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "candidate_idx"
    assert (await api.get(f"/api/v1/ticket/{ticket_id}")).json()["state"] == "NEEDS_APPROVAL"


@pytest.mark.parametrize(
    ("action", "body"), [("approve", {}), ("reject", {}), ("retry", None), ("force-search", {"query": "x"})]
)
async def test_a_decision_in_the_wrong_state_is_a_conflict(api, action, body) -> None:
    answer = await api.post(
        f"/api/v1/ticket/{await file(api)}/{action}", **({"json": body} if body is not None else {})
    )
    assert answer.status_code == 409
    assert answer.json()["code"] == "illegal_transition"


async def test_a_rejection_keeps_reason_and_actor(api, parked) -> None:
    answer = await api.post(f"/api/v1/ticket/{await parked()}/reject", json={"reason": "Wrong album"})
    assert answer.json()["state"] == "REJECTED"
    assert answer.json()["state_details"] | {"rejected_at": 0} == {
        "rejected_at": 0,
        "rejected_by": "admin",
        "reason": "Wrong album",
    }


async def test_a_failed_ticket_tells_why_and_can_be_tried_again(api, move, house: House) -> None:
    ticket_id = await file(api)
    why = Reason("site_down", "The site did not answer.", "Wait.", {"status": 503})
    await move(ticket_id, Failed(house.now(), TicketState.SEARCHING, why, retryable=True, retry_count=3))
    details = (await api.get(f"/api/v1/ticket/{ticket_id}")).json()["state_details"]
    assert details["error"] == "The site did not answer."
    assert (details["code"], details["failed_at_state"], details["retry_count"]) == ("site_down", "SEARCHING", 3)
    assert (await api.post(f"/api/v1/ticket/{ticket_id}/retry")).json()["state"] == "PENDING"


async def test_what_cannot_be_retried_is_a_conflict(api, move, house: House) -> None:
    ticket_id = await file(api)
    why = Reason("unsupported_kind", "Not yet.", "Update.")
    await move(ticket_id, Failed(house.now(), TicketState.PENDING, why, retryable=False, retry_count=0))
    answer = await api.post(f"/api/v1/ticket/{ticket_id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_retryable")


async def test_a_forced_search_uses_the_given_words(api, parked) -> None:
    answer = await api.post(f"/api/v1/ticket/{await parked()}/force-search", json={"query": "time machine wells"})
    assert answer.json()["state"] == "PENDING"
    assert answer.json()["state_details"]["query"] == "time machine wells"


async def test_a_forced_magnet_goes_straight_to_downloading(api) -> None:
    magnet = f"magnet:?xt=urn:btih:{HASH}&dn=Book"
    answer = await api.post(f"/api/v1/ticket/{await file(api)}/force-magnet", json={"magnet_uri": magnet})
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "DOWNLOADING"
    assert answer.json()["state_details"]["torrent_hash"] == HASH


@pytest.mark.parametrize("uri", ["", "http://x", "magnet:?dn=x", "magnet:?xt=urn:btih:zz", 5])
async def test_what_is_no_magnet_is_refused(api, uri) -> None:
    answer = await api.post(f"/api/v1/ticket/{await file(api)}/force-magnet", json={"magnet_uri": uri})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "magnet_uri"


async def test_explain_shows_the_decision_and_all_candidates(api, parked) -> None:
    told = (await api.get(f"/api/v1/ticket/{await parked()}/explain")).json()
    assert (told["chosen_idx"], told["threshold"], told["needs_a_human"]) == (0, 0.85, True)
    assert told["queries"] == ["time machine"]
    assert [c["score"] for c in told["candidates"]] == [0.8, 0.6, 0.0]


async def test_explain_says_who_approved(api, parked) -> None:
    ticket_id = await parked()
    assert (await api.get(f"/api/v1/ticket/{ticket_id}/explain")).json()["approved_by"] is None
    assert (await api.post(f"/api/v1/ticket/{ticket_id}/approve", json={})).status_code == 200
    told = (await api.get(f"/api/v1/ticket/{ticket_id}/explain")).json()
    assert told["approved_by"]
    assert told["approved_by"] != "earmark"


async def test_explain_shows_the_witness_with_its_question_and_answer(api, parked, house: House) -> None:
    ticket_id = TicketId(await parked())
    doubt = ApprovalReason(ApprovalCode.LOW_CONFIDENCE, {"score": 0.8, "threshold": 0.85}, "Not sure enough.")
    heard = WitnessRecord(
        "local", "m-7b", "witness-1", Effect.APPROVED, "The witness is sure.", 0.8, "g1", (doubt,), ("g1",), ("g2",),
        (Opinion("g1", 1.0, 0.9, "Same voice.", (Placed("t1", "a.mp3"),)),), "Be careful.", "<data>", "{}",
    )  # fmt: skip
    async with house.write() as tx:
        made = (await decisions.of_ticket(tx, ticket_id))[-1].decision
        await decisions.record(tx, ticket_id, replace(made, witness=heard), {}, [], house.now())
    told = (await api.get(f"/api/v1/ticket/{ticket_id}/explain")).json()["witness"]
    assert (told["effect"], told["prompt"], told["answer"], told["fault"]) == ("approved", "<data>", "{}", None)
    assert told["opinions"] == [
        {"guid": "g1", "same_work": 1.0, "same_edition": 0.9, "note": "Same voice.",
         "mapping": [{"catalog_track_id": "t1", "path": "a.mp3"}]}
    ]  # fmt: skip
    assert told["rules_reasons"] == [
        {"code": "LowConfidence", "score": 0.8, "threshold": 0.85, "text": "Not sure enough."}
    ]


async def test_explain_shows_why_the_witness_was_not_heard(api, parked, house: House) -> None:
    ticket_id = TicketId(await parked())
    fault = Reason("witness_late", "It did not answer within 30 s.", "Nothing to do.")
    heard = WitnessRecord(
        "openai", "m", "witness-1", Effect.FELL_BACK, "The rules decided alone.", 0.8, None, fault=fault
    )
    async with house.write() as tx:
        made = (await decisions.of_ticket(tx, ticket_id))[-1].decision
        await decisions.record(tx, ticket_id, replace(made, witness=heard), {}, [], house.now())
    told = (await api.get(f"/api/v1/ticket/{ticket_id}/explain")).json()["witness"]
    assert (told["effect"], told["fault"]["code"]) == ("fell_back", "witness_late")


async def test_nothing_to_explain_yet_says_so(api) -> None:
    answer = await api.get(f"/api/v1/ticket/{await file(api)}/explain")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_decision")


async def test_a_waiting_ticket_says_why_and_until_when(api, house: House) -> None:
    ticket_id = await file(api)
    until = house.now() + timedelta(minutes=1)
    async with house.write() as tx:
        waiting = Waiting(Reason("site_busy", "Too many requests.", "Nothing to do."), house.now(), until)
        await tickets.wait(tx, TicketId(ticket_id), waiting, wake_at=until, at=house.now())
    seen = (await api.get("/api/v1/tickets")).json()["items"][0]["waiting"]
    assert (seen["code"], seen["until"]) == ("site_busy", "2026-11-20T12:01:00Z")


def torrent_of(ticket_id: str, house: House, **facts) -> TorrentRecord:
    return TorrentRecord(
        info_hash=InfoHash(HASH),
        client="embedded",
        ticket_id=TicketId(ticket_id),
        name="Book",
        save_path="/downloads",
        size_bytes=1000,
        private=True,
        added_at=house.now(),
        indexer="mam",
        guid="https://tracker.test/t/1",
        entries=(TorrentEntry("Book/1.mp3", 1000),),
        **facts,
    )


async def delivered(api, move, house: House) -> str:
    ticket_id = await file(api)
    now = house.now()
    await move(ticket_id, Downloading(HASH, now))
    async with house.write() as tx:
        held = torrent_of(ticket_id, house, state=TorrentState.SEEDING, progress=1.0, completed_at=now)
        await torrents.record(tx, held)
    await move(ticket_id, Converting(HASH, now, 1))
    await move(ticket_id, Placing(HASH, now, 1))
    stats = CompletionStats(1000, 2.5, 1.0, 900)
    await move(ticket_id, Completed(now, stats, "/books/Wells/The Time Machine", ("The Time Machine.m4b",)))
    return ticket_id


async def test_a_completed_ticket_shows_statistics_files_and_torrent(api, move, house: House) -> None:
    seen = (await api.get(f"/api/v1/ticket/{await delivered(api, move, house)}")).json()
    assert seen["state_details"]["stats"] == {
        "total_download_bytes": 1000,
        "download_duration_secs": 2.5,
        "conversion_duration_secs": 1.0,
        "final_size_bytes": 900,
    }
    assert (seen["library_path"], seen["files"]) == ("/books/Wells/The Time Machine", ["The Time Machine.m4b"])
    assert seen["torrent"]["files"] == [{"path": "Book/1.mp3", "size": 1000}]
    states = [entry["state"] for entry in seen["history"]]
    assert states == ["PENDING", "DOWNLOADING", "CONVERTING", "PLACING", "COMPLETED"]


async def test_a_delivered_book_is_a_done_job_that_still_shows_its_seeding_hours(api, move, house: House) -> None:
    ticket_id = await delivered(api, move, house)
    job = (await api.get(f"/api/v1/jobs/{ticket_id}")).json()
    assert (job["status"], job["torrent_hash"], job["guid"]) == ("done", HASH, "https://tracker.test/t/1")
    assert job["timers"]["needed_seconds"] == 72 * 3600
    assert job["timers"]["seed_seconds"] == 0


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (None, "queued"),
        (lambda now: [Searching(now)], "queued"),
        (lambda now: [Searching(now), Matching(now, 0)], "queued"),
        (lambda now: [Downloading(HASH, now)], "downloading"),
        (lambda now: [Downloading(HASH, now, 100.0, finished_at=now)], "seeding"),
        (lambda now: [Downloading(HASH, now), Converting(HASH, now, 1)], "processing"),
        (lambda now: [Failed(now, TicketState.PENDING, Reason("x", "It broke.", "Fix."), True, 0)], "failed"),
    ],
)
async def test_a_job_names_the_tickets_state_in_document_000s_words(api, move, house, payload, status) -> None:
    ticket_id = await file(api)
    for step in payload(house.now()) if payload else ():
        await move(ticket_id, step)
    page = (await api.get("/api/v1/jobs")).json()
    assert (page["total"], page["items"][0]["status"]) == (1, status)
    assert page["items"][0]["message"]
    assert (await api.get(f"/api/v1/jobs/{ticket_id}")).json() == page["items"][0]


TORRENT = b"d4:infod6:lengthi5e4:name6:a book12:piece lengthi16384e6:pieces20:" + b"x" * 20 + b"ee"


async def test_a_torrent_file_is_taken_as_it_is_and_a_refused_one_leaves_nothing(
    api: httpx2.AsyncClient, house: House
) -> None:
    ticket_id = await file(api)
    path = f"/api/v1/ticket/{ticket_id}/force-torrent"
    kind = {"Content-Type": "application/x-bittorrent"}
    wrong = await api.post(path, content=b"<html>", headers=kind)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "not_a_torrent")
    taken = await api.post(path, content=TORRENT, headers=kind)
    assert (taken.status_code, taken.json()["state"]) == (200, "DOWNLOADING")
    late = await api.post(path, content=TORRENT.replace(b"6:a book", b"6:b book"), headers=kind)
    assert late.status_code == 409
    assert len(list(house.torrent_dir.iterdir())) == 1


async def test_an_answer_nobody_asked_for_is_refused_with_the_reason(api: httpx2.AsyncClient) -> None:
    answer = await api.post(f"/api/v1/ticket/{await file(api)}/answer", json={"answer": "names"})
    assert answer.json()["code"] == "nothing_asked"


async def test_what_does_not_stand_on_the_shelf_cannot_be_taken_back(api: httpx2.AsyncClient) -> None:
    answer = await api.post(f"/api/v1/ticket/{await file(api)}/undo")
    assert answer.json()["code"] == "nothing_to_undo"


async def test_media_settings_are_shown_tried_and_refused_where_no_file_may_be_changed(api: httpx2.AsyncClient) -> None:
    shown = (await api.get("/api/v1/settings/media")).json()
    assert {"library.pattern", "library.method", "converter.codec"} <= {one["name"] for one in shown}
    body = {"pattern": "{author}/{series/}{title}", "use_series_folders": False}
    tried = (await api.post("/api/v1/settings/media/preview", json=body)).json()
    assert any(one["path"].startswith("Jules Verne/") for one in tried)
    wrong = await api.post("/api/v1/settings/media/preview", json={"pattern": "{auther}"})
    assert "author" in wrong.json()["action"]
    put = await api.put("/api/v1/settings/media", json={"settings": {"library.pattern": "{title}"}})
    assert put.json()["code"] == "settings_fixed"
