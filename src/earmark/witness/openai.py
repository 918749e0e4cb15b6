"""A model behind OpenAI's chat interface as a witness: OpenAI's own, or any server that speaks the same (llama.cpp, Ollama,
vLLM, LM Studio …). Knows nothing of matching."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Literal, Protocol, cast

from pydantic import SecretStr

from earmark.ports import Question
from earmark.witness.wire import ANSWER_TOKENS, Library, ask_with, load_library


class _Said(Protocol):
    @property
    def content(self) -> str | None: ...


class _Choice(Protocol):
    @property
    def message(self) -> _Said: ...


class _Completion(Protocol):
    @property
    def choices(self) -> Sequence[_Choice]: ...


class _Completions(Protocol):
    def create(
        self, *, model: str, messages: list[dict[str, str]], extra_body: Mapping[str, object]
    ) -> Awaitable[_Completion]: ...


class _Chat(Protocol):
    @property
    def completions(self) -> _Completions: ...


class Client(Protocol):
    """The part of `openai.AsyncOpenAI` that is used."""

    @property
    def chat(self) -> _Chat: ...

    async def close(self) -> None: ...


class _Module(Library, Protocol):
    @property
    def AsyncOpenAI(self) -> Callable[..., Client]: ...


class OpenAiWitness:
    """One model of one server. `client` and `library` stand in for the network in tests."""

    def __init__(
        self,
        model: str,
        api_key: SecretStr | None,
        *,
        provider: Literal["openai", "local"] = "openai",
        base_url: str | None = None,
        timeout_secs: float = 30.0,
        client: Client | None = None,
        library: Library | None = None,
    ) -> None:
        self.model = model
        self.provider: str = provider
        self._api_key = api_key
        self._base_url = base_url
        self._timeout_secs = timeout_secs
        self._client = client
        self._library = library
        # OpenAI's newer models know only the longer word; servers of one's own often only the older one.
        tokens = "max_completion_tokens" if provider == "openai" else "max_tokens"
        self._options: dict[str, object] = {"temperature": 0, "response_format": None, tokens: ANSWER_TOKENS}

    async def ask(self, question: Question) -> str:
        """The first choice's text; empty when the model said nothing. Raises what `wire.ask_with` raises."""
        library = self._library or load_library("openai")

        async def send(options: Mapping[str, object]) -> str:
            wanted = dict(options)
            if "response_format" in wanted:
                schema = {"name": "testimony", "strict": True, "schema": dict(question.schema)}
                wanted["response_format"] = {"type": "json_schema", "json_schema": schema}
            answer = await self._open(library).chat.completions.create(
                model=self.model,
                messages=[
                    {"role": "system", "content": question.system},
                    {"role": "user", "content": question.prompt},
                ],
                extra_body=wanted,
            )
            return (answer.choices[0].message.content or "") if answer.choices else ""

        who = "OpenAI" if self.provider == "openai" else "The local model"
        return await ask_with(library, send, self._options, who=who, timeout_secs=self._timeout_secs)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()

    def _open(self, library: Library) -> Client:
        if self._client is None:
            self._client = cast("_Module", library).AsyncOpenAI(
                # A server of one's own may want no key; the library insists on some.
                api_key=self._api_key.get_secret_value() if self._api_key else "none",
                base_url=self._base_url,
                timeout=self._timeout_secs,
                max_retries=0,
            )
        return self._client
