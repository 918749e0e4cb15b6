"""The stand-in's torrent files: three forms, wedges, the unsatisfied limit, posters."""

from __future__ import annotations

import pytest

from earmark.core.torrentfile import BadTorrent, read_torrent

DOWNLOAD = "/tor/download.php"


async def dl_of(search, title: str) -> tuple[int, str]:
    row = (await search({"text": title}, dlLink=True))["data"][0]
    return row["id"], row["dl"]


async def test_all_three_forms_give_the_same_personal_torrent(site, client, search) -> None:
    tid, dl = await dl_of(search, "moonstone")
    answers = [await client.get(f"{DOWNLOAD}{form}") for form in (f"?tid={tid}", f"/{dl}", f"/{dl}?tid={tid}")]
    assert {answer.headers["content-type"] for answer in answers} == {"application/x-bittorrent"}
    assert len({answer.content for answer in answers}) == 1
    meta = read_torrent(answers[0].content)
    assert meta.private
    assert meta.trackers == (f"http://127.0.0.1:1/announce/{site.account.passkey}",)
    assert len(site.account.passkey) == 32
    assert [entry.path for entry in meta.entries] == ["moonstone/The Moonstone.m4b"]
    assert str(meta.info_hash) == site.torrents[tid].info_hash


async def test_a_hash_without_tid_can_be_refused(client, search) -> None:
    await client.post("/sandbox/settings", json={"hash_needs_tid": True})
    tid, dl = await dl_of(search, "moonstone")
    assert "Invalid download link, or not signed in" in (await client.get(f"{DOWNLOAD}/{dl}")).text
    assert (await client.get(f"{DOWNLOAD}/{dl}?tid={tid}")).content.startswith(b"d")


async def test_without_a_cookie_the_address_decides(site, client, search, visit) -> None:
    tid, dl = await dl_of(search, "moonstone")
    async with visit(site, cookie=False) as stranger:
        refused = await stranger.get(f"{DOWNLOAD}/{dl}?tid={tid}")
        assert refused.status_code == 401
        assert refused.text == "ip 127.0.0.1 does not match account, and no auth cookie provided"
        await client.get("/json/dynamicSeedbox.php")
        assert (await stranger.get(f"{DOWNLOAD}/{dl}?tid={tid}")).content.startswith(b"d")
        assert (await stranger.get(f"{DOWNLOAD}?tid={tid}")).status_code == 401


async def test_a_bad_cookie_or_hash_gets_a_page_with_status_200(site, client, search, visit) -> None:
    tid, _ = await dl_of(search, "moonstone")
    async with visit(site, cookie=False) as stranger:
        answers = [await stranger.get(f"{DOWNLOAD}?tid={tid}", headers={"Cookie": "mam_id=stale"})]
    answers.append(await client.get(f"{DOWNLOAD}/notahash"))
    for answer in answers:
        assert answer.status_code == 200
        assert "Invalid download link, or not signed in" in answer.text


async def test_a_torrent_that_is_gone_is_a_404(client) -> None:
    assert (await client.get(f"{DOWNLOAD}?tid=1")).status_code == 404


@pytest.mark.parametrize("flag", ["fl", "fl=1"])
async def test_a_wedge_makes_the_release_free_for_this_account(site, client, search, flag) -> None:
    tid, dl = await dl_of(search, "moonstone")
    answer = await client.get(f"{DOWNLOAD}/{dl}?tid={tid}&{flag}")
    assert answer.content.startswith(b"d")
    assert site.account.wedges == 2
    assert (await search({"text": "moonstone"}))["data"][0]["personal_freeleech"] == 1


@pytest.mark.parametrize(
    ("title", "refusal"),
    [("813", "This Torrent is VIP"), ("mysterieuse", "Cannot spend FL Wedges on Freeleech Picks")],
)
async def test_no_wedge_is_taken_for_what_is_free_already(site, client, search, title, refusal) -> None:
    tid, _ = await dl_of(search, title)
    answer = await client.get(f"{DOWNLOAD}?tid={tid}&fl")
    assert answer.headers["content-type"].startswith("text/html")
    assert f"Unable to apply wedge: {refusal}" in answer.text
    assert site.account.wedges == 3


async def test_a_second_wedge_on_the_same_release_and_an_empty_purse_are_refused(site, client, search) -> None:
    tid, _ = await dl_of(search, "moonstone")
    await client.get(f"{DOWNLOAD}?tid={tid}&fl")
    assert "This is already a personal freeleech" in (await client.get(f"{DOWNLOAD}?tid={tid}&fl")).text
    await client.post("/sandbox/account", json={"wedges": 0})
    other, _ = await dl_of(search, "time machine")
    assert "Unable to apply wedge: Not enough wedges" in (await client.get(f"{DOWNLOAD}?tid={other}&fl")).text


@pytest.mark.parametrize("switch", ["html", "406"])
async def test_at_the_unsatisfied_limit_downloads_freeze_for_a_day(client, search, snatch, switch) -> None:
    await client.post("/sandbox/settings", json={"limit_answer": switch})
    await client.post("/sandbox/account", json={"unsat_limit": 1})
    snatch("The Time Machine")
    tid, _ = await dl_of(search, "moonstone")
    refused = await client.get(f"{DOWNLOAD}?tid={tid}")
    if switch == "406":
        assert refused.status_code == 406
    else:
        assert (refused.status_code, "unsatisfied limit" in refused.text) == (200, True)
    await client.post("/sandbox/account", json={"unsat_limit": 50})
    assert not (await client.get(f"{DOWNLOAD}?tid={tid}")).content.startswith(b"d")  # the freeze outlasts its cause
    await client.post("/sandbox/clock", json={"hours": 25})
    assert (await client.get(f"{DOWNLOAD}?tid={tid}")).content.startswith(b"d")


async def test_what_is_snatched_already_can_be_fetched_again_at_the_limit(client, search, snatch) -> None:
    await client.post("/sandbox/account", json={"unsat_limit": 1})
    snatch("The Time Machine")
    tid, _ = await dl_of(search, "time machine")
    assert (await client.get(f"{DOWNLOAD}?tid={tid}")).content.startswith(b"d")


async def test_a_hostile_torrent_is_refused_by_our_own_reader(client, search) -> None:
    tid, _ = await dl_of(search, "mysterieuse")
    for kind, code in (("hostile_paths", "torrent_path_hostile"), ("bad_torrent", "torrent_malformed")):
        await client.post("/sandbox/faults", json={"on": "download", "kind": kind, "times": 1})
        with pytest.raises(BadTorrent) as refused:
            read_torrent((await client.get(f"{DOWNLOAD}?tid={tid}")).content)
        assert refused.value.reason.code == code


async def test_posters_need_the_cookie_and_are_the_cover_or_a_drawn_tile(site, client, search, visit) -> None:
    row = (await search({"text": "time machine"}, thumbnail="true"))["data"][0]
    assert (await client.get(row["thumbnail"])).content == b"x" * 500
    tid, _ = await dl_of(search, "moonstone")
    assert (await client.get(f"/t/p/1771200000/large/{tid}.jpeg")).content.startswith(b"\x89PNG")
    async with visit(site, cookie=False) as stranger:
        assert "Login" in (await stranger.get(row["thumbnail"])).text
