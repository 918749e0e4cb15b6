"""`earmark demo`: the main job end to end, against the stand-in world, so that anybody can see it before trusting it.

Both the stand-in and the service are started as programs of their own, exactly as a user would start them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel

from earmark.cli.failures import FAILED, UNDECIDED, USAGE, CommandFailed
from earmark.cli.following import follow
from earmark.cli.remote import SERVICE_FILE, Json, Remote, Service
from earmark.cli.rendering import book_tree, size, span

MARK = ".earmark-demo"
START_SECS = 60.0  # the heavy libraries load cold on a small box

CONFIG = """\
# Written by `earmark demo`: a complete configuration for the stand-in world.
[server]
port = 0

[mam]
base_url = "{site}"
mam_id = "{mam_id}"
# The embedded client is on no tracker's list of approved clients; the stand-in does not mind.
allow_unapproved_client = true
requests_per_second = 5

[embedded]
listen_address = "127.0.0.1"
listen_port = 0
utp = false
download_limit_kib = 160  # so that there is something to watch

[library]
audiobooks = "{library}"
ebooks = "{library}-ebooks"

[audiobookshelf]
url = "{audiobookshelf}"
api_key = "{audiobookshelf_key}"

[metadata]
audnexus_url = "{audnexus}"
catalogue_url = "{audnexus}"
"""


def demo(*, once: bool, as_json: bool, directory: Path | None, title: str, author: str, narrator: str) -> int:
    """Exit code 0 when the book stands on the shelf."""
    console = Console(stderr=as_json, highlight=False)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends the demo ends what it started
    with ExitStack() as stack:
        home = _home(directory)
        (home / MARK).touch()
        console.print(Panel.fit("[bold]Earmark[/] – a wish becomes a book on the shelf", border_style="blue"))
        world = stack.enter_context(_world(home, console))
        service, pid = stack.enter_context(_service(home, world, console))
        remote = Remote(service)
        wish = {"title": title, "author": author, "narrator": narrator}
        console.print(f"\n[bold]The wish[/]  {escape(title)} by {escape(author)}, read by {escape(narrator)}\n")
        filed = remote.post("/ticket", {"kind": "audiobook", "search": wish})
        ticket = follow(remote, filed["ticket_id"], console)
        outcome = _outcome(remote, ticket)
        if ticket["state"] == "COMPLETED":
            _show_book(console, outcome, ticket)
        if not once:
            _stay(console, service, home, pid)
        if as_json:
            print(json.dumps(outcome, ensure_ascii=False))
        return {"COMPLETED": 0, "NEEDS_APPROVAL": UNDECIDED}.get(ticket["state"], FAILED)


def _outcome(remote: Remote, ticket: Json) -> Json:
    """The one JSON object of `--json`: read from the files themselves, not from what the service claims."""
    folder = ticket.get("library_path")
    outcome: Json = {
        "ticket_id": ticket["ticket_id"],
        "state": ticket["state"],
        "library_path": folder,
        "files": [],
        "chapters": [],
        "tags": {},
        "stats": ticket["state_details"].get("stats"),
    }
    if folder:
        from earmark.media.tags import read_chapters, read_tags

        names = sorted(p.name for p in Path(folder).iterdir())
        outcome["files"] = [{"name": name, "size": (Path(folder) / name).stat().st_size} for name in names]
        book = next(Path(folder) / name for name in names if name.endswith(".m4b"))
        outcome["chapters"] = [
            {"title": c.title, "start": round(c.start_secs, 3), "end": round(c.end_secs, 3)}
            for c in read_chapters(book)
        ]
        tags = read_tags(book)
        outcome["tags"] = {name: getattr(tags, name) for name in tags.__dataclass_fields__ if getattr(tags, name)}
        torrent = remote.get(f"/ticket/{ticket['ticket_id']}").get("torrent") or {}
        outcome["torrent"] = {k: torrent.get(k) for k in ("info_hash", "name", "state", "ratio", "seeding_secs")}
    return outcome


def _show_book(console: Console, outcome: Json, ticket: Json) -> None:
    stats = outcome["stats"]
    console.print(f"\n[bold green]On the shelf[/] after {span(_total_secs(ticket))}:\n")
    console.print(book_tree(str(outcome["library_path"]), outcome["files"], outcome["chapters"]))
    for name, value in outcome["tags"].items():
        shown = ", ".join(value) if isinstance(value, list | tuple) else str(value)
        console.print(f"  [dim]{name:>13}[/] {escape(shown[:100])}")
    console.print(
        f"\n  [dim]downloaded {size(stats['total_download_bytes'])} in {stats['download_duration_secs']:.1f} s, bound in "
        f"{stats['conversion_duration_secs']:.1f} s; the torrent is {str(outcome['torrent']['state']).lower()} on[/]"
    )


def _total_secs(ticket: Json) -> float:
    from datetime import datetime

    times = [datetime.fromisoformat(entry["entered_at"]) for entry in ticket["history"]]
    return (times[-1] - times[0]).total_seconds()


def _stay(console: Console, service: Service, home: Path, pid: int) -> None:
    console.print(f"\n[bold]The page[/]   {service.url}/\n[bold]The key[/]    {service.token}")
    console.print(f"[dim]files in {home}, service log {home / 'service.log'}, pid {pid}[/]\n\nCtrl-C ends the demo.")
    with contextlib.suppress(KeyboardInterrupt):
        signal.pause()


def _home(directory: Path | None) -> Path:
    """A folder for everything the demo makes. It stays, so that the book can be looked at; a former demo in the same
    folder makes way, anything else does not."""
    if directory is None:
        return Path(tempfile.mkdtemp(prefix="earmark-demo-"))
    home = directory.absolute()
    if (home / MARK).exists():
        shutil.rmtree(home)
    elif home.exists() and any(home.iterdir()):
        raise CommandFailed(f"{home} holds other things.", "Name an empty or new folder with --dir.", USAGE)
    home.mkdir(parents=True, exist_ok=True)
    return home


@contextmanager
def _world(home: Path, console: Console) -> Iterator[Json]:
    """The stand-in, and what it says when it is ready."""
    from earmark.sandbox.world import builtin_catalogue

    command = [*_earmark(), "sandbox", "--dir", str(builtin_catalogue()), "--state-dir", str(home / "world")]
    command += ["--shelf", str(home / "library")]
    (home / "library").mkdir()
    log = (home / "world.log").open("wb")
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=log, start_new_session=True, env=_plain_environment()
    )
    try:
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise CommandFailed("The stand-in world did not start.", f"Look into {log.name}.")
        ready: Json = json.loads(line)
        console.print(
            f"[dim]stand-in site[/]  {ready['site']}  [dim]({ready.get('releases')} releases, real tracker and seeder)[/]"
        )
        yield ready
    finally:
        _end(process)
        log.close()


@contextmanager
def _service(home: Path, world: Json, console: Console) -> Iterator[tuple[Service, int]]:
    """The service on its own data directory, ready to be asked."""
    config = home / "earmark.toml"
    config.write_text(CONFIG.format(**world, library=home / "library"))
    data = home / "data"
    (data / SERVICE_FILE).unlink(missing_ok=True)
    log = (home / "service.log").open("wb")
    command = [*_earmark(), "serve", "--data-dir", str(data), "--config", str(config)]
    process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True, env=_plain_environment())
    try:
        service = _await_service(process, data, log.name)
        console.print(f"[dim]Earmark[/]        {service.url}")
        yield service, process.pid
    finally:
        _end(process)
        log.close()


def _await_service(process: subprocess.Popen[bytes], data: Path, log: str) -> Service:
    deadline = time.monotonic() + START_SECS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CommandFailed("The service ended at its start.", f"Look into {log}.")
        with contextlib.suppress(OSError, ValueError, CommandFailed):
            url = json.loads((data / SERVICE_FILE).read_text())["url"]
            service = Service(url, (data / "auth_token").read_text().strip())
            Remote(service).get("/stats")
            return service
        time.sleep(0.1)
    raise CommandFailed("The service did not answer in time.", f"Look into {log}.")


def _earmark() -> list[str]:
    return [sys.executable, "-m", "earmark"]


def _plain_environment() -> dict[str, str]:
    """Without the settings of this user's own Earmark."""
    return {k: v for k, v in os.environ.items() if not k.startswith("EARMARK_")}


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
