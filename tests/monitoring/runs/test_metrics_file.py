"""The metrics file for Prometheus: read back with the official parser."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from prometheus_client.parser import text_fd_to_metric_families

from monitoring.alerting.alerts import report_failure, report_success
from monitoring.runs import metrics_file
from monitoring.runs.metrics_file import write_metrics_file
from pipeline_errors import ShopError
from pipeline_settings import Settings, settings
from tests.dbt_project.loads import FIRST, SECOND, Loads, orders
from warehouse.connection import connect

ORDERS, HEALTH = "ecommerce_order_pipeline", "customer_health_pipeline"
PIPELINES = {ORDERS: "orders", "customer_feedback_pipeline": "reviews", HEALTH: None}


def read_metrics(home: Path) -> Mapping[tuple[str, ...], float]:
    """Return the values by name and label values."""
    with (home / "metrics" / "daybreak.prom").open() as file:
        families = list(text_fd_to_metric_families(file))
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


def test_the_newest_day_of_each_pipeline_is_reported(warehouse: Settings, home: Path) -> None:
    loads = Loads()
    loads.admit("orders", FIRST, orders(FIRST, 5))
    load_id = loads.admit("orders", SECOND, orders(SECOND, 20))
    with connect() as connection:
        connection.execute(
            """
            update ops.gate_results
            set accepted = 18, rejected = 2, bad_rate = 0.1, rejected_by_reason = '{"amount_negative": 2}'
            where load_id = %s
            """,
            [load_id],
        )
        connection.execute(
            """
            insert into ops.pipeline_runs (pipeline, step, logical_date, run_id, status, seconds) values
                ('ecommerce_order_pipeline', 'gate', '2026-03-02', 'r', 'success', 30),
                ('ecommerce_order_pipeline', 'publish', '2026-03-02', 'r', 'success', 1.5),
                ('ecommerce_order_pipeline', 'publish', '2026-03-01', 'r', 'success', 600);
            insert into ops.publications (pipeline, build_id, as_of_date, day_count, rows_published, published_at)
            values
                ('ecommerce_order_pipeline', 'a', '2026-03-01', 1, '{"fct_orders": 5}', now()),
                ('ecommerce_order_pipeline', 'b', '2026-03-02', 1, '{"fct_orders": 18, "int_days": 1, "x": 2}',
                    '2026-03-03 01:00:00+00'),
                ('customer_health_pipeline', 'b', '2026-03-01', 1, '{"customer_health": 7}', now());
            """
        )
    report_failure(ORDERS, FIRST, "run-1", ShopError("It is down", "Wait."))
    report_success(HEALTH, FIRST, "run-1")
    write_metrics_file(PIPELINES)
    metrics = read_metrics(home)
    assert {name[0].removeprefix("daybreak_"): value for name, value in metrics.items() if name[1] == ORDERS} == {
        "records": 20,
        "records_accepted": 18,
        "records_rejected": 2,
        "records_rejected_by_reason": 2,
        "data_quality_score": 0.9,
        "newest_day_timestamp_seconds": 1772409600,
        "run_duration_seconds": 31.5,
        "rows_published": 20,
        "last_publish_timestamp_seconds": 1772499600,
        "open_incidents": 1,
    }
    assert metrics["daybreak_records_rejected_by_reason", ORDERS, "amount_negative"] == 2
    assert metrics["daybreak_rows_published", HEALTH] == 7
    assert ("daybreak_records", HEALTH) not in metrics
    assert metrics["daybreak_open_incidents", HEALTH] == 0
    assert metrics["daybreak_undelivered_messages", "alert"] == 0
    assert metrics["daybreak_messages_without_receiver", "alert"] == 2


def test_the_file_is_replaced_as_a_whole_or_not_at_all(
    warehouse: Settings, home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    write_metrics_file(PIPELINES)
    before = read_metrics(home)
    Loads().admit("orders", FIRST, orders(FIRST, 5))
    with monkeypatch.context() as broken:
        broken.setattr(metrics_file, "undelivered", lambda _: 1 / 0)
        write_metrics_file(PIPELINES)
        broken.setenv("PGPORT", "9")
        settings.cache_clear()
        write_metrics_file(PIPELINES)
    settings.cache_clear()
    assert read_metrics(home) == before
    assert len([record for record in caplog.records if record.name == metrics_file.__name__]) == 2
    assert [file.name for file in (home / "metrics").iterdir()] == ["daybreak.prom"]
    write_metrics_file(PIPELINES)
    assert read_metrics(home)["daybreak_records", ORDERS] == 5
