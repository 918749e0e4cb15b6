"""All commands and their options. Each hands over to one function."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from earmark import __version__
from earmark.cli import asking
from earmark.cli.options import AsJson, Config, DataDir, load

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
app.add_typer(asking.app)
app.add_typer(config_app, name="config")


@app.callback(invoke_without_command=True)
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        typer.echo(f"earmark {__version__}")
        raise typer.Exit


@app.command()
def serve(config: Config = None, data_dir: DataDir = None) -> None:
    """Run the service: web pages, REST interface, searching, downloading, binding, placing, seeding."""
    from earmark.cli.serving import serve as run

    run(load(config, data_dir))


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

    loaded = load(config, data_dir)
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

    raise typer.Exit(run(load(config, data_dir), policy, since, as_json=as_json))


@app.command()
def verify(
    files: Annotated[list[Path], typer.Argument(help="Finished books.")],
    as_json: AsJson = False,
    config: Config = None,
    data_dir: DataDir = None,
) -> None:
    """Check finished books: decoded to the end, chapters, lengths, tags and cover. Exit code 1 when one is not sound."""
    from earmark.cli.binding import verify as run

    raise typer.Exit(run(load(config, data_dir), files, to_json=as_json))


@config_app.command("show")
def config_show(as_json: AsJson = False, config: Config = None, data_dir: DataDir = None) -> None:
    """Print the settings in force, with secrets masked and the source of each."""
    from earmark.cli.configuring import show as run

    run(load(config, data_dir), as_json=as_json)


@config_app.command("reference")
def config_reference() -> None:
    """Print the configuration reference (docs/configuration.md)."""
    from earmark.settings_reference import reference

    typer.echo(reference(), nl=False)
