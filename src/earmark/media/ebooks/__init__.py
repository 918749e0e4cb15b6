"""E-book files: what they are by their bytes, what they say of themselves, whether they are whole, and their cover.

Files come from strangers, so each is read in a process of its own with limits on time and memory: a hostile one costs
that process, never the service. Knows nothing of tickets, torrents or shelves.
"""

from __future__ import annotations

import asyncio
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from earmark.core.ebooks import EbookFacts
from earmark.core.reasons import JsonValue, PermanentError, Reason, TransientError

__all__ = ["Answer", "EbookCorrupt", "read_ebook"]

MOST_SECS = 900.0  # of waiting for one file; a slow share reads a gigabyte in less


class EbookCorrupt(PermanentError):
    """A file that is no e-book, is damaged, or is locked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the reading process prints: facts, or the problem as the end of a sentence. `known` is False when the bytes
    are none of our formats; `away` when the disk did not answer."""

    facts: EbookFacts | None = None
    problem: str = ""
    known: bool = True
    away: bool = False


_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)


async def read_ebook(path: Path, covers: Path, *, timeout_secs: float = MOST_SECS) -> EbookFacts:
    """The facts of the e-book at `path`, which is read whole and never written. Its cover, when it has a JPEG or PNG
    one, is left as `covers/cover.jpg` or `.png` (the folder must be there). Cancelling ends the reading at once.

    Raises `EbookCorrupt` (`ebook_corrupt`, evidence: file, problem, known) naming the file, and TransientError
    (`ebook_unreadable`) when its disk does not answer."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "earmark.media.ebooks", os.fspath(path), os.fspath(covers)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if not name.startswith("EARMARK_")},
    )
    try:
        printed, _ = await asyncio.wait_for(process.communicate(), timeout_secs)
    except TimeoutError:
        raise corrupt(path, f"reading it took more than {timeout_secs / 60:.0f} minutes") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    try:
        answer = _ANSWER.validate_json(printed)
    except ValidationError:  # it was ended by its limits, or broke
        raise corrupt(path, "reading it took more time or memory than any sound book needs") from None
    if answer.facts is not None:
        return answer.facts
    if answer.away:
        raise _unreadable(path, answer.problem)
    raise corrupt(path, answer.problem, known=answer.known)


def corrupt(path: Path, problem: str, *, known: bool = True) -> EbookCorrupt:
    evidence: dict[str, JsonValue] = {"file": path.name, "problem": problem, "known": known}
    return EbookCorrupt(
        Reason(
            "ebook_corrupt",
            f"“{path.name}” cannot be used: {problem}.",
            "Choose another release: search again from the ticket's page.",
            evidence,
        )
    )


def _unreadable(path: Path, problem: str) -> TransientError:
    return TransientError(
        Reason(
            "ebook_unreadable",
            f"“{path.name}” could not be read from its disk ({problem}).",
            "Nothing to do at first: it is tried again. If it stays so, check the disk or the mount.",
            {"file": path.name},
        )
    )
