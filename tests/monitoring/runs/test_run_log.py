"""The log of steps and the metrics of runs: always written, and never breaking a run."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from monitoring.runs import run_log
from monitoring.runs.metrics import record_metrics
from monitoring.runs.run_log import step
from pipeline_errors import CacheUnavailableError, ModelError, ShopError, WarehouseError
from pipeline_settings import Settings
from tests.dbt_project.loads import FIRST, SECOND, Loads, orders
from warehouse.connection import Connection, connect

ORDERS, REVIEWS = "ecommerce_order_pipeline", "customer_feedback_pipeline"
CANARY = "canary-51c0"


def logged() -> list[dict[str, Any]]:
    with connect() as connection:
        return connection.execute("select * from ops.pipeline_runs order by pipeline, step, logical_date").fetchall()


def the_one() -> tuple[str, int | None, str | None]:
    (row,) = logged()
    assert row["finished_at"] >= row["started_at"]
    return row["status"], row["records"], row["error"]


def test_a_successful_step_is_logged_with_its_records(warehouse: Settings) -> None:
    with step([ORDERS], "gate", [FIRST], "run-1") as record:
        record.records = 7
    assert the_one() == ("success", 7, None)
    assert record.seconds > 0


def test_a_warning_is_logged_as_one(warehouse: Settings) -> None:
    with step([ORDERS], "gate", [FIRST], "run-1") as record:
        record.warning = "The shop has no orders for this day."
    assert the_one() == ("warning", None, "The shop has no orders for this day.")


def test_an_error_is_logged_and_raised_with_its_place(warehouse: Settings) -> None:
    with (
        pytest.raises(ShopError, match=f"{FIRST} extract_load: It is down. Wait"),
        step([ORDERS], "extract_load", [FIRST], "run-1"),
    ):
        raise ShopError("It is down", "Wait")
    assert the_one() == ("failed", None, "It is down. Wait")


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), SystemExit(1), ZeroDivisionError("by zero")])
def test_any_end_of_a_step_is_logged(warehouse: Settings, failure: BaseException) -> None:
    with pytest.raises(type(failure)), step([ORDERS], "gate", [FIRST], "run-1"):
        raise failure
    status, _, error = the_one()
    assert status == "failed"
    assert error == ": ".join(filter(None, [type(failure).__name__, str(failure)]))


@pytest.mark.fault(48)
def test_values_quoted_by_foreign_errors_are_neither_stored_nor_logged(
    warehouse: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    failure = RuntimeError(f"postgresql://me:{CANARY}@db failed\nDETAIL: Key (customer)=({CANARY}) exists")
    with caplog.at_level(logging.DEBUG), pytest.raises(RuntimeError), step([ORDERS], "gate", [FIRST], "run-1"):
        raise failure
    assert the_one() == ("failed", None, "RuntimeError: ***@db failed")
    assert "step=gate status=failed" in caplog.text
    assert CANARY not in caplog.text


def test_a_cache_that_is_down_is_a_warning(warehouse: Settings) -> None:
    with step([REVIEWS], "update_cache", [FIRST], "run-1"):
        raise CacheUnavailableError("Redis is down", "The next run repairs it.")
    assert the_one() == ("warning", None, "Redis is down. The next run repairs it.")


def test_the_latest_run_of_a_step_replaces_earlier_ones(warehouse: Settings) -> None:
    with pytest.raises(ShopError), step([ORDERS], "gate", [FIRST], "run-1"):
        raise ShopError("It is down")
    with step([ORDERS], "gate", [FIRST], "run-2"):
        pass
    assert the_one() == ("success", None, None)
    assert logged()[0]["run_id"] == "run-2"


def test_a_build_of_several_days_is_logged_for_each_pipeline_and_day(warehouse: Settings) -> None:
    with step([ORDERS, REVIEWS], "transform", [FIRST, SECOND], "run-1"):
        pass
    assert [(row["pipeline"], row["logical_date"]) for row in logged()] == [
        (REVIEWS, FIRST), (REVIEWS, SECOND), (ORDERS, FIRST), (ORDERS, SECOND)
    ]  # fmt: skip


def test_a_failed_node_of_another_pipeline_is_no_failure_of_this_one(warehouse: Settings) -> None:
    error = ModelError("fct_orders failed", "Correct it.", by_pipeline={ORDERS: "fct_orders failed"})
    with pytest.raises(ModelError), step([ORDERS, REVIEWS], "transform", [FIRST], "run-1"):
        raise error
    assert [(row["pipeline"], row["status"], row["error"]) for row in logged()] == [
        (REVIEWS, "success", None),
        (ORDERS, "failed", f"{FIRST} transform: fct_orders failed. Correct it."),
    ]


def test_a_log_that_cannot_be_written_breaks_nothing(
    warehouse: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    @contextmanager
    def unreachable() -> Iterator[Connection]:
        raise WarehouseError("Postgres cannot be reached")
        yield

    monkeypatch.setattr(run_log, "connect", unreachable)
    with caplog.at_level(logging.WARNING), step([ORDERS], "gate", [FIRST], "run-1") as record:
        record.records = 7
    assert "The run log could not be written: Postgres cannot be reached." in caplog.text
    with pytest.raises(ShopError), step([ORDERS], "gate", [FIRST], "run-1"):  # the step's error is raised
        raise ShopError("It is down")
    monkeypatch.undo()


def test_an_error_that_postgres_cannot_store_breaks_nothing(warehouse: Settings) -> None:
    with pytest.raises(ValueError), step([ORDERS], "gate", [FIRST], "run-1"):
        raise ValueError("a NUL \0 in it")


def measured() -> list[tuple[Any, ...]]:
    with connect() as connection:
        rows = connection.execute("select * from ops.pipeline_metrics order by logical_date, run_id").fetchall()
    columns = (
        "logical_date", "run_id", "records_processed", "records_accepted", "records_rejected", "data_quality_score",
        "processing_duration_minutes",
    )  # fmt: skip
    return [tuple(row[column] for column in columns) for row in rows]


def record(day: date, run_id: str) -> None:
    with connect() as connection:
        record_metrics(connection, ORDERS, "orders", day, run_id)


def test_metrics_have_records_quality_and_the_minutes_of_this_run(warehouse: Settings) -> None:
    loads = Loads()
    load_id = loads.admit("orders", FIRST, orders(FIRST, 20))
    with connect() as connection:
        connection.execute(
            "update ops.gate_results set accepted = 19, rejected = 1, bad_rate = 0.05 where load_id = %s", [load_id]
        )
        connection.execute(
            """
            insert into ops.pipeline_runs (pipeline, step, logical_date, run_id, status, seconds) values
                (%(orders)s, 'gate', %(day)s, 'run-1', 'success', 30),
                (%(orders)s, 'publish', %(day)s, 'run-1', 'success', 60),
                (%(orders)s, 'measure', %(day)s, 'run-0', 'success', 600),
                ('another', 'gate', %(day)s, 'run-1', 'success', 600)
            """,
            {"orders": ORDERS, "day": FIRST},
        )
    record(FIRST, "run-1")
    record(FIRST, "run-1")
    assert measured() == [(FIRST, "run-1", 20, 19, 1, Decimal("0.95"), Decimal("1.5"))]


def test_a_day_that_was_never_judged_has_no_metrics(warehouse: Settings) -> None:
    record(FIRST, "run-1")
    assert measured() == []


def test_a_pipeline_without_a_dataset_counts_its_published_rows(warehouse: Settings) -> None:
    health = "customer_health_pipeline"
    with connect() as connection:
        record_metrics(connection, health, None, FIRST, "run-1")  # it took no step
    assert measured() == []
    with connect() as connection:
        connection.execute(
            "insert into ops.pipeline_runs (pipeline, step, logical_date, run_id, status, seconds, started_at) "
            "values (%s, 'transform', %s, 'run-1', 'success', 90, now() - interval '1 minute')",
            [health, FIRST],
        )
        for count in (3, 4):
            connection.execute(
                "insert into ops.publications (pipeline, build_id, as_of_date, day_count, rows_published) "
                "values (%s, %s, %s, 1, jsonb_build_object('customer_health_totals', %s::int, 'int_x', 9))",
                [health, str(count), FIRST, count],
            )
            record_metrics(connection, health, None, FIRST, "run-1")
    assert measured() == [(FIRST, "run-1", 7, 7, 0, None, Decimal("1.5"))]
    with connect() as connection:
        row = connection.execute("select rows_published, expected_volume, step_seconds from ops.pipeline_metrics")
        assert row.fetchone() == {"rows_published": 7, "expected_volume": None, "step_seconds": {"transform": 90.0}}
