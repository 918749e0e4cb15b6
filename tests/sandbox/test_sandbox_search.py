"""The stand-in's search: encodings, filters, paging and every quirk of a row."""

from __future__ import annotations

import json

import pytest

URL = "/tor/js/loadSearchJSONbasic.php"
ALL = {"description": True, "dlLink": "", "isbn": 1, "mediaInfo": True, "thumbnail": "true"}


def titles(answer) -> list[object]:
    return [row["title"] for row in answer.get("data", [])]


async def row_of(search, title: str, **top):
    answer = await search({"text": title}, **top)
    return next(row for row in answer["data"])


async def test_a_digits_only_title_arrives_as_a_number(search) -> None:
    assert (await row_of(search, "813"))["title"] == 813


async def test_digits_in_tags_and_isbn_arrive_as_numbers_too(search) -> None:
    row = await row_of(search, "813", isbn=True)
    assert row["tags"] == 1910
    assert row["isbn"] == 9780000000813


async def test_people_and_series_are_json_inside_a_string_with_strings_inside(search) -> None:
    row = await row_of(search, "moonstone")
    assert list(json.loads(row["narrator_info"]).values()) == ["Ada Fenwick", "Tobias Marl"]
    assert row["series_info"] == ""
    ile = await row_of(search, "mysterieuse")
    assert list(json.loads(ile["series_info"]).values()) == [
        ["Voyages extraordinaires", "12"],
        ["Capitaine Nemo", "2-3, 3.5"],
    ]


async def test_text_carries_html_entities(search) -> None:
    row = await row_of(search, "mysterieuse")
    assert row["title"] == "L&#039;&icirc;le myst&eacute;rieuse"
    assert json.loads(row["narrator_info"]).popitem()[1] == "Odile &quot;Odie&quot; Carpentier"
    assert json.loads((await row_of(search, "813"))["series_info"]).popitem()[1] == ["Ars&egrave;ne Lupin", "4"]


async def test_sizes_are_for_human_eyes_with_a_thousands_comma(search) -> None:
    assert (await row_of(search, "813"))["size"] == "1,016.2 KiB"
    assert (await row_of(search, "moonstone"))["size"] == "2.4 MiB"


async def test_flags_are_numbers_never_booleans(search) -> None:
    row = await row_of(search, "813")
    flags = [row[name] for name in ("vip", "free", "fl_vip", "personal_freeleech", "my_snatched")]
    assert flags == [1, 0, 1, 0, 0]
    assert not any(isinstance(flag, bool) for flag in flags)
    assert row["vip_expire"] == 1798675200


async def test_opt_in_fields_are_absent_unless_asked_for_and_presence_is_enough(search) -> None:
    names = {"description", "dl", "isbn", "mediainfo", "thumbnail"}
    assert not names & set(await row_of(search, "moonstone"))
    asked = await row_of(search, "moonstone", **ALL)
    assert names <= set(asked)
    assert json.loads(asked["mediainfo"])["General"]["Duration"] == "20:04:11"
    assert "," in asked["dl"]


async def test_the_rest_of_a_row_is_as_the_specification_lists_it(search) -> None:
    row = await row_of(search, "moonstone")
    wanted = {
        "lang_code": "ENG", "language": 1, "main_cat": 13, "category": 45, "mediatype": 1, "maincat": 1, "filetype": "m4b",
        "catname": "Audiobooks - Literary Classics", "categories": "[28, 34]", "numfiles": 1, "seeders": 31, "leechers": 1,
        "added": "2025-02-03 09:14:55", "bookmarked": None, "ownership": '[424242, "sandbox_mouse"]',
        "cat": '<div class="cat45">&nbsp;</div>', "times_completed": 118,
    }  # fmt: skip
    assert {name: row[name] for name in wanted} == wanted
    ile = await row_of(search, "mysterieuse")
    assert (ile["ownership"], ile["lang_code"], ile["browseflags"]) == ('[0, ""]', "FRE", 32)


async def test_nothing_found_is_an_error_object_with_status_200(search) -> None:
    assert await search({"text": "no such book"}) == {"error": "Nothing returned, out of 0"}


async def test_a_page_past_the_end_names_how_many_there_were(search) -> None:
    assert await search({"startNumber": "50"}) == {"error": "Nothing returned, out of 4"}


async def test_malformed_json_is_answered_with_nothing_at_all(client) -> None:
    response = await client.post(URL, content=b'{"tor": {', headers={"Content-Type": "application/json"})
    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(("asked", "given"), [(1, 5), (5, 5), (100, 100), (1000, 100), ("60", 60)])
async def test_the_page_size_is_kept_between_5_and_100(search, asked, given) -> None:
    assert (await search({}, perpage=asked))["perpage"] == given


async def test_the_page_size_is_also_read_inside_tor(search) -> None:
    assert (await search({"perpage": 7}))["perpage"] == 7


async def test_a_get_with_brackets_a_form_and_json_agree(client) -> None:
    fields = {"tor[text]": "ada", "tor[srchIn][narrator]": "true", "tor[cat][]": "0", "tor[main_cat][0]": "13"}
    by_get = (await client.get(URL, params=fields)).json()
    by_form = (await client.post(URL, data=fields)).json()
    by_multipart = (await client.post(URL, files={name: (None, value) for name, value in fields.items()})).json()
    told = {"tor": {"text": "ada", "srchIn": ["narrator"], "cat": ["0"], "main_cat": [13]}}
    by_json = (await client.post(URL, json=told)).json()
    assert by_get == by_form == by_multipart == by_json
    assert sorted(titles(by_get)) == ["The Moonstone", "The Time Machine"]


async def test_the_page_size_in_the_query_of_a_post_is_ignored(client) -> None:
    assert (await client.post(f"{URL}?perpage=5", json={"tor": {}})).json()["perpage"] == 25


@pytest.mark.parametrize(
    ("tor", "found"),
    [
        ({"text": "wilkie"}, ["The Moonstone"]),
        ({"text": "wilkie", "srchIn": ["title"]}, []),
        ({"text": "wilkie", "srchIn": {"title": "true", "author": "false"}}, []),
        ({"text": "wilkie", "srchIn": {"author": "true"}}, ["The Moonstone"]),
        ({"text": "lupin", "srchIn": ["series"]}, [813]),
        ({"text": "benevole", "srchIn": ["tags"]}, ["L&#039;&icirc;le myst&eacute;rieuse"]),
        ({"text": "sergeant", "srchIn": ["description"]}, ["The Moonstone"]),
        ({"text": "m4b", "srchIn": ["fileTypes"]}, ["The Moonstone"]),
        ({"text": "mobi", "srchIn": ["filenames"]}, [813]),
        ({"text": "9780000000813", "srchIn": ["tags"]}, [813]),
        ({"text": '"time machine"|"moonstone"'}, ["The Time Machine", "The Moonstone"]),
        ({"text": '"machine time"'}, []),
        ({"text": "the -machine", "srchIn": ["title"]}, ["The Moonstone"]),
        ({"text": "moon*"}, ["The Moonstone"]),
        ({"text": "moon"}, []),
        ({"main_cat": [14]}, [813]),
        ({"cat": [47], "browse_lang": [36]}, ["L&#039;&icirc;le myst&eacute;rieuse"]),
        ({"browse_lang": []}, ["The Time Machine", "The Moonstone", 813, "L&#039;&icirc;le myst&eacute;rieuse"]),
        ({"searchType": "fl"}, ["L&#039;&icirc;le myst&eacute;rieuse"]),
        ({"searchType": "VIP"}, [813]),
        ({"searchType": "fl-VIP"}, [813, "L&#039;&icirc;le myst&eacute;rieuse"]),
        ({"searchType": "nVIP", "browse_lang": [1]}, ["The Time Machine", "The Moonstone"]),
        ({"searchType": "inactive"}, ["L&#039;&icirc;le myst&eacute;rieuse"]),
        ({"searchIn": "u424242"}, ["The Moonstone"]),
        ({"browseFlags": [4, 32], "browseFlagsHideVsShow": 1}, [813, "L&#039;&icirc;le myst&eacute;rieuse"]),
        ({"browseFlags": [4, 32], "browseFlagsHideVsShow": 0}, ["The Time Machine", "The Moonstone"]),
        ({"startDate": "2025-02-03", "endDate": "2026-07-01"}, ["The Moonstone"]),
        ({"startDate": "2026-07-01"}, ["The Time Machine"]),
        ({"minSize": 2, "unit": 1048576}, ["The Moonstone"]),
        ({"minSeeders": 9, "maxSeeders": 30}, [813]),
        ({"sortType": "sizeAsc"}, ["The Time Machine", "L&#039;&icirc;le myst&eacute;rieuse", 813, "The Moonstone"]),
        ({"sortType": "titleAsc"}, [813, "L&#039;&icirc;le myst&eacute;rieuse", "The Moonstone", "The Time Machine"]),
        ({"sortType": "seedersDesc"}, ["The Moonstone", 813, "The Time Machine", "L&#039;&icirc;le myst&eacute;rieuse"]),
    ],
)  # fmt: skip
async def test_each_filter_finds_what_it_says(search, tor, found) -> None:
    answer = titles(await search(tor))
    assert (answer == found) if "sortType" in tor else (sorted(map(str, answer)) == sorted(map(str, found)))


async def test_one_torrent_is_found_by_id_or_info_hash(site, search, find) -> None:
    release = find("The Moonstone")
    assert titles(await search({"id": release.id})) == ["The Moonstone"]
    assert titles(await search({"hash": site.torrents[release.id].info_hash.upper()})) == ["The Moonstone"]


async def test_a_better_match_comes_first_and_weighs_more(search) -> None:
    rows = (await search({"text": "machine|collins"}))["data"]
    assert [row["title"] for row in rows] == ["The Time Machine", "The Moonstone"]
    assert rows[0]["w"] > rows[1]["w"]


async def test_paging_advances_by_rows_and_tells_found_and_total(put, open_site, visit) -> None:
    for n in range(12):
        put(f"Book {n:02d}")
    async with visit(open_site()) as client:
        seen: list[int] = []
        for start in (0, 5, 10):
            answer = (await client.post(URL, json={"perpage": 5, "tor": {"startNumber": start}})).json()
            assert (answer["found"], answer["start"], answer["total"]) == (12, start, min(12, start + 5))
            seen += [row["id"] for row in answer["data"]]
    assert len(set(seen)) == 12


async def test_a_ceiling_makes_pages_end_early_whatever_found_says(put, open_site, visit) -> None:
    for n in range(12):
        put(f"Book {n:02d}")
    async with visit(open_site(search_ceiling=7)) as client:
        second = (await client.post(URL, json={"perpage": 5, "tor": {"startNumber": 5}})).json()
        third = (await client.post(URL, json={"perpage": 5, "tor": {"startNumber": 10}})).json()
    assert (len(second["data"]), second["found"]) == (2, 12)
    assert third == {"error": "Nothing returned, out of 12"}


async def test_my_snatched_appears_after_its_lag(site, search, snatch, client) -> None:
    await client.post("/sandbox/settings", json={"lag_secs": 600})
    snatch("The Time Machine")
    assert (await row_of(search, "time machine"))["my_snatched"] == 0
    await client.post("/sandbox/clock", json={"minutes": 11})
    assert (await row_of(search, "time machine"))["my_snatched"] == 1
    assert titles(await search({}, my_snatched="true")) == ["The Time Machine"]


async def test_the_category_list_has_ids_as_strings(client) -> None:
    listed = (await client.get("/categories.php?json=1")).json()
    assert [(main["main_id"], main["name"], len(main["categories"])) for main in listed] == [
        (13, "AudioBooks", 35),
        (14, "E-Books", 39),
        (15, "Musicology", 12),
        (16, "Radio", 4),
    ]
    assert {"id": "39", "name": "Action/Adventure"} in listed[0]["categories"]
