"""`earmark match`: the decision on files, without a service. Reads JSON, decides, prints; touches nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from earmark.cli.failures import USAGE, CommandFailed, exit_code_of
from earmark.cli.rendering import console
from earmark.core.albums import decide_album
from earmark.core.choosing import decide
from earmark.core.decision import Decision
from earmark.core.matchcases import MatchCase, read_case, read_releases, read_wish, result_of
from earmark.core.reasons import JsonValue, PermanentError
from earmark.core.release import Release
from earmark.core.wish import AlbumWish

MAX_BYTES = 256 * 1024 * 1024  # of one file; a whole labelled set has less than one
_SITE = "https://www.myanonamouse.net"


def match(
    wish: Path | None, releases: Path | None, cases: Path | None, *, threshold: float, vip: bool, as_json: bool
) -> int:
    """Decide one wish (`wish` with `releases`) or a file of cases (one JSON line each), in this process. Returns the exit code:
    0 decided, whatever was decided; 2 wrong input."""
    if cases is not None:
        if wish is not None or releases is not None:
            raise CommandFailed(
                "--cases brings its own wishes and releases.", "Leave out --wish and --releases.", USAGE
            )
        return _whole_file(cases, threshold)
    if wish is None or releases is None:
        raise CommandFailed(
            "There is nothing to match.",
            "Give --wish WISH.json with --releases RELEASES.json, or --cases FILE.jsonl.",
            USAGE,
        )
    case = _one_case(wish, releases, vip=vip)
    decision = decision_of(case, threshold)
    if as_json:
        _print_line(result_of(decision, case.id))
    else:
        _show(decision)
    return 0


def decision_of(case: MatchCase, threshold: float) -> Decision:
    """The decision for one case, by its kind."""
    if isinstance(case.wish, AlbumWish):
        return decide_album(case.wish, case.releases, threshold=threshold, vip_member=case.vip_member)
    return decide(case.kind, case.wish, case.releases, threshold=threshold, vip_member=case.vip_member)


def _one_case(wish_file: Path, releases_file: Path, *, vip: bool) -> MatchCase:
    written = _json(wish_file)
    account: object = None
    if isinstance(written, dict) and "wish" in written:  # a whole case serves as a wish
        written, account = written["wish"], written.get("account")
    try:
        kind, wish = read_wish(written)
    except PermanentError as error:
        raise _blame(wish_file, error) from error
    try:
        releases = read_releases(_json(releases_file), mam_row=_mam_row)
    except PermanentError as error:
        raise _blame(releases_file, error) from error
    member = vip or (isinstance(account, dict) and bool(account.get("vip")))
    return MatchCase(None, kind, wish, releases, member)


def _whole_file(path: Path, threshold: float) -> int:
    """One result a line, as each case is decided. A line that is wrong is told about on stderr; the others go on."""
    code = 0
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        try:
            case = read_case(json.loads(line), mam_row=_mam_row)
        except (ValueError, RecursionError, PermanentError) as error:
            code = exit_code_of(_wrong_line(path, number, error))
            continue
        _print_line(result_of(decision_of(case, threshold), case.id))
    return code


def _wrong_line(path: Path, number: int, error: Exception) -> CommandFailed:
    where = f"{path}, line {number}"
    if isinstance(error, PermanentError):
        return CommandFailed(f"{where}: {error.reason.message}", error.reason.action, USAGE)
    return CommandFailed(f"{where} is not JSON: {error}.", "Give one JSON object a line.", USAGE)


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as lines:
            yield from lines
    except OSError as error:
        raise _unreadable(path, error) from error


def _json(path: Path) -> object:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise CommandFailed(
                f"{path} is larger than {MAX_BYTES // 2**20} MiB.", "Split it into smaller files.", USAGE
            )
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise _unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        raise CommandFailed(
            f"{path} is not JSON: {error}.", "Give a file that holds one JSON value, in UTF-8.", USAGE
        ) from error


def _unreadable(path: Path, error: OSError) -> CommandFailed:
    return CommandFailed(f"{path} cannot be read: {error.strerror or error}.", "Check the path and its rights.", USAGE)


def _blame(path: Path, error: PermanentError) -> CommandFailed:
    return CommandFailed(f"{path}: {error.reason.message}", error.reason.action, USAGE)


def _mam_row(row: object) -> Release:
    from earmark.indexers.mam.rows import read_row

    return read_row(row, base_url=_SITE, indexer="MyAnonamouse")


def _print_line(result: dict[str, JsonValue]) -> None:
    sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
    sys.stdout.flush()


_WORDS = {"auto": "[green]auto[/]: taken without asking", "approve": "[yellow]approve[/]: a person must decide", "none": "[red]none[/]: nothing fits"}  # fmt: skip


def _show(decision: Decision) -> None:
    """For a person: the word, why, and the candidates."""
    word = "none" if decision.chosen_idx is None else "approve" if decision.needs_a_human else "auto"
    console.print(f"{_WORDS[word]}, confidence {decision.confidence:.2f} of {decision.threshold:.2f} needed")
    for reason in decision.reasons:
        console.print(f"  [dim]·[/] {escape(reason.text)}")
    table = Table(box=None, pad_edge=False, show_edge=False)
    for head in ("score", "quality", "title", "what speaks for or against it"):
        table.add_column(head, overflow="fold")
    for c in decision.candidates:
        style = "dim" if c.rejected else ""
        quality = "" if c.quality is None else str(c.quality)
        table.add_row(f"{c.score:.2f}", quality, escape(c.release.title[:120]), escape(c.reasoning), style=style)
    console.print(table)
