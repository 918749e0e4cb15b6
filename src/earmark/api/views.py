"""From the house's values to the API's answers. Pure: everything a view needs comes in as an argument."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import cast
from urllib.parse import parse_qsl, urlencode

from earmark.api.schemas import (
    AccountOut,
    CandidateOut,
    CheckOut,
    ExplainOut,
    FileOut,
    HealthOut,
    HistoryEntry,
    IndexerOut,
    JobOut,
    JobStatus,
    JobTimers,
    JsonObject,
    ProgressOut,
    ReasonOut,
    ScorePart,
    StatsOut,
    TicketBrief,
    TicketOut,
    TorrentOffer,
    TorrentOut,
    TrackMappingOut,
    WaitingOut,
    WitnessOut,
)
from earmark.core.decision import ScoredCandidate
from earmark.core.reasons import Reason
from earmark.core.release import Release
from earmark.core.states import (
    ApprovalReason,
    Approved,
    AutoApproved,
    Completed,
    Downloading,
    Failed,
    Matching,
    NeedsApproval,
    StatePayload,
    TicketState,
)
from earmark.core.testimony import WitnessRecord
from earmark.core.ticket import Ticket
from earmark.core.wish import AlbumWish, BookWish, Wish, headline
from earmark.pipeline.progress import Progress
from earmark.pipeline.views import Health, Stats, TicketView
from earmark.ports import IndexerHealth
from earmark.store import DecisionRecord, Event, TorrentRecord

S = TicketState


def plain(value: object) -> object:
    """Dataclasses, enums, tuples and times as JSON has them."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, datetime):
        return utc_text(value)
    return value.value if isinstance(value, Enum) else value


def utc_text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _object(value: object) -> JsonObject:
    return cast("JsonObject", plain(value))


# --- tickets ----------------------------------------------------------------------------------------------------------


def brief(ticket: Ticket) -> TicketBrief:
    waiting = ticket.waiting
    return TicketBrief(
        ticket_id=ticket.id,
        kind=ticket.request.kind,
        title=headline(ticket.request.wish),
        state=ticket.state,
        state_details=state_details(ticket.payload, ()),
        search=search_of(ticket.request.wish),
        priority=ticket.request.priority,
        created_at=ticket.created_at,
        updated_at=ticket.updated_at,
        waiting=None
        if waiting is None
        else WaitingOut(**reason(waiting.reason).model_dump(), since=waiting.since, until=waiting.until),
    )


def full(view: TicketView) -> TicketOut:
    ticket = view.ticket
    candidates = [candidate(n, scored) for n, scored in enumerate(view.candidates)]
    wish = ticket.request.wish
    payload = ticket.payload
    album = wish if isinstance(wish, AlbumWish) else None
    fields = dict(brief(ticket)) | {"state_details": state_details(payload, candidates)}
    return TicketOut(
        **fields,
        requested_by=ticket.request.requested_by,
        tracks=[_object(track) for track in album.tracks] if album else [],
        images=[_object(image) for image in album.images] if album else [],
        constraints=_object(ticket.request.constraints),
        metadata_to_embed=dict(ticket.request.metadata_to_embed),
        progress=progress(view.progress) if view.progress else None,
        history=history(view.events),
        candidates=candidates,
        torrent=torrent(view.torrent) if view.torrent else None,
        files=list(payload.files) if isinstance(payload, Completed) else [],
        library_path=payload.library_path if isinstance(payload, Completed) else None,
    )


def search_of(wish: Wish) -> JsonObject:
    """The wish under the names it was asked with; what was left out stays out."""
    if isinstance(wish, BookWish):
        named = asdict(wish)
        named = {
            "title": named.pop("title"),
            "author": named.pop("authors"),
            "narrator": named.pop("narrators"),
        } | named
    else:
        named = {"artist": wish.artist, "album": wish.album, "year": wish.year, "label": wish.label}
        named |= {"genres": wish.genres}
    return _object({key: value for key, value in named.items() if value not in (None, ())})


def state_details(payload: StatePayload, candidates: Sequence[CandidateOut]) -> JsonObject:
    """The state's own fields as document 003 names them. Indexes become the candidates they mean, where those are at hand."""
    details = _object(payload)
    offered = [c.model_dump(mode="json") for c in candidates]
    match payload:
        case Matching() if offered:
            details["candidates"] = cast("list[object]", offered)  # type: ignore[assignment]
        case NeedsApproval():
            reasons = [approval_reason(r) for r in payload.reasons]
            details |= {"reason": reasons[0] if reasons else None, "reasons": list(reasons)}
            if offered:
                details["candidates"] = cast("list[object]", offered)  # type: ignore[assignment]
        case AutoApproved() | Approved():
            chosen = payload.selected_idx
            details["selected"] = cast("JsonObject", offered[chosen]) if chosen < len(offered) else None
        case Failed():
            why = payload.error
            details |= {"error": why.message, "code": why.code, "action": why.action, "evidence": _object(why.evidence)}
        case _:
            pass
    return details


def approval_reason(doubt: ApprovalReason) -> JsonObject:
    return _object({"code": doubt.code, **doubt.numbers, "text": doubt.text})


def history(events: Sequence[Event]) -> list[HistoryEntry]:
    return [
        HistoryEntry(
            seq=event.seq,
            state=TicketState(str(event.payload["new_state"])),
            entered_at=event.at,
            actor=str(event.payload.get("actor", "")),
        )
        for event in events
        if event.type == "state_change"
    ]


def candidate(idx: int, scored: ScoredCandidate) -> CandidateOut:
    release = scored.release
    return CandidateOut(
        idx=idx,
        title=release.title,
        seeders=release.seeders,
        size_bytes=release.size_bytes,
        score=scored.score,
        free=scored.free,
        rejected=scored.rejected,
        gates=[reason(gate) for gate in scored.gates],
        components=[ScorePart(name=c.name, weight=c.weight, value=c.value, text=c.text) for c in scored.components],
        reasoning=scored.reasoning,
        track_mapping=[TrackMappingOut(**asdict(mapping)) for mapping in scored.track_mapping],
        torrent=_offer(release),
    )


def _offer(release: Release) -> TorrentOffer:
    return TorrentOffer(
        title=release.title,
        indexer=release.indexer,
        guid=release.guid,
        info_url=release.info_url,
        magnet_uri=_bare_magnet(release.magnet, private=release.private),
        info_hash=release.info_hash,
        size_bytes=release.size_bytes,
        seeders=release.seeders,
        leechers=release.leechers,
        files=release.file_count,
        publish_date=release.published_at,
        authors=list(release.authors),
        narrators=list(release.narrators),
        series=[f"{s.name} #{s.index}" if s.index else s.name for s in release.series],
        language=release.language,
        filetypes=list(release.filetypes),
        private=release.private,
    )


def _bare_magnet(magnet: str | None, *, private: bool) -> str | None:
    """A private tracker's announce URL carries the passkey, so it never leaves the house."""
    if magnet is None or not private:
        return magnet
    kept = [(k, v) for k, v in parse_qsl(magnet.removeprefix("magnet:?")) if k in ("xt", "dn", "xl")]
    return "magnet:?" + urlencode(kept, safe=":")


def torrent(record: TorrentRecord) -> TorrentOut:
    return TorrentOut(
        info_hash=record.info_hash,
        client=record.client,
        name=record.name,
        state=str(record.state),
        progress=record.progress,
        size_bytes=record.size_bytes,
        downloaded_bytes=record.downloaded,
        uploaded_bytes=record.uploaded,
        ratio=record.ratio,
        seeding_secs=record.seeding_secs,
        private=record.private,
        added_at=record.added_at,
        completed_at=record.completed_at,
        removed_at=record.removed_at,
        error=reason(record.error) if record.error else None,
        files=[FileOut(path=entry.path, size=entry.size) for entry in record.entries],
    )


def progress(now: Progress) -> ProgressOut:
    return ProgressOut(**asdict(now))


def reason(why: Reason) -> ReasonOut:
    return ReasonOut(code=why.code, message=why.message, action=why.action, evidence=_object(dict(why.evidence)))


def explain(record: DecisionRecord, events: Sequence[Event]) -> ExplainOut:
    """The decision with what came of it; `events` is the ticket's history."""
    made = record.decision
    return ExplainOut(
        id=record.id,
        ticket_id=record.ticket_id,
        at=record.at,
        wish=_object(record.wish),
        queries=list(record.queries),
        candidates=[candidate(n, scored) for n, scored in enumerate(made.candidates)],
        chosen_idx=made.chosen_idx,
        confidence=made.confidence,
        threshold=made.threshold,
        needs_a_human=made.needs_a_human,
        reasons=[approval_reason(r) for r in made.reasons],
        policy_version=made.policy_version,
        witness=witness(made.witness) if made.witness else None,
        approved_by=_approved_by(record, events),
    )


def witness(heard: WitnessRecord) -> WitnessOut:
    told = _object(heard) | {"rules_reasons": [approval_reason(r) for r in heard.rules_reasons]}
    return WitnessOut.model_validate(told)


def _approved_by(record: DecisionRecord, events: Sequence[Event]) -> str | None:
    taken = {str(S.APPROVED), str(S.AUTO_APPROVED)}
    for event in events:
        if event.type == "state_change" and event.at >= record.at and event.payload.get("new_state") in taken:
            return str(event.payload.get("actor"))
    return None


# --- document 000's jobs ----------------------------------------------------------------------------------------------

QUEUED = frozenset({S.PENDING, S.SEARCHING, S.MATCHING, S.NEEDS_APPROVAL, S.AUTO_APPROVED, S.APPROVED})
WAITS_FOR_A_PERSON = "Waits for approval."


def job(ticket: Ticket, held: TorrentRecord | None, now: Progress | None, needed_seconds: int) -> JobOut:
    status = job_status(ticket.payload)
    return JobOut(
        id=ticket.id,
        ticket_id=ticket.id,
        title=headline(ticket.request.wish),
        status=status,
        message=_job_message(ticket, now),
        guid=held.guid if held else None,
        torrent_hash=held.info_hash if held else None,
        torrent_client=held.client if held else None,
        timers=JobTimers(
            created_at=ticket.created_at,
            completed_at=held.completed_at if held else None,
            seed_seconds=held.seeding_secs if held else 0,
            needed_seconds=needed_seconds,
        ),
    )


def job_status(payload: StatePayload) -> JobStatus:
    """Document 000's words: `seeding` from the last byte until the book is worked on, `done` once it is delivered."""
    state = payload.state
    if state in QUEUED:
        return "queued"
    if isinstance(payload, Downloading):
        return "seeding" if payload.finished_at is not None else "downloading"
    if state in (S.CONVERTING, S.PLACING):
        return "processing"
    return "done" if state is S.COMPLETED else "failed"


def _job_message(ticket: Ticket, now: Progress | None) -> str:
    payload = ticket.payload
    if isinstance(payload, Failed):
        return payload.error.message
    if ticket.waiting is not None:
        return ticket.waiting.reason.message
    if isinstance(payload, NeedsApproval):
        return payload.reasons[0].text if payload.reasons else WAITS_FOR_A_PERSON
    if isinstance(payload, Completed):
        return f"On the shelf at {payload.library_path}."
    if now is not None:
        return f"{now.stage}: {now.progress_pct:.0f} %" + (f", {now.label}" if now.label else "")
    return f"The ticket is {ticket.state}."


# --- the house --------------------------------------------------------------------------------------------------------


def health(found: Health, *, with_words: bool) -> HealthOut:
    """Without a key only names and colours are told."""
    checks = [
        CheckOut(name=c.name, status=c.status, message=c.message, action=c.action)
        if with_words
        else CheckOut(name=c.name, status=c.status)
        for c in found.checks
    ]
    return HealthOut(status=found.status, version=found.version, checks=checks)


def stats(found: Stats) -> StatsOut:
    states = {state: found.counts.get(state, 0) for state in TicketState}
    return StatsOut(
        states=states,
        pending=states[S.PENDING],
        needs_approval=states[S.NEEDS_APPROVAL],
        downloading=states[S.DOWNLOADING],
        completed_today=found.completed_today,
        failed_today=found.failed_today,
        completed_total=found.completed_total,
        downloaded_bytes=found.downloaded_bytes,
        download_bps=found.download_bps,
        upload_bps=found.upload_bps,
        seeding=found.seeding,
        average_secs=found.average_secs,
    )


def indexer(found: IndexerHealth) -> IndexerOut:
    account = found.account
    told = {name: getattr(account, name) for name in AccountOut.model_fields} if account else None
    return IndexerOut(ok=found.ok, message=found.message, account=AccountOut(**told) if told else None)
