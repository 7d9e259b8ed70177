"""Settings from Airflow's connections and from the environment. Airflow runs in a separate process."""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from pytest_httpserver import HTTPServer

from local.airflow import running_airflow
from monitoring.alerting.alerts import report_failure
from pipeline_settings import PROJECT_ROOT, Settings
from tests.local.test_airflow import eventually, status_of
from warehouse.connection import connect

pytestmark = pytest.mark.airflow

ORDERS = "ecommerce_order_pipeline"
WAREHOUSE, SHOP, REDIS, ALERTS, METRICS = (
    f"AIRFLOW_CONN_DAYBREAK_{name}" for name in ("WAREHOUSE", "SHOP", "REDIS", "ALERTS", "METRICS")
)
# One process for all cases. It prints the settings that result from each case's variables.
TAKE = """
import json, logging, os, sys
from airflow.sdk import Connection
from airflow.sdk.exceptions import AirflowSecretsBackendAccessDenied
from orchestration.airflow.connections import take_connections
from pipeline_settings import settings

requested, logged, get = [], [], Connection.get
logging.getLogger("orchestration.airflow.connections").setLevel(logging.INFO)
logging.getLogger("orchestration").addHandler(logging.StreamHandler(type("Lines", (), {"write": logged.append})()))

def ask(connection_id):
    requested.append(connection_id)
    if os.environ.get("DENIED") == connection_id:
        raise AirflowSecretsBackendAccessDenied("not for you")
    return get(connection_id)

Connection.get = ask
results, before = {}, dict(os.environ)
for name, variables in json.loads(sys.stdin.read()).items():
    os.environ.clear()
    os.environ.update(before | variables)
    for cleared in (requested, logged):
        cleared.clear()
    settings.cache_clear()
    take_connections.cache_clear()
    for _ in range(2):
        take_connections()
    given = {key: os.environ.get(key) for key in ("PGHOST", "PGPASSWORD")}
    try:
        values = settings().model_dump(mode="json")
        secrets = [key for key, value in settings() if hasattr(value, "get_secret_value")]
        values |= {key: getattr(settings(), key).get_secret_value() for key in secrets}
    except Exception as error:
        values = {"error": str(error)}
    results[name] = {"values": values, "requested": [*requested], "logged": "".join(logged), "given": given}
print(json.dumps(results))
"""
URIS = {
    WAREHOUSE: "postgres://owner:p%40ss@db.example:6432/shop_elt?sslmode=verify-full",
    SHOP: "https://:t0ken@shop.example:8443",
    REDIS: "redis://:s%2Fecret@cache.example:6380/3",
    ALERTS: json.dumps({"conn_type": "generic", "password": "json://one.example json://two.example"}),
    METRICS: json.dumps({"conn_type": "generic", "password": "https://metrics.example/in?key=k"}),
}
CASES: dict[str, dict[str, str]] = {
    "by uri": URIS,
    "by json": {
        SHOP: json.dumps({"conn_type": "http", "host": "https://shop.example/eu", "password": "t0ken"}),
        REDIS: json.dumps({"conn_type": "redis", "host": "cache", "login": "me", "extra": {"ssl": True, "db": 2}}),
    },
    "none": {},
    "environment": URIS
    | {
        "PGHOST": "here", "PGPASSWORD": "mine", "SHOP_API_URL": "https://here", "SHOP_API_TOKEN": "mine",
        "REDIS_URL": "redis://here", "ALERT_URLS": "json://here", "METRICS_URL": "https://here",
    },
    "another host": URIS | {"PGHOST": "here", "SHOP_API_URL": "https://here"},
    "password alone": {
        WAREHOUSE: json.dumps({"conn_type": "postgres", "password": "given"}),
        SHOP: json.dumps({"conn_type": "http", "password": "given"}),
        "PGHOST": "here", "PGUSER": "me", "SHOP_API_URL": "https://here",
    },
    "file": URIS | {"PGPASSWORD_FILE": "FILE"},
    "denied": URIS | {"DENIED": "daybreak_redis"},
    "wrong setting": URIS | {"PGPORT": "hush"},
}  # fmt: skip


def run(code: str, folder: Path, stdin: str = "", **variables: str) -> str:
    """Run code in a process with Airflow and these additional variables. Return its output."""
    settings = {
        "AIRFLOW_HOME": str(folder),
        "PYTHONPATH": str(PROJECT_ROOT),
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], env=os.environ | settings | variables, cwd=folder,
        input=stdin, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = tmp_path_factory.mktemp("connections")
    (folder / "password").write_text("of the file\n")
    cases = json.dumps(CASES).replace('"FILE"', json.dumps(str(folder / "password")))
    without = {name: "" for name in os.environ if name.startswith(("PG", "SHOP_", "REDIS_URL", "ALERT_", "METRICS_"))}
    return json.loads(run(TAKE, folder, cases, **without).splitlines()[-1])


def values(case: Any, *names: str) -> list[Any]:
    return [case["values"][name] for name in names]


SERVER = ("pghost", "pgport", "pguser", "pgpassword", "pgdatabase", "pgsslmode")


def test_each_connection_fills_what_the_environment_leaves_unset(taken: Any) -> None:
    case = taken["by uri"]
    assert values(case, *SERVER) == ["db.example", 6432, "owner", "p@ss", "shop_elt", "verify-full"]
    assert values(case, "shop_api_url", "shop_api_token") == ["https://shop.example:8443", "t0ken"]
    assert values(case, "redis_url") == ["redis://:s%2Fecret@cache.example:6380/3"]
    assert values(case, "alert_urls") == ["json://one.example json://two.example"]
    assert values(case, "metrics_url") == ["https://metrics.example/in?key=k"]
    assert case["given"] == {"PGHOST": "db.example", "PGPASSWORD": "p@ss"}, "for dbt's profile"
    assert case["logged"] == ""


def test_a_shop_may_be_a_whole_url_and_redis_may_speak_tls(taken: Any) -> None:
    assert values(taken["by json"], "shop_api_url", "shop_api_token") == ["https://shop.example/eu", "t0ken"]
    assert values(taken["by json"], "redis_url") == ["rediss://me@cache:6379/2"]


def test_a_missing_connection_is_requested_once_and_logs_nothing(taken: Any) -> None:
    case = taken["none"]
    assert values(case, "pghost", "shop_api_url", "redis_url", "alert_urls") == [None, None, None, None]
    assert case["requested"] == [
        "daybreak_warehouse", "daybreak_shop", "daybreak_redis", "daybreak_alerts", "daybreak_metrics"
    ]  # fmt: skip
    assert case["logged"] == ""


def test_a_connection_is_not_requested_if_the_environment_sets_all(taken: Any) -> None:
    case = taken["environment"]
    assert case["requested"] == []
    assert values(case, "pghost", "pgpassword", "shop_api_token", "redis_url") == [
        "here",
        "mine",
        "mine",
        "redis://here",
    ]


def test_a_connection_to_another_server_than_the_environments_is_ignored(taken: Any) -> None:
    case = taken["another host"]
    assert values(case, *SERVER) == ["here", 5432, "postgres", None, "daybreak", "prefer"]
    assert values(case, "shop_api_url", "shop_api_token") == ["https://here", None]
    assert "PGHOST is set, so Airflow's connection daybreak_warehouse is not used" in case["logged"]


def test_a_connection_without_a_host_adds_its_password(taken: Any) -> None:
    case = taken["password alone"]
    assert values(case, *SERVER) == ["here", 5432, "me", "given", "daybreak", "prefer"]
    assert values(case, "shop_api_url", "shop_api_token") == ["https://here", "given"]


def test_a_secret_file_takes_precedence_over_a_connection(taken: Any) -> None:
    assert values(taken["file"], "pghost", "pgpassword") == ["db.example", "of the file"]


def test_a_denied_connection_is_logged_and_the_others_are_used(taken: Any) -> None:
    case = taken["denied"]
    assert values(case, "redis_url", "shop_api_token") == [None, "t0ken"]
    assert "daybreak_redis is not used: not for you" in case["logged"]


def test_an_invalid_setting_is_left_to_the_step(taken: Any) -> None:
    assert "PGPORT" in taken["wrong setting"]["values"]["error"]
    assert taken["wrong setting"]["requested"] == []


# ---- in tasks --------------------------------------------------------------------------------------------------------

TASKS = """
import os
from types import SimpleNamespace
from airflow.sdk.execution_time.context import set_current_context
from orchestration.airflow import task_errors, tasks
from orchestration.airflow.notifiers import FailureNotifier

context = {"dag_run": SimpleNamespace(partition_key="2026-03-01", conf={}), "params": {}, "run_id": "night"}
with set_current_context(context):
    if os.environ["CALL"] == "branch":
        print(tasks.decide_processing_path.function("ecommerce_order_pipeline", "standard", "high"))
    if os.environ["CALL"] == "deliver":
        print(tasks.deliver.function()["sent"])
    if os.environ["CALL"] == "dbt":
        with task_errors.final_errors():
            tasks.steps.prepare()
        from transformation import dbt_runner
        dbt_runner.build_staging()
        print("built")
    if os.environ["CALL"] == "failure":
        task = SimpleNamespace(dag_id="ecommerce_order_pipeline", run_id="night", task_id="publish", log_url=None)
        FailureNotifier().notify({"ti": task, "exception": ValueError("x"), **context})
        print("reported")
"""


@pytest.mark.integration
@pytest.mark.parametrize(
    ("call", "printed"),
    [
        ("dbt", "built"),
        *(
            pytest.param(*call, marks=pytest.mark.slow)
            for call in [("branch", "standard"), ("deliver", "1"), ("failure", "reported")]
        ),
    ],
)
def test_tasks_and_callbacks_work_with_connections_alone(
    warehouse: Settings, tmp_path: Path, httpserver: HTTPServer, call: str, printed: str
) -> None:
    httpserver.expect_request("/").respond_with_data()
    if call == "deliver":
        report_failure(ORDERS, date(2026, 3, 1), "earlier", None)  # without a receiver
    uri = warehouse.postgres_uri().replace("postgresql://", "postgres://")
    variables = {name: "" for name in os.environ if name.startswith("PG") or name == "DAYBREAK_EMBEDDED"}
    alerts = json.dumps({"conn_type": "generic", "password": f"json://127.0.0.1:{httpserver.port}/"})
    logged = run(TASKS, tmp_path, **variables | {WAREHOUSE: uri, ALERTS: alerts, "CALL": call})
    assert logged.splitlines()[-1] == printed, logged
    with connect() as connection:
        rows = connection.execute("select pipeline, kind from ops.alerts").fetchall()
    assert rows == ([{"pipeline": ORDERS, "kind": "failure"}] if call in ("failure", "deliver") else [])
    assert len(httpserver.log) == len(rows)


# ---- in Airflow itself -----------------------------------------------------------------------------------------------

ASKS_DAG = """
from airflow.sdk import DAG, task

with DAG("asks", schedule=None, catchup=False):

    @task
    def ask() -> dict[str, object]:
        import time
        from orchestration.airflow.connections import take_connections
        from pipeline_settings import settings

        started = time.monotonic()
        take_connections()
        token = settings().shop_api_token.get_secret_value()
        return {"has_token": token == "T".join(("people", "entered")), "alerts": settings().alert_urls is not None,
                "seconds": time.monotonic() - started}

    ask()
"""


@pytest.mark.slow
@pytest.mark.integration
def test_a_task_reads_a_connection_entered_in_airflow(warehouse: Settings, tmp_path: Path) -> None:
    token = "T".join(("people", "entered"))
    (tmp_path / "asks.py").write_text(ASKS_DAG)
    with running_airflow({"AIRFLOW__CORE__DAGS_FOLDER": str(tmp_path)}) as airflow:
        shop = {
            "connection_id": "daybreak_shop",
            "conn_type": "http",
            "host": "https://shop.example",
            "password": token,
        }
        airflow.api("/connections", shop)
        eventually(lambda: status_of(airflow, "/dags/asks", authenticated=True) == 200, 60)
        airflow.api("/dags/asks", {"is_paused": False}, method="PATCH")
        run_id = airflow.api("/dags/asks/dagRuns", {"logical_date": None})["dag_run_id"]
        run = f"/dags/asks/dagRuns/{quote(run_id)}"
        assert eventually(lambda: airflow.api(run)["state"] in ("success", "failed"), 120)
        found = airflow.api(f"{run}/taskInstances/ask/xcomEntries/return_value")["value"]
    found = found if isinstance(found, dict) else json.loads(found)
    assert (found["has_token"], found["alerts"]) == (True, False)
    assert found["seconds"] < 2
