"""Claude as a witness, over Anthropic's Messages interface and its official library. Knows nothing of matching."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, cast

from pydantic import SecretStr

from earmark.ports import Question
from earmark.witness.wire import ANSWER_TOKENS, Library, ask_with, load_library


class _Block(Protocol):
    @property
    def type(self) -> str: ...


class _Text(_Block, Protocol):
    @property
    def text(self) -> str: ...


class _Message(Protocol):
    @property
    def content(self) -> Sequence[_Block]: ...


class _Messages(Protocol):
    def create(
        self,
        *,
        model: str,
        max_tokens: int,
        system: str,
        messages: list[dict[str, str]],
        extra_body: Mapping[str, object],
    ) -> Awaitable[_Message]: ...


class Client(Protocol):
    """The part of `anthropic.AsyncAnthropic` that is used."""

    @property
    def messages(self) -> _Messages: ...

    async def close(self) -> None: ...


class _Module(Library, Protocol):
    @property
    def AsyncAnthropic(self) -> Callable[..., Client]: ...


class AnthropicWitness:
    """One model of one account. `client` and `library` stand in for the network in tests."""

    provider = "anthropic"

    def __init__(
        self,
        model: str,
        api_key: SecretStr | None,
        *,
        base_url: str | None = None,
        timeout_secs: float = 30.0,
        client: Client | None = None,
        library: Library | None = None,
    ) -> None:
        self.model = model
        self._api_key = api_key
        self._base_url = base_url
        self._timeout_secs = timeout_secs
        self._client = client
        self._library = library
        # Both go over as further fields of the body: the library has no word for a temperature any more, and models differ.
        self._options: dict[str, object] = {"temperature": 0, "output_config": None}

    async def ask(self, question: Question) -> str:
        """The text blocks of the answer, thoughts left out. Raises what `wire.ask_with` raises."""
        library = self._library or load_library("anthropic")

        async def send(options: Mapping[str, object]) -> str:
            wanted = dict(options)
            if "output_config" in wanted:
                wanted["output_config"] = {"format": {"type": "json_schema", "schema": dict(question.schema)}}
            answer = await self._open(library).messages.create(
                model=self.model,
                max_tokens=ANSWER_TOKENS,
                system=question.system,
                messages=[{"role": "user", "content": question.prompt}],
                extra_body=wanted,
            )
            return "".join(cast("_Text", block).text for block in answer.content if block.type == "text")

        return await ask_with(library, send, self._options, who="Anthropic", timeout_secs=self._timeout_secs)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    def _open(self, library: Library) -> Client:
        if self._client is None:
            self._client = cast("_Module", library).AsyncAnthropic(
                api_key=self._api_key.get_secret_value() if self._api_key else None,
                base_url=self._base_url,
                timeout=self._timeout_secs,
                max_retries=0,
            )
        return self._client
