"""`earmark replay`: what today's rules would have decided, beside what was decided. Reads the database; needs no service."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.markup import escape

from earmark.cli.failures import USAGE, CommandFailed
from earmark.cli.rendering import console
from earmark.pipeline.matching import SoberMatcher
from earmark.pipeline.replay import Change, Judgement, Policy, Replayed, read_policy
from earmark.pipeline.replay import replay as decide_again
from earmark.settings_sources import Loaded
from earmark.store import Database

WORDS = {"auto": "taken", "approve": "asked", "none": "nothing fit"}


def replay(loaded: Loaded, policy: Path | None, since: str | None, *, as_json: bool) -> int:
    """Exit code 0, whatever would change: nothing was."""
    start = _moment(since) if since else None
    found = asyncio.run(_replay(loaded, read_policy(policy) if policy else Policy(), start))
    if as_json:
        print(json.dumps(_document(found), ensure_ascii=False, indent=2))
    else:
        _print(found)
    return 0


async def _replay(loaded: Loaded, policy: Policy, since: datetime | None) -> Replayed:
    settings = loaded.settings
    url = settings.database.url
    where = url.get_secret_value() if url is not None else settings.database.path or loaded.data_dir / "earmark.db"
    db = await Database.open_to_read(where)
    try:
        line, band = settings.matcher.auto_approve_threshold, settings.matcher.llm_band
        return await decide_again(db, SoberMatcher, threshold=line, band=band, policy=policy, since=since)
    finally:
        await db.close()


def _moment(text: str) -> datetime:
    """A date (midnight, UTC) or a moment of ISO 8601; without a zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandFailed(f"“{text}” is no date.", "Give it as 2026-11-01 or 2026-11-01T12:00.", USAGE) from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found


def _document(found: Replayed) -> dict[str, object]:
    return {
        "policy_version": found.policy_version,
        "threshold": found.threshold,
        "looked_at": found.looked_at,
        "unchanged": found.unchanged,
        "counts": found.counts,
        "changes": [asdict(change) | {"at": change.at.isoformat()} for change in found.changes],
        "skipped": [{"ticket_id": id, "reason": reason} for id, reason in found.skipped],
    }


def _print(found: Replayed) -> None:
    for change in found.changes:
        _print_change(change)
    if not found.looked_at:
        console.print("Nothing was decided in that time.")
        return
    rules = f"[dim]rules {escape(found.policy_version or '–')}, threshold {found.threshold:.2f}[/]"
    console.print(
        f"{found.looked_at} decisions looked at, {found.unchanged} as before, {len(found.changes)} otherwise  {rules}"
    )
    for sort, number in sorted(found.counts.items()):
        console.print(f"  {number:>5}  {_in_words(sort)}")
    for ticket_id, reason in found.skipped:
        console.print(f"[yellow]not decided again:[/] {ticket_id[:8]}  {escape(reason)}")


def _print_change(change: Change) -> None:
    console.print(f"[bold]{escape(change.headline)}[/]  [dim]{change.ticket_id[:8]}  {change.at:%Y-%m-%d %H:%M}[/]")
    console.print(f"  was  {_said(change.old)}")
    console.print(f"  now  {_said(change.new)}")
    for why in change.why:
        console.print(f"  [dim]· {escape(why)}[/]")


def _said(made: Judgement) -> str:
    which = f" “{escape(made.title)}”" if made.title is not None else ""
    return f"{WORDS[made.outcome]}{which}  [dim]confidence {made.confidence:.2f}[/]"


def _in_words(sort: str) -> str:
    return " → ".join(WORDS.get(word, word) for word in sort.split(" → "))
