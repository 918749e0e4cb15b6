"""Progress with a real denominator: seconds of audio done of seconds in all, a few times a second at most."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Literal

from earmark.core.binding import BindPlan, BindProgress, Chapter

Phase = Literal["decode", "copy", "encode", "verify"]
MIN_INTERVAL_SECS = 0.2


class Reporter:
    """Tells one sink how far binding is; the first and the last word of each phase are never dropped."""

    def __init__(
        self, plan: BindPlan, sink: Callable[[BindProgress], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._titles: Sequence[str] = plan.chapter_titles
        self._claims = [s.duration_secs for s in plan.sources]
        self._sink = sink
        self._clock = clock
        self._last_at = -1.0
        self._phase = ""
        self._whole = False

    def of_sources(self, phase: Phase, index: int, secs: float) -> None:
        """`secs` of source `index` are done. A claim that turns out too low grows with the truth."""
        self._claims[index] = max(self._claims[index], secs)
        self._say(phase, index, self._titles, sum(self._claims[:index]) + secs, sum(self._claims))

    def source_done(self, index: int, secs: float) -> None:
        """Source `index` was `secs` long in truth. After the last one the phase stands at its whole."""
        self._claims[index] = secs
        if index == len(self._claims) - 1:
            self._say(self._phase, index, self._titles, sum(self._claims), sum(self._claims))

    def of_book(self, phase: Phase, chapters: Sequence[Chapter], secs: float, total_secs: float) -> None:
        """`secs` of the finished book are done."""
        index = max(0, bisect_right([c.start_secs for c in chapters], secs) - 1)
        self._say(phase, index, [c.title for c in chapters] or self._titles, min(secs, total_secs), total_secs)

    def _say(self, phase: str, index: int, titles: Sequence[str], done: float, total: float) -> None:
        now = self._clock()
        whole = done >= total
        if phase == self._phase and (self._whole if whole else now - self._last_at < MIN_INTERVAL_SECS):
            return
        self._phase, self._last_at, self._whole = phase, now, whole
        count = len(titles)
        index = min(index, count - 1)
        self._sink(BindProgress(phase, index, count, titles[index], done, total))
