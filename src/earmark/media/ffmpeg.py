"""Finding ffmpeg and running it so that it can always be stopped.

Every run is an argument list (never a shell line) in a process group of its own, polite to other programs (CPU and
disk), watched for standing still, and gone within a second when the awaiting task is cancelled. `Lanes` says how many
may work at once, over all books. What the audio means is decided elsewhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
import os
import re
import shutil
import signal
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from earmark.core.reasons import EarmarkError, PermanentError, Reason, TransientError

T = TypeVar("T")

NICENESS = 10
GRACE_SECS = 0.25  # between SIGTERM and SIGKILL; three processes still end within a second
LAST_WAIT_SECS = 5.0  # a killed process is gone at once; a disk that hangs may hold it longer
STDERR_LINES = 40
READ_BYTES = 256 * 1024
BUFFER_BYTES = 1024 * 1024  # how far a decoder may run ahead of its reader

# Files from strangers are opened as audio files only: a playlist dressed up as an mp3 must reach neither the network
# nor other files of this machine.
SAFE_INPUT = (
    "-protocol_whitelist",
    "file,pipe",
    "-format_whitelist",
    "mp3,mov,mp4,m4a,3gp,3g2,mj2,aac,flac,ogg,wav,w64,asf,aiff,ape,wv,matroska,webm,caf,tta,ac3",
)


@dataclass(frozen=True, slots=True)
class FfmpegTool:
    """An ffmpeg that answered. `stall_secs`: a run that moves no byte for so long counts as hanging. `niceness` 0..19:
    how far its runs step back for other programs."""

    path: Path
    version: str
    origin: Literal["setting", "PATH", "wheel"]
    stall_secs: float = 120.0
    niceness: int = NICENESS


class Lanes:
    """The right to keep `count` cores busy, shared by all books of one event loop."""

    def __init__(self, count: int | None = None) -> None:
        self.count = max(1, count or len(os.sched_getaffinity(0)))
        self._free = asyncio.Semaphore(self.count)

    @asynccontextmanager
    async def some(self, most: int | None = None) -> AsyncIterator[int]:
        """At least one lane, waited for, and as many more as are free now, `most` at the most; yields their number."""
        await self._free.acquire()
        taken = 1
        try:
            while taken < (most or self.count) and not self._free.locked():
                await self._free.acquire()
                taken += 1
            yield taken
        finally:
            for _ in range(taken):
                self._free.release()


def find_ffmpeg(configured: Path | None = None, *, stall_secs: float = 120.0, niceness: int = NICENESS) -> FfmpegTool:
    """The configured ffmpeg; without a setting the one on PATH, else the one the imageio-ffmpeg wheel carries.

    Runs `-version` once. Raises PermanentError `ffmpeg_missing` when none answers; a setting that does not work is
    an error, never silently replaced.
    """
    if configured is not None:
        return _answering(shutil.which(str(configured)) or str(configured), "setting", stall_secs, niceness)
    problems: list[str] = []
    for origin, candidate in (("PATH", shutil.which("ffmpeg")), ("wheel", _from_wheel())):
        if candidate is None:
            continue
        try:
            return _answering(candidate, "PATH" if origin == "PATH" else "wheel", stall_secs, niceness)
        except PermanentError as error:
            problems.append(error.reason.message)
    raise _missing(" ".join(problems) or "No ffmpeg was found on PATH, and the bundled one is not installed.")


def _from_wheel() -> str | None:
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return None


def _answering(
    program: str, origin: Literal["setting", "PATH", "wheel"], stall_secs: float, niceness: int
) -> FfmpegTool:
    try:
        done = subprocess.run([program, "-version"], capture_output=True, timeout=20, check=False, env=_environment())
    except (OSError, subprocess.TimeoutExpired) as error:
        why = "it did not answer within 20 s" if isinstance(error, subprocess.TimeoutExpired) else error.strerror
        raise _missing(f"ffmpeg at {program} cannot be run: {why}.", path=program) from error
    match = re.match(rb"ffmpeg version (\S+)", done.stdout)
    if done.returncode != 0 or match is None:
        raise _missing(f"{program} does not answer as ffmpeg does (exit code {done.returncode}).", path=program)
    return FfmpegTool(Path(program), match.group(1).decode("ascii", "replace"), origin, stall_secs, niceness)


def _missing(message: str, **evidence: str) -> PermanentError:
    action = "Install ffmpeg (Debian: apt install ffmpeg), or set converter.ffmpeg_path to a working one."
    return PermanentError(Reason("ffmpeg_missing", message, action, dict(evidence)))


class FfmpegRun:
    """One running ffmpeg. `subject` is the file it works on, for messages."""

    def __init__(
        self,
        tool: FfmpegTool,
        process: asyncio.subprocess.Process,
        subject: str,
        on_line: Callable[[str], None] | None,
    ) -> None:
        self.pid = process.pid
        self.subject = subject
        self.lines: deque[str] = deque(maxlen=STDERR_LINES)
        self._tool = tool
        self._process = process
        self._on_line = on_line
        self._stderr = asyncio.create_task(self._collect())

    async def read(self, size: int = READ_BYTES, *, patience_secs: float | None = None) -> bytes:
        """Up to `size` bytes of its output; empty at the end. `patience_secs` may be infinite where its silence is our
        own doing. Raises TransientError `ffmpeg_hung`."""
        assert self._process.stdout is not None
        patience = patience_secs or self._tool.stall_secs
        try:
            async with asyncio.timeout(None if math.isinf(patience) else patience):
                return await self._process.stdout.read(size)
        except TimeoutError:
            raise self._hung() from None

    async def write(self, data: bytes | memoryview) -> bool:
        """Feed it; False when it no longer reads (then `finish` knows why). Raises TransientError `ffmpeg_hung`."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(data)
            async with asyncio.timeout(self._tool.stall_secs):
                await self._process.stdin.drain()
        except TimeoutError:
            raise self._hung() from None
        except (BrokenPipeError, ConnectionResetError):
            return False
        return True

    async def ended(self, reading: asyncio.Task[T]) -> T:
        """Close its input and wait for the task that reads its output. Raises TransientError `ffmpeg_hung`."""
        self._close_input()
        done, _ = await asyncio.wait([reading], timeout=self._tool.stall_secs)
        if not done:
            raise self._hung()
        return await reading

    async def finish(self, *, patience_secs: float | None = None) -> int:
        """Close its input, wait for the end, return the exit code. Raises TransientError `ffmpeg_hung`."""
        self._close_input()
        try:
            async with asyncio.timeout(patience_secs or self._tool.stall_secs):
                code = await self._process.wait()
                await self._stderr
        except TimeoutError:
            raise self._hung() from None
        return code

    async def stop(self) -> None:
        """End the whole group: SIGTERM, a short grace, SIGKILL; then wait for it. Harmless when it has ended."""
        try:
            if self._process.returncode is None:
                if self._process.stdin is not None:
                    with contextlib.suppress(AttributeError):  # asyncio, where ffmpeg has closed the pipe just now
                        self._process.stdin.transport.abort()
                self._signal(signal.SIGTERM)
                await self._gone(GRACE_SECS)
                self._signal(signal.SIGKILL)
                await self._gone(LAST_WAIT_SECS)
        finally:
            if self._process.returncode is None:  # cancelled a second time while waiting
                self._signal(signal.SIGKILL)
            self._stderr.cancel()

    async def _gone(self, within_secs: float) -> None:
        """Wait for the end. asyncio sees it only once the pipes are read empty, so they are."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_secs):
                while self._process.stdout is not None and await self._process.stdout.read(READ_BYTES):
                    pass
                await self._process.wait()

    def error(self, code: int) -> EarmarkError:
        """What exit code `code` means, as an error."""
        return failure(code, self.subject, list(self.lines))

    def _close_input(self) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._process.stdin.close()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _hung(self) -> TransientError:
        return TransientError(
            Reason(
                "ffmpeg_hung",
                f"ffmpeg stood still for {self._tool.stall_secs:g} s at {self.subject!r} and was stopped.",
                "It is tried again on its own; if it keeps happening, look at the disk the files are on.",
                {"file": self.subject},
            )
        )

    async def _collect(self) -> None:
        assert self._process.stderr is not None
        rest = b""
        while chunk := await self._process.stderr.read(65536):
            *whole, rest = re.split(rb"[\r\n]+", rest + chunk)
            rest = rest[-4096:]
            for line in whole:
                self._take(line)
        self._take(rest)

    def _take(self, raw: bytes) -> None:
        line = raw.decode("utf-8", "replace").rstrip()[:1000]
        if line:
            self.lines.append(line)
            if self._on_line is not None:
                self._on_line(line)


@asynccontextmanager
async def running(
    tool: FfmpegTool,
    args: Sequence[str],
    *,
    subject: str,
    feed: bool = False,
    on_line: Callable[[str], None] | None = None,
) -> AsyncIterator[FfmpegRun]:
    """Start ffmpeg for the length of the block; whatever way the block ends, the process is gone after it."""
    if not os.access(tool.path, os.X_OK):  # asked first: behind another program its absence has no error of its own
        raise _missing(f"ffmpeg at {tool.path} cannot be run any more.", path=str(tool.path))
    options = ["-hide_banner", "-nostats", *([] if feed else ["-nostdin"])]
    command = [*_prefix(tool.niceness > 0), str(tool.path), *options, *args]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE if feed else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
            limit=BUFFER_BYTES,
            env=_environment(),
        )
    except (FileNotFoundError, PermissionError) as error:
        raise _missing(f"ffmpeg at {tool.path} cannot be run: {error.strerror}.", path=str(tool.path)) from error
    run = FfmpegRun(tool, process, subject, on_line)
    with contextlib.suppress(OSError):  # courtesy, not duty: it may have ended already
        os.setpriority(os.PRIO_PROCESS, process.pid, tool.niceness)
    try:
        yield run
    finally:
        await run.stop()


@functools.cache
def _prefix(polite: bool) -> tuple[str, ...]:
    """Programs to start ffmpeg through, as far as they are there and work: one that ends it when we are killed, one that
    lowers its disk priority."""
    wanted = [("setpriv", "--pdeathsig", "KILL"), *([("ionice", "-c2", "-n7")] if polite else [])]
    return tuple(part for command in wanted if _works(command) for part in command)


def _works(command: Sequence[str]) -> bool:
    try:
        tried = subprocess.run([*command, "true"], capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return tried.returncode == 0


async def run(tool: FfmpegTool, args: Sequence[str], *, subject: str, patience_secs: float | None = None) -> bytes:
    """Run ffmpeg to its end and return what it wrote to stdout. Raises the error its exit code means.

    `patience_secs` is for runs that are silent until they are done, such as muxing a large file.
    """
    async with running(tool, args, subject=subject) as process:
        output = b""
        while chunk := await process.read(patience_secs=patience_secs):
            output += chunk
        code = await process.finish(patience_secs=patience_secs)
        if code != 0:
            raise process.error(code)
        return output


def url(path: Path) -> str:
    """A path as ffmpeg takes it literally, whatever its name looks like."""
    return f"file:{path.absolute()}"


def failure(code: int, subject: str, lines: Sequence[str]) -> EarmarkError:
    """The named error for a non-zero exit. A crash or a kill may pass; a refusal will be repeated."""
    last = last_line(lines)
    evidence: dict[str, str | int] = {"file": subject, "exit_code": code, "ffmpeg": last}
    said = f": {last}." if last else "."
    if any("No space left on device" in line or "Disk quota exceeded" in line for line in lines):
        return disk_full(subject)
    number = _signal_of(code, lines)
    if number is not None:
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        return TransientError(
            Reason(
                "ffmpeg_crashed",
                f"ffmpeg was ended by {name} at {subject!r}{said}",
                "It is tried again on its own; if it keeps crashing, set converter.ffmpeg_path to another ffmpeg.",
                {**evidence, "signal": number},
            )
        )
    return PermanentError(
        Reason(
            "ffmpeg_failed",
            f"ffmpeg gave up at {subject!r} (exit code {code}){said}",
            "Look at the file named here; if it plays elsewhere, set converter.ffmpeg_path to a newer ffmpeg and retry.",
            evidence,
        )
    )


def disk_full(subject: str) -> TransientError:
    return TransientError(
        Reason(
            "disk_full",
            f"No space was left on the disk while {subject!r} was written.",
            "Free some space where converter.temp_dir and the library are; it is tried again on its own.",
            {"file": subject},
        )
    )


def last_line(lines: Sequence[str]) -> str:
    """The last thing ffmpeg complained about, without the addresses it prints."""
    errors = [line for line in lines if "[error]" in line or "[fatal]" in line]
    telling = [line for line in errors if not re.search(r"Invalid data found when|Error opening input", line)]
    tail = telling or errors or [line for line in lines if line.strip()]
    if not tail:
        return ""
    said = re.sub(r"\[[^\]]* @ 0x[0-9a-f]+\]\s*|\[(error|fatal|info|warning)\]\s*", "", tail[-1])
    return re.sub(r"file:/\S*?([^/\s]+: )", r"\1", said).rstrip(" .!")


def _signal_of(code: int, lines: Sequence[str]) -> int | None:
    """The signal behind an exit code: Popen's negative, a shell's 128+n, or ffmpeg's own polite 255."""
    if code < 0:
        return -code
    if 128 < code < 160:
        return code - 128
    for line in lines:
        if code == 255 and (match := re.search(r"received signal (\d+)", line)):
            return int(match.group(1))
    return None


def _environment() -> dict[str, str]:
    """What ffmpeg needs of ours, and nothing more: settings with secrets live in the environment too."""
    keep = ("PATH", "LD_LIBRARY_PATH", "HOME", "TMPDIR")
    return {**{k: os.environ[k] for k in keep if k in os.environ}, "LC_ALL": "C", "AV_LOG_FORCE_NOCOLOR": "1"}
