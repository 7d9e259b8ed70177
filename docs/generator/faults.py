"""The table of faults, from the marks of the tests.

It parses the sources without importing tests, which would take longer. So a mark must be a decorator with literal
numbers.
"""

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline_settings import PROJECT_ROOT
from tests.faults.catalogue import AREAS, FAULTS

FROM_REFERENCE = "../../"  # from a page in docs/reference to the root


@dataclass(frozen=True)
class MarkedTest:
    """A test, its file, and the faults that it covers."""

    file: Path
    name: str
    faults: tuple[int, ...]
    is_slow: bool

    def link(self) -> str:
        """Return the test as a link from a page of the reference."""
        speed = " (slow)" if self.is_slow else ""
        return f"[{self.name.removeprefix('test_').replace('_', ' ')}]({FROM_REFERENCE}{self.file}){speed}"


def marked_tests() -> list[MarkedTest]:
    """Return every test with a `fault` mark, in the order of files and lines."""
    return [test for file in sorted((PROJECT_ROOT / "tests").rglob("test_*.py")) for test in _in_file(file)]


def faults() -> str:
    """Return the table in Markdown, with a part for each area."""
    tests = marked_tests()
    return "\n\n".join(_area(area, numbers, tests) for area, numbers in AREAS.items())


def _area(area: str, numbers: Sequence[int], tests: list[MarkedTest]) -> str:
    rows = [f"## {area}", "", "| # | fault | promise | tests |", "|---|---|---|---|"]
    for number in numbers:
        fault = FAULTS[number]
        shown = [test.link() for test in tests if number in test.faults]
        shown += [f"*{fault.caveat}*"] if fault.caveat else []
        rows.append(f"| {number} | {fault.title} | {fault.promise} | {'<br>'.join(shown)} |")
    return "\n".join(rows)


def _in_file(file: Path) -> list[MarkedTest]:
    tree = ast.parse(file.read_text())
    all_slow = any(
        isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark" and _is_slow(node.value)
        for node in tree.body
    )
    return [
        MarkedTest(
            file.relative_to(PROJECT_ROOT),
            node.name,
            numbers,
            all_slow or any(_is_slow(decorator) for decorator in node.decorator_list),
        )
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and (numbers := _faults(node))
    ]


def _faults(function: ast.FunctionDef) -> tuple[int, ...]:
    marks = [
        d for d in function.decorator_list if isinstance(d, ast.Call) and ast.unparse(d.func) == "pytest.mark.fault"
    ]
    return tuple(int(ast.unparse(number)) for mark in marks for number in mark.args)


def _is_slow(expression: ast.expr) -> bool:
    """Return whether this is the mark itself or a list with it; a slow case of several is not a slow test."""
    marks = expression.elts if isinstance(expression, ast.List) else [expression]
    return "pytest.mark.slow" in [ast.unparse(mark) for mark in marks]
