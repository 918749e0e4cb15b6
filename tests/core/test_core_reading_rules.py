"""Every naming rule proves itself on its own sample lines."""

from __future__ import annotations

import pytest

from earmark.core.reading import languages, rules
from earmark.core.reading.words import tokens

SAMPLES = [(rule.mark, line, expected) for rule in rules.RULES for line, expected in rule.samples]


@pytest.mark.parametrize(("mark", "line", "expected"), SAMPLES, ids=[f"{m}: {line}" for m, line, _ in SAMPLES])
def test_a_rule_means_what_its_sample_says(mark: str, line: str, expected: bool) -> None:
    assert (mark in {rule.mark for rule, _, _ in rules.scan(tokens(line))}) is expected


def test_every_rule_has_a_sample_that_speaks_and_one_that_does_not() -> None:
    for rule in rules.RULES:
        assert {expected for _, expected in rule.samples} == {True, False}, rule.mark


@pytest.mark.parametrize(("line", "language"), languages.SAMPLES, ids=[line for line, _ in languages.SAMPLES])
def test_words_of_a_listing_tell_its_language(line: str, language: str) -> None:
    assert set(languages.told_by(tokens(line), bracket=True)) == {language}


@pytest.mark.parametrize(
    ("written", "iso"), [("ENG", "en"), ("en-GB", "en"), ("German", "de"), ("FRA", "fr"), ("xx", "xx"), ("", None)]
)
def test_a_language_field_is_read_in_any_spelling(written: str, iso: str | None) -> None:
    assert languages.of_code(written) == iso
