"""History decided again: today's rules beside what was decided, and nothing written."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from bare_house import bare_house

from earmark.cli.failures import CommandFailed
from earmark.cli.replaying import replay as command
from earmark.core import weights
from earmark.core.decision import Decision, ScoredCandidate
from earmark.core.reasons import EarmarkError, PermanentError, Reason
from earmark.core.release import Freeleech, Release
from earmark.core.states import ApprovalCode, ApprovalReason
from earmark.core.testimony import Effect, Opinion, WitnessRecord
from earmark.core.ticket import TicketId
from earmark.core.wish import BookWish, Kind, TicketRequest, Wish
from earmark.pipeline import desk
from earmark.pipeline.failover import blocked_gate
from earmark.pipeline.house import House
from earmark.pipeline.matching import SoberMatcher
from earmark.pipeline.replay import Policy, Replayed, in_force, read_policy, replay
from earmark.settings import Settings
from earmark.settings_sources import Loaded
from earmark.store import Database, decisions
from earmark.store.codec import as_json

NOW = datetime(2026, 11, 1, tzinfo=UTC)
LINE = 0.85
WISH = BookWish("The Time Machine", ("H. G. Wells",), ("Ada Fenwick",), language="en")
GATE = Reason("wrong_language", "It is in German.", "Approve it by hand if you know better.")


class Paper:
    """Today's rules: scores by guid, what is not on the paper is refused. Notes what it was asked."""

    def __init__(self, threshold: float, **scores: float) -> None:
        self.threshold = threshold
        self.scores = scores
        self.asked: list[tuple[Kind, Wish, tuple[str, ...], bool]] = []

    async def judge(self, kind: Kind, wish: Wish, releases: Sequence[Release], *, vip_member: bool) -> Decision:
        self.asked.append((kind, wish, tuple(r.guid for r in releases), vip_member))
        return made(self.threshold, {r.guid: self.scores.get(r.guid) for r in releases})


def made(threshold: float, scores: Mapping[str, float | None], **facts: Any) -> Decision:
    found = [
        ScoredCandidate(Release(guid, "mam", f"Release {guid}"), score or 0.0, (), (GATE,) if score is None else ())
        for guid, score in scores.items()
    ]
    found.sort(key=lambda c: (c.rejected, -c.score))
    if not found or found[0].rejected:
        return Decision(tuple(found), None, 0.0, threshold, (reason(ApprovalCode.NO_EXACT_MATCH),), "paper-2", **facts)
    best = found[0].score
    doubts = () if best >= threshold else (reason(ApprovalCode.LOW_CONFIDENCE),)
    return Decision(tuple(found), 0, best, threshold, doubts, "paper-2", **facts)


def reason(code: ApprovalCode) -> ApprovalReason:
    return ApprovalReason(code, {}, "A doubt.")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    opened = await bare_house(tmp_path)
    yield opened
    await opened.db.close()


async def recorded(house: House, decision: Decision, *, at: datetime = NOW, wish: BookWish = WISH) -> TicketId:
    filed = await desk.file_ticket(house, None, TicketRequest(Kind.AUDIOBOOK, wish))
    async with house.write() as tx:
        await decisions.record(tx, filed.ticket.id, decision, as_json(BookWish, wish), ["words"], at)
    return filed.ticket.id


async def again(house: House, matcher: Paper, **choice: Any) -> Replayed:
    options: dict[str, Any] = {"threshold": LINE, "band": 0.15, "policy": Policy(), "since": None} | choice

    def at(threshold: float) -> Paper:
        matcher.threshold = threshold
        return matcher

    return await replay(house.db, at, **options)


async def test_rules_that_have_not_changed_change_nothing(house: House) -> None:
    for scores in ({"a": 0.9, "b": 0.4}, {"a": 0.9}):
        await recorded(house, made(LINE, scores))
    matcher = Paper(LINE, a=0.9, b=0.4)
    found = await again(house, matcher)
    assert (found.looked_at, found.unchanged, found.changes) == (2, 2, ())
    assert matcher.asked[0] == (Kind.AUDIOBOOK, WISH, ("a", "b"), False)


async def test_what_would_be_otherwise_is_told_with_the_cause(house: House) -> None:
    one = await recorded(house, made(LINE, {"a": 0.9, "b": 0.4}))
    found = await again(house, Paper(LINE, b=0.95))
    (change,) = found.changes
    assert change.ticket_id == one
    assert (change.old.outcome, change.old.guid, change.new.outcome, change.new.guid) == ("auto", "a", "auto", "b")
    assert change.why[0] == "the former choice is refused: It is in German."
    assert found.counts == {"other release": 1}
    assert found.policy_version == "paper-2"


@pytest.mark.parametrize(
    ("old", "new", "sort"),
    [
        (0.9, 0.8, "auto → approve"),
        (0.8, 0.9, "approve → auto"),
        (None, 0.9, "none → auto"),
        (0.8, None, "approve → none"),
    ],
)
async def test_changes_are_counted_by_what_becomes_of_them(
    house: House, old: float | None, new: float | None, sort: str
) -> None:
    await recorded(house, made(LINE, {"a": old}))
    found = await again(house, Paper(LINE, **({"a": new} if new else {})))
    assert found.counts == {sort: 1}
    assert found.changes[0].why


async def test_another_threshold_is_tried_out(house: House) -> None:
    await recorded(house, made(LINE, {"a": 0.9}))
    found = await again(house, Paper(LINE, a=0.9), policy=Policy(threshold=0.95))
    assert found.threshold == 0.95
    assert found.counts == {"auto → approve": 1}
    assert found.changes[0].why[0] == "the threshold is 0.95 instead of 0.85"


async def test_only_what_was_decided_since_then_is_looked_at(house: House) -> None:
    for days in range(5):
        await recorded(house, made(LINE, {"a": 0.9}), at=NOW + timedelta(days=days))
    assert (await again(house, Paper(LINE, a=0.9), since=NOW + timedelta(days=3))).looked_at == 2


async def test_a_long_history_is_read_to_its_end(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("earmark.pipeline.replay.PAGE", 2)
    for _ in range(5):
        await recorded(house, made(LINE, {"a": 0.9}))
    assert (await again(house, Paper(LINE, a=0.8))).counts == {"auto → approve": 5}


async def test_what_had_been_tried_stays_out_of_the_choice(house: House) -> None:
    gate = blocked_gate(Reason("proof_failed", "It was cut short.", "Take another."))
    decision = made(LINE, {"a": 0.9})
    tried = ScoredCandidate(Release("t", "mam", "Tried"), 0.99, (), (gate,))
    await recorded(house, dataclasses.replace(decision, candidates=(*decision.candidates, tried)))
    matcher = Paper(LINE, a=0.9, t=0.99)
    assert (await again(house, matcher)).changes == ()
    assert matcher.asked[0][2] == ("a",)


async def test_a_book_that_stood_on_the_shelf_then_is_still_asked_about(house: House) -> None:
    decision = made(LINE, {"a": 0.9})
    await recorded(house, dataclasses.replace(decision, reasons=(reason(ApprovalCode.ON_SHELF),)))
    assert (await again(house, Paper(LINE, a=0.95))).changes == ()


async def test_a_vip_account_is_remembered_by_what_was_free_for_it(house: House) -> None:
    free = ScoredCandidate(Release("v", "mam", "V", freeleech=Freeleech(vip=True)), 0.9, (), free=True)
    await recorded(house, Decision((free,), 0, 0.9, LINE))
    matcher = Paper(LINE, v=0.9)
    await again(house, matcher)
    assert matcher.asked[0][3] is True


async def test_the_witness_counts_as_it_spoke(house: House) -> None:
    said = WitnessRecord(
        "local",
        "m",
        "witness-1",
        Effect.APPROVED,
        "",
        0.8,
        "a",
        opinions=(Opinion("a", 1.0, 1.0), Opinion("b", 0.1, 0.1)),
    )
    taken = dataclasses.replace(made(LINE, {"a": 0.8, "b": 0.3}), confidence=LINE, reasons=(), witness=said)
    await recorded(house, taken)
    assert (await again(house, Paper(LINE, a=0.8, b=0.3))).changes == ()
    assert (await again(house, Paper(LINE, a=0.6, b=0.3))).counts == {"auto → approve": 1}


async def test_what_todays_rules_cannot_decide_is_told_and_skipped(house: House) -> None:
    class Unwilling(Paper):
        async def judge(self, *_: Any, **__: Any) -> Decision:
            raise PermanentError.of("unsupported_kind", "Not this kind.", "Wait.")

    ticket = await recorded(house, made(LINE, {"a": 0.9}))
    found = await again(house, Unwilling(LINE))
    assert (found.skipped, found.unchanged) == (((ticket, "Not this kind."),), 0)


async def test_todays_own_rules_repeat_their_own_decision_and_other_weights_need_not(house: House) -> None:
    def offered(narrator: str) -> Release:
        facts: dict[str, Any] = {
            "kind": Kind.AUDIOBOOK,
            "authors": WISH.authors,
            "language": "en",
            "filetypes": ("m4b",),
        }
        return Release(narrator, "mam", WISH.title, 150_000_000, narrators=(narrator,), seeders=9, **facts)

    matcher = SoberMatcher(LINE)
    decision = await matcher.judge(
        Kind.AUDIOBOOK, WISH, [offered("Ada Fenwick"), offered("Somebody Else")], vip_member=False
    )
    await recorded(house, decision)
    same = await replay(house.db, SoberMatcher, threshold=LINE, band=0.15, policy=Policy(), since=None)
    assert (same.looked_at, same.changes) == (1, ())
    strict = await replay(house.db, SoberMatcher, threshold=LINE, band=0.15, policy=Policy(threshold=1.0), since=None)
    assert strict.counts == {"auto → approve": 1}


# --- policy files ---------------------------------------------------------------------------------------------------------


def test_a_policys_weights_are_in_force_for_the_replay_only() -> None:
    before = dict(weights.WEIGHTS)
    with pytest.raises(RuntimeError), in_force(Policy(tables={"weights": {"title": 0.9}, "album_weights": {}})):
        assert before | {"title": 0.9} == weights.WEIGHTS
        raise RuntimeError
    assert before == weights.WEIGHTS


def test_a_policy_file_names_threshold_and_weights(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("threshold = 0.9\n[weights]\ntitle = 0.5\n[album_weights]\nartist = 1\n")
    assert read_policy(file) == Policy(0.9, {"weights": {"title": 0.5}, "album_weights": {"artist": 1}})


def test_a_policy_may_be_json(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    file.write_text('{"weights": {"title": 0.5}}')
    assert read_policy(file) == Policy(None, {"weights": {"title": 0.5}})
    file.write_text("[1]")
    with pytest.raises(PermanentError, match="no table"):
        read_policy(file)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("threshold = 2", "not between 0 and 1"),
        ("threshold = true", "not between 0 and 1"),
        ("treshold = 0.9", "has “treshold”"),
        ("weights = 3", "has “weights”"),
        ("[weights]\ntitel = 1", "no such component: title"),
        ("[weights]\ntitle = -1", "lies above 0"),
        ("[weights]\ntitle = 0", "lies above 0"),
        ("[weights]\ntitle = nan", "lies above 0"),
        ("= 3", "cannot be understood"),
    ],
)
def test_a_faulty_policy_file_is_refused_with_its_fault(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(text)
    with pytest.raises(PermanentError, match="policy file") as caught:
        read_policy(file)
    assert told in caught.value.reason.message


def test_a_policy_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="cannot be read"):
        read_policy(tmp_path / "none.toml")


# --- the command ----------------------------------------------------------------------------------------------------------


def loaded(home: Path) -> Loaded:
    return Loaded(Settings(), None, home / "data", {})


def content(file: Path) -> str:
    """Everything the database holds, through a connection of its own."""
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        return hashlib.sha256("\n".join(connection.iterdump()).encode()).hexdigest()


def run(house: House, *args: Any, **options: Any) -> int:
    """The command as it runs: in a loop of its own, beside the open house."""
    import threading

    codes: list[Any] = []

    def work() -> None:
        try:
            codes.append(command(*args, **options))
        except Exception as error:  # handed to the test below
            codes.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(30)
    if isinstance(codes[0], Exception):
        raise codes[0]
    return int(codes[0])


async def test_the_command_reads_beside_a_running_house_and_writes_nothing(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    ticket = await recorded(house, made(LINE, {"a": 0.9}))
    file = house.data_dir / "earmark.db"
    before = content(file)
    assert run(house, loaded(house.data_dir.parent), None, None, as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["looked_at"], told["unchanged"] + len(told["changes"]), told["skipped"]) == (1, 1, [])
    assert all(change["ticket_id"] == ticket and change["why"] for change in told["changes"])
    assert run(house, loaded(house.data_dir.parent), None, "2026-10-01", as_json=False) == 0
    assert "1 decisions looked at" in capsys.readouterr().out
    assert run(house, loaded(house.data_dir.parent), None, "2027-01-01", as_json=False) == 0
    assert "Nothing was decided" in capsys.readouterr().out
    assert content(file) == before


async def test_the_command_reads_without_a_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    house = await bare_house(tmp_path)
    await recorded(house, made(LINE, {"a": 0.9}))
    await house.db.close()
    assert run(house, loaded(tmp_path), None, None, as_json=True) == 0
    assert json.loads(capsys.readouterr().out)["looked_at"] == 1


def test_no_database_is_told_and_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(PermanentError, match="no database"):
        command(loaded(tmp_path), None, None, as_json=False)
    assert list(tmp_path.rglob("*")) == []


def test_a_date_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="is no date"):
        command(loaded(tmp_path), None, "yesterday", as_json=False)


async def test_a_database_opened_to_read_cannot_be_written(tmp_path: Path) -> None:
    house = await bare_house(tmp_path)
    await house.db.close()
    db = await Database.open_to_read(tmp_path / "data" / "earmark.db")
    with pytest.raises(EarmarkError, match="cannot be written"):
        async with db.write() as tx:
            await decisions.record(tx, TicketId("x"), made(LINE, {"a": 0.9}), {}, [], NOW)
    await db.close()


async def test_an_older_database_is_told_of_and_left_as_it_is(tmp_path: Path) -> None:
    house = await bare_house(tmp_path)
    await house.db.close()
    file = tmp_path / "data" / "earmark.db"
    with sqlite3.connect(file) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
        ).fetchall()
        for (table,) in tables:
            if table != "alembic_version":
                connection.execute(f"DROP TABLE {table}")
        connection.execute("DELETE FROM alembic_version")
    with pytest.raises(PermanentError, match="revision None"):
        await Database.open_to_read(file)
