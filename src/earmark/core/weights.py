"""What each component of a score counts for. Written by scripts/fit_matching.py; change the data, not the numbers.

`WEIGHTS` add up to 1. A component the wish says nothing about is left out and the rest is rescaled; the weighted mean m
becomes a confidence by 1 / (1 + exp(-SLOPE * (m - MIDPOINT))).
"""

from __future__ import annotations

VERSION = "fitted-1"

WEIGHTS: dict[str, float] = {
    "title": 0.3,
    "author": 0.25,
    "series": 0.06,
    "narrator": 0.12,
    "runtime": 0.08,
    "language": 0.06,
    "edition": 0.04,
    "kind": 0.05,
    "size": 0.04,
}
SLOPE = 14.0
MIDPOINT = 0.72
UNKNOWN = 0.6  # what an unstated fact is worth where the wish names one: less than a match, more than a clash
