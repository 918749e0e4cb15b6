"""The commands that ask the running service: file and follow wishes, decide, mend, and look after the shelf."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from earmark.cli.options import AsJson, Config, DataDir, Id, remote

app = typer.Typer()


@app.command()
def add(
    title: Annotated[str, typer.Argument(help="Title of the book.")],
    author: Annotated[
        list[str] | None, typer.Option("--author", "-a", help="Author; may be given several times.")
    ] = None,
    narrator: Annotated[
        list[str] | None, typer.Option("--narrator", "-n", help="Narrator; may be given several times.")
    ] = None,
    series: Annotated[str | None, typer.Option(help="Series.")] = None,
    series_index: Annotated[str | None, typer.Option(help="Place in the series, e.g. 2.5.")] = None,
    year: Annotated[int | None, typer.Option(help="Year.")] = None,
    language: Annotated[str | None, typer.Option(help="Language, e.g. en.")] = None,
    isbn: Annotated[str | None, typer.Option(help="ISBN.")] = None,
    asin: Annotated[str | None, typer.Option(help="ASIN.")] = None,
    kind: Annotated[Literal["audiobook", "ebook"], typer.Option(help="What to look for.")] = "audiobook",
    only: Annotated[
        str | None, typer.Option("--format", help="Take this format only, e.g. epub for an e-book.")
    ] = None,
    priority: Annotated[int, typer.Option(help="Higher goes first.")] = 0,
    watch: Annotated[bool, typer.Option("--watch", help="Follow the ticket to its end.")] = False,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """File a wish for an audiobook or an e-book."""
    from earmark.cli.tickets import add as run

    search = {
        "title": title,
        "author": author or None,
        "narrator": narrator or None,
        "series": series,
        "series_index": series_index,
        "year": year,
        "language": language,
        "isbn": isbn,
        "asin": asin,
    }
    body: dict[str, object] = {"kind": kind, "priority": priority}
    body["search"] = {key: value for key, value in search.items() if value is not None}
    if only:
        body["constraints"] = {"format": only}
    raise typer.Exit(run(remote(config, data_dir), body, watch=watch, as_json=as_json))


@app.command()
def tickets(
    state: Annotated[
        list[str] | None, typer.Option(help="Only tickets in this state; may be given several times.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Only tickets whose title or author contains this.")] = None,
    limit: Annotated[int, typer.Option(help="How many.", min=1, max=500)] = 50,
    offset: Annotated[int, typer.Option(help="Skip so many.", min=0)] = 0,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """List tickets, newest first."""
    from earmark.cli.tickets import listing as run

    run(remote(config, data_dir), state, text, limit=limit, offset=offset, as_json=as_json)


@app.command()
def show(
    ticket_id: Id,
    watch: Annotated[bool, typer.Option("--watch", help="Follow it until it ends or waits for a person.")] = False,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Show a ticket: where it is, why, and what happens next."""
    from earmark.cli.tickets import show as run

    raise typer.Exit(run(remote(config, data_dir), ticket_id, watch=watch, as_json=as_json))


@app.command()
def approve(
    ticket_id: Id,
    candidate: Annotated[
        int | None, typer.Option(help="Number of the candidate (default: the recommended one).")
    ] = None,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Take a candidate of a ticket that waits for you."""
    from earmark.cli.tickets import act as run

    body = {} if candidate is None else {"candidate_idx": candidate}
    run(remote(config, data_dir), ticket_id, "approve", body, as_json=as_json)


@app.command()
def answer(
    ticket_id: Id,
    word: Annotated[str, typer.Argument(help="One of the words the ticket offers, e.g. names or replace.")],
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Answer what a ticket asks in the middle of its work: which order, whether to replace, whether to place."""
    from earmark.cli.tickets import act as run

    run(remote(config, data_dir), ticket_id, "answer", {"answer": word}, as_json=as_json)


@app.command()
def reject(
    ticket_id: Id,
    reason: Annotated[str | None, typer.Option(help="Why none will do.")] = None,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """End a ticket that waits for you: none of its candidates will do."""
    from earmark.cli.tickets import act as run

    run(remote(config, data_dir), ticket_id, "reject", {"reason": reason} if reason else {}, as_json=as_json)


@app.command()
def block(
    ticket_id: Id,
    candidate: Annotated[int, typer.Argument(help="Number of the candidate, as `show` numbers them.")],
    reason: Annotated[str | None, typer.Option(help="Why it will not do.")] = None,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Refuse one release of a ticket; the others are judged again."""
    from earmark.cli.tickets import act as run

    body = {"candidate_idx": candidate} | ({"reason": reason} if reason else {})
    run(remote(config, data_dir), ticket_id, "block", body, as_json=as_json)


@app.command()
def retry(ticket_id: Id, as_json: AsJson = False, config: Config = None, data_dir: DataDir = None) -> None:
    """Try a failed ticket again from the last safe point; nothing is grabbed twice."""
    from earmark.cli.tickets import act as run

    run(remote(config, data_dir), ticket_id, "retry", {}, as_json=as_json)


@app.command()
def search(
    ticket_id: Id,
    query: Annotated[str, typer.Argument(help="Your own search words.")],
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Search again for a ticket with your own words."""
    from earmark.cli.tickets import act as run

    run(remote(config, data_dir), ticket_id, "force-search", {"query": query}, as_json=as_json)


@app.command()
def magnet(
    ticket_id: Id,
    uri: Annotated[str, typer.Argument(help="The magnet link.")],
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Give a ticket the magnet link to download, whatever the search said."""
    from earmark.cli.tickets import act as run

    run(remote(config, data_dir), ticket_id, "force-magnet", {"magnet_uri": uri}, as_json=as_json)


@app.command()
def torrent(
    ticket_id: Id,
    file: Annotated[Path, typer.Argument(help="The .torrent file.")],
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Give a ticket the .torrent file to download, whatever the search said."""
    from earmark.cli.tickets import torrent as run

    run(remote(config, data_dir), ticket_id, file, as_json=as_json)


@app.command()
def cancel(ticket_id: Id, as_json: AsJson = False, config: Config = None, data_dir: DataDir = None) -> None:
    """End a ticket. Half-done work is taken back; a finished torrent goes on seeding."""
    from earmark.cli.tickets import cancel as run

    run(remote(config, data_dir), ticket_id, as_json=as_json)


@app.command()
def undo(ticket_id: Id, as_json: AsJson = False, config: Config = None, data_dir: DataDir = None) -> None:
    """Take back what a ticket did last on the shelf: a reorganisation, a replacement or a placement."""
    from earmark.cli.shelf import undo as run

    run(remote(config, data_dir), ticket_id, as_json=as_json)


@app.command()
def reprocess(
    ticket_ids: Annotated[list[str] | None, typer.Argument(help="Tickets; none with --all.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Every book on the shelf.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")] = False,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Bring books to today's naming patterns and facts: move them, prune empty folders, rewrite sidecars."""
    from earmark.cli.shelf import reprocess as run

    raise typer.Exit(
        run(remote(config, data_dir), ticket_ids or [], everything=everything, dry_run=dry_run, as_json=as_json)
    )


@app.command()
def space(
    free: Annotated[float | None, typer.Option(help="Plan what may go from the downloads to free so many GB.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Carry the plan out.")] = False,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Show the disks, and plan what may go from the downloads without costing a duty. Nothing goes without --apply."""
    from earmark.cli.shelf import space as run

    run(remote(config, data_dir), free, apply=apply, as_json=as_json)


@app.command()
def explain(ticket_id: Id, as_json: AsJson = False, config: Config = None, data_dir: DataDir = None) -> None:
    """Say why a release was chosen, or why a person was asked: every candidate with its score and reasons."""
    from earmark.cli.tickets import explain as run

    run(remote(config, data_dir), ticket_id, as_json=as_json)


@app.command()
def indexers(
    number: Annotated[int | None, typer.Argument(help="Number of one indexer (default: all).")] = None,
    test: Annotated[bool, typer.Option("--test", help="Ask whether they would search for us now.")] = False,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """List the indexers and how each stands, or test them."""
    from earmark.cli.indexers import indexers as run

    raise typer.Exit(run(remote(config, data_dir), number, test=test, as_json=as_json))


@app.command()
def session(
    config: Config = None,
    data_dir: DataDir = None,
    mam_id: Annotated[
        str, typer.Option(prompt="mam_id", hide_input=True, help="The new session cookie; asked for when left out.")
    ] = "",
) -> None:
    """Give the running service a new tracker session, without a restart."""
    from earmark.cli.tickets import session as run

    run(remote(config, data_dir), mam_id)
