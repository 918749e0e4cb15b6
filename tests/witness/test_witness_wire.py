"""The official libraries against a local server that answers in the providers' own shapes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from earmark.core.reasons import EarmarkError, PermanentError, TransientError
from earmark.ports import Question, Witness
from earmark.witness import AnthropicWitness, OpenAiWitness

KEY = SecretStr("a-key-that-must-not-be-seen")
ASKED = Question("Be careful.", "<data>{}</data>", {"type": "object", "additionalProperties": False})
SAID = '{"candidates": []}'
PATHS = {"anthropic": "/v1/messages", "openai": "/v1/chat/completions", "local": "/v1/chat/completions"}


def open_one(provider: str, server: HTTPServer, *, secs: float = 10.0) -> Witness:
    if provider == "anthropic":
        return AnthropicWitness("a-model", KEY, base_url=server.url_for(""), timeout_secs=secs)
    base = server.url_for("/v1")
    key = KEY if provider == "openai" else None
    return OpenAiWitness("a-model", key, provider=provider, base_url=base, timeout_secs=secs)  # type: ignore[arg-type]


def said(provider: str, text: str) -> dict[str, Any]:
    if provider == "anthropic":
        thought = {"type": "thinking", "thinking": "Hm.", "signature": "x"}
        return {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "a-model", "stop_reason": "end_turn",
            "stop_sequence": None, "content": [thought, {"type": "text", "text": text}],
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }  # fmt: skip
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": "c1", "object": "chat.completion", "created": 1, "model": "a-model",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
    }  # fmt: skip


def refusal(provider: str, status: int, words: str) -> Response:
    body: dict[str, Any] = {"error": {"type": "invalid_request_error", "message": words}}
    return Response(
        json.dumps(body | ({"type": "error"} if provider == "anthropic" else {})), status, mimetype="application/json"
    )


@pytest.fixture(params=sorted(PATHS))
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


async def test_the_question_goes_over_with_the_schema_at_temperature_0(provider: str, httpserver: HTTPServer) -> None:
    httpserver.expect_request(PATHS[provider], method="POST").respond_with_json(said(provider, SAID))
    witness = open_one(provider, httpserver)
    assert await witness.ask(ASKED) == SAID
    await witness.close()
    request = httpserver.log[0][0]
    sent = request.get_json()
    assert (sent["model"], sent["temperature"]) == ("a-model", 0)
    if provider == "anthropic":
        assert KEY.get_secret_value() in str(request.headers)
        assert sent["system"] == ASKED.system
        assert sent["messages"] == [{"role": "user", "content": ASKED.prompt}]
        assert sent["output_config"]["format"] == {"type": "json_schema", "schema": dict(ASKED.schema)}
    else:
        assert [m["content"] for m in sent["messages"]] == [ASKED.system, ASKED.prompt]
        assert sent["response_format"]["json_schema"]["schema"] == dict(ASKED.schema)
        assert sent["response_format"]["json_schema"]["strict"] is True
        assert ("max_tokens" in sent) is (provider == "local")


async def test_what_a_model_refuses_is_left_out_from_then_on(provider: str, httpserver: HTTPServer) -> None:
    schema = "output_config" if provider == "anthropic" else "response_format"

    def answer(request: Request) -> Response:
        sent = request.get_json()
        for name in ("temperature", schema):
            if name in sent:
                return refusal(provider, 400, f"`{name}` is not supported with this model.")
        return Response(json.dumps(said(provider, SAID)), mimetype="application/json")

    httpserver.expect_request(PATHS[provider]).respond_with_handler(answer)
    witness = open_one(provider, httpserver)
    assert await witness.ask(ASKED) == SAID
    assert len(httpserver.log) == 3
    assert await witness.ask(ASKED) == SAID
    assert len(httpserver.log) == 4
    await witness.close()


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "witness_refused", PermanentError),
        (401, "witness_refused", PermanentError),
        (404, "witness_refused", PermanentError),
        (429, "witness_away", TransientError),
        (500, "witness_away", TransientError),
        (529, "witness_away", TransientError),
    ],
)
async def test_troubles_are_told_as_reasons_without_the_key(
    provider: str, httpserver: HTTPServer, status: int, code: str, kind: type[EarmarkError]
) -> None:
    answer = refusal(provider, status, f"no, not with {KEY.get_secret_value()}")
    httpserver.expect_request(PATHS[provider]).respond_with_handler(lambda _: answer)
    witness = open_one(provider, httpserver)
    with pytest.raises(kind) as caught:
        await witness.ask(ASKED)
    await witness.close()
    assert caught.value.reason.code == code
    assert KEY.get_secret_value() not in str(caught.value.reason)
    assert len(httpserver.log) == 1  # a question is never repeated behind our back: each costs


@pytest.mark.parametrize("body", ["{}", "[]", '{"content": 3, "choices": 3}', "not json"])
async def test_a_strangers_answer_is_told_and_breaks_nothing(provider: str, httpserver: HTTPServer, body: str) -> None:
    httpserver.expect_request(PATHS[provider]).respond_with_data(body, content_type="application/json")
    witness = open_one(provider, httpserver)
    try:
        assert await witness.ask(ASKED) == ""
    except EarmarkError as error:
        assert error.reason.code in {"witness_broken", "witness_malformed", "witness_away"}
    await witness.close()


async def test_a_key_that_no_header_can_carry_is_told_without_it(httpserver: HTTPServer) -> None:
    for witness in (
        AnthropicWitness("m", SecretStr("schlüssel\n\u2603"), base_url=httpserver.url_for("")),
        OpenAiWitness("m", SecretStr("schlüssel\n\u2603"), base_url=httpserver.url_for("/v1")),
    ):
        with pytest.raises(EarmarkError) as caught:
            await witness.ask(ASKED)
        assert caught.value.reason.code in {"witness_broken", "witness_away"}
        assert "schlüssel" not in str(caught.value.reason)
        await witness.close()


async def test_a_late_answer_is_not_waited_for(provider: str, httpserver: HTTPServer) -> None:
    import threading

    gate = threading.Event()

    def answer(_: Request) -> Response:
        gate.wait(20)
        return Response("{}", mimetype="application/json")

    httpserver.expect_request(PATHS[provider]).respond_with_handler(answer)
    witness = open_one(provider, httpserver, secs=0.2)
    try:
        with pytest.raises(TransientError) as caught:
            await witness.ask(ASKED)
    finally:
        gate.set()
    await witness.close()
    assert caught.value.reason.code == "witness_late"


async def test_nobody_there_is_told_as_away(provider: str, httpserver: HTTPServer) -> None:
    witness = open_one(provider, httpserver)
    httpserver.stop()
    try:
        with pytest.raises(TransientError) as caught:
            await witness.ask(ASKED)
    finally:
        httpserver.start()
    await witness.close()
    assert caught.value.reason.code == "witness_away"
