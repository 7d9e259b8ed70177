"""Alerts: one message per event, however often it is reported, and never a broken pipeline."""

import logging
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from expectations.gate import GateDecision
from monitoring.alerting import alerts
from monitoring.alerting.alerts import report_failure, report_published, report_success
from monitoring.runs.metrics import record_metrics
from pipeline_errors import GateRefusedError, ModelError, ShopError
from pipeline_settings import Settings, settings
from tests.dbt_project.loads import FIRST, SECOND, THIRD, Loads, orders
from warehouse.connection import connect

ORDERS, REVIEWS, HEALTH = "ecommerce_order_pipeline", "customer_feedback_pipeline", "customer_health_pipeline"
DOWN = ShopError("It is down", "Wait for it.")
CANARY = "canary-7f3a"


def execute(statement: str, *values: object) -> None:
    with connect() as connection:
        connection.execute(statement.encode(), values)


def stored() -> list[dict[str, Any]]:
    with connect() as connection:
        return connection.execute("select * from ops.alerts order by alert_id").fetchall()


def kinds() -> list[tuple[str, date | None]]:
    return [(row["kind"], row["logical_date"]) for row in stored()]


def refusal(day: date = FIRST) -> GateRefusedError:
    decision = GateDecision(
        "orders",
        day,
        "load-1",
        20,
        0,
        18,
        2,
        {"amount_not_a_number": 2},
        Decimal("0.1"),
        Decimal("0.05"),
        "refused",
        {},
    )
    error = GateRefusedError("2 of 20 orders are bad", "See quarantine.orders.", figures=decision.figures())
    error.place(day, "gate")
    return error


def test_a_refusal_has_the_figures_of_the_decision(warehouse: Settings) -> None:
    assert report_failure(ORDERS, FIRST, "run-1", refusal(), step="a task", link="https://me:pw@airflow/runs/1")
    (row,) = stored()
    raised_at, event_key = row.pop("raised_at"), row.pop("event_key")
    assert raised_at.tzinfo
    assert event_key.startswith(f"{ORDERS}/{FIRST}/run-1/refusal")
    assert row == {
        "alert_id": 1,
        "pipeline": ORDERS,
        "logical_date": FIRST,
        "run_id": "run-1",
        "kind": "refusal",
        "severity": "critical",
        "step": "gate",
        "title": f"{ORDERS} {FIRST} was refused at gate",
        "cause": "2 of 20 orders are bad",
        "remedy": "See quarantine.orders.",
        "link": "https://airflow/runs/1",
        "figures": {
            "rows": 20,
            "identical_copies": 0,
            "accepted": 18,
            "rejected": 2,
            "bad_rate": 0.1,
            "max_bad_rate": 0.05,
            "rejected_by_reason": {"amount_not_a_number": 2},
        },
    }


def test_a_failure_has_the_day_and_step_of_the_error(warehouse: Settings) -> None:
    placed = ShopError("It is down", "Wait for it.")
    placed.place(SECOND, "extract_load")
    assert report_failure(ORDERS, None, "run-1", placed, step="a task")
    assert report_failure(ORDERS, FIRST, "run-1", DOWN, step="a task")
    assert report_failure(ORDERS, None, "run-1", DOWN)
    first, second, third = stored()
    assert (first["logical_date"], first["step"], first["cause"]) == (SECOND, "extract_load", "It is down")
    assert (second["logical_date"], second["step"], second["remedy"]) == (FIRST, "a task", "Wait for it.")
    assert (third["logical_date"], third["step"], third["severity"]) == (None, None, "critical")


@pytest.mark.parametrize("error", [ZeroDivisionError("by zero\nmore"), KeyboardInterrupt(), SystemExit(1)])
def test_a_foreign_error_gives_its_type_and_first_line(warehouse: Settings, error: BaseException) -> None:
    assert report_failure(ORDERS, FIRST, "run-1", error, step="gate")
    (row,) = stored()
    assert row["cause"].startswith(type(error).__name__)
    assert "more" not in row["cause"]
    assert row["remedy"]


@pytest.mark.fault(48)
def test_no_secret_and_no_row_is_stored_or_logged(warehouse: Settings, caplog: pytest.LogCaptureFixture) -> None:
    driver = RuntimeError(f"connection to postgresql://loader:{CANARY}@db:5432/shop failed")
    dbt = ModelError(f'Database Error: invalid input syntax for type numeric: "{CANARY}" DETAIL: Key ({CANARY})')
    with caplog.at_level(logging.DEBUG):
        report_failure(ORDERS, FIRST, "run-1", driver)
        report_failure(ORDERS, FIRST, "run-2", dbt)
    causes = [row["cause"] for row in stored()]
    assert causes[0] == "RuntimeError: connection to ***@db:5432/shop failed"
    assert causes[1].startswith("Database Error: invalid input syntax for type numeric")
    assert CANARY not in repr(stored()) + caplog.text


def test_text_that_postgres_cannot_store_is_reported_nevertheless(warehouse: Settings) -> None:
    assert report_failure(ORDERS, FIRST, "run-1", ValueError("a NUL \0 and a surrogate \ud800"))


def test_a_killed_process_is_reported_unless_the_run_reported_its_failure(warehouse: Settings) -> None:
    assert report_failure(ORDERS, FIRST, "run-1", None, step="transform")
    (row,) = stored()
    assert (row["kind"], row["step"]) == ("failure", "transform")
    assert "killed" in row["cause"]
    assert report_failure(ORDERS, SECOND, "run-2", refusal(SECOND))
    assert not report_failure(ORDERS, SECOND, "run-2", None)
    assert report_failure(ORDERS, SECOND, "run-3", None)  # another run's
    assert len(stored()) == 3


@pytest.mark.parametrize(
    "report",
    [
        lambda day: report_failure(ORDERS, day, "run-1", DOWN),
        lambda day: report_failure(ORDERS, day, "run-1", refusal()),
        lambda day: report_success(ORDERS, day, "run-1"),
    ],
)
@pytest.mark.parametrize("day", [FIRST, None])
def test_an_event_reported_twice_is_one_message(
    warehouse: Settings, report: Callable[[date | None], bool], day: date | None, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    assert [report(day), report(day)] == [True, False]
    assert len(stored()) == 1
    assert len([record for record in caplog.records if record.name == "monitoring.alerting.alerts"]) == 1


def test_another_day_run_pipeline_or_kind_is_another_message(warehouse: Settings) -> None:
    report_failure(ORDERS, FIRST, "run-1", DOWN)
    report_failure(ORDERS, SECOND, "run-1", DOWN)
    report_failure(ORDERS, FIRST, "run-2", DOWN)
    report_failure(REVIEWS, FIRST, "run-1", DOWN)
    report_failure(ORDERS, FIRST, "run-1", refusal())
    assert len({row["event_key"] for row in stored()}) == 5


def test_a_success_after_a_refusal_is_a_recovery_once(warehouse: Settings) -> None:
    report_failure(ORDERS, FIRST, "run-1", refusal())
    for run_id in ("run-2", "run-2", "run-3"):
        report_success(ORDERS, FIRST, run_id)
    assert [row["kind"] for row in stored()] == ["refusal", "recovery", "success"]
    assert {row["severity"] for row in stored()[1:]} == {"info"}
    assert stored()[1]["title"] == f"{ORDERS} {FIRST} recovered"


def test_only_failures_of_this_day_and_pipeline_recover(warehouse: Settings) -> None:
    report_failure(ORDERS, FIRST, "run-1", DOWN)
    report_failure(REVIEWS, SECOND, "run-1", DOWN)
    report_success(ORDERS, SECOND, "run-2")
    report_success(ORDERS, FIRST, "run-3")
    report_success(REVIEWS, SECOND, "run-4")
    assert [row["kind"] for row in stored()[2:]] == ["success", "recovery", "recovery"]


def test_a_failure_without_a_day_recovers_with_the_next_success_of_any_day(warehouse: Settings) -> None:
    report_failure(ORDERS, None, "run-1", DOWN)
    report_failure(ORDERS, FIRST, "run-2", DOWN)
    report_success(ORDERS, SECOND, "run-3")
    report_success(ORDERS, THIRD, "run-4")
    report_success(ORDERS, FIRST, "run-5")
    assert [row["kind"] for row in stored()[2:]] == ["recovery", "success", "recovery"]


def test_a_failure_reported_again_after_a_success_is_news(warehouse: Settings) -> None:
    for _ in range(2):
        for _ in range(2):
            report_failure(ORDERS, FIRST, "run-1", DOWN)
        for _ in range(2):
            report_success(ORDERS, FIRST, "run-1")
    assert [row["kind"] for row in stored()] == ["failure", "recovery", "failure", "recovery"]


def test_figures_are_those_of_this_run_in_the_ops_tables(warehouse: Settings) -> None:
    load_id = Loads().admit("orders", FIRST, orders(FIRST, 20))
    execute("update ops.gate_results set accepted = 19, rejected = 1, bad_rate = 0.05 where load_id = %s", load_id)
    execute(
        """
        insert into ops.pipeline_runs
            (pipeline, step, logical_date, run_id, status, seconds, started_at, finished_at)
        select
            'ecommerce_order_pipeline', step, '2026-03-01', run_id, 'success', seconds,
            now() - ago::interval, now() - ago::interval + seconds * interval '1 second'
        from (values
            ('gate', 'run-1', 30, '1 minute'), ('publish', 'run-1', 1.5, '1 second'),
            ('measure', 'run-0', 600, '2 days')
        ) as steps (step, run_id, seconds, ago)
        """
    )
    execute(
        """
        insert into ops.publications (pipeline, build_id, day_count, rows_published, published_at) values
            ('ecommerce_order_pipeline', 'old', 1, '{"fct_orders": 500}', now() - interval '1 day'),
            ('ecommerce_order_pipeline', 'new', 1, '{"fct_orders": 19, "daily_sales": 1, "int_days": 7}', now()),
            ('customer_feedback_pipeline', 'new', 1, '{"fct_reviews": 500}', now())
        """
    )
    with connect() as connection:
        record_metrics(connection, ORDERS, "orders", FIRST, "run-1")
    report_success(ORDERS, FIRST, "run-1")
    report_success(ORDERS, FIRST, "run-2")
    report_success(ORDERS, None, "run-3", figures={"rows": 3, "rate": Decimal("0.5"), "day": FIRST})
    assert [row["figures"] for row in stored()] == [
        {"rows": 20, "accepted": 19, "rejected": 1, "bad_rate": 0.05, "rows_published": 20, "seconds": 60.5},
        {},
        {"rows": 3, "rate": "0.5", "day": "2026-03-01"},
    ]


def admit(*days: date, dataset: str = "orders") -> None:
    loads = Loads(count=100 * len(stored()))
    for day in days:
        loads.admit(dataset, day, orders(day))


def publish(*days: date) -> None:
    execute(
        "update ops.day_ledger set published_load_id = admitted_load_id, published_at = clock_timestamp() "
        "where day = any(%s)",
        list(days),
    )


def test_many_published_days_are_one_success(warehouse: Settings) -> None:
    admit(FIRST, SECOND, THIRD)
    publish(FIRST, SECOND)
    assert report_published(ORDERS, "orders", [FIRST, SECOND, THIRD], "run-1")
    assert kinds() == [("success", SECOND)]
    assert not report_published(ORDERS, "orders", [], "run-2")


def test_each_failed_day_that_is_published_now_has_recovered(warehouse: Settings) -> None:
    for day in (FIRST, SECOND):
        report_failure(ORDERS, day, "run-1", DOWN)
    report_failure(REVIEWS, FIRST, "run-1", DOWN)
    admit(FIRST, SECOND, THIRD)
    publish(FIRST, THIRD)
    report_published(ORDERS, "orders", [THIRD], "run-2")
    assert kinds()[3:] == [("recovery", FIRST), ("success", THIRD)]


def test_a_day_published_before_its_refusal_has_not_recovered(warehouse: Settings) -> None:
    admit(FIRST, SECOND)
    publish(FIRST, SECOND)
    report_failure(ORDERS, FIRST, "run-1", refusal())
    report_published(ORDERS, "orders", [SECOND], "run-1")
    assert kinds()[1:] == [("success", SECOND)]
    report_published(ORDERS, "orders", [FIRST], "run-2")  # the shop sends the published rows again
    assert kinds()[2:] == [("recovery", FIRST)]


def test_a_day_with_a_refused_newest_load_has_not_recovered_with_an_older_one_published(
    warehouse: Settings,
) -> None:
    admit(FIRST)
    execute("insert into ops.loads (load_id, dataset, day, row_count, page_count, seconds, fingerprint) "
            "values ('bad', 'orders', %s, 1, 1, 1, '')", FIRST)  # fmt: skip
    execute("insert into ops.gate_results select 'bad', dataset, day, row_count, identical_copies, accepted, rejected, "
            "rejected_by_reason, bad_rate, max_bad_rate, 'refused', settings from ops.gate_results")  # fmt: skip
    report_failure(ORDERS, FIRST, "run-1", refusal())
    publish(FIRST)
    assert not report_published(ORDERS, "orders", [], "run-2")
    assert kinds() == [("refusal", FIRST)]


def test_a_pipeline_without_a_dataset_recovers_once_it_has_published(warehouse: Settings) -> None:
    report_failure(HEALTH, FIRST, "run-1", DOWN)
    execute(
        "insert into ops.publications (pipeline, build_id, as_of_date, day_count, rows_published) "
        "values ('customer_health_pipeline', 'b', %s, 1, '{}')",
        SECOND,
    )
    report_published(HEALTH, None, [], "run-2")
    assert kinds()[1:] == [("recovery", FIRST), ("success", SECOND)]


def test_open_alerts_are_found_quickly_after_years(warehouse: Settings) -> None:
    execute(
        """
        insert into ops.alerts (event_key, pipeline, logical_date, run_id, kind, severity, title)
        select kind || n, %s, date '2000-01-01' + n, 'run', kind, 'info', 'title'
        from generate_series(1, 10000) as n, unnest(array['failure', 'success']) as kind order by n, kind
        """,
        ORDERS,
    )
    with connect() as connection:
        connection.execute("set statement_timeout = '2s'")  # a quadratic comparison takes longer
        assert connection.execute("select * from ops.open_alerts").fetchall() == []


def test_a_message_is_one_log_line(warehouse: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    report_failure(ORDERS, FIRST, "run-1", refusal())
    report_success(ORDERS, FIRST, "run-2")
    assert [record.getMessage() for record in caplog.records if record.name == "monitoring.alerting.alerts"] == [
        f"pipeline={ORDERS} day={FIRST} kind=refusal step=gate "
        'cause="2 of 20 orders are bad" remedy="See quarantine.orders." run_id=run-1',
        f'pipeline={ORDERS} day={FIRST} kind=recovery step=- cause="-" remedy="-" run_id=run-2',
    ]


def test_without_a_warehouse_nothing_breaks_and_the_message_is_logged(
    warehouse: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with monkeypatch.context() as broken:
        broken.setenv("PGPORT", "9")
        settings.cache_clear()
        assert not report_failure(ORDERS, FIRST, "run-1", DOWN)
        assert not report_success(ORDERS, FIRST, "run-1")
        assert not report_published(ORDERS, "orders", [FIRST], "run-1")
    settings.cache_clear()
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 3
    assert 'kind=failure step=- cause="It is down"' in lines[0]
    assert all("\n" not in line and "cannot be reached" in line for line in lines)
    assert stored() == []


def test_no_error_of_alerting_is_raised(
    warehouse: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class MuteError(Exception):
        def __str__(self) -> str:
            raise ValueError(f"password={CANARY}")

    assert not report_failure(ORDERS, FIRST, "run-1", MuteError())
    execute("drop view ops.unmended_alerts, ops.open_alerts; drop table ops.alerts")
    assert not report_failure(ORDERS, FIRST, "run-1", DOWN)
    assert not report_success(ORDERS, FIRST, "run-1", figures={"rows": 1})
    monkeypatch.setattr(alerts, "connect", None)
    assert not report_published(ORDERS, "orders", [FIRST], "run-1")
    assert len(caplog.records) == 4
    assert CANARY not in caplog.text
