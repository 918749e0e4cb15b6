from __future__ import annotations

import json
from dataclasses import replace

import pytest
from prowlarr_face import FEED_BOOK, MAM_BOOK, assert_no_nulls, two_indexers
from stub_indexers import StubIndexer

from earmark.core.reasons import PermanentError, Reason, TransientError
from earmark.core.wish import Kind
from earmark.pipeline.matching import SoberMatcher

SEARCH = "/api/v1/search"
PUSH = "/api/v1/release/push"
GONE = PermanentError(Reason("torrent_gone", "The release is no longer there.", "Choose another."))


@pytest.fixture
async def found(house, api):
    """Both books have been searched for."""
    house.matcher = SoberMatcher(0.85)
    house.indexers |= two_indexers()
    assert len((await api.get(SEARCH, params={"query": "kings"})).json()) == 2
    return house.indexers


def wanted(**other) -> dict:
    return {"guid": MAM_BOOK.guid, "indexerId": 1, **other}


async def test_a_grab_is_answered_with_what_was_posted_and_names_its_ticket(api, found) -> None:
    answer = await api.post(SEARCH, json=wanted())
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert_no_nulls(told)
    assert (told["guid"], told["indexerId"], told["age"], told["size"], told["imdbId"]) == (MAM_BOOK.guid, 1, 0, 0, 0)
    ticket = (await api.get(f"/api/v1/ticket/{answer.headers['x-earmark-ticket']}")).json()
    assert ticket["state"] == "APPROVED"


async def test_a_program_may_post_the_whole_release_back(api, found) -> None:
    release = (await api.get(SEARCH, params={"query": "kings", "indexerIds": 1})).json()[0]
    answer = await api.post(SEARCH, json=release | {"unknown": {"key": 1}, "downloadClientId": 1})
    assert answer.json() == release | {"downloadClientId": 1}


async def test_the_same_grab_again_is_the_same_ticket(api, found) -> None:
    first = await api.post(SEARCH, json=wanted())
    again = await api.post(SEARCH, json=wanted())
    pushed = await api.post(PUSH, json=wanted())
    assert first.headers["x-earmark-ticket"] == again.headers["x-earmark-ticket"] == pushed.headers["x-earmark-ticket"]
    assert len(found["mam"].fetched) == 1


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, ["Guid", "IndexerId"]),
        ({"guid": "", "indexerId": 1}, ["Guid"]),
        ({"guid": None, "indexerId": 1}, ["Guid"]),
        ({"guid": "x"}, ["IndexerId"]),
        ({"guid": "x", "indexerId": 0}, ["IndexerId"]),
        ({"guid": "x", "indexerId": -1}, ["IndexerId"]),
    ],
    ids=lambda value: "-".join(value) or "nothing",
)
async def test_what_is_missing_is_named_as_prowlarr_names_it(api, found, body, names) -> None:
    answer = await api.post(SEARCH, json=body)
    assert answer.status_code == 400
    assert [one["propertyName"] for one in answer.json()] == names
    assert all({"errorMessage", "severity", "errorCode", "attemptedValue"} <= one.keys() for one in answer.json())


@pytest.mark.parametrize("body", ['{"guid": 5, "indexerId": "x"}', "[]", "{broken", '"text"'])
async def test_a_body_that_does_not_bind_is_refused_with_problem_details(api, found, body) -> None:
    answer = await api.post(SEARCH, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json; charset=utf-8"
    assert answer.json()["status"] == 400


@pytest.mark.parametrize(("guid", "indexer"), [("never seen", 1), (MAM_BOOK.guid, 2), (MAM_BOOK.guid, 2**31 - 1)])
async def test_what_nobody_was_offered_cannot_be_grabbed(api, found, guid, indexer) -> None:
    answer = await api.post(SEARCH, json={"guid": guid, "indexerId": indexer})
    assert answer.status_code == 404
    assert answer.json()["message"] == "Couldn't find requested release in cache, try searching again"


async def test_an_indexer_that_does_not_give_the_torrent_makes_a_409_with_its_reason(api, found) -> None:
    found["mam"].error = GONE
    answer = await api.post(SEARCH, json=wanted())
    assert answer.status_code == 409
    assert answer.json()["message"] == "Getting release from indexer failed"
    assert "no longer there" in answer.json()["description"] and "Choose another." in answer.json()["description"]
    assert (await api.get("/api/v1/tickets")).json()["total"] == 0


async def test_a_guid_with_a_line_break_can_be_grabbed(api, found) -> None:
    found["mam"].releases = [replace(MAM_BOOK, guid="line one\nline two\ud800")]
    release = (await api.get(SEARCH, params={"query": "kings", "indexerIds": 1})).json()[0]
    assert (await api.post(SEARCH, json=release)).status_code == 200


@pytest.mark.parametrize("half", ["\\ud800", "\\u0000", "\\u001b[31m"])
async def test_odd_characters_in_what_is_posted_break_nothing(api, found, half) -> None:
    headers = {"Content-Type": "application/json"}
    grab = f'{{"guid": "{MAM_BOOK.guid}", "indexerId": 1, "title": "{half}"}}'
    assert (await api.post(SEARCH, content=grab, headers=headers)).status_code == 200
    strange = f'{{"guid": "{half}", "indexerId": 1}}'
    assert (await api.post(SEARCH, content=strange, headers=headers)).status_code == 404
    pushed = json.dumps(PUSHED | {"title": "Emma by HALF Jane Austen"}).replace("HALF", half)
    assert (await api.post(PUSH, content=pushed, headers=headers)).json()[0]["approved"]


async def test_music_is_refused_with_the_way_to_file_it(api, found) -> None:
    found["jackett"].releases = [
        replace(FEED_BOOK, guid="m", kind=Kind.MUSIC, categories=(3010,), title="Band - Album")
    ]
    await api.get(SEARCH, params={"query": "album", "indexerIds": 2})
    answer = await api.post(SEARCH, json={"guid": "m", "indexerId": 2})
    assert answer.status_code == 400
    assert "POST /api/v1/ticket" in answer.json()["description"]


async def test_many_are_grabbed_at_once_and_those_that_could_be_are_told(api, found) -> None:
    other = {"guid": "never seen", "indexerId": 1}
    answer = await api.post(f"{SEARCH}/bulk", json=[wanted(), other, {"guid": ""}])
    assert (answer.status_code, [one["guid"] for one in answer.json()]) == (200, [MAM_BOOK.guid])
    none = await api.post(f"{SEARCH}/bulk", json=[other])
    assert (none.status_code, none.json()) == (400, {"message": "Failed to grab any release"})


# --- pushed ---

PUSHED = {
    "title": "Andy Weir - Project Hail Mary (Unabridged) [M4B]",
    "magnetUrl": "magnet:?xt=urn:btih:" + "cd" * 20,
    "protocol": "torrent",
    "publishDate": "2026-11-19T08:00:00.1234567Z",
    "indexer": "autobrr",
    "size": 12345,
    "indexerFlags": 0,
    "categories": [3030, {"id": 100001}],
}


async def test_a_pushed_release_becomes_a_ticket(api, found) -> None:
    answer = await api.post(PUSH, json=PUSHED)
    assert answer.status_code == 200, answer.text
    (told,) = answer.json()
    assert (told["approved"], told["rejected"], told["temporarilyRejected"], told["rejections"]) == (
        True,
        False,
        False,
        [],
    )
    assert (told["title"], told["size"], told["publishDate"]) == (PUSHED["title"], 12345, "2026-11-19T08:00:00Z")
    assert told["ticketId"] == told["jobId"] == answer.headers["x-earmark-ticket"]
    ticket = (await api.get(f"/api/v1/ticket/{told['ticketId']}")).json()
    assert ticket["ticket_id"] == told["ticketId"]
    assert (await api.get("/api/v1/jobs")).json()["items"][0]["id"] == told["jobId"]
    assert (await api.post(PUSH, json=PUSHED)).json()[0]["ticketId"] == told["ticketId"]


async def test_a_release_of_a_search_can_be_pushed_by_its_guid(api, found) -> None:
    (told,) = (await api.post(PUSH, json=wanted())).json()
    assert told["approved"] and told["ticketId"]
    assert (await api.post(PUSH, json=wanted(guid="never seen"))).status_code == 404


async def test_our_own_link_pushed_back_is_the_same_ticket(api, found) -> None:
    release = (await api.get(SEARCH, params={"query": "kings", "indexerIds": 1})).json()[0]
    (told,) = (
        await api.post(PUSH, json={k: release[k] for k in ("title", "downloadUrl", "protocol", "publishDate")})
    ).json()
    assert (await api.post(SEARCH, json=wanted())).headers["x-earmark-ticket"] == told["ticketId"]


@pytest.mark.parametrize(
    ("without", "named"),
    [
        ("title", "Title"),
        ("magnetUrl", "DownloadUrl"),
        ("protocol", "Protocol"),
        ("publishDate", "PublishDate"),
    ],
)
async def test_what_a_pushed_release_lacks_is_named(api, found, without, named) -> None:
    answer = await api.post(PUSH, json={k: v for k, v in PUSHED.items() if k != without})
    assert answer.status_code == 400
    assert [one["propertyName"] for one in answer.json()] == [named]


@pytest.mark.parametrize("date", ["yesterday", "2026-13-45", "0001-01-01T00:00:00+23:00"])
async def test_a_date_that_is_none_is_refused(api, found, date) -> None:
    answer = await api.post(PUSH, json=PUSHED | {"publishDate": date})
    assert (answer.status_code, answer.json()[0]["propertyName"]) == (400, "PublishDate")


@pytest.mark.parametrize("link", ["ftp://a/b", "file:///etc/passwd", "no link", "http://"])
async def test_what_is_no_address_is_refused(api, found, link) -> None:
    answer = await api.post(PUSH, json={k: v for k, v in PUSHED.items() if k != "magnetUrl"} | {"downloadUrl": link})
    assert (answer.status_code, answer.json()[0]["propertyName"]) == (400, "DownloadUrl")


async def test_what_cannot_be_taken_is_rejected_with_the_reason(api, found) -> None:
    (usenet,) = (await api.post(PUSH, json=PUSHED | {"protocol": "usenet"})).json()
    assert (usenet["approved"], usenet["rejected"]) == (False, True) and "torrents only" in usenet["rejections"][0]
    (music,) = (
        await api.post(PUSH, json=PUSHED | {"title": "Band - Album (2020) [FLAC]", "categories": [3040]})
    ).json()
    assert music["rejected"] and "ticketId" not in music and "music" in music["rejections"][0]


async def test_what_may_work_later_is_rejected_for_now(api, found, house) -> None:
    away = TransientError(Reason("site_unavailable", "It is away.", "Nothing to do."))
    house.link_fetcher = StubIndexer("push", error=away)
    body = {k: v for k, v in PUSHED.items() if k != "magnetUrl"} | {"downloadUrl": "https://site.test/x.torrent"}
    (told,) = (await api.post(PUSH, json=body)).json()
    assert (told["approved"], told["rejected"], told["temporarilyRejected"]) == (False, False, True)
    assert "It is away." in told["rejections"][0]


async def test_a_users_key_may_grab_and_push(anybody, found) -> None:
    anybody.headers["X-Api-Key"] = "the-user-key"
    assert (await anybody.post(SEARCH, json=wanted())).status_code == 200
    assert (await anybody.post(PUSH, json=PUSHED)).status_code == 200


async def test_autobrr_reads_one_object_under_the_first_version_and_a_list_under_the_third(api, found) -> None:
    autobrr = {"User-Agent": "autobrr/1.70"}
    one = await api.post(PUSH, json=PUSHED, headers=autobrr)
    many = await api.post("/api/v3/release/push", json=PUSHED, headers=autobrr)
    assert isinstance(one.json(), dict) and [one.json()] == many.json() == (await api.post(PUSH, json=PUSHED)).json()
    refused = (await api.post(PUSH, json=PUSHED | {"protocol": "usenet"}, headers=autobrr)).json()
    assert refused["rejected"] and refused["rejections"]
    lacking = await api.post(PUSH, json=PUSHED | {"title": ""}, headers=autobrr)
    assert (lacking.status_code, lacking.json()[0]["propertyName"]) == (400, "Title")
