"""What the API says: the shapes of its answers, as OpenAPI shows them. Times are ISO 8601 in UTC, sizes bytes, spans seconds,
states upper case. How a ticket becomes one of these is in `views`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from pydantic import JsonValue as Json

from earmark.core.states import TicketState
from earmark.core.wish import Kind

JsonObject: TypeAlias = dict[str, Json]


class ReasonOut(BaseModel):
    """Why something waits or was refused: `code` is stable, `action` is the one next step."""

    code: str
    message: str
    action: str
    evidence: JsonObject = Field(default_factory=dict)


class WaitingOut(ReasonOut):
    since: datetime
    until: datetime | None = Field(None, description="When it is looked at again; null: when something else happens.")


class ProgressOut(BaseModel):
    state: TicketState
    stage: str
    progress_pct: float = Field(description="0 to 100 of this stage.")
    done: float
    total: float
    unit: str = Field(description="bytes, seconds or files")
    speed_bps: int | None = Field(None, description="Bytes a second.")
    eta_secs: int | None = None
    label: str = ""


class TorrentOffer(BaseModel):
    """Document 003's TorrentCandidate, and what else the indexer told."""

    title: str
    indexer: str
    guid: str
    info_url: str | None = None
    magnet_uri: str | None = None
    info_hash: str | None = None
    size_bytes: int | None = None
    seeders: int | None = None
    leechers: int | None = None
    files: int | None = Field(None, description="Number of files, when the indexer says it.")
    publish_date: datetime | None = None
    authors: list[str] = Field(default_factory=list)
    narrators: list[str] = Field(default_factory=list)
    series: list[str] = Field(default_factory=list)
    language: str | None = None
    filetypes: list[str] = Field(default_factory=list)
    private: bool = True


class ScorePart(BaseModel):
    name: str
    weight: float
    value: float | None = Field(None, description="0 to 1; null: unknown.")
    text: str


class TrackMappingOut(BaseModel):
    catalog_track_id: str
    torrent_file_path: str
    confidence: float


class CandidateOut(BaseModel):
    """Document 003's ScoredCandidate with the parts of its score and the gates that refused it."""

    idx: int
    title: str
    seeders: int | None = None
    size_bytes: int | None = None
    score: float = Field(description="0 to 1")
    free: bool
    rejected: bool
    gates: list[ReasonOut] = Field(default_factory=list)
    components: list[ScorePart] = Field(default_factory=list)
    reasoning: str = ""
    track_mapping: list[TrackMappingOut] = Field(default_factory=list)
    torrent: TorrentOffer


class HistoryEntry(BaseModel):
    seq: int
    state: TicketState
    entered_at: datetime
    actor: str


class FileOut(BaseModel):
    path: str
    size: int


class TorrentOut(BaseModel):
    """The torrent of a ticket, and what it has done for its swarm so far."""

    info_hash: str
    client: str
    name: str
    state: str
    progress: float = Field(description="0 to 1")
    size_bytes: int
    downloaded_bytes: int
    uploaded_bytes: int
    ratio: float
    seeding_secs: int
    private: bool
    added_at: datetime
    completed_at: datetime | None = None
    removed_at: datetime | None = None
    error: ReasonOut | None = None
    files: list[FileOut] = Field(default_factory=list)


class TicketBrief(BaseModel):
    """A ticket in a list."""

    ticket_id: str
    kind: Kind
    title: str
    state: TicketState
    state_details: JsonObject = Field(description="Document 003's fields of the state.")
    search: JsonObject
    priority: int
    created_at: datetime
    updated_at: datetime
    waiting: WaitingOut | None = None


class TicketOut(TicketBrief):
    """A ticket with everything known about it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "ticket_id": "123e4567-e89b-42d3-a456-426614174000",
                "kind": "audiobook",
                "title": "The Time Machine – H. G. Wells",
                "state": "DOWNLOADING",
                "state_details": {
                    "torrent_hash": "0123456789abcdef0123456789abcdef01234567",
                    "progress_pct": 45.2,
                    "download_speed_bps": 1250000,
                    "eta_secs": 95,
                    "started_at": "2024-12-24T10:00:05Z",
                    "finished_at": None,
                },
                "search": {"title": "The Time Machine", "author": ["H. G. Wells"]},
                "priority": 0,
                "created_at": "2024-12-24T10:00:00Z",
                "updated_at": "2024-12-24T10:01:00Z",
                "waiting": None,
                "requested_by": "api",
                "tracks": [],
                "images": [],
                "constraints": {
                    "format": None,
                    "bitrate_kbps": None,
                    "sample_rate_hz": None,
                    "embed_metadata": True,
                    "embed_cover": True,
                },
                "metadata_to_embed": {},
                "progress": None,
                "history": [
                    {"seq": 1, "state": "PENDING", "entered_at": "2024-12-24T10:00:00Z", "actor": "api"},
                    {"seq": 2, "state": "SEARCHING", "entered_at": "2024-12-24T10:00:01Z", "actor": "earmark"},
                ],
                "candidates": [],
                "torrent": None,
                "files": [],
                "library_path": None,
            }
        }
    )

    requested_by: str
    tracks: list[JsonObject] = Field(default_factory=list)
    images: list[JsonObject] = Field(default_factory=list)
    constraints: JsonObject
    metadata_to_embed: dict[str, str] = Field(default_factory=dict)
    progress: ProgressOut | None = None
    history: list[HistoryEntry] = Field(default_factory=list)
    candidates: list[CandidateOut] = Field(default_factory=list)
    torrent: TorrentOut | None = None
    files: list[str] = Field(default_factory=list, description="Names inside library_path, once COMPLETED.")
    library_path: str | None = None


class Links(BaseModel):
    self: str
    explain: str
    live: str


class FiledOut(BaseModel):
    """The answer to filing a ticket."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "ticket_id": "123e4567-e89b-42d3-a456-426614174000",
                "state": "PENDING",
                "created": True,
                "links": {
                    "self": "/api/v1/ticket/123e4567-e89b-42d3-a456-426614174000",
                    "explain": "/api/v1/ticket/123e4567-e89b-42d3-a456-426614174000/explain",
                    "live": "/api/v1/ws",
                },
            }
        }
    )

    ticket_id: str
    state: TicketState
    created: bool = Field(description="False: this very ticket was filed before.")
    links: Links


class TicketPage(BaseModel):
    items: list[TicketBrief]
    total: int
    limit: int
    offset: int


class OpinionOut(BaseModel):
    guid: str
    same_work: float = Field(description="0 to 1, clamped.")
    same_edition: float = Field(description="0 to 1, clamped.")
    note: str = Field(description="The model's words, at most 200 characters.")
    mapping: list[dict[str, str]] = Field(
        default_factory=list, description="Tracks it found a file for: catalog_track_id, path."
    )


class WitnessOut(BaseModel):
    """The hearing of the language model: what it was asked, what it said, and what that moved."""

    provider: str
    model: str
    prompt_version: str
    effect: Literal["none", "approved", "asked", "recommended", "fell_back"]
    note: str = Field(description="The effect in one sentence.")
    opinions: list[OpinionOut]
    asked: list[str] = Field(description="Guids of the candidates it was shown, c1 first.")
    left_out: list[str] = Field(description="Guids of candidates whose texts speak to a machine; they were not shown.")
    rules_chosen: str | None = Field(None, description="The guid that the rules alone had chosen.")
    rules_confidence: float
    rules_reasons: list[JsonObject] = Field(description="What the rules alone had doubted.")
    cached: bool = Field(description="The answer was known from an equal question.")
    fault: ReasonOut | None = Field(None, description="Why there was no usable answer.")
    system: str
    prompt: str
    answer: str


class ExplainOut(BaseModel):
    """One decision as it was made: what was searched, how every candidate scored, and what followed."""

    id: int
    ticket_id: str
    at: datetime
    wish: JsonObject
    queries: list[str]
    candidates: list[CandidateOut]
    chosen_idx: int | None = None
    confidence: float
    threshold: float
    needs_a_human: bool
    reasons: list[JsonObject] = Field(description="Document 003's approval reasons with their numbers.")
    policy_version: str
    witness: WitnessOut | None = Field(None, description="Null: the witness was not asked.")
    approved_by: str | None = Field(
        None, description="Who had a release fetched after this decision; earmark where nobody had to be asked."
    )


JobStatus: TypeAlias = Literal["queued", "downloading", "processing", "seeding", "done", "failed"]


class JobTimers(BaseModel):
    created_at: datetime
    completed_at: datetime | None = Field(None, description="When the download was complete.")
    seed_seconds: int = Field(description="Seeded so far, restarts included.")
    needed_seconds: int = Field(description="To be seeded at least.")


class JobOut(BaseModel):
    """Document 000's view of a ticket: one job with its status and timers."""

    id: str
    ticket_id: str
    title: str
    status: JobStatus
    message: str
    guid: str | None = None
    torrent_hash: str | None = None
    torrent_client: str | None = None
    timers: JobTimers


class JobPage(BaseModel):
    items: list[JobOut]
    total: int
    limit: int
    offset: int


class CheckOut(BaseModel):
    name: str
    status: Literal["ok", "warning", "error"]
    message: str | None = None
    action: str | None = None


class HealthOut(BaseModel):
    status: Literal["ok", "warning", "error"]
    version: str
    checks: list[CheckOut]


class StatsOut(BaseModel):
    states: dict[TicketState, int] = Field(description="Tickets in each state.")
    pending: int
    needs_approval: int
    downloading: int
    completed_today: int
    failed_today: int
    completed_total: int
    downloaded_bytes: int
    download_bps: int
    upload_bps: int
    seeding: int
    average_secs: float | None = Field(None, description="From filing to the shelf.")


class AccountOut(BaseModel):
    username: str
    classname: str | None = None
    ratio: float | None = None
    uploaded_bytes: int | None = None
    downloaded_bytes: int | None = None
    bonus_points: float | None = None
    wedges: int | None = None
    vip_until: datetime | None = None
    unsatisfied: int | None = None
    unsatisfied_limit: int | None = None


class IndexerOut(BaseModel):
    ok: bool
    message: str
    account: AccountOut | None = None


class ConfigOut(BaseModel):
    """The settings in force. Secrets read `**********`; an absent one is null."""

    config_file: str | None
    data_dir: str
    settings: JsonObject
