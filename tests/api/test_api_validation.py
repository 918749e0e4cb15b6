from __future__ import annotations

import copy
import json
from pathlib import Path

import httpx2
import pytest

from earmark.api.app import create_app
from earmark.api.languages import two_letter_code
from earmark.pipeline.house import House
from earmark.settings_shelf import LibrarySettings

ADMIN = {"Authorization": "Bearer the-admin-key"}
BOOK = {"kind": "audiobook", "search": {"title": "Emma"}}
ALBUM = {
    "search": {"artist": "A", "album": "B"},
    "tracks": [
        {"catalog_track_id": "t1", "track_number": 1, "name": "One", "duration_secs": 3, "dest_path": "/media/a/1.ogg"},
        {"catalog_track_id": "t2", "track_number": 2, "name": "Two", "duration_secs": 3, "dest_path": "/media/a/2.ogg"},
    ],
    "images": [{"catalog_image_id": "i", "dest_path": "/media/a/cover.jpg"}],
}
GONE = object()


def changed(body, path: str, value):
    """A copy of `body` with one place changed: "tracks.0.name"."""
    made = copy.deepcopy(body)
    at = made
    *way, last = [int(p) if p.isdigit() else p for p in path.split(".")]
    for step in way:
        at = at[step]
    if value is GONE:
        del at[last]
    else:
        at[last] = value
    return made


def field_named(path: str) -> str:
    name = ""
    for part in path.split("."):
        name += f"[{part}]" if part.isdigit() else f".{part}"
    return name.lstrip(".")


MUSIC_CASES = [
    ("tracks", []),
    ("tracks", {}),
    ("tracks.0.dest_path", "media/a.ogg"),
    ("tracks.0.dest_path", "/media/../etc/passwd"),
    ("tracks.0.dest_path", "/media/./a.ogg"),
    ("tracks.0.dest_path", "/media//a.ogg"),
    ("tracks.0.dest_path", "/media/a/"),
    ("tracks.0.dest_path", "/etc/cron.d/x"),
    ("tracks.0.dest_path", "/media"),
    ("tracks.0.dest_path", "/mediaeval/a.ogg"),
    ("tracks.0.dest_path", "/media/" + "x" * 300),
    ("tracks.0.dest_path", "/media/a\x00b.ogg"),
    ("tracks.0.dest_path", "/media/a\nb.ogg"),
    ("tracks.0.dest_path", ""),
    ("tracks.0.dest_path", GONE),
    ("tracks.1.dest_path", "/media/a/1.ogg"),
    ("images.0.dest_path", "/media/a/2.ogg"),
    ("images.0.dest_path", "cover.jpg"),
    ("tracks.1.catalog_track_id", "t1"),
    ("tracks.0.duration_secs", 0),
    ("tracks.0.duration_secs", -1),
    ("tracks.0.duration_secs", "284"),
    ("tracks.0.duration_secs", float("nan")),
    ("tracks.0.track_number", 0),
    ("tracks.0.track_number", "1"),
    ("tracks.0.track_number", True),
    ("tracks.0.track_number", GONE),
    ("tracks.0.disc_number", 0),
    ("tracks.0.name", ""),
    ("tracks.0.name", "  "),
    ("tracks.0.nmae", "x"),
    ("search.artist", GONE),
    ("search.album", "x" * 501),
    ("search.year", 2201),
    ("search.year", "1997"),
    ("search.title", "x"),
    ("constraints", {"format": "wma"}),
    ("metadata_to_embed", {"bad/key": "x"}),
]

BOOK_CASES = [
    ("kind", "podcast"),
    ("kind", None),
    ("kind", 5),
    ("search", GONE),
    ("search", "Emma"),
    ("search.title", GONE),
    ("search.title", ""),
    ("search.title", 7),
    ("search.title", "x" * 501),
    ("search.title", "a\x00b"),
    ("search.title", "a\ud800b"),
    ("search.author", 5),
    ("search.author", [5]),
    ("search.author", ["x"] * 51),
    ("search.year", -1),
    ("search.year", 10**30),
    ("search.isbn", "12345"),
    ("search.asin", "too-short"),
    ("search.language", "klingon"),
    ("search.abridged", "no"),
    ("search.runtime_secs", 0),
    ("search.tilte", "x"),
    ("priority", 1001),
    ("priority", -1001),
    ("priority", 1.5),
    ("priority", "1"),
    ("ticket_id", "5"),
    ("ticket_id", ""),
    ("ticket_id", 5),
    ("ticket_id", "{123e4567-e89b-42d3-a456-426614174000}"),
    ("created_at", "yesterday"),
    ("tracks", []),
    ("constraints", {"format": "mp3"}),
    ("constraints", {"bitrate_kbps": 0}),
    ("constraints", []),
    ("metadata_to_embed", []),
    ("metadata_to_embed", {"artist": []}),
]


@pytest.mark.parametrize(
    ("body", "path", "value"), [*((ALBUM, *c) for c in MUSIC_CASES), *((BOOK, *c) for c in BOOK_CASES)]
)
async def test_a_bad_field_is_named_with_its_fix(api: httpx2.AsyncClient, body, path, value) -> None:
    text = json.dumps(changed(body, path, value))
    answer = await api.post("/api/v1/ticket", content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    errors = answer.json()["errors"]
    assert all(e["message"] and e["fix"] for e in errors)
    fields = [e["field"] for e in errors]
    assert any(f.startswith(field_named(path)) for f in fields), fields
    assert (await api.get("/api/v1/tickets")).json()["total"] == 0


@pytest.mark.parametrize(
    ("body", "path", "value", "kept"),
    [
        (BOOK, "search.author", "A", {"author": ["A"]}),
        (BOOK, "search.author", ["A", "B"], {"author": ["A", "B"]}),
        (BOOK, "search.series_index", 2.5, {"series_index": "2.5"}),
        (BOOK, "search.series_index", "1-3", {"series_index": "1-3"}),
        (BOOK, "search.language", "ENG", {"language": "en"}),
        (BOOK, "search.language", "ger", {"language": "de"}),
        (BOOK, "search.language", "pt-BR", {"language": "pt"}),
        (BOOK, "search.isbn", "978-0-261-10235-4", {"isbn": "9780261102354"}),
        (BOOK, "search.isbn", "026110235x", {"isbn": "026110235X"}),
        (BOOK, "search.asin", "b017v4im1g", {"asin": "B017V4IM1G"}),
        (BOOK, "search.title", "  Émile, 第一章 😀 ", {"title": "Émile, 第一章 😀"}),
        (BOOK, "search.year", 0, {"year": 0}),
        (ALBUM, "search.genres", ["x"], {"genres": ["x"]}),
    ],
)
async def test_good_values_are_kept_in_their_plain_form(api: httpx2.AsyncClient, body, path, value, kept) -> None:
    answer = await api.post("/api/v1/ticket", json=changed(body, path, value))
    assert answer.status_code == 201, answer.text
    seen = (await api.get(answer.json()["links"]["self"])).json()["search"]
    assert seen | kept == seen


async def test_tracks_alone_make_a_music_ticket_and_anything_else_an_audiobook(api: httpx2.AsyncClient) -> None:
    for body, kind in (
        (ALBUM, "music"),
        ({"search": {"title": "Emma"}}, "audiobook"),
        (BOOK | {"kind": "ebook"}, "ebook"),
    ):
        filed = (await api.post("/api/v1/ticket", json=body)).json()
        assert (await api.get(filed["links"]["self"])).json()["kind"] == kind


async def test_a_track_may_carry_its_id_as_id_and_be_unwanted(api: httpx2.AsyncClient) -> None:
    body = copy.deepcopy(ALBUM)
    body["tracks"][0]["id"] = body["tracks"][0].pop("catalog_track_id")
    body["tracks"][0]["requested"] = False
    filed = (await api.post("/api/v1/ticket", json=body)).json()
    tracks = (await api.get(filed["links"]["self"])).json()["tracks"]
    assert (tracks[0]["catalog_track_id"], tracks[0]["requested"]) == ("t1", False)


async def test_without_a_music_library_any_absolute_path_will_do(house) -> None:
    house.settings = house.settings.model_copy(update={"library": LibrarySettings(audiobooks=Path("/books"))})
    transport = httpx2.ASGITransport(app=create_app(house))
    async with httpx2.AsyncClient(transport=transport, base_url="http://earmark.test", headers=ADMIN) as api:
        body = changed(ALBUM, "tracks.0.dest_path", "/elsewhere/1.ogg")
        assert (await api.post("/api/v1/ticket", json=body)).status_code == 201


async def test_a_misspelt_field_is_met_with_the_right_one(api: httpx2.AsyncClient) -> None:
    answer = await api.post("/api/v1/ticket", json=changed(BOOK, "search.narator", "x"))
    assert answer.json()["errors"] == [
        {"field": "search.narator", "message": "is not a known field", "fix": "Did you mean narrator?"}
    ]


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('{"search": \n  {"title": "x",}}', "line 2, column 1"),  # 17, or from Python 3.13 on 16
        ("", "is missing"),
        ("nonsense", "line 1, column 1"),
        ('{"search": {"title": "x"', "line 1, column 25"),
    ],
)
async def test_broken_json_is_located(api: httpx2.AsyncClient, text: str, where: str) -> None:
    answer = await api.post("/api/v1/ticket", content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert where in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"a":' * 50_000, b"\xff\xfe{}", b'{"priority": ' + b"9" * 5000 + b"}"]
)
async def test_hostile_json_is_a_bad_request(api: httpx2.AsyncClient, content: bytes) -> None:
    answer = await api.post("/api/v1/ticket", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("text", ["[]", "5", "null", '"x"', "true"])
async def test_json_that_is_no_object_is_a_bad_request(api: httpx2.AsyncClient, text: str) -> None:
    answer = await api.post("/api/v1/ticket", content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "body"


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
async def test_a_body_that_is_not_sent_as_json_is_refused(api: httpx2.AsyncClient, kind: str) -> None:
    answer = await api.post("/api/v1/ticket", content=json.dumps(BOOK), headers={"Content-Type": kind} if kind else {})
    assert (answer.status_code, answer.json()["code"]) == (415, "not_json")


async def test_a_body_beyond_one_mebibyte_is_refused_announced_or_not(api: httpx2.AsyncClient) -> None:
    async def drip():
        for _ in range(40):
            yield b" " * 65536

    for content in (b" " * (1024 * 1024 + 1), drip()):
        answer = await api.post("/api/v1/ticket", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_the_largest_sane_album_is_accepted(api: httpx2.AsyncClient) -> None:
    tracks = [
        {"catalog_track_id": f"t{n}", "track_number": n, "name": f"Track {n}", "dest_path": f"/media/a/{n}.ogg"}
        for n in range(1, 2001)
    ]
    answer = await api.post("/api/v1/ticket", json=ALBUM | {"tracks": tracks})
    assert answer.status_code == 201


def test_language_codes_come_in_many_spellings() -> None:
    given = ("en", "EN", "eng", " fre ", "fra", "zh-Hant", "pt_BR", "xx", "", "english")
    assert [two_letter_code(g) for g in given] == ["en", "en", "en", "fr", "fr", "zh", "pt", None, None, None]


async def test_an_ebook_without_a_library_for_it_is_refused_at_its_kind(api: httpx2.AsyncClient, house: House) -> None:
    house.settings = house.settings.model_copy(update={"library": LibrarySettings(ebooks=None)})
    answer = await api.post("/api/v1/ticket", json=BOOK | {"kind": "ebook"})
    assert answer.status_code == 400 and answer.json()["code"] == "no_ebook_library"
    assert answer.json()["errors"][0]["field"] == "kind" and "[library]" in answer.json()["action"]
