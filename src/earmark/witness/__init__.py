"""The language models that may be heard about doubtful matches. What the settings name is opened here and handed out behind
`ports.Witness`; the providers' own libraries are loaded only when one is named."""

from __future__ import annotations

from earmark.ports import Witness
from earmark.settings import Settings
from earmark.witness.anthropic import AnthropicWitness
from earmark.witness.openai import OpenAiWitness

__all__ = ["AnthropicWitness", "OpenAiWitness", "open_witness"]


def open_witness(settings: Settings) -> Witness | None:
    """The configured witness, or None. Nobody is asked yet, and a missing library is told of only when it is needed: a
    second opinion that cannot be had must not keep the house from opening."""
    chosen = settings.matcher
    if chosen.llm_provider == "none" or chosen.llm_model is None:
        return None
    if chosen.llm_provider == "anthropic":
        return AnthropicWitness(
            chosen.llm_model, chosen.api_key, base_url=chosen.llm_base_url, timeout_secs=chosen.llm_timeout_secs
        )
    return OpenAiWitness(
        chosen.llm_model,
        chosen.api_key,
        provider=chosen.llm_provider,
        base_url=chosen.llm_base_url,
        timeout_secs=chosen.llm_timeout_secs,
    )
