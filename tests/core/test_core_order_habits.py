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


def test_there_are_many_habits() -> None:
    assert len(HABITS) >= 60
