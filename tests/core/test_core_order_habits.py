"""Naming habits seen in the wild, as data: what order they mean, or which doubt they leave."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from earmark.core.ordering import Numbers, listening_order, natural_order


@dataclass
class Habit:
    files: list[str] = field(default_factory=list)
    numbers: dict[str, Numbers] = field(default_factory=dict)
    played: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def read_habits() -> list[Habit]:
    habits, habit, tags = [], Habit(), Numbers()
    for line in (Path(__file__).with_name("naming_habits.txt")).read_text("utf-8").splitlines():
        match line[:1]:
            case "" | "#":
                continue
            case "=":
                habit.doubts = [d for d in line[1:].split() if d != "sure"]
                habits.append(habit)
                habit = Habit()
            case "~":
                disc, _, track = line[1:].strip().rpartition("/")
                tags = Numbers(int(disc) if disc else None, int(track))
            case ">":
                habit.played.append(line[1:].strip())
            case _:
                habit.files.append(line)
                habit.numbers[line], tags = tags, Numbers()
    return habits


HABITS = read_habits()


@pytest.mark.parametrize("habit", HABITS, ids=[f"{n}-{h.files[0]}" for n, h in enumerate(HABITS)])
def test_a_naming_habit_is_read_as_it_is_meant(habit: Habit) -> None:
    paths = sorted(habit.files, key=lambda p: random.Random(p).random())
    found = listening_order(paths, [habit.numbers[p] for p in paths], [paths.index(p) for p in habit.played])
    assert sorted(d.code for d in found.doubts) == sorted(habit.doubts)
    expected = [paths[i] for i in natural_order(paths)] if "order_unknown" in habit.doubts else habit.files
    assert [paths[i] for i in found.positions] == expected


WORDS = (
    "Fall House of the 39 Steps 7 Dwarfs Catch 22 World War II I Am Legend X Day One Two Towers First Light Part Time"
    " Book Thief Side Effects A B Vol Track Star Chapter and Verse Disc World 1999 Room 101 No 5 Intro to Epilogue"
)
ROMANS = ["I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII", "XIV", "XV"]
ENGLISH = [
    "One",
    "Two",
    "Three",
    "Four",
    "Five",
    "Six",
    "Seven",
    "Eight",
    "Nine",
    "Ten",
    "Eleven",
    "Twelve",
    "Thirteen",
    "Fourteen",
    "Fifteen",
]


def scheme(seed: int) -> list[str]:
    """A book of one naming habit, in order, whose titles are full of words and numbers that mislead."""
    chance = random.Random(seed)

    def title() -> str:
        return " ".join(chance.choice(WORDS.split()) for _ in range(chance.randint(1, 5)))

    book, style, zeros = title(), chance.randrange(11), chance.randint(1, 3)
    names = []
    for n in range(1, chance.randint(2, 15) + 1):
        k, t, disc, track = str(n).zfill(zeros), title(), (n - 1) // 4 + 1, (n - 1) % 4 + 1
        names.append(
            [
                f"{k} - {t}", f"{book} - {k}", f"{book}. {k}. {t}", f"Chapter {k} {t}", f"{t} - {k}",
                f"{book} - Part {ROMANS[n - 1]} - {t}", f"Chapter {ENGLISH[n - 1]} - {t}", f"{k} of 15 - {t}",
                f"{book} CD{disc} Track {track:02} - {t}", f"CD{disc}/{track:02} - {t}", f"{book} {disc}/Track {track}",
            ][style] + ".mp3"
        )  # fmt: skip
    return names


@pytest.mark.parametrize("decade", range(10))
def test_misleading_titles_never_change_an_order_in_silence(decade: int) -> None:
    doubted = 0
    for seed in range(decade * 40, decade * 40 + 40):
        names = scheme(seed)
        shuffled = random.Random(seed).sample(names, len(names))
        found = listening_order(shuffled, [Numbers()] * len(names))
        doubts = {d.code for d in found.doubts} - {"track_missing"}
        assert doubts or [shuffled[i] for i in found.positions] == names, names
        doubted += bool(doubts)
    assert doubted <= 2


def test_there_are_many_habits() -> None:
    assert len(HABITS) >= 60
