"""The scheduler listener: preloading. tests/laws/test_nights.py covers its partition keys and notes."""

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from pipeline_settings import PROJECT_ROOT

pytestmark = pytest.mark.airflow

START = """
import sys
sys.argv = ["airflow", sys.argv[1]]
from airflow.listeners.listener import get_listener_manager
get_listener_manager().hook.on_starting(component=object())
print(sorted({"dlt", "great_expectations", "dbt.cli.main", "cosmos"} & sys.modules.keys()))
"""


def imported_by(component: str, directory: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", START, component],
        env=os.environ | {"AIRFLOW_HOME": str(directory), "PYTHONPATH": str(PROJECT_ROOT)},
        cwd=directory, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[-1]


def test_airflow_finds_the_plugin() -> None:
    found = {entry.name: entry.value for entry in entry_points(group="airflow.plugins")}
    assert found["daybreak"] == "orchestration.airflow.plugin:DaybreakPlugin"


@pytest.mark.slow
def test_the_scheduler_imports_what_tasks_need_and_no_other_component_does(tmp_path: Path) -> None:
    assert imported_by("scheduler", tmp_path) == "['cosmos', 'dbt.cli.main', 'dlt', 'great_expectations']"
    assert "dbt.cli.main" not in imported_by("triggerer", tmp_path)
