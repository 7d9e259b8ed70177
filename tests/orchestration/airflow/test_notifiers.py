"""Airflow's callbacks, for each way in which a task can fail. Airflow runs in a separate process."""

import os
import sys
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from pipeline_settings import PROJECT_ROOT, Settings
from tests.commands import run
from warehouse.connection import connect

pytestmark = pytest.mark.airflow

FAIL = """
import logging
import psycopg
from types import SimpleNamespace
from airflow.sdk.exceptions import AirflowFailException
from orchestration.airflow.notifiers import FailureNotifier, RetryNotifier
from pipeline_errors import GateRefusedError, WarehouseError

def caught(raise_it):
    try:
        raise_it()
    except Exception as error:
        return error

def refuse():
    try:
        raise GateRefusedError("Too many are bad", "Correct them.")
    except GateRefusedError as error:
        raise AirflowFailException(str(error)) from error

def lose():
    try:
        raise psycopg.OperationalError("driver's words")
    except psycopg.OperationalError as error:
        raise WarehouseError("Postgres gave up on us", "Run it again.") from error

logger, ends = logging.getLogger("orchestration.airflow.notifiers"), []
logger.addHandler(SimpleNamespace(level=0, handle=lambda record: ends.append(record.getMessage())))
failures = {"refused": caught(refuse), "lost": caught(lose), "killed": None}
contexts = {
    "scheduled": {"dag_run": SimpleNamespace(partition_key="2026-03-01", conf={})},
    "by_form": {"dag_run": SimpleNamespace(partition_key=None, conf={"day": "2026-03-02"})},
    "without_day": {"params": {"day": "no day"}},
}
for name, context in contexts.items():
    for kind, failure in failures.items():
        task = SimpleNamespace(
            dag_id="ecommerce_order_pipeline", run_id=f"{name} {kind}", task_id="some_task", log_url="http://there"
        )
        for _ in range(2):  # a callback may come twice
            FailureNotifier().notify({"ti": task, "exception": failure, **context})
del ends[2:]
RetryNotifier().notify({"exception": failures["lost"]})
RetryNotifier().notify({"exception": None})
print(ends)
"""


def test_each_failure_is_one_message_with_its_own_cause(
    warehouse: Settings, tmp_path: Path, httpserver: HTTPServer
) -> None:
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(PROJECT_ROOT)}
    environment["ALERT_URLS"] = f"json://127.0.0.1:{httpserver.port}/"
    httpserver.expect_request("/").respond_with_data()
    shown = run([sys.executable, "-W", "ignore", "-c", FAIL], env=environment, cwd=tmp_path, timeout=120)
    refusal = "Too many are bad. Correct them."
    assert shown.splitlines()[-1] == repr(
        [refusal, refusal, "Postgres gave up on us. Run it again. Airflow retries it."]
    )
    with connect() as connection:
        alerts = {row["run_id"]: row for row in connection.execute("select * from ops.alerts")}
        count = connection.execute("select count(*) as alerts from ops.alerts").fetchone()
    assert count == {"alerts": 9}
    titles = [request.get_json()["title"] for request, _ in httpserver.log]
    assert [title.split(" ", 3)[2:] for title in titles] == [
        ["2026-03-01", "was refused at some_task"], ["2026-03-01", "failed at some_task"]
    ]  # fmt: skip
    for name, day in (("scheduled", "2026-03-01"), ("by_form", "2026-03-02"), ("without_day", "None")):
        refused, lost, killed = (alerts[f"{name} {kind}"] for kind in ("refused", "lost", "killed"))
        assert (refused["kind"], refused["cause"], refused["remedy"]) == (
            "refusal",
            "Too many are bad",
            "Correct them.",
        )
        assert (lost["kind"], lost["cause"], lost["remedy"]) == ("failure", "Postgres gave up on us", "Run it again.")
        assert killed["kind"] == "failure"
        assert "killed" in killed["cause"]
        for alert in (refused, lost, killed):
            assert (str(alert["logical_date"]), alert["step"], alert["link"]) == (day, "some_task", "http://there")
