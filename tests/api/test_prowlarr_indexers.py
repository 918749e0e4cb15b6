from __future__ import annotations

import json

import pytest
from prowlarr_face import assert_no_nulls, two_indexers
from stub_indexers import StubIndexer

from earmark.core.newznab import Capabilities
from earmark.core.reasons import PermanentError, Reason
from earmark.pipeline import indexing
from earmark.ports import IndexerHealth
from earmark.settings import MamSettings

INDEXER = "/api/v1/indexer"
FEED = {
    "name": "My feed",
    "implementation": "Torznab",
    "enable": True,
    "priority": 10,
    "tags": [3, 3, 1],
    "fields": [
        {"name": "baseUrl", "value": "http://feed.test/torznab"},
        {"name": "apiPath", "value": "/api"},
        {"name": "apiKey", "value": "the-feed-secret"},
        {"name": "baseSettings.queryLimit", "value": 50},
        {"name": "torrentBaseSettings.seedRatio", "value": 1.5},
        {"name": "torrentBaseSettings.seedTime", "value": 4320},
        {"name": "categories", "value": [3030, 7020]},
    ],
}
EXPIRED = PermanentError(Reason("session_expired", "The tracker ended the session.", "Create a new one."))


@pytest.fixture
def opened(house):
    """Every indexer that is opened, with the secret it was opened with; all answer."""
    seen: list[tuple[StubIndexer, str | None]] = []

    def open_(record, secret):
        adapter = StubIndexer(record.key)
        seen.append((adapter, secret))
        return adapter

    house.indexers |= two_indexers()
    house.open_indexer = open_
    return seen


def fields_of(resource: dict) -> dict:
    return {field["name"]: field.get("value") for field in resource["fields"]}


async def test_the_list_has_what_every_program_reads(api, opened) -> None:
    answer = await api.get(INDEXER)
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    told = answer.json()
    assert_no_nulls(told)
    assert [(one["id"], one["name"]) for one in told] == [(2, "Jackett"), (1, "MyAnonamouse")]
    for one in told:
        assert isinstance(one["enable"], bool) and one["protocol"] == "torrent"
        assert one["privacy"] in {"public", "semiPrivate", "private"}
        assert 3030 in {sub["id"] for top in one["capabilities"]["categories"] for sub in top["subCategories"]}
        assert "status" not in one
    mam = told[1]
    assert mam["implementation"] == mam["implementationName"] == mam["definitionName"] == "MyAnonamouse"
    assert (mam["configContract"], mam["privacy"], mam["appProfileId"]) == ("MyAnonamouseSettings", "private", 1)
    assert mam["capabilities"]["bookSearchParams"] == ["q"]
    assert fields_of(mam)["mamId"] == "********"
    assert (await api.get(f"{INDEXER}/1")).json() == mam


async def test_an_indexer_that_has_never_been_reached_still_has_categories(api, opened, house) -> None:
    house.indexers["mam"].error = EXPIRED
    (_, mam) = (await api.get(INDEXER)).json()
    assert mam["capabilities"]["categories"]


async def test_what_an_indexer_says_of_itself_is_told(api, opened, house) -> None:
    house.indexers["jackett"].caps = Capabilities(limit_max=50, limit_default=25, music_params=("q", "artist"))
    told = (await api.get(f"{INDEXER}/2")).json()["capabilities"]
    assert (told["limitsMax"], told["limitsDefault"], told["musicSearchParams"]) == (50, 25, ["q", "artist"])
    assert (told["categories"], told["bookSearchParams"]) == ([], [])


async def test_a_paused_indexer_shows_its_status_and_what_to_do(api, opened, house) -> None:
    house.indexers["mam"].error = EXPIRED
    await api.get("/api/v1/search", params={"query": "x"})
    mam = (await api.get(f"{INDEXER}/1")).json()
    assert mam["status"]["indexerId"] == 1
    assert mam["status"]["disabledTill"] == "2026-11-20T12:01:00Z"
    assert mam["message"] == {"message": "The tracker ended the session. Create a new one.", "type": "error"}
    (status,) = (await api.get("/api/v1/indexerstatus")).json()
    assert status == {"id": 1, **mam["status"]}


@pytest.mark.parametrize("id", [99, 0, 2**31 - 1])
async def test_a_number_nobody_has_is_not_found(api, opened, id) -> None:
    for method in ("GET", "DELETE"):
        answer = await api.request(method, f"{INDEXER}/{id}")
        assert (answer.status_code, answer.json()["title"]) == (404, "Not Found")
    assert (await api.put(f"{INDEXER}/{id}", json=FEED)).status_code == 404


# --- adding and changing ---


async def test_a_feed_is_added_changed_and_removed(api, opened, house) -> None:
    answer = await api.post(INDEXER, json=FEED)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert answer.headers["location"] == f"http://earmark.test/api/v1/indexer/{made['id']}"
    assert (made["id"], made["name"], made["priority"], made["tags"], made["enable"]) == (
        10,
        "My feed",
        10,
        [3, 1],
        True,
    )
    assert opened[-1][1] == "the-feed-secret"
    assert "the-feed-secret" not in answer.text
    values = fields_of(made)
    assert values["baseUrl"] == "http://feed.test/torznab" and values["apiPath"] == "/api"
    assert values["apiKey"] == "********"
    assert (values["baseSettings.queryLimit"], values["baseSettings.limitsUnit"]) == (50, 0)
    assert (values["torrentBaseSettings.seedRatio"], values["torrentBaseSettings.seedTime"]) == (1.5, 4320)
    assert values["categories"] == [3030, 7020]
    record = await indexing.record_of(house, 10)
    assert record.facts.url == "http://feed.test/torznab/api"

    made["priority"], made["enable"] = 5, False
    changed = await api.put(f"{INDEXER}/10", json=made)
    assert changed.status_code == 202, changed.text
    assert (changed.json()["priority"], changed.json()["enable"]) == (5, False)
    assert fields_of(changed.json()) == values
    assert await house.vault.get("indexer:10") == "the-feed-secret"
    assert len(opened) == 2  # one to try it, one to keep

    assert (await api.delete(f"{INDEXER}/10")).json() == {}
    assert (await api.get(f"{INDEXER}/10")).status_code == 404
    assert (await api.post(INDEXER, json=FEED)).json()["id"] == 11


async def test_stars_keep_the_key_and_a_new_one_replaces_it(api, opened, house) -> None:
    made = (await api.post(INDEXER, json=FEED)).json()
    await api.put(f"{INDEXER}/10", json={"fields": [{"name": "apiKey", "value": "********"}]})
    assert await house.vault.get("indexer:10") == "the-feed-secret"
    await api.put(f"{INDEXER}/10", json={"fields": [{"name": "apiKey", "value": "another"}]})
    assert await house.vault.get("indexer:10") == "another"
    assert opened[-1][1] == "another"
    emptied = await api.put(f"{INDEXER}/10", json={"fields": [{"name": "apiKey", "value": ""}]})
    assert fields_of(emptied.json())["apiKey"] == ""
    assert made["fields"] != emptied.json()["fields"]


async def test_what_is_not_said_stays_and_what_is_emptied_goes(api, opened) -> None:
    await api.post(INDEXER, json=FEED)
    told = await api.put(f"{INDEXER}/10", json={"fields": [{"name": "baseSettings.queryLimit"}]})
    values = fields_of(told.json())
    assert values["baseSettings.queryLimit"] is None
    assert (values["torrentBaseSettings.seedRatio"], told.json()["name"]) == (1.5, "My feed")


async def test_an_indexer_that_does_not_answer_is_saved_only_by_force(api, opened, house) -> None:
    def open_(record, secret):
        return StubIndexer(record.key, error=EXPIRED)

    house.open_indexer = open_
    answer = await api.post(INDEXER, json=FEED)
    assert answer.status_code == 400
    assert "The tracker ended the session." in answer.json()[0]["errorMessage"]
    assert len((await api.get(INDEXER)).json()) == 2
    assert (await api.post(INDEXER, params={"forceSave": "true"}, json=FEED)).status_code == 201
    assert (await api.post(INDEXER, json=FEED | {"name": "Off", "enable": False})).status_code == 201


async def test_an_indexer_of_the_settings_keeps_its_address_but_takes_a_priority(api, opened) -> None:
    jackett = (await api.get(f"{INDEXER}/2")).json()
    assert (await api.put(f"{INDEXER}/2", json=jackett | {"priority": 3})).json()["priority"] == 3
    other = {"fields": [{"name": "baseUrl", "value": "http://other.test"}]}
    answer = await api.put(f"{INDEXER}/2", json=other)
    assert (answer.status_code, answer.json()[0]["propertyName"]) == (400, "BaseUrl")
    assert "settings" in answer.json()[0]["errorMessage"]
    assert (await api.delete(f"{INDEXER}/2")).json()[0]["propertyName"] == "Id"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"name": ""}, "Name"),
        ({"name": "jackett"}, "Name"),
        ({"priority": 0}, "Priority"),
        ({"priority": 51}, "Priority"),
        ({"implementation": "Newznab"}, "Implementation"),
        ({"implementation": None}, "Implementation"),
        ({"implementation": "MyAnonamouse"}, None),
        ({"baseUrl": "ftp://feed.test"}, "BaseUrl"),
        ({"baseUrl": "http://feed.test/?apikey=x", "apiPath": ""}, "BaseUrl"),
        ({"baseUrl": ["x"]}, "BaseUrl"),
        ({"baseUrl": "x" * 3000}, "BaseUrl"),
        ({"apiKey": 5}, "ApiKey"),
        ({"categories": "audio"}, "Categories"),
        ({"categories": [-1]}, "Categories"),
        ({"categories": {"a": 1}}, "Categories"),
        ({"baseSettings.queryLimit": "many"}, "BaseSettings.queryLimit"),
        ({"baseSettings.queryLimit": -3}, "BaseSettings.queryLimit"),
        ({"baseSettings.queryLimit": 1.5}, "BaseSettings.queryLimit"),
        ({"baseSettings.limitsUnit": "week"}, "BaseSettings.limitsUnit"),
        ({"torrentBaseSettings.seedRatio": True}, "TorrentBaseSettings.seedRatio"),
        ({"torrentBaseSettings.seedTime": 10**30}, "TorrentBaseSettings.seedTime"),
        ({"torrentBaseSettings.preferMagnetUrl": "yes"}, "TorrentBaseSettings.preferMagnetUrl"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_cannot_stay_is_named_with_its_fix(api, opened, change, named) -> None:
    plain = {k: v for k, v in change.items() if k in FEED}
    fields = [*FEED["fields"], *({"name": k, "value": v} for k, v in change.items() if k not in FEED)]
    for path in (INDEXER, f"{INDEXER}/test"):
        answer = await api.post(path, json=FEED | plain | {"fields": fields})
        assert answer.status_code == 400, answer.text
        (failure,) = answer.json()
        assert failure["propertyName"] == named or named is None
        assert failure["errorMessage"] and failure["severity"] == "error"


async def test_a_prowlarr_behind_us_is_added_with_the_indexers_to_use(api, opened, house) -> None:
    body = {
        "name": "Upstream",
        "implementation": "Prowlarr",
        "fields": [
            {"name": "baseUrl", "value": "http://prowlarr.test:9696"},
            {"name": "apiKey", "value": "k"},
            {"name": "indexerIds", "value": "4, 7"},
        ],
    }
    told = (await api.post(INDEXER, json=body)).json()
    assert told["definitionName"] == "Prowlarr" and fields_of(told)["indexerIds"] == [4, 7]
    assert (await indexing.record_of(house, told["id"])).facts.upstream_ids == (4, 7)


@pytest.mark.parametrize("works", [True, False], ids=["works", "refused"])
async def test_myanonamouse_is_added_with_a_session_that_works(api, house, works) -> None:
    given: list[str] = []

    async def renew(session: str) -> IndexerHealth:
        given.append(session)
        house.indexers["mam"] = StubIndexer("mam", error=None if works else EXPIRED)
        return await house.indexers["mam"].test()

    house.renew_session = renew
    house.settings = house.settings.model_copy(update={"mam": MamSettings()})
    fields = [{"name": "mamId", "value": "a-session"}, {"name": "baseUrl", "value": "https://www.myanonamouse.net/"}]
    body = {"name": "Mouse", "implementation": "MyAnonamouse", "fields": fields, "priority": 1}
    answer = await api.post(INDEXER, json=body)
    assert given == ["a-session"]
    listed = (await api.get(INDEXER)).json()
    if not works:
        assert answer.status_code == 400
        assert "The tracker ended the session." in answer.json()[0]["errorMessage"]
        assert listed == []
        return
    assert answer.status_code == 201, answer.text
    assert [(one["id"], one["name"], one["priority"]) for one in listed] == [(1, "Mouse", 1)]
    assert "a-session" not in answer.text
    again = await api.post(INDEXER, json=body | {"name": "Another"})
    assert (again.status_code, again.json()[0]["propertyName"]) == (400, "Implementation")


async def test_the_schema_of_each_sort_can_be_filled_in_and_posted(api, opened) -> None:
    schema = (await api.get(f"{INDEXER}/schema")).json()
    assert_no_nulls(schema)
    assert [one["implementation"] for one in schema] == ["MyAnonamouse", "Torznab", "Prowlarr"]
    (preset,) = schema[1]["presets"]
    assert preset["name"] == "Jackett" and "9117" in fields_of(preset)["baseUrl"]
    for number, template in enumerate(schema[1:]):
        template["name"] = f"From the schema {number}"
        for field in template["fields"]:
            if field["name"] == "baseUrl":
                field["value"] = "http://feed.test"
            elif field["name"] == "apiKey":
                field["value"] = "secret"
        assert (await api.post(INDEXER, json=template)).status_code == 201


# --- trying ---


async def test_a_test_says_whether_it_answers(api, opened, house) -> None:
    assert (await api.post(f"{INDEXER}/test", json=FEED)).json() == {}
    assert len((await api.get(INDEXER)).json()) == 2
    mam = (await api.get(f"{INDEXER}/1")).json()
    assert (await api.post(f"{INDEXER}/test", json=mam)).status_code == 200
    house.indexers["mam"].error = EXPIRED
    answer = await api.post(f"{INDEXER}/test", json=mam)
    assert answer.status_code == 400
    assert "The tracker ended the session." in answer.json()[0]["errorMessage"]


async def test_a_test_that_succeeds_ends_the_pause(api, opened, house) -> None:
    house.indexers["mam"].error = EXPIRED
    await api.get("/api/v1/search", params={"query": "x"})
    assert len((await api.get("/api/v1/indexerstatus")).json()) == 1
    assert (await api.post(f"{INDEXER}/testall")).status_code == 400
    house.indexers["mam"].error = None
    told = await api.post(f"{INDEXER}/testall")
    assert (told.status_code, told.json()) == (
        200,
        [{"id": id, "isValid": True, "validationFailures": []} for id in (1, 2)],
    )
    assert (await api.get("/api/v1/indexerstatus")).json() == []


# --- who may ---

CHANGES = [
    ("POST", INDEXER),
    ("PUT", f"{INDEXER}/1"),
    ("DELETE", f"{INDEXER}/1"),
    ("POST", f"{INDEXER}/test"),
    ("POST", f"{INDEXER}/testall"),
    ("POST", "/api/v1/tag"),
    ("DELETE", "/api/v1/tag/1"),
]


@pytest.mark.parametrize(("method", "path"), CHANGES)
async def test_a_users_key_reads_indexers_but_does_not_change_them(anybody, opened, method, path) -> None:
    anybody.headers["X-Api-Key"] = "the-user-key"
    answer = await anybody.request(method, path, json=FEED)
    assert answer.status_code == 403
    assert "administrator" in answer.json()["message"]
    assert (await anybody.get(INDEXER)).status_code == 200


async def test_no_secret_is_in_any_answer(api, opened, house) -> None:
    await api.post(INDEXER, json=FEED)
    for path in (INDEXER, f"{INDEXER}/10", f"{INDEXER}/schema", "/api/v1/history", "/api/v1/downloadclient"):
        text = (await api.get(path)).text
        assert not any(secret in text for secret in ("the-feed-secret", "the-mam-cookie", "the-admin-key")), path


@pytest.mark.parametrize("odd", ["\ud800", "\x00", "<script>", "é💿"])
async def test_odd_names_break_nothing(api, opened, odd) -> None:
    body = json.dumps(FEED | {"name": f"Feed {odd}"})
    answer = await api.post(INDEXER, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (201, 400)
    assert (await api.get(INDEXER)).status_code == 200
