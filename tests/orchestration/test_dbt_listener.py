"""What a build tells Cosmos of its nodes: how each ended, and no more requests to Airflow's API than that needs."""

import json
import os
import sys
from collections import Counter
from pathlib import Path

import pytest

from pipeline_settings import PROJECT_ROOT
from tests.commands import run
from tests.dbt_project.conftest import loads
from tests.dbt_project.loads import FIRST, Loads, orders

__all__ = ["loads"]  # the fixture

pytestmark = pytest.mark.airflow

BUILD = """
import json, sys
from datetime import date
from types import SimpleNamespace
from orchestration import steps
from orchestration.deploy import write_manifest
from pipeline_settings import PROJECT_ROOT
write_manifest()
sys.path.insert(0, str(PROJECT_ROOT / 'orchestration' / 'dags'))
from ecommerce_order_pipeline import dag
from pipeline_errors import ModelError

build = dag.task_dict["standard_processing.dbt_producer_watcher"]
pushed = []
instance = SimpleNamespace(
    xcom_push=lambda key, value: pushed.append((key, value)), xcom_pull=lambda *_, **__: None, task_id=build.task_id
)
try:
    with build._listening({"ti": instance}) as listen:
        steps.transform([dag.dag_id], [date(2026, 3, 1)], "night", on_event=listen)
except ModelError as error:
    print(error)
nodes = [task for task in dag.task_dict.values() if task.task_id.startswith("standard_processing.")]
nodes = {task.task_id: (task.model_unique_id, task.is_test_sensor) for task in nodes if hasattr(task, "is_test_sensor")}
print(json.dumps({"pushed": pushed, "nodes": nodes}))
"""


def built(directory: Path) -> tuple[dict[str, str | None], Counter[str]]:
    """What each node's task would read, and how often each key was pushed."""
    environment = os.environ | {"AIRFLOW_HOME": str(directory), "PYTHONPATH": str(PROJECT_ROOT)}
    printed = run([sys.executable, "-W", "ignore", "-c", BUILD], env=environment, cwd=directory, timeout=120)
    told = json.loads(printed.splitlines()[-1])
    values = dict(told["pushed"])
    shown: dict[str, str | None] = {}
    for task, (unique_id, is_test) in told["nodes"].items():
        key = unique_id.replace(".", "__")
        shown[task] = values.get(f"{key}_tests_status") if is_test else values.get(f"{key}_status", {}).get("status")
    return shown, Counter(key for key, _ in told["pushed"])


def test_each_node_is_told_once_when_it_has_ended(loads: Loads, tmp_path: Path) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    shown, pushed = built(tmp_path)
    assert len(shown) > 20
    assert set(shown.values()) <= {"success", "pass"}, shown
    assert max(pushed.values()) == 1, pushed.most_common(5)
    assert sum(pushed.values()) < 3 * len(shown)
