"""The shelf on the command line: take back, bring to today's patterns, disks and what may go from them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from earmark.cli.failures import FAILED, USAGE, CommandFailed
from earmark.cli.remote import Json, Remote
from earmark.cli.rendering import console, size
from earmark.cli.tickets import full_id

PATIENCE_SECS = 3600.0  # moving a whole library takes its time


def undo(remote: Remote, ticket_id: str, *, as_json: bool) -> None:
    done = remote.post(f"/ticket/{full_id(remote, ticket_id)}/undo")
    if as_json:
        console.print_json(json.dumps(done))
        return
    for word, meaning in (("removed", "in the recycle folder"), ("restored", "back"), ("kept", "changed since, left")):
        for path in done[word]:
            console.print(f"[dim]{meaning}[/] {escape(path)}")


def reprocess(remote: Remote, ticket_ids: Sequence[str], *, everything: bool, dry_run: bool, as_json: bool) -> int:
    """Exit code: 1 when a book was left as it was."""
    if everything == bool(ticket_ids):
        raise CommandFailed("Which books?", "Name tickets, or say --all.", USAGE)
    ids = None if everything else [full_id(remote, one) for one in ticket_ids]
    body = {"ticket_ids": ids, "dry_run": dry_run}
    found = remote.post_list("/library/reprocess", body, timeout=PATIENCE_SECS)
    if as_json:
        console.print_json(json.dumps(found))
    else:
        for one in found:
            _show(one, dry_run=dry_run)
        console.print(
            f"{len(found)} books looked at, {sum(bool(o['moves'] or o['sidecars']) for o in found)} to change"
        )
    return FAILED if any(one["error"] for one in found) else 0


def space(remote: Remote, free_gb: float | None, *, apply: bool, as_json: bool) -> None:
    if free_gb is None:
        if apply:
            raise CommandFailed("--apply needs to know how much.", "Say --free GB too.", USAGE)
        disks = remote.get_list("/library/space")
        console.print_json(json.dumps(disks)) if as_json else _show_disks(disks)
        return
    if free_gb <= 0:
        raise CommandFailed(f"--free {free_gb} frees nothing.", "Give a number of GB above 0.", USAGE)
    plan = remote.post("/library/prune", {"free_bytes": round(free_gb * 10**9), "dry_run": not apply})
    if as_json:
        console.print_json(json.dumps(plan))
        return
    for torrent in plan["goes"]:
        console.print(
            f"{'[red]gone[/]' if apply else 'goes'}  {escape(torrent['name'])}  {size(torrent['bytes_on_disk'])}"
        )
    for torrent in plan["stays"]:
        console.print(f"[dim]stays {escape(torrent['name'])}: {escape(torrent['why']['message'])}[/]")
    console.print(f"Truly frees {size(plan['frees_bytes'])}", end="")
    console.print(f", {size(plan['short_by_bytes'])} short" if plan["short_by_bytes"] else "")
    if not apply and plan["goes"]:
        console.print("[dim]→ add --apply to carry it out[/]")


def _show(one: Json, *, dry_run: bool) -> None:
    if one["error"]:
        console.print(f"[red]✗[/] {one['ticket_id'][:8]} {escape(one['error']['message'])}")
        console.print(f"  [dim]→ {escape(one['error']['action'])}[/]")
        return
    if not (one["moves"] or one["sidecars"]):
        return
    console.print(f"{'[dim]would[/] ' if dry_run else ''}[bold]{escape(str(one['goal']))}[/]")
    for move in one["moves"]:
        console.print(f"  {escape(move['old'])} [dim]→[/] {escape(move['new'])}")
    if one["sidecars"]:
        console.print(f"  [dim]sidecars[/] {escape(', '.join(one['sidecars']))}")


def _show_disks(disks: Sequence[Json]) -> None:
    table = Table("used for", "free", "of", "keep free", "", box=None, header_style="dim", pad_edge=False)
    for disk in disks:
        low = "[red]low[/]" if disk["low"] else ""
        uses = ", ".join(f"{use} ({path})" for use, path in disk["uses"].items())
        table.add_row(escape(uses), size(disk["free_bytes"]), size(disk["total_bytes"]), size(disk["limit_bytes"]), low)
    console.print(table)
