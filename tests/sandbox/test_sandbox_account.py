"""The stand-in account: jsonLoad in both shapes, what a snatch costs and owes, the lists, the bonus store."""

from __future__ import annotations

import pytest

BUY = "/json/bonusBuy.php/"


async def load(client, flags: str = "") -> dict:
    return (await client.get(f"/jsonLoad.php?{flags}")).json()


async def buckets(client) -> dict[str, int]:
    summary = (await load(client, "snatch_summary"))["snatch_summary"]
    return {key: value["count"] for key, value in summary.items() if isinstance(value, dict) and value["count"]}


async def test_the_plain_answer_names_the_account(client) -> None:
    answer = await load(client)
    assert (answer["uid"], answer["username"], answer["classname"]) == (424242, "sandbox_mouse", "Power User")
    assert (answer["uploaded"], answer["uploaded_bytes"]) == ("309.9 GiB", 332_717_237_862)
    assert answer["seedbonus"] == 21480
    assert answer["vip_until"] is None
    assert "snatch_summary" not in answer


async def test_points_are_capped_where_they_are_shown(client) -> None:
    await client.post("/sandbox/account", json={"seedbonus": 250_000})
    assert (await load(client))["seedbonus"] == 99_999


async def test_wedges_may_be_missing_altogether(client) -> None:
    await client.post("/sandbox/account", json={"wedges": None})
    assert "wedges" not in await load(client)


async def test_flags_need_no_value_and_nest_the_summary(client) -> None:
    answer = await load(client, "snatch_summary&notif&pretty")
    assert answer["unsat"] is None
    assert answer["snatch_summary"]["unsat"]["limit"] == 100
    assert "red" not in answer["snatch_summary"]["sSat"]
    assert answer["notifs"]["pms"] == 1


async def test_the_old_shape_has_the_buckets_at_the_top_with_red(client) -> None:
    await client.post("/sandbox/settings", json={"jsonload_shape": "old"})
    answer = await load(client, "snatch_summary=true")
    assert "snatch_summary" not in answer
    assert (answer["unsat"]["limit"], answer["sSat"]["red"], answer["connectable"]) == (100, False, "yes")


async def test_client_stats_come_only_with_the_own_id(client, snatch) -> None:
    snatch("The Moonstone")
    assert (await load(client, "clientStats"))["clientStats"] == []
    [stats] = (await load(client, "clientStats&id=424242"))["clientStats"]["clientStats"]
    assert (stats["agent"], stats["port"], stats["connectable"]) == ("Earmark", 6881, "yes")


async def test_a_snatch_is_unsatisfied_until_it_was_seeded_for_72_hours(client, snatch) -> None:
    snatch("The Moonstone", done=False)
    assert await buckets(client) == {"leeching": 1}
    snatch("The Moonstone")
    assert await buckets(client) == {"seedUnsat": 1, "unsat": 1}
    await client.post("/sandbox/clock", json={"hours": 71})
    assert await buckets(client) == {"seedUnsat": 1, "unsat": 1}
    await client.post("/sandbox/clock", json={"hours": 2})
    assert await buckets(client) == {"sSat": 1}


async def test_a_stopped_torrent_earns_no_seeding_time_and_ends_as_hit_and_run(site, client, find, snatch) -> None:
    snatch("The Moonstone")
    site.announced(
        site.torrents[find("The Moonstone").id].info_hash,
        event="stopped", uploaded=0, downloaded=0, left=0, ip="127.0.0.1", port=6881, agent="Earmark",
    )  # fmt: skip
    await client.post("/sandbox/clock", json={"days": 10})
    assert await buckets(client) == {"inactUnsat": 1, "unsat": 1}
    await client.post("/sandbox/clock", json={"days": 21})
    assert await buckets(client) == {"inactHnr": 1, "unsat": 1}


async def test_a_download_counts_unless_it_is_free(site, client, snatch, find) -> None:
    before = site.account.downloaded_bytes
    snatch("L'île mystérieuse")  # freeleech for everybody
    assert site.account.downloaded_bytes == before
    snatch("813")  # free for VIP members only, and this account is none
    assert site.account.downloaded_bytes == before + find("813").size
    await client.post("/sandbox/account", json={"classname": "VIP"})
    snatch("The Moonstone", uploaded=77)
    assert site.account.downloaded_bytes == before + find("813").size + find("The Moonstone").size
    assert site.account.uploaded_bytes == 332_717_237_862 + 77


async def test_a_fetched_torrent_can_be_made_to_count_at_once(client, find) -> None:
    await client.post("/sandbox/settings", json={"fetched_counts": True})
    await client.get(f"/tor/download.php?tid={find('The Moonstone').id}")
    assert (await buckets(client))["unsat"] == 1


async def test_the_lists_have_strings_for_numbers_and_arrays_for_people(client, snatch) -> None:
    snatch("L'île mystérieuse")
    url = "/json/loadUserDetailsTorrents.php?uid=424242&type=unsat&cacheTime=1&iteration="
    answer = (await client.get(f"{url}0")).json()
    assert answer["success"] is True
    [row] = answer["rows"]
    assert (row["seeders"], row["free"], row["finished"], row["percentDone"]) == ("0", "yes", "yes", 100)
    assert [person["name"] for person in row["author"]] == ["Jules Verne"]
    assert [(s["name"], s["number"]) for s in row["series"]] == [
        ("Voyages extraordinaires", "12"),
        ("Capitaine Nemo", "2-3, 3.5"),
    ]
    assert row["STG"] == "3d 00:00:00"
    assert (await client.get(f"{url}1")).json() == {"rows": [], "success": True}


async def test_somebody_elses_lists_are_refused(client) -> None:
    answer = (await client.get("/json/loadUserDetailsTorrents.php?uid=7&iteration=0&type=unsat")).json()
    assert answer["success"] is False


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("spendtype=upload&amount=49", "Automated spenders are limited to buying at least 50 GB of upload at a time, due to log spam"),
        ("spendtype=upload&amount=50", "Not enough seedbonus"),
        ("spendtype=VIP&duration=5", "Invalid duration specified"),
        ("spendtype=VIP&duration=4", "Not enough seedbonus"),
        ("spendtype=wedges&source=points", "Not enough seedbonus"),
        ("spendtype=personalFL&torrentid=1", "Incorrect session type - not allowed this function"),
    ],
)  # fmt: skip
async def test_the_store_refuses_in_the_sites_words_with_status_200(client, query, error) -> None:
    await client.post("/sandbox/account", json={"seedbonus": 100})
    response = await client.get(f"{BUY}?{query}&_=1771200000000")
    assert (response.status_code, response.json()) == (200, {"success": False, "error": error})


async def test_upload_costs_500_points_a_gigabyte(site, client) -> None:
    answer = (await client.get(f"{BUY}?spendtype=upload&amount=Max Affordable ")).json()
    assert answer["error"].startswith("Automated spenders")  # 21,480 points buy only 42 GB
    await client.post("/sandbox/account", json={"seedbonus": 51_512})
    answer = (await client.get(f"{BUY}?spendtype=upload&amount=50")).json()
    assert (answer["success"], answer["amount"], answer["seedbonus"]) == (True, 50, 26512.091)
    assert site.account.uploaded_bytes == 332_717_237_862 + 50 * 1024**3


async def test_vip_is_bought_by_weeks_up_to_90_days(client) -> None:
    await client.post("/sandbox/account", json={"seedbonus": 90_000})
    assert (await client.get(f"{BUY}?spendtype=VIP&duration=12")).json()["amount"] == 12
    assert (await load(client))["vip_until"] == "2026-10-19 12:00:00"
    assert (await load(client))["classname"] == "VIP"
    refused = (await client.get(f"{BUY}?spendtype=VIP&duration=max")).json()
    assert refused["error"] == "Min VIP is 1 week purchased for Automated methods"
    assert (await client.get(f"{BUY}?spendtype=VIP&amount=4")).status_code == 404


async def test_personal_freeleech_through_the_store_can_be_allowed(client, find) -> None:
    await client.post("/sandbox/settings", json={"api_session_buys_wedges": True})
    url = (
        f"/json/bonusBuy.php/1771200000?spendtype=personalFL&timestamp=1771200000&torrentid={find('The Moonstone').id}"
    )
    assert (await client.get(url)).json() == {"success": True, "type": "personalFL", "seedbonus": "21480", "FLleft": 2}
    assert (await client.get(url)).json()["error"] == "This is already a personal freeleech"
