"""Albums measured: how well releases are chosen and tracks mapped on labelled cases, and how fast.

    python benchmarks/albums.py [CASES.jsonl …] [--aside 3] [--threshold 0.85] [--no-speed]

Without files it runs the invented cases of the tests. Prints, over all cases and by family with counts: top-1, best,
false-auto and hasty-auto rates, coverage, approval precision, none accuracy, mapping accuracy; then every failure with
its sentence. `--aside N` prints each N-th case of a file apart, as data not looked at while rules were made. Then the time
of mapping a 40-track album against 400 files, beside a plain rapidfuzz `token_set_ratio` pass over the same names.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz, process
from rich.console import Console
from rich.table import Table

from earmark.core.albums import decide_album
from earmark.core.decision import Decision
from earmark.core.matchcases import read_case
from earmark.core.release import Release, ReleaseFile
from earmark.core.wish import AlbumWish, TrackWish

OWN = Path(__file__).parent.parent / "tests" / "data" / "matching" / "albums_own.jsonl"
Case = dict[str, Any]
_WORDS = ["river", "stone", "lantern", "winter", "harbour", "copper", "velvet", "morning", "signal", "orchard"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """One case answered. Pairs are of the mapping, where the best release is on top."""

    case: Case
    decision: Decision
    verdict: str
    top: str | None
    right_pairs: int
    all_pairs: int

    @property
    def top_ok(self) -> bool:
        return self.top in self.case["acceptable"]


def answer(case: Case, threshold: float) -> Outcome:
    asked = read_case(case, mam_row=_no_row)
    assert isinstance(asked.wish, AlbumWish), "an album is wished"
    decision = decide_album(asked.wish, asked.releases, threshold=threshold, vip_member=asked.vip_member)
    verdict = "none" if decision.chosen_idx is None else "approve" if decision.needs_a_human else "auto"
    top = decision.candidates[0] if decision.candidates else None
    guid = top.release.guid if top else None
    right = everything = 0
    if top and case.get("mapping") is not None and guid == case["best"]:
        given = {m.catalog_track_id: m.torrent_file_path for m in top.track_mapping}
        wanted = case["mapping"]
        right = sum(given.get(t) == p for t, p in wanted.items())
        everything = len(set(given.items()) | set(wanted.items()))
    return Outcome(case, decision, verdict, guid, right, everything)


def _no_row(row: object) -> Release:
    raise ValueError(f"no album row: {row!r:.80}")


METRICS: dict[str, Callable[[Sequence[Outcome]], tuple[int, int]]] = {
    "top-1": lambda os: _share(o.top_ok for o in os if o.case["acceptable"]),
    "best": lambda os: _share(o.top == o.case["best"] for o in os if o.case["acceptable"]),
    "false auto": lambda os: _share(not o.top_ok for o in os if o.verdict == "auto"),
    "hasty auto": lambda os: _share(o.verdict == "auto" for o in os if o.case["decision"] == "approve"),
    "coverage": lambda os: _share(o.verdict == "auto" and o.top_ok for o in os if o.case["decision"] == "auto"),
    "approval precision": lambda os: _share(o.case["decision"] == "approve" for o in os if o.verdict == "approve"),
    "none": lambda os: _share(o.verdict == "none" for o in os if o.case["decision"] == "none"),
    "mapping": lambda os: (sum(o.right_pairs for o in os), sum(o.all_pairs for o in os)),
    "mapping whole": lambda os: _share(o.right_pairs == o.all_pairs for o in os if o.all_pairs),
}
"""The README's metrics as (hits, of)."""


def _share(hits: Iterable[bool]) -> tuple[int, int]:
    seen = list(hits)
    return sum(seen), len(seen)


def report(console: Console, name: str, outcomes: Sequence[Outcome]) -> None:
    table = Table(title=f"{name}: {len(outcomes)} cases", title_justify="left")
    for column in ("family", *METRICS):
        table.add_column(column, justify="left" if column == "family" else "right")
    families: dict[str, list[Outcome]] = defaultdict(list)
    for o in outcomes:
        families[o.case["family"]].append(o)
    for family, members in [*sorted(families.items()), ("all", list(outcomes))]:
        cells = [f"{hits}/{of}" if of else "" for hits, of in (m(members) for m in METRICS.values())]
        table.add_row(family, *cells, style="bold" if family == "all" else None)
    console.print(table)
    for metric, count in METRICS.items():
        hits, of = count(outcomes)
        console.print(f"  {metric:<20}{hits / of if of else 0:8.1%}   {hits} of {of}", highlight=False)


def failures(console: Console, outcomes: Sequence[Outcome]) -> None:
    for o in outcomes:
        faults = []
        if o.case["acceptable"] and not o.top_ok:
            faults.append(f"top is {o.top}")
        elif o.case["acceptable"] and o.top != o.case["best"]:
            faults.append(f"best is {o.case['best']}, not {o.top}")
        if o.verdict != o.case["decision"]:
            faults.append(f"{o.verdict} instead of {o.case['decision']}")
        if o.right_pairs != o.all_pairs:
            faults.append(f"{o.right_pairs} of {o.all_pairs} pairs")
        if faults:
            console.print(f"{o.case['id']} {o.case['family']}: {'; '.join(faults)}", markup=False, highlight=False)
            for c in o.decision.candidates[:3]:
                console.print(
                    f"    {c.release.guid} {c.score:.2f} {c.release.title[:70]} – {c.reasoning}",
                    markup=False,
                    highlight=False,
                )


def speed(console: Console) -> None:
    """A 40-track album among 400 files, mapped; and a token_set_ratio pass over the same names."""
    tracks = tuple(TrackWish(f"t{n}", n // 20 + 1, n % 20 + 1, _title(n), 180 + n * 3, "") for n in range(40))
    wish = AlbumWish("The Invented Band", "Forty Songs", 2001, tracks=tracks)
    files = tuple(
        ReleaseFile(f"The Invented Band - Discography/{1990 + n // 40} - Album {n // 40}/CD{n % 40 // 20 + 1}/{n % 20 + 1:02} - {_title(n)}.flac", 30_000_000)
        for n in range(400)
    )  # fmt: skip
    release = Release("r", "x", "The Invented Band - Discography [FLAC]", files=files, seeders=3)

    def decide() -> Decision:
        return decide_album(wish, [release], threshold=0.85, vip_member=False)

    def plain() -> object:
        return process.cdist([t.name for t in tracks], [f.path for f in files], scorer=fuzz.token_set_ratio)

    ours, theirs = _fastest(decide), _fastest(plain)
    mapped = len(decide().candidates[0].track_mapping)
    console.print(
        f"\n40 tracks, 400 files: {ours * 1000:.1f} ms ({mapped} mapped); token_set_ratio alone {theirs * 1000:.1f} ms"
    )


def _title(n: int) -> str:
    return f"{_WORDS[n % 10]} {_WORDS[n // 10 % 10]} {_WORDS[(n * 7) % 10]} {n}".title()


def _fastest(run: Callable[[], object], times: int = 7) -> float:
    run()
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return best


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("cases", nargs="*", type=Path, default=[OWN])
    parser.add_argument("--aside", type=int, default=0, help="print each N-th case apart")
    parser.add_argument("--threshold", type=float, default=0.85)
    parser.add_argument("--no-speed", action="store_true")
    args = parser.parse_args()
    console = Console(width=160)
    for path in args.cases:
        outcomes = [
            answer(json.loads(line), args.threshold) for line in path.read_text("utf-8").splitlines() if line.strip()
        ]
        if args.aside:
            report(console, f"{path.name}, looked at", [o for n, o in enumerate(outcomes, 1) if n % args.aside])
            report(console, f"{path.name}, kept aside", [o for n, o in enumerate(outcomes, 1) if not n % args.aside])
        else:
            report(console, path.name, outcomes)
        failures(console, outcomes)
    if not args.no_speed:
        speed(console)
    return 0


if __name__ == "__main__":
    sys.exit(main())
