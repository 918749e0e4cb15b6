"""The reading process: `python -m earmark.media.ebooks FILE COVERS` prints one JSON answer and ends."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

from pydantic import TypeAdapter

from earmark.media.ebooks import Answer
from earmark.media.ebooks.reading import UnknownFormat, Unreadable, read

CPU_SECS = 300
MEMORY_BYTES = 2 * 1024**3


def main(path: Path, covers: Path) -> Answer:
    try:
        facts, cover = read(path)
    except UnknownFormat as error:
        return Answer(problem=str(error), known=False)
    except Unreadable as error:
        return Answer(problem=str(error))
    except OSError as error:
        return Answer(problem=error.strerror or type(error).__name__, away=True)
    if cover is not None:
        (covers / f"cover.{cover.suffix}").write_bytes(cover.data)
    return Answer(facts)


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECS, CPU_SECS))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    answer = main(Path(sys.argv[1]), Path(sys.argv[2]))
    sys.stdout.buffer.write(TypeAdapter(Answer).dump_json(answer))
