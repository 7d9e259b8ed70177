"""Checks of the tests: essential lines are changed in a copy of the project, and a test must fail.

A mutation is a run of pytest with separate servers, so it is slow. A fast test checks that its line still exists.
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
TESTS_FAILED = 1  # pytest's exit code; 2 to 5 mean that the tests could not run


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
    """A copy of the project to mutate."""
    return shutil.copytree(PROJECT_ROOT, tmp_path_factory.mktemp("mutated") / "daybreak", ignore=NOT_COPIED)


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_a_mutation_fails_a_test(copy: Path, mutation: Mutation) -> None:
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
