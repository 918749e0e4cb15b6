"""`earmark match`: files in, one decision out; wrong files are told by name, field and way out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from earmark.cli.failures import USAGE, CommandFailed
from earmark.cli.matching import match

WISH = {"kind": "audiobook", "title": "The Salt Road", "authors": ["Mara Ellin"], "language": "en"}
ROW = {
    "guid": "r1",
    "indexer": "One",
    "title": "The Salt Road by Mara Ellin [ENG / M4B]",
    "size_bytes": 288_000_000,
    "seeders": 9,
}
PROWLARR = {
    "guid": "https://www.myanonamouse.net/t/7", "indexerId": 1, "indexer": "MyAnonamouse", "protocol": "torrent",
    "title": "The Salt Road by Mara Ellin [ENG / M4B] [VIP]", "size": 288_000_000, "files": 1, "seeders": 9, "leechers": 0,
    "categories": [{"id": 3030, "name": "Audio/Audiobook"}], "indexerFlags": ["freeleech"], "publishDate": "2020-01-02T03:04:05Z",
}  # fmt: skip
MAM = {
    "id": 77, "title": "The Salt Road", "size": "274.7 MiB", "author_info": '{"7": "Mara Ellin"}', "narrator_info": '{"8": "Theo Grant"}',
    "series_info": "", "lang_code": "ENG", "language": 1, "filetype": "m4b", "numfiles": 1, "seeders": 9, "leechers": 0,
    "catname": "Audiobooks - Fantasy", "main_cat": 13, "tags": "Unabridged 64 kbps 10:00:10", "vip": 1, "free": 0,
}  # fmt: skip


def written(path: Path, value: object) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def run(tmp_path: Path, wish: object, releases: object) -> int:
    one, many = written(tmp_path / "wish.json", wish), written(tmp_path / "releases.json", releases)
    return match(one, many, None, threshold=0.85, vip=False, as_json=True)


@pytest.mark.parametrize(
    ("releases", "guid"),
    [([ROW], "r1"), ([PROWLARR], PROWLARR["guid"]), ([MAM], "https://www.myanonamouse.net/t/77"), ({"data": [MAM]}, "https://www.myanonamouse.net/t/77")],
    ids=["labelled rows", "prowlarr", "mam rows", "mam answer"],
)  # fmt: skip
def test_every_kind_of_row_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], releases: object, guid: str
) -> None:
    assert run(tmp_path, WISH, releases) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["decision"] == "auto" and result["candidates"][0]["guid"] == guid
    assert {"guid", "score", "components", "gates", "rejected", "mapping"} <= set(result["candidates"][0])
    assert result["reasons"] == []


def test_refused_candidates_come_last_with_their_gates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, WISH, [{**ROW, "guid": "x", "title": "Another Book"}, ROW]) == 0
    best, last = json.loads(capsys.readouterr().out)["candidates"]
    assert (best["guid"], best["rejected"]) == ("r1", False)
    assert last["rejected"] and last["gates"][0]["code"] == "other_title"


@pytest.mark.parametrize(
    ("wish", "releases", "told"),
    [
        ({"kind": "audiobook"}, [ROW], "wish.json: wish.title is missing"),
        ({**WISH, "kind": "film"}, [ROW], "wish.json: wish.kind is 'film'"),
        ({**WISH, "year": "soon"}, [ROW], "wish.json: wish.year is 'soon', not a number"),
        (WISH, "{", "releases.json is not JSON"),
        (WISH, {"a": 1}, "releases.json: releases is not a list"),
        (WISH, [{"title": "x"}], "releases.json: releases[0].guid is missing"),
        (WISH, [7], "releases.json: releases[0] is int, not an object"),
        ([], [ROW], "wish.json: wish is list, not an object"),
    ],
)
def test_a_wrong_file_is_named_with_its_field(tmp_path: Path, wish: object, releases: object, told: str) -> None:
    with pytest.raises(CommandFailed) as failed:
        run(tmp_path, wish, releases)
    assert failed.value.code == USAGE and told in failed.value.message and failed.value.action


def test_a_whole_file_gives_one_line_a_case_and_a_wrong_line_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = json.dumps({"id": "one", "wish": WISH, "releases": [ROW]})
    cases = written(tmp_path / "cases.jsonl", f"{good}\n\n{{oops\n{good.replace('one', 'two')}\n")
    assert match(None, None, cases, threshold=0.85, vip=False, as_json=True) == USAGE
    heard = capsys.readouterr()
    assert [json.loads(line)["id"] for line in heard.out.splitlines()] == ["one", "two"]
    assert "line 3" in heard.err.replace("\n", " ")


def test_an_album_is_mapped_track_by_track(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wish = {"kind": "music", "artist": "Ada Noor", "album": "Rivers", "year": 2001,
            "tracks": [{"id": f"t{n}", "disc": 1, "number": n, "name": f"Water {n}", "duration_secs": 200 + n} for n in (1, 2)]}  # fmt: skip
    files = [{"path": f"Rivers/0{n} Water {n}.flac", "size": 20_000_000, "duration_secs": 200 + n} for n in (1, 2)]
    assert (
        run(
            tmp_path,
            wish,
            [
                {
                    "guid": "m",
                    "title": "Ada Noor - Rivers (2001) [FLAC]",
                    "size_bytes": 40_000_000,
                    "seeders": 5,
                    "files": files,
                }
            ],
        )
        == 0
    )
    result = json.loads(capsys.readouterr().out)
    assert result["candidates"][0]["mapping"] == {"t1": "Rivers/01 Water 1.flac", "t2": "Rivers/02 Water 2.flac"}


def test_for_a_person_the_word_and_the_reasons_are_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, many = written(tmp_path / "w.json", WISH), written(tmp_path / "r.json", [{**ROW, "seeders": 0}])
    assert match(one, many, None, threshold=0.85, vip=False, as_json=False) == 0
    out = capsys.readouterr().out
    assert "approve" in out and "Nobody seeds it." in out


def test_nothing_to_match_says_what_to_give() -> None:
    with pytest.raises(CommandFailed) as failed:
        match(None, None, None, threshold=0.85, vip=False, as_json=False)
    assert failed.value.code == USAGE and "--cases" in failed.value.action
