"""How far a ticket's long work is, with a real denominator. Kept in memory and told on the bus; the states in the store
carry the last figures for readers elsewhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from earmark.core.reasons import JsonValue
from earmark.core.states import TicketState


@dataclass(frozen=True, slots=True)
class Progress:
    """`done` of `total` in `unit` (bytes | seconds | files); `label` names the thing in hand."""

    state: TicketState
    stage: str
    progress_pct: float
    done: float
    total: float
    unit: str
    speed_bps: int | None = None
    eta_secs: int | None = None
    label: str = ""
    chapter_idx: int | None = None  # from 0, while a book is bound
    chapter_count: int | None = None

    @classmethod
    def of(cls, state: TicketState, stage: str, done: float, total: float, unit: str, label: str = "") -> Progress:
        return cls(state, stage, round(100 * done / total, 1) if total else 0.0, done, total, unit, label=label)

    def as_json(self) -> dict[str, JsonValue]:
        told: dict[str, JsonValue] = {key: value for key, value in asdict(self).items() if value is not None}
        return {"speed_bps": None, "eta_secs": None} | told | {"state": str(self.state)}
