"""The results of nodes that a build under Airflow records: one per node, with its message, without data."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from monitoring.runs.build_progress import NodeResult, Progress, read_progress
from orchestration import steps
from pipeline_settings import PROJECT_ROOT
from tests.commands import run
from tests.dbt_project.conftest import loads
from tests.dbt_project.loads import FIRST, Loads, orders
from transformation.dbt_runner import nodes_of
from warehouse.connection import connect

__all__ = ["loads"]  # the fixture

pytestmark = [pytest.mark.airflow, pytest.mark.integration]

ORDERS = "ecommerce_order_pipeline"
BUILD = """
from types import SimpleNamespace
from airflow.sdk.execution_time.context import set_current_context
from orchestration.airflow.build_tasks import build

context = {"dag_run": SimpleNamespace(partition_key="2026-03-01"), "params": {}, "run_id": "night"}
with set_current_context(context):
    build.function("ecommerce_order_pipeline")
"""


def built(directory: Path) -> tuple[subprocess.CompletedProcess[str], Progress]:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", BUILD],
        env=os.environ | {"AIRFLOW_HOME": str(directory), "PYTHONPATH": str(PROJECT_ROOT)},
        cwd=directory, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    with connect() as connection:
        return done, read_progress(connection, ORDERS, "night")


def test_each_node_of_a_build_is_recorded(loads: Loads, tmp_path: Path) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    done, progress = built(tmp_path)
    assert done.returncode == 0, done.stderr
    assert set(progress.nodes) == {node.unique_id for node in nodes_of([ORDERS])}
    assert {result.status for result in progress.nodes.values()} == {"success", "pass"}


def test_a_red_node_fails_the_task_without_a_retry(loads: Loads, tmp_path: Path) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    steps.transform([ORDERS], [FIRST], "before")
    steps.publish([ORDERS], [FIRST], "before")
    with connect() as connection:
        connection.execute("update marts.daily_sales set revenue = revenue + 1")
    loads.admit("orders", FIRST, orders(FIRST, 3))
    done, progress = built(tmp_path)
    assert done.returncode != 0
    assert "AirflowFailException" in done.stderr
    red = {name.split(".")[2]: result for name, result in progress.nodes.items() if not result.is_green}
    assert red["assert_totals_move_with_orders"] == NodeResult("fail", "Got 1 result, configured to fail if != 0")


RECORD = """
from types import SimpleNamespace as Any
from orchestration.airflow.build_tasks import recorder

recorded = []
listen = recorder(Any(record=lambda node, result: recorded.append((node, result.status))))
for node, status, message in (
    ("a", "error", "column x does not exist"),
    ("b", "success", "SELECT 1"),
    ("c", "error", "server closed the connection unexpectedly"),
    ("d", "skipped", ""),
    ("e", "error", "column y does not exist"),
    ("f", "success", "SELECT 1"),
):
    node_info = Any(unique_id=node, node_status=status)
    listen(Any(info=Any(name="NodeFinished"), data=Any(node_info=node_info, run_result=Any(message=message))))
print(recorded)
"""


def test_an_error_of_postgres_turns_no_node_task_red_for_good(tmp_path: Path) -> None:
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT_ROOT)}
    shown = run([sys.executable, "-W", "ignore", "-c", RECORD], env=environment, cwd=tmp_path)
    assert shown.splitlines()[-1] == repr([("a", "error"), ("b", "success"), ("f", "success")])
