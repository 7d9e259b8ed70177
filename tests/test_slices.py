"""Slices of the slow tests: each test is in exactly one, durations are about equal, and a new test moves no other."""

import re
from pathlib import Path

import pytest

from pipeline_settings import PROJECT_ROOT
from tests import slices

MINUTE = 60.0
LONG = {f"tests/test_a.py::test_{number}": 10 * MINUTE for number in range(6)}
SHORT = {f"tests/test_b.py::test_{number}": MINUTE for number in range(4)}


def test_slices_are_about_equally_long() -> None:
    dealt, totals = slices.deal(LONG | SHORT)
    assert dealt.keys() == LONG.keys() | SHORT.keys()
    assert set(dealt.values()) == set(range(len(totals)))
    assert sorted(totals) == [10 * MINUTE] * 3 + [14 * MINUTE] + [20 * MINUTE]


def test_a_short_file_stays_together_and_a_long_one_does_not() -> None:
    dealt, _ = slices.deal(LONG | SHORT)
    assert len({dealt[test] for test in SHORT}) == 1
    assert len({dealt[test] for test in LONG}) > 1


def test_a_new_test_joins_the_shortest_slice_and_moves_no_other() -> None:
    before, totals = slices.deal(LONG | SHORT)
    after, longer = slices.deal(LONG | SHORT, ["tests/test_a.py::test_new", "tests/test_a.py::test_1"])
    assert {test: after[test] for test in before} == before
    shortest = totals.index(min(totals))
    assert after["tests/test_a.py::test_new"] == shortest
    assert longer[shortest] == totals[shortest] + 10 * MINUTE  # the median of ten minutes


def test_successive_numbers_cover_every_test_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slices, "recorded", lambda: LONG | SHORT)
    there = [*LONG, *SHORT, "tests/test_c.py::test_new"]
    count = len(slices.deal(LONG | SHORT)[1])
    kept = [slices.keep_slice(number, there) for number in range(1000, 1000 + count)]
    assert sorted(test for part in kept for test in part) == sorted(there)


def test_no_slice_takes_longer_than_ci_may() -> None:
    assert max(slices.deal(slices.recorded())[1]) <= 20 * MINUTE


def test_recording_keeps_other_tests_and_drops_deleted_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "durations.json"
    here = f"{Path(__file__).relative_to(PROJECT_ROOT)}::{{}}".format
    kept, gone = here("test_slices_are_about_equally_long"), here("test_that_was_renamed[3]")
    file.write_text(f'{{"{kept}": 3, "{gone}": 4, "tests/test_gone.py::test_it": 5}}')
    monkeypatch.setattr(slices, "DURATIONS", file)
    recorder = slices.Recorder()
    recorder.seconds["tests/test_new.py::test_it"] = 61.27
    recorder.pytest_sessionfinish()
    assert slices.recorded() == {kept: 3, "tests/test_new.py::test_it": 61.3}
    assert re.findall(r"^\"", file.read_text(), re.MULTILINE) == ['"', '"']  # one line per test


def test_ci_takes_the_slice_of_its_commit() -> None:
    script = (PROJECT_ROOT / ".ci" / "run").read_text().splitlines()
    assert [line for line in script if "make" in line] == [
        "make check",
        "make test",
        'make slow SLICE="$(git rev-list --count HEAD)"',
    ]
    assert "set -euo pipefail" in script  # a failed slow test fails CI
