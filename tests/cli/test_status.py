"""`daybreak status`: the overview and one day, at 80 columns, and before the first load."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from monitoring.alerting.alerts import report_failure, report_success
from monitoring.runs.run_log import step
from pipeline_errors import ShopError
from pipeline_settings import Settings, settings
from tests.monitoring.anomalies.judged_days import execute, judge
from warehouse.connection import connect

ORDERS, REVIEWS, HEALTH = "ecommerce_order_pipeline", "customer_feedback_pipeline", "customer_health_pipeline"
MONDAY = date(2026, 3, 2)
DOWN = ShopError("The shop is down [really]", "Wait for it.")


def daybreak(*arguments: str, columns: int = 80) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": str(columns)})


def shown(*arguments: str, columns: int = 80) -> str:
    result = daybreak("status", *arguments, columns=columns)
    assert result.exit_code == 0, result.output
    assert max(map(len, result.stdout.splitlines())) <= columns
    return result.stdout


def shown_as_data(*arguments: str) -> Any:
    return json.loads(daybreak("status", *arguments, "--json").stdout)


def publish(day: date, pipeline: str = ORDERS) -> None:
    execute("update ops.day_ledger set published_load_id = admitted_load_id where day = %s", day)
    execute(
        "insert into ops.publications (pipeline, build_id, as_of_date, day_count, rows_published) "
        """values (%s, %s, %s, 1, '{"fct_orders": 1234, "int_days": 7}')""",
        pipeline, str(day), day,
    )  # fmt: skip
    execute(
        "insert into ops.publication_days select max(publication_id), 'orders', %s, 'load-x' from ops.publications",
        day,
    )


@pytest.fixture
def history(warehouse: Settings) -> None:
    """Monday published, run again and refused; Tuesday published; Wednesday missing; then refused, waiting."""
    judge(MONDAY, 1200, 34)
    publish(MONDAY)
    judge(MONDAY, 50, 50, is_refused=True)
    judge(MONDAY + timedelta(1), 10)
    publish(MONDAY + timedelta(1))
    judge(MONDAY + timedelta(3), 3, 1, is_refused=True)
    judge(MONDAY + timedelta(4), 10)
    judge(MONDAY + timedelta(4), 10, dataset="reviews")
    for number in (2, 3):
        report_failure(ORDERS, MONDAY + timedelta(number), "run-1", DOWN)


def test_each_day_has_its_symbol_below_its_weekday(history: None) -> None:
    lines = shown().splitlines()
    (weekdays,) = [line for line in lines if "Mo Tu We" in line]
    week = next(line for line in lines if line.strip().startswith(str(MONDAY)))
    start, second = weekdays.index("Mo"), weekdays.rindex("Mo")
    assert week[start : start + 21] == "!+ ✓  ·  ✗  …        "
    assert week[second : second + 21].rstrip() == "            …"


def test_days_that_need_attention_are_listed_with_the_reason(history: None) -> None:
    text = " ".join(shown().split())
    for expected in (
        "2026-03-06 orders waiting: admitted, not published yet",
        "2026-03-05 orders refused: 25.00% bad, 100.00% allowed: amount_negative 1",
        "2026-03-04 orders missing: never loaded, or its load failed",
        "2026-03-02 orders published, newer load refused: 50.00% bad",
    ):
        assert expected in text
    assert "2026-03-03 orders" not in text


def test_an_old_refusal_is_listed_and_long_lists_are_cut(warehouse: Settings) -> None:
    judge(MONDAY - timedelta(weeks=30), 1, 1, is_refused=True)
    judge(MONDAY, 10)
    text = shown()  # 42 days between the first week shown and the last day are missing
    assert text.count(" missing: ") == 7
    assert "and 36 more; --json has them all" in text
    data = shown_as_data()
    assert (data["days"][0]["day"], data["days"][0]["state"]) == (str(MONDAY - timedelta(weeks=30)), "refused")
    assert sum(day["state"] == "missing" for day in data["days"]) == 42


def test_a_newest_day_that_was_never_judged_is_missing(history: None) -> None:
    day = MONDAY + timedelta(9)
    with step([ORDERS], "wait_for_shop", [day], "run-1"):
        pass
    missing = [
        row["day"] for row in shown_as_data()["days"] if row["state"] == "missing" and row["dataset"] == "orders"
    ]
    assert missing[-1] == str(day)


def test_readers_incidents_and_sizes(history: None) -> None:
    text = shown()
    assert f"{ORDERS}   up to 2026-03-03, published 20" in text
    assert f"{HEALTH}   nothing" in text
    assert f"failure of {ORDERS} since " in text
    assert "2 days up to 2026-03-05" in " ".join(text.split())
    assert "The shop is down [really]" in text
    assert "Wait for it." in text
    assert "6 loads of 4 days" in text
    assert "MB: " in text.split("database")[1]
    report_success(ORDERS, MONDAY + timedelta(2), "run-2")
    report_success(ORDERS, MONDAY + timedelta(3), "run-2")
    assert "Open incidents\n  none" in shown()


def test_undelivered_messages_and_messages_without_a_receiver(history: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "1 without a receiver (set ALERT_URLS), the oldest for 0 min" in " ".join(shown().split())
    monkeypatch.setenv("ALERT_URLS", "json://127.0.0.1:9/secret")
    settings.cache_clear()
    report_success(ORDERS, MONDAY, "run-3")
    execute("update ops.outbox_deliveries set last_error = 'HTTP 500'")
    execute("update ops.outbox set created_at = created_at - interval '3 days'")
    text = " ".join(shown().split())
    assert "1 wait (HTTP 500), 1 without a receiver (set ALERT_URLS), the oldest for 3 days" in text
    assert "secret" not in text
    message = shown_as_data()["messages"]["alert"]
    assert (message["waiting"], message["without_receiver"], message["last_error"]) == (1, 1, "HTTP 500")


def test_json_has_everything(history: None) -> None:
    data = shown_as_data()
    assert set(data) == {"servers", "days", "readers", "incidents", "messages", "sizes", "home_bytes"}
    (refused,) = [day for day in data["days"] if day["state"] == "refused"]
    assert (refused["dataset"], refused["day"], refused["bad_rate"]) == ("orders", "2026-03-05", 0.25)
    assert data["sizes"]["schema_bytes"]["raw"] > 0
    assert data["incidents"][0]["days_affected"] == 2


def test_a_warehouse_without_days_or_schemas_shows_the_next_command(
    warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "No day is judged yet: `daybreak run DAY`" in shown()
    monkeypatch.setenv("PGDATABASE", "postgres")
    settings.cache_clear()
    assert "Nothing is loaded yet." in shown()
    assert "2026-03-02 was never loaded" in shown("2026-03-02")
    assert shown_as_data()["days"] == []


def test_an_older_warehouse_is_a_configuration_error(warehouse: Settings) -> None:
    execute("drop table ops.step_runs")
    result = daybreak("status", str(MONDAY))
    assert (result.exit_code, "older version" in result.stderr) == (2, True)


def test_status_starts_nothing_and_reports_a_stopped_postgres(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    assert "`daybreak up` starts it" in shown()
    assert shown_as_data()["days"] == []
    result = daybreak("status", str(MONDAY))
    assert (result.exit_code, "daybreak up" in result.stderr) == (4, True)
    assert not (tmp_path / "home").exists()


def test_a_named_postgres_that_is_down_is_exit_code_4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", "9")
    settings.cache_clear()
    result = daybreak("status")
    assert result.exit_code == 4
    assert "not reached" in result.stdout
    assert "Check PGHOST" in result.stderr


def test_status_reads_no_rows_of_the_shop(history: None) -> None:
    execute("insert into raw.orders select 'x', date '2020-01-01', n from generate_series(1, 1000) as n")
    reads = (
        "select sum(seq_scan + coalesce(idx_scan, 0))::int as scans from pg_stat_user_tables where schemaname = any(%s)"
    )

    def scans() -> Any:
        with connect() as connection:
            connection.execute("select pg_stat_force_next_flush()")
        with connect() as connection:
            return connection.execute(reads, [["raw", "marts", "staging"]]).fetchone()

    before = scans()
    shown()
    shown(str(MONDAY))
    assert scans() == before


# ---- one day -------------------------------------------------------------------------------------------------------


def test_the_history_of_a_day_is_in_time_order(history: None) -> None:
    for run_id, fails in (("run-1", True), ("run-2", False)):
        try:
            with step([ORDERS], "extract_load", [MONDAY], run_id) as record:
                record.records = 1234
                if fails:
                    raise DOWN
        except ShopError:
            pass
    report_failure(ORDERS, MONDAY, "run-1", DOWN)
    text = shown(str(MONDAY), columns=120)
    assert f"{ORDERS} {MONDAY}: published, newer load refused" in text
    kinds = [line.split()[1] for line in text.splitlines() if line[4:6].isdecimal() and line[6] == ":"]
    assert kinds == ["landed", "gate", "published", "landed", "gate", "run", "run", "message"]
    for expected in (
        "1,234 rows on 1 page in 0.0 s (admitted and published)",
        "passed 1,200 accepted, 34 rejected, 0 copies; 2.76% bad, 100.00% allowed: amount_negative 34",
        "refused 50 accepted, 50 rejected",
        "load load-x by daybreak; rows written: fct_orders 1,234",
        "run-1 failed",
        "extract_load failed, 1,234 records, 0.0 s",
        "The shop is down [really]. Wait for it.",
        "run-2 success",
        f"{ORDERS} {MONDAY} failed at extract_load (open)",
    ):
        assert expected in " ".join(text.split()), expected
    assert text.count("The shop is down") == 1  # in its step, not in the message too
    assert "int_days" not in text
    shown(str(MONDAY))


def test_the_history_of_one_pipeline_and_as_json(history: None) -> None:
    day = MONDAY + timedelta(4)
    assert REVIEWS in shown(str(day))
    assert REVIEWS not in shown(str(day), "--pipeline", ORDERS)
    data = shown_as_data(str(day), "--pipeline", REVIEWS)
    (day_history,) = data["pipelines"]
    assert (day_history["pipeline"], day_history["state"], day_history["loads"][0]["accepted"]) == (
        REVIEWS,
        "waiting",
        10,
    )


def test_an_unknown_day_shows_how_to_load_it(history: None) -> None:
    text = shown("2020-01-01", "--pipeline", ORDERS)
    assert f"2020-01-01 was never loaded in {ORDERS}." in text
    assert f"daybreak run 2020-01-01 --pipeline {ORDERS}" in text
    assert shown_as_data("2020-01-01") == {"day": "2020-01-01", "pipelines": []}


def test_a_pipeline_without_a_day_is_a_usage_error(warehouse: Settings) -> None:
    assert daybreak("status", "--pipeline", ORDERS).exit_code == 2
