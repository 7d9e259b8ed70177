"""The task that asks for former days again: alerts instead of a red task, and nothing in a backfill."""

import json
import os
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.demo_shop.shop_contract import ListedShop
from local.demo_shop.shop_server import ShopServer
from monitoring.alerting import alerts
from orchestration.day_run import days_between, run_days
from pipeline_errors import ShopError
from pipeline_settings import PROJECT_ROOT, Settings, settings
from tests.orchestration.test_run_messages import orders
from transformation.pipelines import ORDERS
from warehouse import day_ledger
from warehouse.connection import connect

pytestmark = [pytest.mark.airflow, pytest.mark.integration]

DAY = date(2026, 3, 4)
CHANGED, REFUSED, SAME = (DAY - timedelta(days=number) for number in (1, 2, 3))
LOOK_BACK = """
import json, sys
from types import SimpleNamespace
from airflow.sdk.api.datamodels._generated import DagRunType
from airflow.sdk.execution_time.context import set_current_context
from orchestration.airflow import tasks

run = SimpleNamespace(partition_key="2026-03-04", run_type=DagRunType(sys.argv[1]))
with set_current_context({"dag_run": run, "params": {}, "run_id": "night"}):
    print(json.dumps(tasks.look_back.function("orders")))
"""


def look_back(run_type: str, home: Path) -> dict[str, str]:
    """Run the task in a process of its own, as Airflow does."""
    environment = os.environ | {"AIRFLOW_HOME": str(home), "PYTHONPATH": str(PROJECT_ROOT)}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOOK_BACK, run_type],
        env=environment, cwd=home, capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    states: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return states


def read(query: str) -> list[dict[str, Any]]:
    with connect() as connection:
        return connection.execute(query.encode()).fetchall()


def test_former_days_are_asked_again_except_in_a_backfill(
    warehouse: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    text = (PROJECT_ROOT / "ingestion" / "shop.toml").read_text()
    declared = text.replace("[datasets.orders]", "[datasets.orders]\nlookback_days = [1, 2, 3]")
    (tmp_path / "shop.toml").write_text(declared)
    monkeypatch.setenv("SHOP_CONFIG", str(tmp_path / "shop.toml"))
    shop = ListedShop({("orders", day): orders(day) for day in days_between(SAME, DAY)})
    with ShopServer(shop) as server:
        monkeypatch.setenv("SHOP_API_URL", server.url)
        settings.cache_clear()
        assert run_days(days_between(SAME, DAY), [ORDERS.name]).exit_code == 0
        alerts.report_failure(ORDERS.name, SAME, "last night", ShopError("down", "Wait."))
        shop.put("orders", CHANGED, orders(CHANGED)[:9])
        shop.put("orders", REFUSED, orders(REFUSED, bad=5))
        assert look_back("backfill", tmp_path) == {}
        assert read("select from ops.loads where row_count = 9") == []
        states = look_back("scheduled", tmp_path)
    assert states == {str(CHANGED): "admitted", str(REFUSED): "refused", str(SAME): "unchanged"}
    with connect() as connection:
        assert day_ledger.pending_days(connection, "orders") == [CHANGED]
    measured = read("select logical_date from ops.pipeline_metrics where run_id = 'night' order by 1")
    assert [row["logical_date"] for row in measured] == [REFUSED, CHANGED]
    messages = read("select kind, logical_date, remedy from ops.alerts where run_id = 'night' order by alert_id")
    assert [(row["kind"], row["logical_date"]) for row in messages if row["kind"] != "anomaly"] == [
        ("refusal", REFUSED),
        ("recovery", SAME),
    ]
    assert "start a new run for the day" in messages[0]["remedy"]
