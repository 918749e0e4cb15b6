"""Fit the weights of the book score on labelled cases and write them to `src/earmark/core/weights.py`.

    python benchmarks/fit_matching.py [FILE.jsonl …] [--folds 5] [--write]

Weights, slope and midpoint are chosen so that the confidence of a release is the probability that a careful librarian accepts it
(logistic loss, acceptable against not, over the releases of cases labelled "auto" or "none" that no fact of its own
refuses or makes doubtful; a pull towards the present weights keeps a small set from saying too much). Families are kept together: each fold is judged with weights that have not seen its
families, and both figures are printed.
"""

from __future__ import annotations

import argparse
import pprint
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from matching import OWN_CASES, Outcome, judge, load, metrics
from numpy.typing import NDArray
from scipy.optimize import minimize

from earmark.core import scoring, weights
from earmark.core.doubts import doubts
from earmark.core.matchcases import MatchCase, read_case
from earmark.core.refusals import gates
from earmark.core.release import Release
from earmark.core.wish import BookWish

TARGET = Path(__file__).resolve().parent.parent / "src" / "earmark" / "core" / "weights.py"
NAMES = tuple(weights.WEIGHTS)
PULL = 2.0  # how strongly the weights are held at what they are
OF_THE_WORK = {"other_title", "other_author", "other_place", "other_length"}  # gates that follow from what is weighed
STEEPEST = 14.0  # a steeper curve would call small differences certain
Floats = NDArray[np.float64]
Labelled = tuple[Mapping[str, object], MatchCase]


def main() -> None:
    args = _arguments()
    rows = [
        r for r in load(args.files or [OWN_CASES]) if isinstance(r["wish"], dict) and r["wish"].get("kind") != "music"
    ]
    cases = [(row, read_case(row, mam_row=_no_mam_rows)) for row in rows]
    before = _judged(cases)
    held_in, held_out = [], []
    for seen, unseen in _folds(cases, args.folds):
        with _weights(*fit(seen)):
            held_in += _judged(seen)
            held_out += _judged(unseen)
    for title, outcomes in (("as committed", before), ("held in", held_in), ("held out", held_out)):
        print(f"{title:14}", "  ".join(f"{n} {h}/{t}" for n, (h, t) in metrics(outcomes).items() if t))
    table, slope, midpoint = fit(cases)
    print({n: round(w, 3) for n, w in table.items()}, "slope", round(slope, 2), "midpoint", round(midpoint, 3))
    if args.write:
        _write(table, slope, midpoint)


def fit(cases: Sequence[Labelled]) -> tuple[dict[str, float], float, float]:
    """Weights that add up to 1, slope and midpoint."""
    values, present, accepted = _matrix(cases)
    balance = np.where(accepted > 0, 0.5 / max(1.0, accepted.sum()), 0.5 / max(1.0, (1 - accepted).sum()))
    start = np.array([*np.log([weights.WEIGHTS[n] for n in NAMES]), np.log(weights.SLOPE), weights.MIDPOINT])

    def loss(p: Floats) -> float:
        w = np.exp(p[: len(NAMES)])
        mean = (values * w).sum(axis=1) / (present * w).sum(axis=1)
        z = np.clip(np.exp(p[-2]) * (mean - p[-1]), -50, 50)
        fault = np.log1p(np.exp(-z)) * accepted + np.log1p(np.exp(z)) * (1 - accepted)
        held = PULL * float(((p - start)[:-1] ** 2).sum()) / 100
        return float((fault * balance).sum()) + held

    bounds = [(None, None)] * len(NAMES) + [(0.0, float(np.log(STEEPEST))), (0.4, 0.9)]
    found = minimize(loss, start, method="L-BFGS-B", bounds=bounds).x
    raw = np.exp(found[: len(NAMES)])
    table = {n: float(w) for n, w in zip(NAMES, raw / raw.sum(), strict=True)}
    return table, float(np.exp(found[-2])), float(found[-1])


def _matrix(cases: Sequence[Labelled]) -> tuple[Floats, Floats, Floats]:
    """For each release the value of every component (unknown as the table says), which apply, and whether it is accepted."""
    values, present, accepted = [], [], []
    for row, case in cases:
        if row["decision"] == "approve" or not isinstance(case.wish, BookWish):
            continue  # what a person may take is neither right nor wrong
        right = set(row["acceptable"])  # type: ignore[call-overload]
        for release in case.releases:
            laid = scoring.case_of(case.kind, case.wish, release)
            refused = {g.code for g in gates(laid)}
            if refused - OF_THE_WORK or (not refused and doubts(laid)):
                continue  # a fact of its own refuses it or makes it doubtful; there is nothing to weigh
            told = {c.name: c.value for c in scoring.components(laid)}
            present.append([float(n in told) for n in NAMES])
            values.append([0.0 if n not in told else weights.UNKNOWN if told[n] is None else told[n] for n in NAMES])
            accepted.append(float(release.guid in right))
    return np.array(values, dtype=np.float64), np.array(present), np.array(accepted)


def _folds(cases: Sequence[Labelled], count: int) -> Iterator[tuple[list[Labelled], list[Labelled]]]:
    families = sorted({str(row.get("family")) for row, _ in cases})
    random.Random(1).shuffle(families)
    for fold in range(count):
        away = set(families[fold::count])
        yield (
            [c for c in cases if str(c[0].get("family")) not in away],
            [c for c in cases if str(c[0].get("family")) in away],
        )


def _judged(cases: Sequence[Labelled]) -> list[Outcome]:
    return [judge(row, case) for row, case in cases]


@contextmanager
def _weights(table: Mapping[str, float], slope: float, midpoint: float) -> Iterator[None]:
    """Judge with other weights for a while."""
    kept = dict(weights.WEIGHTS), weights.SLOPE, weights.MIDPOINT
    weights.WEIGHTS.update(table)
    weights.SLOPE, weights.MIDPOINT = slope, midpoint
    try:
        yield
    finally:
        weights.WEIGHTS.update(kept[0])
        weights.SLOPE, weights.MIDPOINT = kept[1:]


def _write(table: Mapping[str, float], slope: float, midpoint: float) -> None:
    """Put the numbers in their place; what the file says around them stays."""
    head, _, rest = TARGET.read_text(encoding="utf-8").partition("WEIGHTS: dict[str, float] = ")
    tail = rest[rest.index("UNKNOWN = ") :]
    rounded = {n: round(w, 4) for n, w in table.items()}
    rounded["title"] = round(rounded["title"] + 1 - sum(rounded.values()), 4)
    shown = (
        pprint.pformat(rounded, sort_dicts=False, width=20)
        .replace("'", '"')
        .replace("{", "{\n ", 1)
        .replace("}", ",\n}")
    )
    shown = "\n".join(
        f"    {line.strip()}" if line.strip() not in {"{", "}"} else line.strip() for line in shown.splitlines()
    )
    TARGET.write_text(
        f"{head}WEIGHTS: dict[str, float] = {shown}\nSLOPE = {slope:.3f}\nMIDPOINT = {midpoint:.4f}\n{tail}",
        encoding="utf-8",
    )
    print(f"written to {TARGET}")


def _no_mam_rows(row: object) -> Release:
    raise ValueError("a labelled set holds rows of its own format")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help="labelled cases, one JSON object a line")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="write the fitted table")
    return parser.parse_args()


if __name__ == "__main__":
    main()
