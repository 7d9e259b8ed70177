"""dbt as people type it in a process of its own, and the same commands in this process, which is quicker."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from dbt.cli.main import dbtRunner

from orchestration.dbt_import import prepare_for_dbt
from pipeline_settings import PROJECT_ROOT, Settings
from tests.conftest import DATABASE
from tests.dbt_project.loads import Loads
from tests.laws.conftest import world

__all__ = ["world"]  # the fixture of a shop and its warehouse

QUIETLY = ("--quiet", "--log-level", "none")  # dbt would leave its log file open


@dataclass(frozen=True)
class Result:
    """How a dbt command ended, and what it said."""

    succeeded: bool
    output: str


Dbt = Callable[..., Result]


@pytest.fixture(scope="session")
def dbt_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One target path for the whole run: the project is parsed once."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture(scope="module")
def project(dbt_state: Path) -> Any:
    """The parsed project, the same as that of the tests that build it; parsing asks no server."""
    with pytest.MonkeyPatch.context() as variables:
        variables.setenv("PGHOST", "127.0.0.1")
        variables.setenv("PGDATABASE", DATABASE)
        return parsed_project(dbt_state)


@pytest.fixture
def dbt_process(warehouse: Settings, dbt_state: Path) -> Dbt:
    """Run a dbt command on the project, or on a copy of it, in a process of its own."""

    def run(*arguments: str, project: Path = PROJECT_ROOT / "dbt_project") -> Result:
        program = str(Path(sys.executable).parent / "dbt")
        command = [program, *_without_unit_tests(arguments), *_places(dbt_state, project)]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        return Result(ended.returncode == 0, ended.stdout + ended.stderr)

    return run


@pytest.fixture
def dbt(warehouse: Settings, dbt_state: Path) -> Dbt:
    """Run a dbt command on the project in this process."""

    def run(*arguments: str, unit_tests: bool = False) -> Result:
        said: list[str] = []

        def hear(event: Any) -> None:
            said.append(event.info.msg)

        runner = dbtRunner(parsed_project(dbt_state), [hear])
        command = list(arguments) if unit_tests else _without_unit_tests(arguments)
        ended = runner.invoke([*command, *_places(dbt_state), *QUIETLY])
        return Result(ended.success, "\n".join([*said, str(ended.exception)]))

    return run


@pytest.fixture
def loads(warehouse: Settings) -> Loads:
    """Admit loads to the fresh warehouse."""
    return Loads()


@cache
def parsed_project(state: Path) -> Any:
    """The project, parsed once."""
    prepare_for_dbt()
    return dbtRunner().invoke(["parse", *_places(state), *QUIETLY]).result


def _without_unit_tests(arguments: tuple[str, ...]) -> list[str]:
    """Unit tests do not depend on the data, and take half of the time. A test of what people type runs them too."""
    return [*arguments, *(["--exclude-resource-type", "unit_test"] if arguments[0] == "build" else [])]


def _places(state: Path, project: Path = PROJECT_ROOT / "dbt_project") -> list[str]:
    places = {"project-dir": project, "profiles-dir": PROJECT_ROOT, "target-path": state, "log-path": state}
    return [part for name, path in places.items() for part in (f"--{name}", str(path))]
