"""What each component of a score counts for. Written by benchmarks/fit_matching.py; change the data, not the numbers.

`WEIGHTS` add up to 1. A component the wish says nothing about is left out and the rest is rescaled; the weighted mean m
becomes a confidence by 1 / (1 + exp(-SLOPE * (m - MIDPOINT))).
"""

from __future__ import annotations

VERSION = "fitted-1"

WEIGHTS: dict[str, float] = {
    "title": 0.3285,
    "author": 0.2379,
    "series": 0.0567,
    "narrator": 0.1149,
    "runtime": 0.0963,
    "language": 0.0518,
    "edition": 0.0362,
    "kind": 0.0412,
    "size": 0.0365,
}
SLOPE = 14.000
MIDPOINT = 0.7804
UNKNOWN = 0.6  # what an unstated fact is worth where the wish names one: less than a match, more than a clash
