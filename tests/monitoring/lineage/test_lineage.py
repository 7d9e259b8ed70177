"""Lineage of runs and steps: OpenLineage events, to a file and over HTTP, without breaking a run."""

import json
import logging
import sys
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from local.state import free_port
from monitoring import lineage
from monitoring.lineage import sender
from monitoring.lineage.model import Check, DatasetsUsed, DatasetUse
from pipeline_errors import GateRefusedError
from pipeline_settings import settings
from tests.commands import run

DAY = date(2026, 3, 1)
ORDERS, REVIEWS = "ecommerce_order_pipeline", "customer_feedback_pipeline"
LOAD = DatasetUse("raw.orders", rows=7, version="load-1")


@pytest.fixture(autouse=True)
def warehouse_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "db.example")
    monkeypatch.setenv("PGDATABASE", "shop")
    settings.cache_clear()


@pytest.fixture
def events_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file that lineage is written to."""
    file = tmp_path / "events.jsonl"
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", "file")
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__LOG_FILE_PATH", str(file))
    monkeypatch.setenv("OPENLINEAGE__TRANSPORT__APPEND", "true")
    return file


def events_in(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def landed() -> DatasetsUsed:
    shop = DatasetUse("api/v1/orders", namespace="https://shop.example")
    return DatasetsUsed([shop], [LOAD])


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the log lines of monitoring."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("monitoring")]


def test_a_step_reports_its_run_its_day_and_its_datasets(events_file: Path) -> None:
    with lineage.run("daybreak.run", [DAY], []), lineage.step([ORDERS], "extract_load", [DAY], landed):
        pass
    run, start, end, run_end = events_in(events_file)
    assert [event["eventType"] for event in (run, start, end, run_end)] == ["START", "START", "COMPLETE", "COMPLETE"]
    assert end["job"] | {"facets": {}} == {
        "namespace": "daybreak",
        "name": f"daybreak.{ORDERS}.extract_load",
        "facets": {},
    }
    facets = end["run"]["facets"]
    assert facets["parent"]["run"]["runId"] == run["run"]["runId"]
    nominal = facets["nominalTime"]
    assert (nominal["nominalStartTime"], nominal["nominalEndTime"]) == (
        "2026-03-01T00:00:00+00:00",
        "2026-03-02T00:00:00+00:00",
    )
    (output,) = end["outputs"]
    assert (output["namespace"], output["name"]) == ("postgres://db.example:5432", "shop.raw.orders")
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 7
    assert output["facets"]["version"]["datasetVersion"] == "load-1"
    assert [(read["namespace"], read["name"]) for read in end["inputs"]] == [("https://shop.example", "api/v1/orders")]


def test_a_refusal_fails_with_its_checks_and_its_message(events_file: Path) -> None:
    checks = [Check("amount_negative", False, "47"), Check("bad_rate", False, "0.1175", "<= 0.05")]
    judged = DatasetsUsed([DatasetUse("raw.orders", rows=400, checks=checks)])
    with pytest.raises(GateRefusedError), lineage.step([ORDERS], "gate", [DAY], lambda: judged):
        raise GateRefusedError("47 of 400 orders are bad", "Readers keep the day")
    failed = events_in(events_file)[-1]
    assert failed["eventType"] == "FAIL"
    assert failed["run"]["facets"]["errorMessage"]["message"] == "47 of 400 orders are bad. Readers keep the day"
    facets = failed["inputs"][0]["inputFacets"]
    assert facets["dataQualityMetrics"]["rowCount"] == 400
    assertions = facets["dataQualityAssertions"]["assertions"]
    assert [(check["assertion"], check["success"], check["actual"]) for check in assertions] == [
        ("amount_negative", False, "47"),
        ("bad_rate", False, "0.1175"),
    ]


def test_a_foreign_error_is_reported_without_its_text(events_file: Path) -> None:
    with pytest.raises(ValueError), lineage.step([ORDERS], "gate", [DAY], DatasetsUsed):
        raise ValueError("Failing row contains (Awful kettle, password=s3cret)")
    assert events_in(events_file)[-1]["run"]["facets"]["errorMessage"]["message"] == "ValueError"
    assert "s3cret" not in events_file.read_text()


def test_an_interrupted_run_is_aborted_and_one_with_errors_failed(events_file: Path) -> None:
    with pytest.raises(KeyboardInterrupt), lineage.run("daybreak.run", [DAY], []):
        raise KeyboardInterrupt
    with lineage.run("daybreak.run", [DAY], [GateRefusedError("Too many")]):
        pass
    assert [event["eventType"] for event in events_in(events_file)] == ["START", "ABORT", "START", "FAIL"]


def test_each_pipeline_of_a_step_has_a_separate_run_with_its_datasets(events_file: Path) -> None:
    used = DatasetsUsed(writes=[DatasetUse("marts.fct_orders", pipeline=ORDERS, rows=2)])
    with lineage.step([ORDERS, REVIEWS], "publish", [DAY], lambda: used):
        assert lineage.parent_of(REVIEWS) is not None
    ends = {
        event["job"]["name"]: event["outputs"] for event in events_in(events_file) if event["eventType"] == "COMPLETE"
    }
    assert [output["name"] for output in ends[f"daybreak.{ORDERS}.publish"]] == ["shop.marts.fct_orders"]
    assert not ends[f"daybreak.{REVIEWS}.publish"]


def test_the_calling_program_is_the_parent(events_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, dag = "0197a000-0000-7000-8000-000000000001", "0197a000-0000-7000-8000-000000000002"
    monkeypatch.setenv("OPENLINEAGE_PARENT_ID", f"cron/nightly/{task}")
    with lineage.run("daybreak.run", [DAY], []):
        pass
    airflow = lineage.child_of(lambda: [f"airflow/dag/{dag}", f"airflow/dag.task/{task}"])
    with airflow, lineage.step([ORDERS], "gate", [DAY], DatasetsUsed):
        pass
    by_cron, by_airflow = events_in(events_file)[0], events_in(events_file)[-1]
    assert by_cron["run"]["facets"]["parent"]["job"] == {"namespace": "cron", "name": "nightly", "facets": {}}
    assert by_airflow["run"]["facets"]["parent"]["run"]["runId"] == task
    assert by_airflow["run"]["facets"]["parent"]["root"]["run"]["runId"] == dag


def test_events_are_posted_to_a_server(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    httpserver.expect_request("/api/v1/lineage", method="POST").respond_with_data("", 201)
    monkeypatch.setenv("OPENLINEAGE_URL", httpserver.url_for(""))
    monkeypatch.setenv("OPENLINEAGE_API_KEY", "s3cret")
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "my-shop")
    with lineage.step([ORDERS], "extract_load", [DAY], landed):
        pass
    requests = [request for request, _ in httpserver.log]
    assert [request.json["eventType"] for request in requests if request.json] == ["START", "COMPLETE"]
    assert {request.json["job"]["namespace"] for request in requests if request.json} == {"my-shop"}
    assert {request.headers["Authorization"] for request in requests} == {"Bearer s3cret"}


FOR_EVER_SECONDS = 15  # of one answer: a run that waited for it would take that long


@pytest.mark.parametrize("is_slow", [True, False])
def test_a_server_that_is_down_or_slow_costs_bounded_seconds_and_one_line(
    is_slow: bool, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    may_answer = threading.Event()

    def wait(request: Request) -> Response:
        may_answer.wait(FOR_EVER_SECONDS)
        return Response(status=201)

    httpserver.expect_request("/api/v1/lineage").respond_with_handler(wait)
    down = f"http://127.0.0.1:{free_port()}"
    monkeypatch.setenv("OPENLINEAGE_URL", httpserver.url_for("") if is_slow else down)
    monkeypatch.setattr(sender, "SECONDS_TO_CLOSE", 0.5)
    started = time.monotonic()
    with caplog.at_level(logging.WARNING, "monitoring"), lineage.run("daybreak.run", [DAY], []):
        for _ in range(20):
            with lineage.step([ORDERS], "extract_load", [DAY], landed):
                pass
    assert time.monotonic() - started < FOR_EVER_SECONDS
    may_answer.set()
    (line,) = lines(caplog)
    assert line.startswith("42 of 42 lineage events did not arrive")


def test_an_invalid_configuration_is_one_line(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENLINEAGE_CONFIG", str(tmp_path / "missing.yml"))
    with caplog.at_level(logging.WARNING, "monitoring"), lineage.run("daybreak.run", [DAY], []):
        for _ in range(2):
            with lineage.step([ORDERS], "gate", [DAY], DatasetsUsed):
                pass
    (line,) = lines(caplog)
    assert "configuration is invalid" in line


def test_without_a_receiver_openlineage_is_not_imported() -> None:
    code = (
        "import sys, datetime; import orchestration.day_run, orchestration.steps; from monitoring import lineage\n"
        "with lineage.run('daybreak.run', [datetime.date(2026, 3, 1)], []): pass\n"
        "print(sorted(name for name in sys.modules if name.startswith('openlineage')))"
    )
    printed = run([sys.executable, "-c", code])
    assert printed.strip() == "[]"


def test_disabled_is_off(events_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")
    assert not lineage.is_configured()
    with lineage.run("daybreak.run", [DAY], []):
        pass
    assert not events_file.exists()
