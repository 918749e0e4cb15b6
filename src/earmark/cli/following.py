"""Following one ticket live: a line for each state it reaches and a bar for the work in hand."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from earmark.cli.remote import Json, Remote
from earmark.cli.rendering import candidate_table, components_line, size, span, state_text

ENDED = {"COMPLETED", "FAILED", "REJECTED", "CANCELLED"}
POLL_SECS = 0.2


def follow(
    remote: Remote, ticket_id: str, console: Console, *, on_change: Callable[[Json], None] | None = None
) -> Json:
    """Show the ticket until it ends or waits for a person; gives the ticket as it is then."""
    told = 0
    waiting = shown = ""
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=32), TextColumn("{task.fields[figures]}"))
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=100, visible=False, figures="")
        while True:
            ticket = remote.get(f"/ticket/{ticket_id}")
            for entry in ticket["history"][told:]:
                _tell(progress.console, ticket, entry)
            told = len(ticket["history"])
            waiting = _tell_waiting(progress.console, ticket, waiting)
            shown = _show_progress(progress, bar, ticket, shown)
            if on_change:
                on_change(ticket)
            if ticket["state"] in ENDED or needs_a_person(ticket):
                return ticket
            time.sleep(POLL_SECS)


def needs_a_person(ticket: Json) -> bool:
    """Does it wait for a choice, or for an answer in the middle of its work?"""
    asked = ((ticket.get("waiting") or {}).get("evidence") or {}).get("answers")
    return ticket["state"] == "NEEDS_APPROVAL" or bool(asked)


def _tell(console: Console, ticket: Json, entry: Json) -> None:
    state = entry["state"]
    console.print(entry["entered_at"][11:19], state_text(state), escape(_about(ticket, state)), style="none")
    if state in {"AUTO_APPROVED", "NEEDS_APPROVAL"} and ticket.get("candidates"):
        console.print(candidate_table(ticket["candidates"], limit=6))
        console.print(components_line(ticket["candidates"][0]))


def _about(ticket: Json, state: str) -> str:
    details = ticket["state_details"] if ticket["state"] == state else {}
    if state == "NEEDS_APPROVAL":
        return "; ".join(r.get("text", r.get("code", "")) for r in details.get("reasons", [])) or "a person must decide"
    if state == "FAILED" and details:
        return f"{details['error']} → {details['action']}"
    if state == "DOWNLOADING" and ticket.get("torrent"):
        return f"{ticket['torrent']['name']} ({size(ticket['torrent']['size_bytes'])})"
    return ""


def _tell_waiting(console: Console, ticket: Json, before: str) -> str:
    waiting = ticket.get("waiting")
    text = f"{waiting['message']} → {waiting['action']}" if waiting else ""
    if text and text != before:
        console.print("         [yellow]waits:[/]", escape(text))
    return text


def _show_progress(progress: Progress, bar: TaskID, ticket: Json, before: str) -> str:
    """The bar in a terminal; elsewhere a line for each quarter and each chapter."""
    now = ticket.get("progress")
    if not now:
        progress.update(bar, visible=False)
        return before
    label, figures = str(now.get("label") or now["stage"]), _figures(now)
    progress.update(bar, visible=True, completed=now["progress_pct"], description=escape(label[:48]), figures=figures)
    mark = f"{label} {now['progress_pct'] // 25}"
    if not progress.console.is_terminal and mark != before:
        progress.console.print(f"         [dim]{escape(label)}[/]  {figures}")
    return mark


def _figures(now: Json) -> str:
    """45 %  220 KiB of 484 KiB  160 KiB/s  ETA 0:02"""
    share = f"{now['progress_pct']:.0f} %"
    if now["unit"] == "bytes":
        eta = f"  ETA {span(now['eta_secs'])}" if now.get("eta_secs") is not None else ""
        return f"{share}  {size(now['done'])} of {size(now['total'])}  {size(now.get('speed_bps') or 0)}/s{eta}"
    if now["unit"] == "seconds":
        return f"{share}  {span(now['done'])} of {span(now['total'])} of audio"
    return f"{share}  {now['done']:.0f} of {now['total']:.0f} files"
