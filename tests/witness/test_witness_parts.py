"""What the witness's room says without any library: what is opened, what is missing, what is asked in which words."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from earmark.core.decision import Decision, ScoredCandidate
from earmark.core.reasons import PermanentError
from earmark.core.release import Release, ReleaseFile
from earmark.core.wish import AlbumWish, BookWish, Kind, TrackWish
from earmark.core.witnessing import hearing
from earmark.ports import Question
from earmark.settings import Settings
from earmark.witness import AnthropicWitness, OpenAiWitness, open_witness
from earmark.witness.prompt import digest, question

ASKED = Question("Be careful.", "<data>{}</data>", {"type": "object"})
KEY = SecretStr("key")


def matcher(**keys: Any) -> Settings:
    return Settings.model_validate({"matcher": keys})


@pytest.mark.parametrize(
    ("keys", "opened"),
    [
        ({}, None),
        ({"llm_provider": "anthropic", "llm_model": "m", "api_key": "k"}, "anthropic"),
        ({"llm_provider": "openai", "llm_model": "m", "api_key": "k"}, "openai"),
        ({"llm_provider": "local", "llm_model": "m", "llm_base_url": "http://127.0.0.1:1/v1"}, "local"),
    ],
    ids=["none", "anthropic", "openai", "local"],
)
def test_every_provider_is_chosen_by_the_settings(keys: dict[str, Any], opened: str | None) -> None:
    witness = open_witness(matcher(**keys))
    assert (witness.provider if witness else None) == opened
    assert witness is None or witness.model == "m"


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"llm_provider": "anthropic", "llm_model": "m"}, "`api_key` is missing"),
        ({"llm_provider": "openai", "llm_model": "m"}, "`api_key` is missing"),
        ({"llm_provider": "local", "llm_model": "m"}, "`llm_base_url` is missing"),
        ({"llm_provider": "local", "llm_base_url": "http://x"}, "`llm_model` is missing"),
        ({"llm_base_url": "ftp://x"}, "must start with http"),
    ],
)
def test_half_a_configuration_is_refused_with_what_is_missing(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        matcher(**keys)


@pytest.mark.parametrize("name", ["anthropic", "openai"])
async def test_a_missing_library_is_told_when_the_witness_is_asked(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    witness = AnthropicWitness("m", KEY) if name == "anthropic" else OpenAiWitness("m", KEY)
    with pytest.raises(PermanentError) as caught:
        await witness.ask(ASKED)
    assert caught.value.reason.code == "witness_unavailable"
    assert "pip install 'earmark[llm]'" in caught.value.reason.action
    await witness.close()


def asked_about(wish: BookWish | AlbumWish, release: Release, score: float = 0.8) -> tuple[Question, dict[str, Any]]:
    heard = hearing(wish, Decision((ScoredCandidate(release, score, ()),), 0, score, 0.85), 0.15)
    assert heard is not None
    asked = question(Kind.MUSIC if isinstance(wish, AlbumWish) else Kind.AUDIOBOOK, wish, heard)
    case: dict[str, Any] = json.loads(asked.prompt.split("\n", 1)[1].rsplit("\n</data", 1)[0])
    return asked, case


def test_what_is_unknown_is_left_out_of_the_question() -> None:
    _, case = asked_about(BookWish("The Time Machine"), Release("g", "mam", "The Time Machine", abridged=False))
    assert case["wanted"] == {"title": "The Time Machine"}
    assert case["candidates"] == [{"candidate": "c1", "title": "The Time Machine", "abridged": False}]


def test_long_texts_are_cut_and_markup_is_gone() -> None:
    release = Release("g", "mam", "T" * 5000, description="<p>Read by <b>Ada</b></p>" + "x" * 90_000, tags="t" * 9000)
    asked, case = asked_about(BookWish("T"), release)
    assert case["candidates"][0]["description"].startswith("Read by Ada")
    assert len(asked.prompt) < 2500


def test_an_albums_question_names_the_tracks_without_a_file() -> None:
    wish = AlbumWish("Ada", "Tides", tracks=(TrackWish("t1", 1, 1, "Ebb", 61.4, "/m/1.flac"),))
    release = Release("g", "mam", "Ada - Tides", files=(ReleaseFile("a/eins.flac", 2_000_000, 61.0),))
    asked, case = asked_about(wish, release, 0.3)
    assert case["unmapped_tracks"] == ["t1"]
    assert case["wanted"]["tracks"] == [{"id": "t1", "disc": 1, "number": 1, "name": "Ebb", "seconds": 61}]
    assert case["candidates"][0]["files"] == [{"path": "a/eins.flac", "seconds": 61, "size_mb": 2.0}]
    assert "mapping" in asked.system and "mapping" in json.dumps(asked.schema)
    plain, _ = asked_about(BookWish("T"), Release("g", "mam", "T"))
    assert "mapping" not in plain.system and "mapping" not in json.dumps(plain.schema)


def test_the_same_case_has_the_same_question_and_another_model_another_memory() -> None:
    one, _ = asked_about(BookWish("T"), Release("g", "mam", "T"))
    two, _ = asked_about(BookWish("T"), Release("another guid", "elsewhere", "T"))
    assert one == two
    assert digest(one, "local", "m") == digest(two, "local", "m")
    assert len({digest(one, "local", "m"), digest(one, "local", "n"), digest(one, "openai", "m")}) == 3
