"""Tests that cannot fail are worse than none: what holds the promises is taken out of a copy, and a test turns red.

A mutation is a run of pytest with its own servers, so it is slow. Whether its line still exists is checked quickly.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_settings import PROJECT_ROOT
from tests.mutations import MUTATIONS, Mutation

NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "target", "logs", "docs")
TESTS_FAILED = 1  # pytest's exit code; 2 to 5 mean that it could not run them


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_a_mutated_line_exists_once(mutation: Mutation) -> None:
    file = PROJECT_ROOT / mutation.file
    assert file.is_file(), "the file was moved: name the one that does this now"
    assert file.read_text().count(mutation.old) == 1, "the code has changed: mutate the line that does this now"
    assert mutation.new != mutation.old


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_the_tests_of_a_mutation_exist(mutation: Mutation) -> None:
    for test in mutation.tests.split():
        file, _, name = test.partition("::")
        assert (PROJECT_ROOT / file).is_file()
        assert not name or f"def {name}(" in (PROJECT_ROOT / file).read_text()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project, to be broken."""
    return shutil.copytree(PROJECT_ROOT, tmp_path_factory.mktemp("mutated") / "daybreak", ignore=NOT_COPIED)


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_a_mutation_turns_a_test_red(copy: Path, mutation: Mutation) -> None:
    file = copy / mutation.file
    before = file.read_text()
    file.write_text(before.replace(mutation.old, mutation.new))
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not slow", *mutation.tests.split()],
            cwd=copy,
            env=os.environ | {"PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        file.write_text(before)
    assert ended.returncode == TESTS_FAILED, ended.stdout[-2000:] + ended.stderr[-2000:]
