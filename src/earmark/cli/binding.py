"""`earmark bind` and `earmark verify`: the binder on any folder or file, without a service."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from rich.markup import escape as escape_markup
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from earmark.cli.failures import FAILED, UNDECIDED, USAGE, CommandFailed, stderr
from earmark.cli.rendering import console, size, span
from earmark.core.binding import BindProfile, BindProgress, BookTags, BoundBook, Chapter, Codec, Coder, OrderBy
from earmark.core.reasons import JsonValue, Reason
from earmark.media.bind import FfmpegBinder
from earmark.media.ffmpeg import FfmpegTool, find_ffmpeg
from earmark.media.plan import book_chapters
from earmark.media.verify import FileReport, as_json, verify_file
from earmark.pipeline.bindfolder import FolderJob, FolderPlan, bind_folder, plan_folder
from earmark.settings_sources import Loaded

T = TypeVar("T")
W = TypeVar("W")


def bind(loaded: Loaded, job: FolderJob, *, plan_only: bool, to_json: bool) -> int:
    """Exit code: 0 done, 3 when the plan is in doubt. Everything else is raised."""
    tool = _tool(loaded)
    binder = FfmpegBinder(tool, max_parallel=1)
    planned = _run(plan_folder(binder, job))
    if plan_only or planned.plan.doubts:
        told = _plan_as_json(planned)
        console.print_json(json.dumps(told)) if to_json else _show_plan(planned)
        if planned.plan.doubts and not to_json:
            stderr.print(
                "[yellow]Nothing was bound.[/] Settle the doubts with --order names, tags, folders or playlist."
            )
        return UNDECIDED if planned.plan.doubts else 0
    if not to_json:
        _show_plan(planned)
    try:
        book = _run(_bind(binder, job, planned, quiet=to_json))
    except KeyboardInterrupt:
        if planned.work.exists():
            stderr.print("[yellow]Stopped.[/] The same command goes on where this one was.")
        raise
    if to_json:
        console.print_json(json.dumps(_book_as_json(planned, book)))
    else:
        console.print(
            f"[green]Bound[/] {_shown(str(book.path))}  [dim]{span(book.duration_secs)}, {size(book.size_bytes)}, "
            f"{len(book.chapters)} chapters (from {book.chapters_from}), every second proven[/]"
        )
    return 0


def job_of(
    loaded: Loaded,
    folder: Path,
    out: Path | None,
    *,
    order: str | None,
    codec: str | None,
    bitrate: int | None,
    coder: str | None,
    tags: Mapping[str, str | None],
    cover: Path | None,
    overwrite: bool,
) -> FolderJob:
    """The job as the options say, the settings where they are silent. Raises `CommandFailed` naming a wrong option."""
    settings = loaded.settings.converter
    wanted_order: OrderBy | None = _one_of("--order", order, get_args(OrderBy)) if order else None
    profile = BindProfile(
        _one_of("--codec", codec, get_args(Codec)) if codec else settings.codec,
        settings.mono_kbps,
        settings.stereo_kbps,
        _one_of("--coder", coder, get_args(Coder)) if coder else settings.coder,
    )
    if bitrate is not None and not 8 <= bitrate <= 512:
        raise CommandFailed(f"--bitrate {bitrate} is out of range.", "Give 8 to 512 kbit/s.", USAGE)
    try:
        picture = cover.read_bytes() if cover else None
    except OSError as error:
        raise CommandFailed(
            f"--cover {cover} cannot be read ({error.strerror}).", "Correct the path.", USAGE
        ) from error
    given = {name: value for name, value in tags.items() if value}
    return FolderJob(folder, out, wanted_order, profile, bitrate, given, picture, overwrite)


def _one_of(option: str, word: str, known: Sequence[W]) -> W:
    for one in known:
        if one == word:
            return one
    raise CommandFailed(f"{option} {word} is unknown.", f"Choose from {', '.join(map(str, known))}.", USAGE)


def verify(loaded: Loaded, files: Sequence[Path], *, to_json: bool) -> int:
    """Exit code: 0 when every file is sound, 1 when one is not."""
    tool = _tool(loaded)
    reports: list[FileReport] = []
    for path in files:
        if not path.is_file():
            raise CommandFailed(f"There is no file {str(path)!r}.", "Correct the path.")
        report = _run(verify_file(tool, path.absolute(), lanes=2))
        reports.append(report)
        if not to_json:
            _show_report(report)
    if to_json:
        console.print_json(json.dumps([as_json(report) for report in reports]))
    return 0 if all(report.ok for report in reports) else FAILED


def _tool(loaded: Loaded) -> FfmpegTool:
    converter = loaded.settings.converter
    return find_ffmpeg(converter.ffmpeg_path, niceness=converter.niceness)


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Ctrl-C and a polite kill both cancel the work, so that no ffmpeg outlives us."""

    async def watched() -> T:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(sign, task.cancel)
        return await task

    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def _bind(binder: FfmpegBinder, job: FolderJob, planned: FolderPlan, *, quiet: bool) -> BoundBook:
    if quiet:
        return await bind_folder(binder, job, planned, lambda _: None)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=32), TextColumn("{task.fields[figures]}"))
    with Progress(*columns, console=console, transient=True) as progress:
        bar = progress.add_task("", total=100, figures="")

        def show(now: BindProgress) -> None:
            label = f"{now.phase} {now.chapter_idx + 1}/{now.chapter_count}: {now.chapter_title}"
            share = 100 * now.done_secs / now.total_secs if now.total_secs else 0
            figures = f"{share:.0f} %  {span(now.done_secs)} of {span(now.total_secs)}"
            progress.update(bar, completed=share, description=_shown(label[:48]), figures=figures)

        return await bind_folder(binder, job, planned, show)


def _show_plan(planned: FolderPlan) -> None:
    plan = planned.plan
    table = Table("", "file", "chapter", "length", box=None, header_style="dim", pad_edge=False)
    for number, (source, title) in enumerate(zip(plan.sources, plan.chapter_titles, strict=True), start=1):
        own = f"{len(source.chapters)} marks of its own" if len(source.chapters) > 1 else title
        table.add_row(str(number), _shown(source.path.name), _shown(own), span(source.duration_secs))
    console.print(f"[bold]{_shown(plan.tags.title)}[/]  {_shown(', '.join(plan.tags.authors))}")
    console.print(table)
    order = plan.orders[0].by if plan.orders else "names"
    marks = book_chapters(plan, [source.duration_secs for source in plan.sources])
    console.print(
        f"[dim]order[/] by {order}   [dim]chapters[/] {len(marks.chosen.chapters)} from {marks.chosen.source}"
    )
    console.print(f"[dim]sound[/] {_shown(planned.sound)}   [dim]goes to[/] {_shown(str(planned.out))}")
    for note in planned.notes:
        console.print(f"[dim]note[/] {_shown(note)}")
    for doubt in plan.doubts:
        _show_doubt(doubt)


def _show_doubt(doubt: Reason) -> None:
    console.print(f"[yellow]?[/] {_shown(doubt.message)}\n  [dim]→ {_shown(doubt.action)}[/]")
    orders = doubt.evidence.get("orders")
    if isinstance(orders, dict):
        for by, names in orders.items():
            listed = ", ".join(str(name) for name in names[:8]) if isinstance(names, list) else ""
            console.print(
                f"  [bold]{_shown(by)}[/] {_shown(listed)}{' …' if isinstance(names, list) and len(names) > 8 else ''}"
            )


def _show_report(report: FileReport) -> None:
    mark = "[green]sound[/]" if report.ok else "[red]not sound[/]"
    figures = f"{span(report.decoded_secs)}, {report.codec or '?'}, {len(report.chapters)} chapters"
    console.print(f"{mark}  {_shown(report.path.name)}  [dim]{figures}[/]")
    for problem in report.problems:
        console.print(f"  [red]✗[/] {_shown(problem.message)}\n    [dim]→ {_shown(problem.action)}[/]")
    for note in report.notes:
        console.print(f"  [yellow]·[/] {_shown(note.message)}")


def _plan_as_json(planned: FolderPlan) -> dict[str, JsonValue]:
    plan = planned.plan
    marks = book_chapters(plan, [source.duration_secs for source in plan.sources])
    return {
        "out": str(planned.out),
        "sound": planned.sound,
        "order": [str(source.path) for source in plan.sources],
        "orders": [
            {"by": o.by, "complete": o.complete, "files": [plan.sources[i].path.name for i in o.positions]}
            for o in plan.orders
        ],
        "chapters": [_chapter(c) for c in marks.chosen.chapters],
        "chapters_from": marks.chosen.source,
        "tags": _tags(plan.tags),
        "notes": list(planned.notes),
        "doubts": [
            {"code": d.code, "message": d.message, "action": d.action, "evidence": dict(d.evidence)}
            for d in plan.doubts
        ],
    }


def _book_as_json(planned: FolderPlan, book: BoundBook) -> dict[str, JsonValue]:
    return _plan_as_json(planned) | {
        "out": str(book.path),
        "duration_secs": round(book.duration_secs, 3),
        "size_bytes": book.size_bytes,
        "codec": book.codec,
        "bitrate_kbps": book.bitrate_kbps,
        "passthrough": book.passthrough,
        "chapters": [_chapter(c) for c in book.chapters],
        "chapters_from": book.chapters_from,
    }


def _shown(text: str) -> str:
    """Text of strangers (names, titles) for a terminal: no markup, no control codes, no bytes that are no text."""
    return escape_markup("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


def _chapter(chapter: Chapter) -> JsonValue:
    return {"title": chapter.title, "start_secs": round(chapter.start_secs, 3), "end_secs": round(chapter.end_secs, 3)}


def _tags(tags: BookTags) -> JsonValue:
    told: dict[str, JsonValue] = {"title": tags.title, "authors": list(tags.authors), "narrators": list(tags.narrators)}
    return told | {
        "series": tags.series,
        "series_index": tags.series_index,
        "year": tags.year,
        "subtitle": tags.subtitle,
    }
