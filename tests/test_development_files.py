"""Editors and commit hooks run the checks of `make check`, on a supported Python."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from packaging.specifiers import SpecifierSet

from tests.commands import run

ROOT = Path(__file__).resolve().parent.parent
HOOKS: list[dict[str, Any]] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
CONTAINER: dict[str, Any] = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SUPPORTED = SpecifierSet(PROJECT["requires-python"])
VERBS = {"check", "format", "lint", "parse"}
# Run in place on files named by others, or on all files, into a separate folder.
OF_A_HOOK, OF_MAKE = {"--force-exclude"}, {"--check", "--target-path", "--log-path"}


def commands(lines: list[str]) -> dict[tuple[str, ...], set[str]]:
    """Return the programs of .venv with their verbs, and the options of each."""
    called = [line.partition(".venv/bin/")[2].split() for line in lines if ".venv/bin/" in line]
    return {
        (words[0], *(word for word in words if word in VERBS)): {word for word in words if word.startswith("--")}
        for words in called
    }


def recipe() -> list[str]:
    """Return the lines of `make check`."""
    command = ["make", "--dry-run", "check", "BIN=.venv/bin"]
    return run(command).splitlines()


@pytest.mark.parametrize("hook", HOOKS, ids=lambda hook: hook["id"])
def test_a_commit_runs_the_checks_of_make_check(hook: dict[str, Any]) -> None:
    ((command, options),) = commands([hook["entry"]]).items()
    assert options - OF_A_HOOK == commands(recipe())[command] - OF_MAKE


def test_only_checks_of_the_whole_project_are_left_to_make_check() -> None:
    left = commands(recipe()).keys() - commands([hook["entry"] for hook in HOOKS]).keys()
    assert left == {("mypy",), ("deptry",), ("mkdocs",), ("python",)}


def test_the_classifiers_name_every_supported_python() -> None:
    python = "Programming Language :: Python :: "
    named = [kind.removeprefix(python) for kind in PROJECT["classifiers"] if kind.startswith(f"{python}3.")]
    assert named == [version for version in (f"3.{minor}" for minor in range(50)) if version in SUPPORTED]


def test_an_editors_container_sets_up_what_make_does() -> None:
    image = re.fullmatch(r"python:(3\.\d+)", CONTAINER["image"])  # with git and make, which the slim image lacks
    assert image
    assert image[1] in SUPPORTED
    target = CONTAINER["postCreateCommand"].removeprefix("make ")
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
