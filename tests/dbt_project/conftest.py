"""dbt commands: in a separate process as users run them, and in this process, which is faster."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pipeline_settings import PROJECT_ROOT, Settings, settings
from tests.conftest import DATABASE
from tests.dbt_project.loads import Loads
from tests.laws.conftest import world
from transformation import dbt_runner

__all__ = ["world"]  # the fixture of a shop and its warehouse

QUIETLY = ("--quiet", "--log-level", "none")  # otherwise dbt leaves its log file open


LINES_SHOWN = 12


@dataclass(frozen=True, repr=False)
class Result:
    """The success and the output of a dbt command."""

    succeeded: bool
    output: str

    def __repr__(self) -> str:
        """Return the last lines, which name the failed node, for the output of assertions."""
        lines = [line for line in self.output.splitlines() if line.strip()]
        return "\n".join(["dbt succeeded" if self.succeeded else "dbt failed", *lines[-LINES_SHOWN:]])


Dbt = Callable[..., Result]


@pytest.fixture(scope="session")
def dbt_state(servers: Settings, home: Path) -> Path:
    """The target path of a developer's dbt: the product's parsed project, as far as it exists, so it is parsed once."""
    state = home / "dbt-by-hand"
    state.mkdir(exist_ok=True)
    for parsed in home.glob("dbt/*/partial_parse.msgpack"):
        shutil.copy(parsed, state)
    return state


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The parsed project, shared with the tests that build it. Parsing needs no server."""
    if not settings().pghost:
        monkeypatch.setenv("PGHOST", "127.0.0.1")
        monkeypatch.setenv("PGDATABASE", DATABASE)
        settings.cache_clear()
    return dbt_runner._manifest()


@pytest.fixture
def dbt_process(warehouse: Settings, dbt_state: Path) -> Dbt:
    """Run a dbt command on the project, or on a copy of it, in a separate process."""

    def run(*arguments: str, project: Path = PROJECT_ROOT / "dbt_project") -> Result:
        program = str(Path(sys.executable).parent / "dbt")
        command = [program, *_without_unit_tests(arguments), *_places(dbt_state, project)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        return Result(ended.returncode == 0, ended.stdout + ended.stderr)

    return run


@pytest.fixture
def dbt(warehouse: Settings, dbt_state: Path) -> Dbt:
    """Run a dbt command on the project in this process."""

    def run(*arguments: str, unit_tests: bool = False, keeps_results: bool = False) -> Result:
        from dbt.cli.main import dbtRunner

        messages: list[str] = []

        def hear(event: Any) -> None:
            messages.append(event.info.msg)

        runner = dbtRunner(dbt_runner._manifest(), [hear])
        command = list(arguments) if unit_tests else _without_unit_tests(arguments)
        # writing the manifest and the results, which only `dbt retry` reads, takes a third of a small build
        files = [] if keeps_results else ["--no-write-json"]
        ended = runner.invoke([*command, *_places(dbt_state), *QUIETLY, *files])
        return Result(ended.success, "\n".join([*messages, str(ended.exception)]))

    return run


@pytest.fixture
def loads(warehouse: Settings) -> Loads:
    """Admit loads to the fresh warehouse."""
    return Loads()


def _without_unit_tests(arguments: tuple[str, ...]) -> list[str]:
    """Exclude unit tests, which do not depend on the data and take half of the time."""
    return [*arguments, *(["--exclude-resource-type", "unit_test"] if arguments[0] == "build" else [])]


def _places(state: Path, project: Path = PROJECT_ROOT / "dbt_project") -> list[str]:
    places = {"project-dir": project, "profiles-dir": PROJECT_ROOT, "target-path": state, "log-path": state}
    return [part for name, path in places.items() for part in (f"--{name}", str(path))]
