"""How a tag is written where clients show labels. Pure; what the tags mean is said by whoever gives them."""

from __future__ import annotations

from collections.abc import Iterable


def labels(tags: Iterable[str]) -> list[str]:
    """The tags as labels of one line. No comma stays in one: qBittorrent parts its tags by it, Transmission refuses it.
    Empty ones and repetitions are left out."""
    plain = ("".join(sign if sign.isprintable() and sign != "," else " " for sign in tag) for tag in tags)
    return list(dict.fromkeys(label for line in plain if (label := " ".join(line.split()))))
