"""All commands and their options. Each hands over to one function."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from earmark import __version__

if TYPE_CHECKING:
    from earmark.cli.remote import Remote
    from earmark.settings_sources import Loaded

app = typer.Typer(
    name="earmark",
    help="A wish becomes verified files on the right shelf, while every torrent keeps its tracker's rules.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 a person must decide, 4 service not reachable, "
    "5 not allowed.",
)
config_app = typer.Typer(help="Show what is configured.", no_args_is_help=True)
app.add_typer(config_app, name="config")

Config = Annotated[
    Path | None, typer.Option("--config", help="Settings file (default: EARMARK_CONFIG, else in the data directory).")
]
DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Data directory (default: EARMARK_DATA_DIR, else ~/.local/share/earmark)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Id = Annotated[str, typer.Argument(help="Ticket id; its first characters are enough when they are unique.")]


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        typer.echo(f"earmark {__version__}")
        raise typer.Exit


@app.command()
def serve(config: Config = None, data_dir: DataDir = None) -> None:
    """Run the service: web pages, REST interface, searching, downloading, binding, placing, seeding."""
    from earmark.cli.serving import serve as run

    run(_load(config, data_dir))


@app.command()
def sandbox(
    directory: Annotated[Path, typer.Option("--dir", help="Folder whose sub-folders are the releases to offer.")],
    port: Annotated[int, typer.Option(help="Port of the stand-in site; 0 takes a free one.")] = 0,
    state_dir: Annotated[Path | None, typer.Option(help="Where the stand-in keeps its own files.")] = None,
    shelf: Annotated[
        Path | None, typer.Option(help="Folder that the stand-in media server shows as its library.")
    ] = None,
) -> None:
    """Run the stand-in world: a MyAnonamouse-compatible site with a real tracker and a real seeder, on this machine only."""
    from earmark.cli.serving import sandbox as run

    run(directory, port, state_dir, shelf)


@app.command()
def demo(
    once: Annotated[bool, typer.Option("--once", help="End when the book is on the shelf.")] = False,
    as_json: AsJson = False,
    directory: Annotated[
        Path | None, typer.Option("--dir", help="Where the demo keeps its files (default: a fresh temporary folder).")
    ] = None,
    title: Annotated[str, typer.Option(help="The wish: a title of the stand-in catalogue.")] = "The Time Machine",
    author: Annotated[str, typer.Option(help="The wish: its author.")] = "H. G. Wells",
    narrator: Annotated[str, typer.Option(help="The wish: the voice.")] = "Ada Fenwick",
) -> None:
    """Show the whole chain in the stand-in world: from a wish to a book on the shelf, while the torrent goes on seeding."""
    from earmark.cli.demo import demo as run

    raise typer.Exit(
        run(once=once, as_json=as_json, directory=directory, title=title, author=author, narrator=narrator)
    )


@app.command()
def bind(
    folder: Annotated[Path, typer.Argument(help="Folder of one book's audio files, or one file.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The book, or a folder for it (default: its title, here).")
    ] = None,
    as_json: AsJson = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only show order, chapters, what happens to the sound, and doubts.")
    ] = False,
    order: Annotated[
        str | None, typer.Option(help="Settle doubts about the order: names, tags, folders or playlist.")
    ] = None,
    title: Annotated[str | None, typer.Option(help="Title, instead of what files and folder say.")] = None,
    author: Annotated[list[str] | None, typer.Option(help="Author; may be given several times.")] = None,
    narrator: Annotated[list[str] | None, typer.Option(help="Narrator; may be given several times.")] = None,
    series: Annotated[str | None, typer.Option(help="Series.")] = None,
    series_index: Annotated[str | None, typer.Option(help="Place in the series, e.g. 2.5.")] = None,
    year: Annotated[int | None, typer.Option(help="Year.")] = None,
    cover: Annotated[Path | None, typer.Option(help="A picture for the cover.")] = None,
    codec: Annotated[str | None, typer.Option(help="aac, he-aac, opus or mp3 (default: the settings').")] = None,
    bitrate: Annotated[int | None, typer.Option(help="kbit/s, never above the source.")] = None,
    coder: Annotated[str | None, typer.Option(help="auto, fast or thorough (default: the settings').")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the book if it is there.")] = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Bind a folder of audio files into one book with true chapters, proven by decoding it. Needs no service."""
    from earmark.cli.binding import bind as run
    from earmark.cli.binding import job_of

    loaded = _load(config, data_dir)
    tags = {"title": title, "author": "; ".join(author or ()), "narrator": "; ".join(narrator or ())}
    tags |= {"series": series, "series_index": series_index, "year": str(year) if year else None}
    job = job_of(
        loaded, folder, out, order=order, codec=codec, bitrate=bitrate, coder=coder, tags=tags, cover=cover,
        overwrite=overwrite,
    )  # fmt: skip
    raise typer.Exit(run(loaded, job, plan_only=plan, to_json=as_json))


@app.command()
def match(
    wish: Annotated[Path | None, typer.Option(help="A wish, as JSON.")] = None,
    releases: Annotated[
        Path | None, typer.Option(help="Releases, as JSON: labelled data, Prowlarr's answer or the tracker's rows.")
    ] = None,
    cases: Annotated[Path | None, typer.Option(help="A whole labelled file, one JSON case a line.")] = None,
    threshold: Annotated[float, typer.Option(help="Confidence from which a release is taken.")] = 0.85,
    vip: Annotated[bool, typer.Option("--vip", help="Judge what is free as for a VIP account.")] = False,
    as_json: AsJson = False,
) -> None:
    """Decide on files which release is the wish, how sure that is, and why. Needs no service and touches nothing."""
    from earmark.cli.matching import match as run

    raise typer.Exit(run(wish, releases, cases, threshold=threshold, vip=vip, as_json=as_json))


@app.command()
def replay(
    policy: Annotated[
        Path | None, typer.Option(help="A policy to try: TOML or JSON with threshold and weights.")
    ] = None,
    since: Annotated[str | None, typer.Option(help="Only decisions from this date on, e.g. 2026-11-01.")] = None,
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Decide history again with today's rules, or a policy of your own, and show what would change. Changes nothing."""
    from earmark.cli.replaying import replay as run

    raise typer.Exit(run(_load(config, data_dir), policy, since, as_json=as_json))


@app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(help="Finished books.")],
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Check finished books: decoded to the end, chapters, lengths, tags and cover. Exit code 1 when one is not sound."""
    from earmark.cli.binding import verify as run

    raise typer.Exit(run(_load(config, data_dir), files, to_json=as_json))


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
    raise typer.Exit(run(_remote(config, data_dir), body, watch=watch, as_json=as_json))


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

    run(_remote(config, data_dir), state, text, limit=limit, offset=offset, as_json=as_json)


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

    raise typer.Exit(run(_remote(config, data_dir), ticket_id, watch=watch, as_json=as_json))


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
    run(_remote(config, data_dir), ticket_id, "approve", body, as_json=as_json)


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

    run(_remote(config, data_dir), ticket_id, "answer", {"answer": word}, as_json=as_json)


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

    run(_remote(config, data_dir), ticket_id, "reject", {"reason": reason} if reason else {}, as_json=as_json)


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
    run(_remote(config, data_dir), ticket_id, "block", body, as_json=as_json)


@app.command()
def retry(ticket_id: Id, as_json: AsJson = False, config: Config = None, data_dir: DataDir = None) -> None:
    """Try a failed ticket again from the last safe point; nothing is grabbed twice."""
    from earmark.cli.tickets import act as run

    run(_remote(config, data_dir), ticket_id, "retry", {}, as_json=as_json)


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

    run(_remote(config, data_dir), ticket_id, "force-search", {"query": query}, as_json=as_json)


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

    run(_remote(config, data_dir), ticket_id, "force-magnet", {"magnet_uri": uri}, as_json=as_json)


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

    run(_remote(config, data_dir), ticket_id, file, as_json=as_json)


@app.command()
def cancel(ticket_id: Id, as_json: AsJson = False, config: Config = None, data_dir: DataDir = None) -> None:
    """End a ticket. Half-done work is taken back; a finished torrent goes on seeding."""
    from earmark.cli.tickets import cancel as run

    run(_remote(config, data_dir), ticket_id, as_json=as_json)


@app.command()
def undo(ticket_id: Id, as_json: AsJson = False, config: Config = None, data_dir: DataDir = None) -> None:
    """Take back what a ticket did last on the shelf: a reorganisation, a replacement or a placement."""
    from earmark.cli.shelf import undo as run

    run(_remote(config, data_dir), ticket_id, as_json=as_json)


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
        run(_remote(config, data_dir), ticket_ids or [], everything=everything, dry_run=dry_run, as_json=as_json)
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

    run(_remote(config, data_dir), free, apply=apply, as_json=as_json)


@app.command()
def explain(ticket_id: Id, as_json: AsJson = False, config: Config = None, data_dir: DataDir = None) -> None:
    """Say why a release was chosen, or why a person was asked: every candidate with its score and reasons."""
    from earmark.cli.tickets import explain as run

    run(_remote(config, data_dir), ticket_id, as_json=as_json)


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

    run(_remote(config, data_dir), mam_id)


@config_app.command("show")
def config_show(as_json: AsJson = False, config: Config = None, data_dir: DataDir = None) -> None:
    """Print the settings in force, with secrets masked and the source of each."""
    from earmark.cli.configuring import show as run

    run(_load(config, data_dir), as_json=as_json)


@config_app.command("reference")
def config_reference() -> None:
    """Print the configuration reference (docs/configuration.md)."""
    from earmark.settings_reference import reference

    typer.echo(reference(), nl=False)


def _load(config: Path | None, data_dir: Path | None) -> Loaded:
    from earmark.settings_sources import load_settings

    return load_settings(config=config, data_dir=data_dir, environ=os.environ)


def _remote(config: Path | None, data_dir: Path | None) -> Remote:
    from earmark.cli.remote import Remote, find_service

    return Remote(find_service(_load(config, data_dir)))
