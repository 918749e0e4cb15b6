"""How tickets, candidates, books and figures look in a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from earmark.cli.remote import Json

COLOURS = {
    "COMPLETED": "green",
    "FAILED": "red",
    "REJECTED": "red",
    "CANCELLED": "bright_black",
    "NEEDS_APPROVAL": "yellow",
    "DOWNLOADING": "cyan",
    "CONVERTING": "magenta",
    "PLACING": "magenta",
}

console = Console(highlight=False)


def state_text(state: str) -> Text:
    return Text(state.replace("_", " ").lower(), style=COLOURS.get(state, "blue"))


def size(value: float | None) -> str:
    """Binary units."""
    if value is None:
        return "?"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(value) < 1024:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} TiB"


def span(seconds: float | None) -> str:
    """h:mm:ss, or m:ss below an hour."""
    if seconds is None:
        return "?"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def ago(moment: str | None) -> str:
    if not moment:
        return ""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds()
    for limit, divisor, unit in ((90, 1, "s"), (5400, 60, "min"), (129600, 3600, "h")):
        if seconds < limit:
            return f"{max(seconds, 0) / divisor:.0f} {unit} ago"
    return f"{seconds / 86400:.0f} d ago"


def headline(ticket: Json) -> str:
    search = ticket.get("search") or {}
    people = search.get("author") or search.get("artist") or ""
    names = ", ".join(people) if isinstance(people, list) else str(people)
    title = str(search.get("title") or search.get("album") or ticket["ticket_id"])
    return f"{title} – {names}" if names else title


def asker_of(ticket: Json) -> str:
    """The program a ticket came from; empty when a person or a script filed it here."""
    named = " ".join(str(ticket.get("requested_by") or "").split())[:60]
    if named == "unknown":
        return "another program"
    return "" if named in ("api", "web", "admin", "user") else named


def ticket_table(tickets: Iterable[Json], total: int) -> RenderableType:
    table = Table(box=None, pad_edge=False)
    shown = list(tickets)
    if not shown:
        return Text("No tickets here. File one with: earmark add TITLE --author AUTHOR", style="dim")
    for name in ("id", "state", "wish", "now", "filed"):
        table.add_column(name, no_wrap=name in {"id", "state", "filed"}, header_style="dim")
    for ticket in shown:
        now = _now(ticket)
        table.add_row(
            ticket["ticket_id"][:8],
            state_text(ticket["state"]),
            escape(headline(ticket)),
            escape(now),
            ago(ticket["created_at"]),
        )
    return Group(table, Text(f"{len(shown)} of {total}", style="dim")) if total > len(shown) else table


def _now(ticket: Json) -> str:
    if ticket.get("progress"):
        return f"{ticket['progress']['progress_pct']:.0f} %"
    waiting = ticket.get("waiting")
    return str(waiting["message"]) if waiting else ""


def candidate_table(candidates: list[Json], *, limit: int = 8) -> RenderableType:
    """Candidates with their score by component, and what refused them."""
    table = Table(box=None, pad_edge=False)
    for name, justify in (
        ("#", "right"),
        ("score", "right"),
        ("release", "left"),
        ("size", "right"),
        ("seeds", "right"),
        ("why", "left"),
    ):
        table.add_column(name, justify=justify, header_style="dim")  # type: ignore[arg-type]
    for number, candidate in enumerate(candidates[:limit]):
        offer = candidate["torrent"]
        refused = candidate.get("rejected")
        style = "dim" if refused else ""
        people = ", ".join(offer.get("narrators") or offer.get("authors") or [])
        free = " [green]free[/]" if candidate.get("free") else ""
        table.add_row(
            str(number),
            "–" if refused else f"{candidate['score']:.2f}",
            f"{escape(str(candidate['title']))}{f' [dim]({escape(people)})[/]' if people else ''}{free}",
            size(candidate.get("size_bytes")),
            str(candidate["seeders"] if candidate.get("seeders") is not None else "?"),
            escape(str(candidate.get("reasoning") or "")),
            style=style,
        )
    more = len(candidates) - limit
    return Group(table, Text(f"… and {more} more", style="dim")) if more > 0 else table


def components_line(candidate: Json) -> Text:
    """title ▇▇▇▇▇▇▇▇ 1.00 · author …"""
    line = Text()
    for component in candidate.get("components", []):
        value = component.get("value")
        bar = "?" if value is None else "▁▂▃▄▅▆▇█"[min(7, round(value * 7))]
        colour = "yellow" if value is None or value < 0.75 else "green"
        line.append(f"{component['name']} ", style="dim").append(bar, style=colour)
        line.append(f" {'?' if value is None else f'{value:.2f}'}   ")
    return line


def book_tree(folder: str, files: list[Json], chapters: list[Json]) -> Tree:
    tree = Tree(f"[bold]{escape(folder)}[/]")
    for file in files:
        branch = tree.add(f"{escape(str(file['name']))} [dim]{size(file.get('size'))}[/]")
        if str(file["name"]).endswith(".m4b"):
            for chapter in chapters:
                branch.add(f"[dim]{span(chapter['start'])}[/] {escape(str(chapter['title']))}")
    return tree
