"""Metrics of a refused day under Airflow, whose run never reaches the task that measures."""

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from pipeline_settings import PROJECT_ROOT, Settings
from tests.dbt_project.loads import orders
from tests.expectations.staging import land_rows
from warehouse.connection import connect

pytestmark = [pytest.mark.airflow, pytest.mark.integration, pytest.mark.slow]  # imports Airflow and GX

DAY = date(2026, 3, 1)
ORDERS = "ecommerce_order_pipeline"
VALIDATE = """
from dataclasses import asdict
from types import SimpleNamespace
from airflow.sdk.execution_time.context import set_current_context
from airflow.sdk.exceptions import AirflowFailException
from orchestration.airflow import tasks

receipt = {
    "load_id": "load-1", "dataset": "orders", "day": "2026-03-01", "rows": 20, "pages": 1, "seconds": 1.0,
    "fingerprint": "x", "undeclared_fields": [],
}
context = {"dag_run": SimpleNamespace(partition_key="2026-03-01"), "params": {}, "run_id": "night"}
with set_current_context(context):
    try:
        tasks.validate.function("orders", receipt)
    except AirflowFailException as refusal:
        print(refusal)
"""


def test_a_refused_day_is_measured(warehouse: Settings, tmp_path: Path) -> None:
    rows = orders(DAY, 20)
    for row in rows[:2]:
        row["total_amount"] = "abc"
    land_rows("orders", DAY, "load-1", rows)
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT_ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", VALIDATE],
        env=environment, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert "2 of 20 orders are bad (10.00%, allowed 5.00%)" in done.stdout
    with connect() as connection:
        (row,) = connection.execute("select * from ops.pipeline_metrics").fetchall()
        steps = connection.execute("select step, status from ops.step_runs order by step_run_id").fetchall()
    assert (row["pipeline"], row["run_id"], row["records_rejected"]) == (ORDERS, "night", 2)
    assert [(step["step"], step["status"]) for step in steps] == [("gate", "failed"), ("measure", "success")]
