"""The commands about tickets: file, list, show, decide, end, explain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from rich.markup import escape

from earmark.cli.failures import FAILED, UNDECIDED, USAGE, CommandFailed
from earmark.cli.following import follow, needs_a_person
from earmark.cli.remote import Json, Remote
from earmark.cli.rendering import (
    ago,
    asker_of,
    candidate_table,
    components_line,
    console,
    headline,
    size,
    span,
    state_text,
    ticket_table,
)


def add(remote: Remote, body: Mapping[str, object], *, watch: bool, as_json: bool) -> int:
    filed = remote.post("/ticket", body)
    if watch:
        return show(remote, filed["ticket_id"], watch=True, as_json=as_json)
    if as_json:
        _print(filed)
    else:
        console.print(
            f"Filed as [bold]{filed['ticket_id']}[/]. Follow it with: earmark show {filed['ticket_id'][:8]} --watch"
        )
    return 0


def listing(
    remote: Remote, states: list[str] | None, text: str | None, *, limit: int, offset: int, as_json: bool
) -> None:
    page = remote.get("/tickets", state=",".join(states) if states else None, q=text, limit=limit, offset=offset)
    if as_json:
        _print(page)
    else:
        console.print(ticket_table(page["items"], page["total"]))


def show(remote: Remote, ticket_id: str, *, watch: bool, as_json: bool) -> int:
    """Exit code: 0 fine, 1 it failed, 3 it waits for a person (only when watching)."""
    whole = full_id(remote, ticket_id)
    ticket = follow(remote, whole, console) if watch and not as_json else _settled(remote, whole, watch=watch)
    if as_json:
        _print(ticket)
    else:
        _print_ticket(ticket)
    if not watch:
        return 0
    if needs_a_person(ticket):
        return UNDECIDED
    return {"FAILED": FAILED, "REJECTED": FAILED, "CANCELLED": FAILED, "NEEDS_APPROVAL": UNDECIDED}.get(
        ticket["state"], 0
    )


def act(remote: Remote, ticket_id: str, verb: str, body: Mapping[str, object], *, as_json: bool) -> None:
    answer = remote.post(f"/ticket/{full_id(remote, ticket_id)}/{verb}", body)
    _said(answer, as_json=as_json)


def torrent(remote: Remote, ticket_id: str, file: Path, *, as_json: bool) -> None:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read ({error.strerror}).", "Correct the path.", USAGE) from error
    _said(remote.post_file(f"/ticket/{full_id(remote, ticket_id)}/force-torrent", content), as_json=as_json)


def cancel(remote: Remote, ticket_id: str, *, as_json: bool) -> None:
    _said(remote.delete(f"/ticket/{full_id(remote, ticket_id)}"), as_json=as_json)


def session(remote: Remote, mam_id: str) -> None:
    answer = remote.put("/settings/mam-session", {"mam_id": mam_id})
    console.print(escape(str(answer.get("message", "The session was taken."))))
    if not answer.get("ok", True):
        raise CommandFailed("The site did not accept the session.", "Copy the value anew from Preferences → Security.")


def explain(remote: Remote, ticket_id: str, *, as_json: bool) -> None:
    whole = full_id(remote, ticket_id)
    answer = remote.get(f"/ticket/{whole}/explain")
    if as_json:
        _print(answer)
        return
    candidates: list[Json] = answer["candidates"]
    console.print(
        f"[dim]policy[/] {escape(str(answer['policy_version']))}   "
        f"[dim]confidence[/] {answer['confidence']:.2f} of {answer['threshold']:.2f} needed"
    )
    ticket = remote.get(f"/ticket/{whole}")
    if ticket["history"] and ticket["history"][0]["state"] == "APPROVED":
        by = asker_of(ticket) or "the program that filed it"
        console.print(f"[dim]chosen by[/] {escape(by)}, as with a Prowlarr; the score decided nothing")
    elif answer.get("approved_by"):
        console.print(f"[dim]approved by[/] {escape(str(answer['approved_by']))}")
    for reason in answer["reasons"]:
        console.print(f"[yellow]?[/] {escape(str(reason.get('text', reason.get('code'))))}")
    if answer.get("witness"):
        _print_witness(answer["witness"])
    console.print(candidate_table(candidates, limit=50))
    for number, candidate in enumerate(candidates[:5]):
        console.print(f"[dim]#{number}[/] ", components_line(candidate))
        for component in candidate.get("components", []):
            console.print(f"   [dim]{component['name']:>9}[/] {escape(str(component['text']))}")


def _print_witness(witness: Json) -> None:
    memory = ", from memory" if witness["cached"] else ""
    console.print(
        f"[dim]witness[/] {escape(witness['model'])} ({witness['provider']}{memory}): {escape(witness['note'])}"
    )
    for opinion in witness["opinions"]:
        shares = f"work {opinion['same_work']:.2f}, edition {opinion['same_edition']:.2f}"
        console.print(f"   [dim]{escape(opinion['guid'])}[/] {shares}  {escape(opinion['note'])}")


def full_id(remote: Remote, given: str) -> str:
    """A whole ticket id from its first characters. Raises `CommandFailed` when they fit none or several."""
    if len(given) >= 36:
        return given
    page = remote.get("/tickets", limit=500)
    found = [t["ticket_id"] for t in page["items"] if t["ticket_id"].startswith(given)]
    if len(found) == 1:
        return str(found[0])
    what = "No ticket starts" if not found else f"{len(found)} tickets start"
    raise CommandFailed(f"{what} with “{given}”.", "Look the id up with: earmark tickets", USAGE)


def _settled(remote: Remote, ticket_id: str, *, watch: bool) -> Json:
    if not watch:
        return remote.get(f"/ticket/{ticket_id}")
    from rich.console import Console

    return follow(remote, ticket_id, Console(quiet=True))


def _said(answer: Json, *, as_json: bool) -> None:
    if as_json:
        _print(answer)
    else:
        console.print("Now", state_text(answer["state"]))


def _print_ticket(ticket: Json) -> None:
    console.print(
        f"[bold]{escape(headline(ticket))}[/]  ", state_text(ticket["state"]), f" [dim]{ticket['ticket_id']}[/]"
    )
    asker = asker_of(ticket)
    by = f" by {escape(asker)}" if asker else ""
    console.print(f"[dim]filed {ago(ticket['created_at'])}{by}, last change {ago(ticket['updated_at'])}[/]")
    details = ticket["state_details"]
    if ticket["state"] == "FAILED":
        console.print(f"[red]{escape(str(details['error']))}[/]\n[dim]→ {escape(str(details['action']))}[/]")
    waiting = ticket.get("waiting")
    if waiting:
        console.print(f"[yellow]waits:[/] {escape(waiting['message'])}\n[dim]→ {escape(waiting['action'])}[/]")
        for word, meaning in (waiting.get("evidence") or {}).get("answers", {}).items():
            console.print(
                f"  [bold]earmark answer {ticket['ticket_id'][:8]} {escape(word)}[/]  [dim]{escape(meaning)}[/]"
            )
    for reason in details.get("reasons", []) if ticket["state"] == "NEEDS_APPROVAL" else []:
        console.print(f"[yellow]?[/] {escape(str(reason.get('text', reason.get('code'))))}")
    if ticket["state"] == "NEEDS_APPROVAL":
        console.print(candidate_table(ticket.get("candidates") or []))
        console.print("[dim]→ earmark approve ID --candidate N, earmark reject ID, or earmark search ID “words”[/]")
    torrent = ticket.get("torrent")
    if torrent:
        console.print(
            f"[dim]torrent[/] {escape(torrent['name'])}  {size(torrent['size_bytes'])}  {str(torrent['state']).lower()}"
            f"  ratio {torrent.get('ratio') or 0:.2f}  seeded {span(torrent.get('seeding_secs'))}"
        )
    if ticket["state"] == "COMPLETED":
        stats = details["stats"]
        console.print(f"[green]{escape(str(ticket.get('library_path')))}[/]")
        spent = stats["conversion_duration_secs"]  # nothing for what is placed as it came
        bound = f"bound in {spent:.1f} s, " if spent else ""
        console.print(
            f"[dim]downloaded {size(stats['total_download_bytes'])} in {stats['download_duration_secs']:.1f} s, "
            f"{bound}{size(stats['final_size_bytes'])} on the shelf[/]"
        )


def _print(document: Json) -> None:
    print(json.dumps(document, ensure_ascii=False, indent=2))
