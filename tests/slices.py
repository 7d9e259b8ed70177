"""Slow tests in slices of about equal minutes, one of which each run of CI takes.

`slow_durations.json` holds the seconds of every slow test; `make slow-durations` records them. A slice is dealt from
that file alone, so a new test moves no other one: it joins the shortest slice, as if it took the median. A test that
was recorded and is gone leaves its place empty until the next recording.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from math import ceil
from pathlib import Path
from statistics import median

import pytest

from pipeline_settings import PROJECT_ROOT

DURATIONS = Path(__file__).with_name("slow_durations.json")
SLICE_SECONDS = 15 * 60  # of a slice on average; the longest may take 20 minutes
FILE_SECONDS = 5 * 60  # tests of a file share fixtures and stay together, unless they take longer than this

Slices = dict[str, int]  # test id → number of its slice


def deal(seconds: Mapping[str, float], new: Iterable[str] = ()) -> tuple[Slices, list[float]]:
    """The slice of every recorded and every new test, and the seconds of each slice."""
    totals = [0.0] * max(1, ceil(sum(seconds.values()) / SLICE_SECONDS))
    slices: Slices = {}
    guess = median(seconds.values()) if seconds else 0.0
    parts = sorted(_parts(seconds), key=lambda part: (-sum(seconds[test] for test in part), part))
    for part in [*parts, *([test] for test in sorted(set(new) - seconds.keys()))]:
        shortest = totals.index(min(totals))
        totals[shortest] += sum(seconds.get(test, guess) for test in part)
        slices |= dict.fromkeys(part, shortest)
    return slices, totals


def recorded() -> dict[str, float]:
    """The seconds of each slow test when they were last recorded."""
    seconds: dict[str, float] = json.loads(DURATIONS.read_text())
    return seconds


def keep_slice(number: int, tests: Iterable[str]) -> set[str]:
    """Those of the slow tests that are in the slice with this number, modulo the number of slices."""
    slices, totals = deal(recorded(), tests)
    return {test for test in tests if slices[test] == number % len(totals)}


def _parts(seconds: Mapping[str, float]) -> list[list[str]]:
    """Tests that stay together."""
    files: dict[str, list[str]] = defaultdict(list)
    for test in sorted(seconds):
        files[test.partition("::")[0]].append(test)
    parts: list[list[str]] = []
    for tests in files.values():
        is_short = sum(seconds[test] for test in tests) <= FILE_SECONDS
        parts += [tests] if is_short else [[test] for test in tests]
    return parts


class Recorder:
    """Records how long each slow test took, with its fixtures."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a phase of a test."""
        if "slow" in report.keywords:
            self.seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write the file: a test that did not run keeps its seconds, one that is gone loses its line."""
        seconds = {test: duration for test, duration in recorded().items() if exists(test)} | self.seconds
        rounded = {test: round(duration, 1) for test, duration in sorted(seconds.items())}
        DURATIONS.write_text(json.dumps(rounded, indent=0, ensure_ascii=False) + "\n")


def exists(test: str) -> bool:
    """Whether the function of a test is still in its file; its parameters are not looked at."""
    file, _, name = test.partition("::")
    path = PROJECT_ROOT / file
    return path.is_file() and f"def {name.partition('[')[0]}(" in path.read_text()
