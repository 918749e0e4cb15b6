"""Questions to a person in the middle of the second act: which order, whether to replace, whether to place. The ticket
waits where it is; the question and the words that answer it stand in the reason it waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from earmark.core.binding import BindPlan, OrderBy
from earmark.core.reasons import EarmarkError, JsonValue, PermanentError, Reason
from earmark.core.ticket import Ticket

GO_ON = "go_on"
ORDERS: Mapping[OrderBy, str] = {
    "names": "In the order of the file names",
    "tags": "In the order of the disc and track tags",
    "folders": "In the order of the folders",
    "playlist": "In the order of the playlist",
}
ORDER = "order"
_ABOUT_ORDER = frozenset({"order_disputed", "order_unknown"})


class NeedsAnswer(EarmarkError):
    """A person must say something before the act can go on. `reason.evidence` holds `question` and `answers` (words
    with their meaning)."""


class BadAnswer(PermanentError):
    """Nothing was asked, or not this."""


def asked(reason: Reason, question: str, answers: Mapping[str, str]) -> NeedsAnswer:
    """The question as an error that parks the ticket."""
    words: dict[str, JsonValue] = dict(answers)
    return NeedsAnswer(replace(reason, evidence={**reason.evidence, "question": question, "answers": words}))


def answers_to(reason: Reason) -> dict[str, str]:
    """The words that answer what is waited for, with their meaning; empty when nothing is asked."""
    words = reason.evidence.get("answers")
    return {word: str(meaning) for word, meaning in words.items()} if isinstance(words, dict) else {}


def question_of(ticket: Ticket, word: str) -> str:
    """The question this word answers. Raises BadAnswer when nothing is asked or the word is none of the answers."""
    reason = ticket.waiting.reason if ticket.waiting is not None else None
    answers = answers_to(reason) if reason is not None else {}
    if reason is None or not answers:
        raise BadAnswer(
            Reason(
                "nothing_asked", "The ticket asks nothing of anybody now.", "Look at the ticket for what it waits for."
            )
        )
    if word not in answers:
        known: list[JsonValue] = list(answers)
        raise BadAnswer(
            Reason(
                "bad_answer",
                f"“{word}” is no answer to what the ticket asks: {reason.message}",
                f"Answer with one of: {', '.join(answers)}.",
                {"field": "answer", "answers": known},
            )
        )
    return str(reason.evidence["question"])


def order_wanted(ticket: Ticket) -> OrderBy | None:
    """The order a person chose."""
    word = ticket.answers.get(ORDER)
    return next((by for by in ORDERS if by == word), None)


def settle_doubts(ticket: Ticket, plan: BindPlan) -> None:
    """Raise NeedsAnswer for the first doubt of the plan nobody has settled."""
    for doubt in plan.doubts:
        if doubt.code in _ABOUT_ORDER:
            readings = [reading.by for reading in plan.orders if reading.complete] or ["names"]
            raise asked(doubt, ORDER, {by: ORDERS[by] for by in readings})
        if ticket.answers.get(doubt.code) != GO_ON:
            raise asked(doubt, doubt.code, {GO_ON: "Go on all the same"})
