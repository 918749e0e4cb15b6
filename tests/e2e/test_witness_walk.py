"""The whole house with a model of its own beside it: a nearly sure match is put to it, taken, explained and decided again."""

from __future__ import annotations

import json
from pathlib import Path

from estate import house_over, settings_for, settled, wish
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from earmark.core.states import TicketState
from earmark.core.testimony import Effect
from earmark.pipeline import desk
from earmark.pipeline.matching import SoberMatcher
from earmark.pipeline.replay import Policy, replay
from earmark.sandbox.world import World
from earmark.store import Database

LINE = 0.999  # nothing is ever as sure as this
BAND = 0.4


def agrees(request: Request) -> Response:
    """A model that finds everything right, in the words of OpenAI's interface."""
    asked = request.get_json()["messages"][1]["content"]
    case = json.loads(asked.split("\n", 1)[1].rsplit("\n</data", 1)[0])
    rows = [
        {"candidate": c["candidate"], "same_work": 1.0, "same_edition": 0.95, "note": "Title, author and voice agree."}
        for c in case["candidates"]
    ]
    said = {"role": "assistant", "content": json.dumps({"candidates": rows})}
    choice = {"index": 0, "message": said, "finish_reason": "stop"}
    body = {"id": "c", "object": "chat.completion", "created": 1, "model": "m-7b", "choices": [choice]}
    return Response(json.dumps(body), mimetype="application/json")


async def test_a_nearly_sure_match_is_taken_on_the_word_of_the_witness(
    world: World, tmp_path: Path, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/v1/chat/completions").respond_with_handler(agrees)
    matcher = {
        "llm_provider": "local",
        "llm_model": "m-7b",
        "llm_base_url": httpserver.url_for("/v1"),
        "llm_band": BAND,
    }
    settings = settings_for(world, tmp_path, matcher=matcher | {"auto_approve_threshold": LINE})
    async with house_over(settings, tmp_path) as house:
        request = wish("The Time Machine", "H. G. Wells", narrators=("Ada Fenwick",))
        filed = await desk.file_ticket(house, None, request)
        ticket = await settled(house, filed.ticket.id)
        made = (await desk.view(house, ticket.id)).decision
        assert made is not None
        kept = made.decision.witness
        assert kept is not None and kept.fault is None, kept
        assert (kept.effect, kept.model) == (Effect.APPROVED, "m-7b")
        assert made.decision.confidence == LINE
        assert ticket.state is TicketState.COMPLETED
        assert len(httpserver.log) == 1

        db = await Database.open_to_read(house.data_dir / "earmark.db")
        same = await replay(db, SoberMatcher, threshold=LINE, band=BAND, policy=Policy(), since=None)
        strict = await replay(db, SoberMatcher, threshold=LINE, band=0.0, policy=Policy(), since=None)
        await db.close()
        assert (same.looked_at, same.changes) == (1, ())
        assert strict.counts == {"auto → approve": 1}  # with no band the witness would not have been heard
