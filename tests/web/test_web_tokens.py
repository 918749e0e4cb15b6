"""The colours, computed from the stylesheet itself: every pair that is read holds WCAG AA in light and in dark."""

from __future__ import annotations

import re

import pytest

from earmark.web.render import STATIC_DIR

CSS = (STATIC_DIR / "earmark.css").read_text()
TEXT, MARK = 4.5, 3.0

READ = [
    *((ink, ground) for ink in ("ink", "ink-2", "ink-3", "accent-ink") for ground in ("ground", "surface", "sunken")),
    *((tone, f"{tone}-soft") for tone in ("good", "you", "bad", "wait")),
    *((tone, "surface") for tone in ("good", "you", "bad", "wait")),
    *(("ink", f"{tone}-soft") for tone in ("good", "you", "bad", "wait", "accent")),
    *(("ink-2", f"{tone}-soft") for tone in ("good", "you", "bad", "wait", "accent")),
    ("accent-ink", "accent-soft"),
    ("on-accent", "accent"),
    ("on-accent", "accent-hover"),
    ("on-bad", "bad-mark"),
    ("on-bad", "bad-hover"),
    ("ground", "ink"),
]
SEEN = [
    ("line-strong", "surface"),
    ("focus", "ground"),
    ("focus", "surface"),
    ("accent", "surface"),
    ("good-mark", "surface"),
    ("bad-mark", "surface"),
    ("wait-mark", "surface"),
]


def tokens(theme: int) -> dict[str, str]:
    """Name → #rrggbb; 0 is light, 1 is dark."""
    found: dict[str, str] = {}
    for name, value in re.findall(r"--([\w-]+):\s*([^;]+);", CSS.split("\n}\n", 1)[0]):
        pair = re.fullmatch(r"light-dark\((#\w{6}), (#\w{6})\)", value)
        if pair:
            found[name] = pair.group(theme + 1)
        elif re.fullmatch(r"#\w{6}", value):
            found[name] = value
    return found


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), READ)
def test_text_stands_out_from_what_it_is_written_on(ink: str, ground: str, theme: int) -> None:
    palette = tokens(theme)
    assert contrast(palette[ink], palette[ground]) >= TEXT, (palette[ink], palette[ground])


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("mark", "ground"), SEEN)
def test_edges_and_marks_can_be_seen(mark: str, ground: str, theme: int) -> None:
    palette = tokens(theme)
    assert contrast(palette[mark], palette[ground]) >= MARK, (palette[mark], palette[ground])


def test_the_stylesheet_fetches_nothing_from_elsewhere() -> None:
    assert "@import" not in CSS
    assert not re.search(r"url\(", CSS)


def test_every_token_that_is_used_is_defined() -> None:
    defined = set(re.findall(r"(--[\w-]+)\s*:", CSS))
    used = set(re.findall(r"var\((--[\w-]+)[,)]", CSS))
    assert used <= defined
