"""Slices of the slow tests with about equal durations. Each run of CI takes one.

`slow_durations.json` holds the seconds of every slow test; `make slow-durations` records them. Slices depend on that
file only, so a new test moves no other one: it joins the shortest slice with the median duration. A recorded test that
was deleted keeps its place until the next recording.
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
SLICE_SECONDS = 15 * 60  # the average slice; the longest may take 20 minutes
FILE_SECONDS = 5 * 60  # tests of a file share fixtures and stay together up to this duration

Slices = dict[str, int]  # test id → number of its slice


def deal(seconds: Mapping[str, float], new: Iterable[str] = ()) -> tuple[Slices, list[float]]:
    """Return the slice of every recorded and new test, and the seconds of each slice."""
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
    """Return the last recorded seconds of each slow test."""
    seconds: dict[str, float] = json.loads(DURATIONS.read_text())
    return seconds


def keep_slice(number: int, tests: Iterable[str]) -> set[str]:
    """Return the slow tests of the slice with this number, modulo the number of slices."""
    slices, totals = deal(recorded(), tests)
    return {test for test in tests if slices[test] == number % len(totals)}


def _parts(seconds: Mapping[str, float]) -> list[list[str]]:
    """Group the tests that stay together."""
    files: dict[str, list[str]] = defaultdict(list)
    for test in sorted(seconds):
        files[test.partition("::")[0]].append(test)
    parts: list[list[str]] = []
    for tests in files.values():
        is_short = sum(seconds[test] for test in tests) <= FILE_SECONDS
        parts += [tests] if is_short else [[test] for test in tests]
    return parts


class Recorder:
    """Records the duration of each slow test, including its fixtures."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add a phase of a test."""
        if "slow" in report.keywords:
            self.seconds[report.nodeid] += report.duration

    def pytest_sessionfinish(self) -> None:
        """Write the file: tests that did not run keep their seconds, deleted ones lose their lines."""
        seconds = {test: duration for test, duration in recorded().items() if exists(test)} | self.seconds
        rounded = {test: round(duration, 1) for test, duration in sorted(seconds.items())}
        DURATIONS.write_text(json.dumps(rounded, indent=0, ensure_ascii=False) + "\n")


def exists(test: str) -> bool:
    """Return whether the function of a test is still in its file, ignoring parameters."""
    file, _, name = test.partition("::")
    path = PROJECT_ROOT / file
    return path.is_file() and f"def {name.partition('[')[0]}(" in path.read_text()
