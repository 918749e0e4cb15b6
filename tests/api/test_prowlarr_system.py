from __future__ import annotations

from datetime import timedelta

import httpx2
import pytest
from prowlarr_face import assert_no_nulls, two_indexers

from earmark.api.app import create_app
from earmark.api.prowlarr import usual_path
from earmark.core.reasons import PermanentError, Reason
from earmark.store import Asked, Severity, alerts, asked

READ = [
    "/api",
    "/api/v1/system/status",
    "/api/v1/health",
    "/api/v1/search?query=x",
    "/api/v1/indexer",
    "/api/v1/indexer/1",
    "/api/v1/indexer/schema",
    "/api/v1/indexer/categories",
    "/api/v1/indexerstatus",
    "/api/v1/indexerstats",
    "/api/v1/tag",
    "/api/v1/history",
    "/api/v1/history/since?date=2026-01-01",
    "/api/v1/history/indexer?indexerId=1",
    "/api/v1/downloadclient",
    "/api/v1/downloadclient/1",
    "/api/v1/appprofile",
    "/api/v1/appprofile/1",
    "/1/api?t=caps",
    "/api/v1/indexer/1/newznab?t=caps",
]


@pytest.fixture
def indexers(house):
    house.indexers |= two_indexers()
    return house.indexers


# --- keys ---


@pytest.mark.parametrize("path", READ)
async def test_without_a_valid_key_there_is_a_bare_401(anybody, indexers, path) -> None:
    glue = "&" if "?" in path else "?"
    for wrong in (path, f"{path}{glue}apikey=wrong"):
        answer = await anybody.get(wrong, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.content) == (401, b"")
        assert "www-authenticate" not in answer.headers
        assert "content-type" not in answer.headers


@pytest.mark.parametrize("path", READ)
async def test_any_key_reads_in_any_of_the_three_ways(anybody, indexers, path) -> None:
    glue = "&" if "?" in path else "?"
    ways = [
        (f"{path}{glue}apikey=the-user-key", {}),
        (f"{path}{glue}ApiKey=the-user-key", {}),
        (path, {"X-Api-Key": "the-user-key"}),
        (path, {"Authorization": "Bearer the-user-key"}),
        (f"{path}{glue}apikey=the-user-key", {"X-Api-Key": "wrong"}),
    ]
    for url, headers in ways:
        answer = await anybody.get(url, headers=headers)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-application-version"].startswith("2.")


async def test_a_wrong_key_in_the_query_is_not_rescued_and_the_header_wins_over_bearer(anybody, indexers) -> None:
    wrong_first = await anybody.get("/api/v1/indexer?apikey=wrong", headers={"X-Api-Key": "the-user-key"})
    assert wrong_first.status_code == 401
    headers = {"X-Api-Key": "wrong", "Authorization": "Bearer the-user-key"}
    assert (await anybody.get("/api/v1/indexer", headers=headers)).status_code == 401


async def test_a_stranger_learns_nothing_from_a_bad_body_or_query(anybody, indexers) -> None:
    headers = {"Content-Type": "application/json"}
    assert (await anybody.post("/api/v1/search", content="{broken", headers=headers)).status_code == 401
    assert (await anybody.get("/api/v1/search?limit=abc")).status_code == 401


async def test_no_null_is_in_any_answer(api, indexers) -> None:
    await api.get("/api/v1/search?query=x")
    for path in READ:
        answer = await api.get(path)
        if answer.headers["content-type"] == "application/json; charset=utf-8":
            assert_no_nulls(answer.json(), path)


# --- spelling of addresses ---


@pytest.mark.parametrize("path", READ)
async def test_neither_case_nor_a_slash_at_the_end_of_a_path_matters(api, indexers, path) -> None:
    bare, question, query = path.partition("?")
    usual = await api.get(path)
    assert usual.headers["content-type"].endswith("; charset=utf-8")
    for spelt in (f"{bare}/", f"{bare}//", bare.upper(), bare.title() + "/"):
        answer = await api.get(spelt + question + query)
        assert (answer.status_code, answer.headers["content-type"]) == (200, usual.headers["content-type"]), spelt
        assert answer.headers["access-control-allow-origin"] == "*"


async def test_a_careless_address_needs_its_key_all_the_same(anybody, indexers) -> None:
    for path in ("/API/V1/Indexer/", "/api/v1/INDEXER/1//", "/1/API/?t=caps"):
        answer = await anybody.get(path)
        assert (answer.status_code, answer.content) == (401, b"")


async def test_addresses_of_no_prowlarr_stay_as_they_are(api, indexers) -> None:
    for path in ("/api/v1/ticket/", "/api/v1/Ticket", "/api/v2/search", "/Static/x", "/api/v1/searching/"):
        answer = await api.get(path)
        assert answer.status_code == 404, path


def test_behind_a_prefix_only_what_follows_it_may_be_spelt_in_any_way() -> None:
    usual = usual_path("/Books")
    assert usual("/Books/API/v1/Indexer/1/") == "/Books/api/v1/indexer/1"
    assert usual("/books/api/v1/Indexer/1/") == "/books/api/v1/Indexer/1/"
    assert usual("/Books/1/Download/") == "/Books/1/download"
    assert usual("/Books/api/v1/ticket/A/") == "/Books/api/v1/ticket/A/"


@pytest.mark.parametrize(
    "path", ["/api/v1/indexer/{}", "/api/v1/tag/{}", "/{}/api", "/{}/download", "/api/v1/indexer/{}/newznab"]
)
async def test_a_number_of_thousands_of_digits_breaks_nothing(api, indexers, path) -> None:
    assert 400 <= (await api.get(path.format("9" * 5000))).status_code < 500


async def test_programs_that_know_the_third_version_find_its_status(api, indexers) -> None:
    assert (await api.get("/api/v3/system/status")).json() == (await api.get("/api/v1/system/status")).json()


# --- other origins ---


@pytest.mark.parametrize(
    "path", ["/api", "/api/v1/search", "/api/v1/nothing", "/1/api", "/12/download", "/api/v1/ticket"]
)
async def test_a_page_of_any_origin_may_ask_first_without_a_key(anybody, path) -> None:
    headers = {
        "Origin": "https://elsewhere.test",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key, content-type",
    }
    answer = await anybody.options(path, headers=headers)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert {"GET", "POST", "PUT", "DELETE"} <= set(answer.headers["access-control-allow-methods"].split(", "))
    assert answer.headers["access-control-allow-headers"] == "x-api-key, content-type"
    assert "access-control-allow-credentials" not in answer.headers
    assert (await anybody.get(path, headers=headers)).headers["access-control-allow-origin"] == "*"


async def test_what_a_page_says_it_wants_to_send_is_not_echoed_blindly(anybody) -> None:
    headers = {
        "Origin": "https://elsewhere.test",
        "Access-Control-Request-Method": "GET",
        "Access-Control-Request-Headers": "x-a;<script>",
    }
    assert (await anybody.options("/api", headers=headers)).headers["access-control-allow-headers"] == "*"


@pytest.mark.parametrize("path", ["/", "/tickets", "/health", "/metrics", "/apiary", "/x/api", "/1/apix", "/settings"])
async def test_the_pages_are_closed_to_other_origins(anybody, path) -> None:
    headers = {"Origin": "https://elsewhere.test", "Access-Control-Request-Method": "GET"}
    for answer in (await anybody.options(path, headers=headers), await anybody.get(path, headers=headers)):
        assert "access-control-allow-origin" not in answer.headers


async def test_a_session_of_the_login_page_does_not_open_the_face_of_other_programs(anybody, house, indexers) -> None:
    from earmark.api.auth import issue_session

    anybody.headers["Cookie"] = f"earmark_session={issue_session(house, 'admin')}"
    assert (await anybody.get("/api/v1/indexer")).status_code == 401


async def test_everything_is_under_the_url_base(house, indexers) -> None:
    server = house.settings.server.model_copy(update={"url_base": "/books"})
    house.settings = house.settings.model_copy(update={"server": server})
    transport = httpx2.ASGITransport(app=create_app(house))
    async with httpx2.AsyncClient(transport=transport, base_url="http://earmark.test") as client:
        client.headers["X-Api-Key"] = "the-user-key"
        for path in READ:
            assert (await client.get(f"/books{path}")).status_code == 200, path
            assert (await client.get(path)).status_code == 404, path
        found = (await client.get("/books/api/v1/search?query=x")).json()
        assert found[0]["downloadUrl"].startswith("http://earmark.test/books/1/download?")
        preflight = {"Origin": "https://elsewhere.test", "Access-Control-Request-Method": "GET"}
        assert (await client.options("/books/api/v1/search", headers=preflight)).status_code == 204
        assert (await client.get("/books/api/v1/system/status")).json()["urlBase"] == "/books"


async def test_errors_of_the_feeds_are_never_pages(house, indexers) -> None:
    async def page(request, problem):
        raise AssertionError(request.url.path)

    transport = httpx2.ASGITransport(app=create_app(house, error_page=page))
    async with httpx2.AsyncClient(transport=transport, base_url="http://earmark.test") as client:
        client.headers |= {"X-Api-Key": "the-user-key", "Accept": "text/html"}
        for method, path in [
            ("POST", "/1/api"), ("PUT", "/1/download"), ("GET", "/api/v1/nothing"), ("PATCH", "/api/v1/indexer"),
            ("GET", "/99/api?t=caps"), ("GET", "/1/download?link=x"),
        ]:  # fmt: skip
            answer = await client.request(method, path)
            assert answer.status_code in (400, 404, 405)
            assert "html" not in answer.headers["content-type"]


# --- what it says of itself ---


async def test_it_says_that_it_is_a_prowlarr(api) -> None:
    told = (await api.get("/api/v1/system/status")).json()
    assert told["appName"] == "Prowlarr"
    assert told["instanceName"].startswith("Earmark")
    assert int(told["version"].split(".")[0]) >= 1
    assert isinstance(told["isLinux"], bool) and told["startTime"].endswith("Z")
    assert (await api.get("/api")).json() == {"current": "v1", "deprecated": []}


async def test_ping_needs_no_key(anybody) -> None:
    assert (await anybody.get("/ping")).json() == {"status": "OK"}
    assert (await anybody.head("/ping")).status_code == 200


async def test_health_is_an_empty_list_when_all_is_well_and_names_what_is_not(api, house) -> None:
    house.free_bytes = lambda _: 10**15
    (told,) = (await api.get("/api/v1/health")).json()
    assert (told["type"], told["source"]) == ("warning", "IndexerStatusCheck")
    assert told["message"].startswith("no tracker is set up. ")
    house.indexers |= two_indexers()
    assert (await api.get("/api/v1/health")).json() == []
    house.indexers["mam"].error = PermanentError(Reason("session_expired", "It ended.", "Create a new one."))
    await api.get("/api/v1/search?query=x&indexerIds=1")
    async with house.write() as tx:
        await alerts.raise_(tx, "client", Severity.ERROR, Reason("gone", "It is away.", "Start it."), house.now())
    told = (await api.get("/api/v1/health")).json()
    assert {one["source"] for one in told} == {"IndexerStatusCheck", "DownloadClientStatusCheck"}
    for one in told:
        assert set(one) == {"id", "source", "type", "message", "wikiUrl"}
        assert one["type"] == "error"
    assert any("It is away. Start it." in one["message"] for one in told)


async def test_the_client_and_the_profile_are_told_and_no_others(api, house) -> None:
    (client,) = (await api.get("/api/v1/downloadclient")).json()
    assert (client["protocol"], client["enable"], client["id"]) == ("torrent", True, 1)
    assert client["fields"] == []
    (profile,) = (await api.get("/api/v1/appprofile")).json()
    assert (profile["name"], profile["id"]) == ("Standard", 1)
    for path in ("downloadclient/2", "appprofile/0"):
        assert (await api.get(f"/api/v1/{path}")).status_code == 404


# --- labels ---


async def test_labels_are_made_listed_and_dropped(api) -> None:
    made = await api.post("/api/v1/tag", json={"label": "Audio-Books"})
    assert (made.status_code, made.json()) == (201, {"id": 1, "label": "audio-books"})
    assert made.headers["location"] == "http://earmark.test/api/v1/tag/1"
    assert (await api.post("/api/v1/tag", json={"label": "audio-books"})).json()["id"] == 1
    assert (await api.get("/api/v1/tag")).json() == [{"id": 1, "label": "audio-books"}]
    assert (await api.get("/api/v1/tag/1")).json()["label"] == "audio-books"
    assert (await api.delete("/api/v1/tag/1")).json() == {}
    assert (await api.get("/api/v1/tag/1")).status_code == (await api.delete("/api/v1/tag/1")).status_code == 404


@pytest.mark.parametrize("label", ["", " ", "two words", "ümlaut", "under_score", "a\nb", "٣", "x" * 500])
async def test_a_label_of_other_characters_is_refused(api, label) -> None:
    answer = await api.post("/api/v1/tag", json={"label": label})
    assert answer.status_code == 400
    if len(label) < 100:
        assert answer.json()[0]["propertyName"] == "Label"


# --- history and figures ---


@pytest.fixture
async def history(house, indexers, api):
    await api.get("/api/v1/indexer")  # makes their rows
    start = house.now() - timedelta(hours=25)
    rows = [
        Asked(1 + n % 2, start + timedelta(hours=n), ("indexerQuery", "indexerRss", "releaseGrabbed")[n % 3], n % 5 != 0,
              100 + n, "ABR", "10.0.0.7", {"query": f"book {n} \x00\x07", "error": ""})
        for n in range(25)
    ]  # fmt: skip
    async with house.write() as tx:
        await asked.note(tx, rows)


async def test_history_comes_in_pages(api, history) -> None:
    first = (await api.get("/api/v1/history")).json()
    assert {k: v for k, v in first.items() if k != "records"} == {
        "page": 1, "pageSize": 10, "sortKey": "date", "sortDirection": "descending", "totalRecords": 25,
    }  # fmt: skip
    assert len(first["records"]) == 10
    newest = first["records"][0]
    assert (newest["date"], newest["eventType"], newest["indexerId"]) == ("2026-11-20T11:00:00Z", "indexerQuery", 1)
    assert newest["data"] == {"query": "book 24 ", "elapsedTime": "124", "source": "ABR", "host": "10.0.0.7"}
    last = (await api.get("/api/v1/history?page=3&pageSize=10&sortKey=date&sortDirection=descending")).json()
    assert len(last["records"]) == 5
    assert (await api.get("/api/v1/history?page=4&pageSize=10")).json()["records"] == []
    oldest = (await api.get("/api/v1/history?sortDirection=ascending&pageSize=1")).json()["records"][0]
    assert oldest["date"] == "2026-11-19T11:00:00Z"


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("indexerIds=1", 13),
        ("indexerIds=1&indexerIds=2", 25),
        ("eventType=1", 8),
        ("eventType=2&eventType=3", 17),
        ("eventType=9", 0),
        ("successful=false", 5),
        ("successful=true&eventType=2", 7),
    ],
)
async def test_history_is_narrowed(api, history, query, number) -> None:
    assert (await api.get(f"/api/v1/history?{query}")).json()["totalRecords"] == number


async def test_history_since_a_moment_and_of_an_indexer(api, history) -> None:
    since = (await api.get("/api/v1/history/since?date=2026-11-20T06:00:00Z")).json()
    assert [one["date"][11:13] for one in since] == ["06", "07", "08", "09", "10", "11"]
    of_two = (await api.get("/api/v1/history/indexer?indexerId=2&limit=3")).json()
    assert [one["indexerId"] for one in of_two] == [2, 2, 2]


@pytest.mark.parametrize(
    "path",
    [
        "history?page=0", "history?page=abc", "history?pageSize=-1", "history?successful=maybe", "history/since",
        "history/since?date=soon", "history/since?date=0001-01-01T00:00:00%2B23:00", "history/indexer",
        "history?eventType=x", "indexerstats?startDate=x", "tag/99999999999",
    ],
)  # fmt: skip
async def test_what_does_not_bind_is_refused_with_problem_details(api, history, path) -> None:
    answer = await api.get(f"/api/v1/{path}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json; charset=utf-8"
    assert answer.json()["errors"]


async def test_figures_count_by_indexer_program_and_host(api, history) -> None:
    told = (await api.get("/api/v1/indexerstats")).json()
    one, two = told["indexers"]
    assert (one["indexerId"], one["indexerName"], two["indexerId"]) == (1, "MyAnonamouse", 2)
    assert one["numberOfQueries"] + two["numberOfQueries"] == 9
    assert one["numberOfGrabs"] + two["numberOfGrabs"] == 8
    assert sum(i[f"numberOfFailed{k}"] for i in (one, two) for k in ("Queries", "RssQueries", "Grabs")) == 5
    assert 100 <= one["averageResponseTime"] <= 124
    assert told["userAgents"] == [{"userAgent": "ABR", "numberOfQueries": 17, "numberOfGrabs": 8}]
    assert told["hosts"] == [{"host": "10.0.0.7", "numberOfQueries": 17, "numberOfGrabs": 8}]
    params = {"startDate": "2026-11-20T00:00:00Z", "endDate": "2026-11-20T01:00:00", "indexers": "1"}
    narrow = (await api.get("/api/v1/indexerstats", params=params)).json()
    assert [i["indexerId"] for i in narrow["indexers"]] == [1]
    assert narrow["userAgents"][0]["numberOfQueries"] + narrow["userAgents"][0]["numberOfGrabs"] == 2


async def test_the_categories_are_the_whole_standard_tree(api) -> None:
    told = (await api.get("/api/v1/indexer/categories")).json()
    audio = next(top for top in told if top["id"] == 3000)
    assert {"id": 3030, "name": "Audio/Audiobook", "subCategories": []} in audio["subCategories"]
    assert [top["id"] for top in told] == [1000, 2000, 3000, 4000, 5000, 6000, 7000, 8000]
