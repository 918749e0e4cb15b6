"""The indexers on the command line: how each stands, and a test of one or all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from rich.markup import escape
from rich.table import Table

from earmark.cli.failures import FAILED, USAGE, CommandFailed
from earmark.cli.remote import Json, Remote
from earmark.cli.rendering import ago, console

TEST_SECS = 120.0  # an indexer has 30 s to answer, and its pace may hold the question back


def indexers(remote: Remote, number: int | None, *, test: bool, as_json: bool) -> int:
    """Exit code: 1 when one that was tested failed."""
    known = [one for one in remote.get_list("/indexer") if number is None or one["id"] == number]
    if number is not None and not known:
        raise CommandFailed(f"There is no indexer number {number}.", "See the numbers with: earmark indexers", USAGE)
    if test:
        return _test(remote, sorted(known, key=_number), every=number is None, as_json=as_json)
    if as_json:
        console.print_json(json.dumps(known))
    elif known:
        _show(sorted(known, key=_number))
    else:
        console.print(f"[dim]No indexer is set up. Add one at {remote.url}/indexers[/]")
    return 0


def _test(remote: Remote, known: Sequence[Json], *, every: bool, as_json: bool) -> int:
    if every:
        found = remote.judged("/indexer/testall", {}, timeout=TEST_SECS)
    else:
        faults = remote.judged("/indexer/test", {"id": known[0]["id"]}, timeout=TEST_SECS)
        found = [{"id": known[0]["id"], "isValid": not faults, "validationFailures": faults}]
    if as_json:
        console.print_json(json.dumps(found))
    else:
        names = {one["id"]: str(one["name"]) for one in known}
        for answer in sorted(found, key=_number):
            _said(answer, names.get(answer["id"], "?"))
    return 0 if all(answer["isValid"] for answer in found) else FAILED


def _said(answer: Json, name: str) -> None:
    mark = "[green]✓[/]" if answer["isValid"] else "[red]✗[/]"
    console.print(f"{mark} {answer['id']} {escape(name)}")
    for fault in answer["validationFailures"]:
        console.print(f"  [dim]→ {escape(str(fault.get('errorMessage', '')))}[/]")


def _show(known: Sequence[Json]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("number", "name", "state", "priority"):
        justify = "right" if name in {"number", "priority"} else "left"
        table.add_column(name, no_wrap=name != "name", header_style="dim", justify=justify)  # type: ignore[arg-type]
    for one in known:
        table.add_row(str(one["id"]), escape(str(one["name"])), _state(one), str(one["priority"]))
    console.print(table)
    for one in known:
        if trouble := _trouble(one):
            console.print(f"[yellow]![/] {one['id']}, {escape(trouble)}")


def _state(one: Json) -> str:
    status = one.get("status") or {}
    if not one["enable"]:
        return "[dim]off[/]"
    till = _moment(status.get("disabledTill"))
    left = (till - datetime.now(UTC)).total_seconds() if till else 0.0
    if left > 0:
        return (
            f"[red]paused[/], {left / 3600:.0f} h left" if left > 5400 else f"[red]paused[/], {left / 60:.0f} min left"
        )
    if status and till is None:
        return "[yellow]not set up[/]"
    return "[yellow]failed lately[/]" if one.get("message") else "[green]fine[/]"


def _trouble(one: Json) -> str:
    """What it said last that was wrong, and when."""
    when = ago((one.get("status") or {}).get("mostRecentFailure"))
    said = str((one.get("message") or {}).get("message") or "")
    return f"{when}: {said}" if when and said else said or when


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _number(one: Json) -> int:
    return int(one["id"])
