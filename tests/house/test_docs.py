"""The documents say what the program does: every command and option, every setting, every reason code, every link."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import typer

from earmark.cli.app import app
from earmark.core.indexing import IndexerFacts
from earmark.core.states import ApprovalCode
from earmark.settings_reference import reference

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "earmark"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
PROGRAMS = sorted(page for page in (DOCS / "prowlarr").glob("*.md") if page.stem not in {"README", "indexers"})

MAKERS = {"Reason", "of", "Refusal", "make_problem"}
"""Calls that take a reason's code; with them, functions of the same module whose first parameter is called `code`."""
NOT_REASONS = {"Progress", "Label", "Gauge", "Counter", "Histogram"}
FORM_FIELDS = {field.name for field in fields(IndexerFacts)}
"""What a fault of a form stands at, in rows that look like a reason's: ("timeout_secs", "Between 1 and 300 seconds.")."""
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every command in full, with its options in their long form."""
    tree = typer.main.get_command(app)
    yield from _commands("earmark", tree)


def _commands(path: str, command: object) -> Iterator[tuple[str, list[str]]]:
    options = [name for p in command.params for name in p.opts if name.startswith("-")]  # type: ignore[attr-defined]
    below = getattr(command, "commands", {})
    yield path, options
    for name, sub in below.items():
        yield from _commands(f"{path} {name}", sub)


@pytest.mark.parametrize(("command", "options"), list(commands()), ids=lambda v: v if isinstance(v, str) else "")
def test_every_command_and_option_stands_in_the_command_lines_page(command: str, options: list[str]) -> None:
    page = (DOCS / "cli.md").read_text()
    if command not in {"earmark", "earmark config"}:
        assert f"`{command}" in page, f"docs/cli.md does not tell of `{command}`"
    missing = [o for o in options if not re.search(rf"`{re.escape(o)}\b", page)]
    assert not missing, f"docs/cli.md does not tell of {missing} of `{command}`"


def test_every_exit_code_stands_in_the_command_lines_page() -> None:
    import earmark.cli
    from earmark.cli.failures import FAILED, FORBIDDEN, UNDECIDED, UNREACHABLE, USAGE

    assert earmark.cli.__doc__ is not None
    page = (DOCS / "cli.md").read_text()
    for code in (0, FAILED, USAGE, UNDECIDED, UNREACHABLE, FORBIDDEN, 130):
        assert f"\n| {code} | " in page
        assert str(code) in earmark.cli.__doc__


def test_the_configuration_page_is_what_the_settings_say() -> None:
    assert (DOCS / "configuration.md").read_text() == reference(), (
        "run: earmark config reference > docs/configuration.md"
    )


def test_every_reason_has_its_line_in_the_operators_page() -> None:
    _, _, reasons = (DOCS / "operating.md").read_text().partition("\n## Every reason\n")
    told = set(re.findall(r"^\| `([a-z0-9_]+)` \|", reasons, re.MULTILINE))
    found = {code: where for path in sorted(SOURCE.rglob("*.py")) for code, where in codes_in(path)}
    assert {c: w for c, w in found.items() if c not in told} == {}, "docs/operating.md misses these reason codes"
    written = {word for path in SOURCE.rglob("*.py") for word in words_in(path)}
    assert told - set(found) - written == set(), "docs/operating.md tells of reason codes that are gone"


def words_in(path: Path) -> Iterator[str]:
    """Every string a module holds: a code may stand where the scan does not look."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_reason_for_asking_a_person_stands_in_the_operators_page() -> None:
    page = (DOCS / "operating.md").read_text()
    missing = [code.value for code in ApprovalCode if f"\n| {code.value} | " not in page]
    assert not missing, f"docs/operating.md misses {missing}"


def test_every_series_of_figures_stands_in_the_operators_page() -> None:
    page = (DOCS / "operating.md").read_text()
    named = set(re.findall(r'"(earmark_[a-z_]+)"', (SOURCE / "api" / "metrics.py").read_text()))
    missing = [name for name in named if name not in page]
    assert not missing, f"docs/operating.md misses {missing}"


def test_the_scan_finds_codes_however_they_are_written(tmp_path: Path) -> None:
    module = tmp_path / "some.py"
    module.write_text(
        'Reason("plain_code", "It broke.", "Mend it.")\n'
        'SomeError.of("of_code", f"{x} broke.", "Mend it.")\n'
        'Reason("first" if x else "second_code", m, a)\n'
        'def _bad(code: str, message: str): ...\n_bad("by_helper", text)\n'
        'Refusal(HTTPStatus.BAD_REQUEST, "of_the_api", "No.", "Do.")\n'
        'TABLE = {1: ("of_a_table", "The disk is full", "Free it.")}\n'
        'replace(reason, code="by_keyword")\n'
        'Progress.of(state, "no_code", 1, 2)\n'
    )
    expected = {"plain_code", "of_code", "first", "second_code", "by_helper", "of_the_api", "of_a_table", "by_keyword"}
    assert {code for code, _ in codes_in(module)} == expected


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text())
    local = [link.partition("#")[0] for link in links if not link.startswith(("http:", "https:", "#"))]
    missing = [link for link in local if not (page.parent / link).exists()]
    assert not missing, f"{page.name} links to {missing}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_into_a_page_lead_to_a_heading_of_it(page: Path) -> None:
    missing = []
    for link in re.findall(r"\]\(([^)\s]*#[^)\s]+)\)", page.read_text()):
        path, _, heading = link.partition("#")
        target = page if not path else page.parent / path
        if not path.startswith(("http:", "https:")) and target.exists() and heading not in headings_of(target):
            missing.append(link)
    assert not missing, f"{page.name} links to {missing}"


def headings_of(page: Path) -> set[str]:
    """Headings as links name them: lower case, words joined by hyphens, no punctuation."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PROGRAMS, ids=lambda p: p.stem)
def test_a_programs_page_says_what_to_fill_in_what_to_see_and_what_to_mend(page: Path) -> None:
    text = page.read_text()
    headings = {"## Fill in", "## What you will see", "## When it does not work"}
    assert not {heading for heading in headings if f"\n{heading}\n" not in text}
    assert "http://HOST:8080" in text, "the address is not told"
    assert "`user_token`" in text, "the key is not told"
    assert f"]({page.name})" in (DOCS / "prowlarr" / "README.md").read_text(), "the table of programs does not name it"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_that_the_pages_name_are_there(page: Path) -> None:
    named = re.findall(r"`((?:src|tests|scripts|benchmarks|docs)/[\w./-]+)`", page.read_text())
    missing = [name for name in named if not (ROOT / name).exists()]
    assert not missing, f"{page.name} names {missing}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_functions_and_modules_that_the_pages_name_are_there(page: Path) -> None:
    """`pipeline/grab.py: admit_and_fetch` must be a function, class or constant of that module."""
    missing = []
    for name, things in re.findall(r"`((?:[a-z_]+/)*[a-z_]+\.py)(?:: ([\w., ]+))?`", page.read_text()):
        found = [p for p in (ROOT / name, *SOURCE.rglob(name), *ROOT.glob(f"tests/**/{name}")) if p.is_file()]
        source = "\n".join(p.read_text() for p in found)
        wanted = [thing for thing in re.split(r"[., ]+", things) if thing]
        missing += [name] if not found else []
        missing += [
            f"{name}: {t}" for t in wanted if not re.search(rf"(def|class) {t}\b|^{t}\b.*=", source, re.MULTILINE)
        ]
    assert not missing, f"{page.name} names {missing}"


def codes_in(path: Path) -> Iterator[tuple[str, str]]:
    """Reason codes a module utters, with the place of each."""
    tree = ast.parse(path.read_text())
    makers = MAKERS | {f.name for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) and _takes_code(f)}
    for node in ast.walk(tree):
        given: list[ast.expr] = []
        if isinstance(node, ast.Call) and _name(node.func) in makers and not _told_of_something_else(node.func):
            given = node.args[:2]
        elif isinstance(node, ast.Call) and _name(node.func) == "cls":
            given = node.args[1:2]
        elif isinstance(node, ast.Tuple) and _is_table_row(node):
            given = node.elts[:1]
        if isinstance(node, ast.Call):
            given = [*given, *(k.value for k in node.keywords if k.arg == "code")]
        code = next((found for argument in given if (found := _texts(argument))), [])
        for text in code:
            if CODE.fullmatch(text) and text not in FORM_FIELDS:
                yield text, f"{path.name}:{node.lineno}"


def _takes_code(function: ast.FunctionDef) -> bool:
    return bool(function.args.args) and function.args.args[0].arg == "code"


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _told_of_something_else(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and _name(function.value) in NOT_REASONS


def _is_table_row(row: ast.Tuple) -> bool:
    """("disk_full", "The disk is full", "Free some space."): a code and at least two sentences after it."""
    texts = [_texts(e) for e in row.elts]
    sentences = [
        isinstance(e, ast.JoinedStr) or any(" " in t for t in given) for e, given in zip(row.elts, texts, strict=True)
    ]
    return len(row.elts) in {2, 3} and bool(texts[0]) and "_" in texts[0][0] and sentences[1:].count(True) >= 1


def _texts(value: ast.expr) -> list[str]:
    if isinstance(value, ast.IfExp):
        return _texts(value.body) + _texts(value.orelse)
    return [value.value] if isinstance(value, ast.Constant) and isinstance(value.value, str) else []
