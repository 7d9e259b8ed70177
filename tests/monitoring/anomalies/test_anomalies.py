"""Anomalies: each real one is found and no other, each is reported once, and a re-run replaces the findings."""

import random
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.alerting.alerts import report_failure
from monitoring.anomalies.findings import quality_finding
from monitoring.anomalies.limits import AnomalyLimits
from pipeline_errors import ShopError
from pipeline_settings import Settings
from tests.conftest import Examples
from tests.laws.conftest import empty_warehouse
from tests.monitoring.anomalies.judged_days import (
    anomaly_alerts,
    execute,
    explain,
    judge,
    kinds,
    measure,
    select,
    stored,
)
from warehouse.connection import connect, create_schemas

DAY = date(2026, 6, 3)
WEEKDAYS = (0.9, 0.85, 0.95, 1.0, 1.2, 1.6, 0.4)


def weeks_before(day: date, *numbers: int) -> Iterator[date]:
    return (day - timedelta(weeks=number) for number in numbers)


def normal_weeks(volume: int = 100, weeks: int = 8, day: date = DAY, dataset: str = "orders") -> None:
    for other in weeks_before(day, *range(1, weeks + 1)):
        judge(other, volume, dataset=dataset)


# ---- volume ----------------------------------------------------------------------------------------------------------


def test_each_anomaly_in_sixty_days_is_found_and_no_other(warehouse: Settings, examples: Examples) -> None:
    """The weekdays differ by a factor of four, the days by noise and growth, and the runs have any order."""

    @examples(1, 24)
    @given(
        seed=st.integers(0, 10_000),
        baseline=st.sampled_from([60, 400, 10_000]),
        odd=st.lists(
            st.tuples(st.integers(28, 59), st.sampled_from([0.0, 0.1, 0.3, 2.5, 3.0])),
            max_size=7,
            unique_by=lambda odd_day: odd_day[0] % 7,
        ),
    )
    def each_is_found(seed: int, baseline: int, odd: list[tuple[int, float]]) -> None:
        empty_warehouse()
        rng = random.Random(seed)
        days = [date(2026, 1, 5) + timedelta(number) for number in range(60)]
        shares = {days[number]: share for number, share in odd}
        for day in rng.sample(days, 60):  # whatever the order of the runs
            growth = 1 + 0.001 * (day - days[0]).days
            judge(
                day, round(baseline * WEEKDAYS[day.weekday()] * growth * rng.uniform(0.95, 1.05) * shares.get(day, 1))
            )
        found = {day: kinds(measure(day)) for day in days}
        for day in days[:28]:
            assert found[day] == {"volume_history": "info"}
        for day in days[28:]:
            share = shares.get(day, 1)
            expected = {"zero_rows": "critical"} if share == 0 else {"volume_drop": "critical"} if share < 1 else {}
            assert found[day] == ({"volume_jump": "warning"} if share > 1 else expected), (day, share)
        assert {day for day, _, _ in anomaly_alerts()} == set(shares)

    each_is_found()


@pytest.mark.parametrize(
    ("volume", "expected"),
    [(50, {}), (49, {"volume_drop": "critical"}), (200, {}), (201, {"volume_jump": "warning"}), (100, {})],
)
@pytest.mark.fault(19)
def test_half_and_double_are_still_normal(warehouse: Settings, volume: int, expected: dict[str, str]) -> None:
    normal_weeks()
    judge(DAY, volume)
    assert kinds(measure(DAY)) == expected


def test_a_drop_is_reported_with_the_expected_volume_and_its_origin(warehouse: Settings) -> None:
    normal_weeks(weeks=5)
    judge(DAY, 30, 3, copies=70)
    (anomaly,) = [anomaly for anomaly in measure(DAY) if anomaly.kind == "volume_drop"]
    assert (anomaly.observed, anomaly.expected) == (
        Decimal(33),
        Decimal(100),
    )  # a page that came three times hides nothing
    assert anomaly.message == "33 orders where 100.00 were expected (the mean of 5 previous Wednesdays)"
    (alert,) = select("select * from ops.alerts where title like '%%volume drop'")
    assert alert["title"] == f"ecommerce_order_pipeline {DAY}: volume drop"
    assert (alert["kind"], alert["severity"], alert["cause"]) == ("anomaly", "critical", anomaly.message)
    assert "calendar_events.csv" in alert["remedy"]
    assert alert["figures"] == {"observed": "33", "expected": "100.00"}


def test_an_explained_day_is_compared_with_its_share_and_not_reported(warehouse: Settings) -> None:
    normal_weeks()
    explain(DAY, "a holiday", 0.45)
    judge(DAY, 44)
    (anomaly,) = measure(DAY)
    assert (anomaly.severity, anomaly.expected) == ("info", Decimal(45))
    assert "× 0.45 for a holiday" in anomaly.message
    assert "explained" in anomaly.message
    assert anomaly_alerts() == []


@pytest.mark.parametrize(
    ("volume", "expected"),
    [
        (22, {"volume_drop": "critical"}),
        (23, {"volume_drop": "info"}),
        (60, {}),
        (91, {"volume_jump": "warning"}),
        (0, {"zero_rows": "critical"}),
    ],
)
def test_an_explanation_covers_its_share_and_no_more(
    warehouse: Settings, volume: int, expected: dict[str, str]
) -> None:
    normal_weeks()
    explain(DAY, "a holiday", 0.45)
    judge(DAY, volume)
    assert kinds(measure(DAY)) == expected


def test_an_explained_day_is_not_part_of_the_history(warehouse: Settings) -> None:
    normal_weeks(weeks=4)
    sale = DAY - timedelta(weeks=5)
    judge(sale, 900)
    explain(sale, "a sale", 9)
    judge(DAY, 100)
    assert measure(DAY) == []
    (row,) = select("select expected_volume from ops.pipeline_metrics")
    assert row["expected_volume"] == 100


@pytest.mark.parametrize("weeks", [0, 3, 4])
def test_too_little_history_is_reported_without_a_guess(warehouse: Settings, weeks: int) -> None:
    normal_weeks(weeks=weeks)
    judge(DAY, 1)
    found = measure(DAY)
    assert kinds(found) == ({"volume_drop": "critical"} if weeks == 4 else {"volume_history": "info"})
    if weeks < 4:
        assert f"only {weeks} of the last 8 Wednesdays are usable, 4 are needed" in found[0].message
        assert found[0].expected is None
        assert anomaly_alerts() == []


def test_the_history_is_the_eight_weeks_before_the_day(warehouse: Settings) -> None:
    normal_weeks(weeks=4)
    judge(DAY - timedelta(weeks=9), 100_000)  # too long ago
    judge(DAY + timedelta(weeks=1), 100_000)  # loaded before the day, which is late
    judge(DAY - timedelta(days=1), 100_000)  # another weekday
    judge(DAY - timedelta(weeks=1), 100_000, dataset="reviews")
    judge(DAY, 100)
    assert measure(DAY) == []


def test_refused_days_are_not_part_of_the_history(warehouse: Settings) -> None:
    normal_weeks(weeks=3)
    for week in range(4, 9):
        judge(DAY - timedelta(weeks=week), 1, 99, is_refused=True)
    judge(DAY, 1)
    assert kinds(measure(DAY)) == {"volume_history": "info"}


def test_a_weekday_with_few_rows_is_not_judged(warehouse: Settings) -> None:
    normal_weeks(9)
    judge(DAY, 2)
    (anomaly,) = measure(DAY)
    assert (anomaly.kind, anomaly.severity) == ("volume_history", "info")
    assert "may halve by chance" in anomaly.message


@pytest.mark.parametrize("weeks", [0, 8])
@pytest.mark.fault(18)
def test_zero_rows_are_critical_whatever_the_history(warehouse: Settings, weeks: int) -> None:
    normal_weeks(weeks=weeks)
    judge(DAY, 0)
    assert kinds(measure(DAY)) == {"zero_rows": "critical"}
    assert anomaly_alerts() == [(DAY, "critical", "zero rows")]


def test_zero_rows_of_a_closed_shop_are_explained(warehouse: Settings) -> None:
    explain(DAY, "stocktaking", 0)
    judge(DAY, 0)
    (anomaly,) = measure(DAY)
    assert (anomaly.severity, anomaly.message) == ("info", "no orders, explained by stocktaking")


def test_a_weekday_that_never_has_rows_needs_no_explanation(warehouse: Settings) -> None:
    normal_weeks(0, weeks=4)
    judge(DAY, 0)
    assert measure(DAY) == []


# ---- quality, duration -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accepted", "rejected", "severity"),
    [
        (100, 0, None),
        (95, 5, None),
        (9_499_999, 500_001, "warning"),
        (900_001, 99_999, "warning"),
        (90, 10, "critical"),
        (1, 99, "critical"),
        (0, 0, None),
    ],
)
def test_quality_is_judged_exactly(accepted: int, rejected: int, severity: str | None) -> None:
    finding = quality_finding(accepted, rejected, {"amount_negative": rejected}, False, AnomalyLimits())
    assert (finding and finding.severity) == severity


def test_bad_quality_is_reported_with_its_reasons(warehouse: Settings) -> None:
    normal_weeks()
    judge(DAY, 93, 7)
    (anomaly,) = measure(DAY)
    assert anomaly.message == "the data quality score is 0.9300, below 0.95: amount_negative 7"
    assert anomaly_alerts() == [(DAY, "warning", "data quality")]


def test_the_quality_of_a_refused_load_is_stored_and_reported_by_the_refusal(warehouse: Settings) -> None:
    normal_weeks()
    judge(DAY, 100)
    judge(DAY, 5, 15, is_refused=True)  # readers see a normal day nevertheless
    assert kinds(measure(DAY)) == {"data_quality": "critical"}
    assert stored() == {(DAY, "data_quality"): "critical"}
    assert anomaly_alerts() == []


@pytest.mark.parametrize(("seconds", "expected"), [(7200, {}), (7201, {"run_duration": "warning"})])
def test_a_run_may_take_two_hours(warehouse: Settings, seconds: int, expected: dict[str, str]) -> None:
    normal_weeks()
    judge(DAY, 100)
    _took(DAY, seconds)
    assert kinds(measure(DAY)) == expected


def test_a_slow_run_of_many_days_is_one_message(warehouse: Settings) -> None:
    days = [DAY + timedelta(number) for number in range(3)]
    for day in days:
        normal_weeks(day=day)
        judge(day, 100)
        _took(day, 9000)
        assert kinds(measure(day)) == {"run_duration": "warning"}
    assert anomaly_alerts() == [(DAY, "warning", "run duration")]


def _took(day: date, seconds: int) -> None:
    execute(
        "insert into ops.pipeline_runs (pipeline, step, logical_date, run_id, status, seconds) "
        "values ('ecommerce_order_pipeline', 'transform', %s, 'run-1', 'success', %s)",
        day,
        seconds,
    )


# ---- runs ------------------------------------------------------------------------------------------------------------


def test_a_re_run_removes_findings_and_reports_none_twice(warehouse: Settings) -> None:
    normal_weeks()
    judge(DAY, 20, 3)
    for run_id in ("run-1", "run-1", "run-2"):
        assert set(kinds(measure(DAY, run_id))) == {"volume_drop", "data_quality"}
    assert len(anomaly_alerts()) == 2
    (row,) = select("select run_id, observed from ops.anomalies where kind = 'volume_drop'")
    assert row == {"run_id": "run-2", "observed": 23}

    judge(DAY, 40)
    measure(DAY, "run-3")
    assert stored() == {(DAY, "volume_drop"): "critical"}
    judge(DAY, 100)
    assert measure(DAY, "run-4") == []
    assert stored() == {}
    assert len(anomaly_alerts()) == 2


def test_rows_that_were_judged_before_keep_their_judgement(warehouse: Settings) -> None:
    normal_weeks()
    judge(DAY, 100, fingerprint="good")
    judge(DAY, 5, 95, fingerprint="bad", is_refused=True)
    assert kinds(measure(DAY)) == {"data_quality": "critical"}
    execute(  # landed and not judged again
        "insert into ops.loads (load_id, dataset, day, row_count, page_count, seconds, fingerprint) "
        "values ('twin', 'orders', %s, 100, 1, 0, 'good')",
        DAY,
    )
    assert measure(DAY, "run-2") == []
    (row,) = select("select data_quality_score from ops.pipeline_metrics where run_id = 'run-2'")
    assert row["data_quality_score"] == 1


def test_a_day_that_was_never_judged_has_no_anomalies(warehouse: Settings) -> None:
    assert measure(DAY) == []


def test_an_anomaly_is_not_a_recovery(warehouse: Settings) -> None:
    judge(DAY, 0)
    down = ShopError("It is down", "Wait for it.")
    for _ in range(2):
        report_failure("ecommerce_order_pipeline", DAY, "run-1", down)
        measure(DAY)
    rows = select("select kind from ops.alerts order by alert_id")
    assert [row["kind"] for row in rows] == ["failure", "anomaly"]


def test_an_error_of_the_search_is_a_log_line(warehouse: Settings, caplog: pytest.LogCaptureFixture) -> None:
    judge(DAY, 0)
    measure(DAY)
    execute("alter table ops.anomalies rename to elsewhere")
    assert measure(DAY) == []
    assert f"{DAY} of ecommerce_order_pipeline could not be searched for anomalies: UndefinedTable" in caplog.text


def test_the_metrics_of_a_run_have_rejected_expected_and_published_rows(warehouse: Settings) -> None:
    normal_weeks(weeks=4)
    judge(DAY - timedelta(weeks=5), 103)
    judge(DAY, 90, 10)
    _took(DAY, 60)
    execute(
        "insert into ops.publications (pipeline, build_id, day_count, rows_published) "
        """values ('ecommerce_order_pipeline', 'b', 1, '{"fct_orders": 90, "daily_sales": 1, "int_x": 7}')"""
    )
    measure(DAY)
    measure(DAY, "another run")
    rows = select(
        "select rejected_by_reason, expected_volume, rows_published from ops.pipeline_metrics order by run_id desc"
    )
    expected = {"rejected_by_reason": {"amount_negative": 10}, "expected_volume": Decimal("100.60")}
    assert rows == [{**expected, "rows_published": 91}, {**expected, "rows_published": 0}]


def test_the_cost_of_a_day_does_not_grow_with_the_history(warehouse: Settings) -> None:
    execute(
        """
        with days as (
            select d, 'old-' || d as load_id, date '2010-01-01' + d as day from generate_series(1, 20000) as d
        ),
        loaded as (
            insert into ops.loads (load_id, dataset, day, row_count, page_count, seconds, fingerprint)
            select load_id, 'orders', day, 1, 1, 0, '' from days
        ),
        judged as (
            insert into ops.gate_results
            select load_id, 'orders', day, 1, 0, 1, 0, '{}', 0, 1, 'passed', '{}', now() from days
        )
        insert into ops.day_ledger (dataset, day, admitted_load_id) select 'orders', day, load_id from days
        """
    )
    execute("analyze ops.loads, ops.gate_results, ops.day_ledger")
    read = "select coalesce(sum(seq_tup_read), 0)::int as rows from pg_stat_user_tables where schemaname = 'ops'"
    execute("select pg_stat_force_next_flush()")
    (before,) = select(read)
    judge(DAY, 5)
    assert measure(DAY)
    execute("select pg_stat_force_next_flush()")
    (after,) = select(read)
    assert after["rows"] - before["rows"] < 1000


def test_a_warehouse_from_before_anomalies_is_migrated_with_its_messages(warehouse: Settings) -> None:
    execute("drop table ops.alerts cascade; drop table ops.anomalies")
    execute(
        """
        create table ops.alerts (
            alert_id bigint generated always as identity primary key,
            event_key text not null unique, pipeline text not null, logical_date date, run_id text not null,
            kind text not null check (kind in ('failure', 'refusal', 'recovery', 'success')),
            severity text not null generated always as (
                case when kind in ('failure', 'refusal') then 'critical' else 'info' end
            ) stored,
            step text, title text not null, cause text, remedy text, link text,
            figures jsonb not null default '{}', raised_at timestamptz not null default clock_timestamp()
        );
        insert into ops.alerts (event_key, pipeline, run_id, kind, title) values ('k', 'p', 'r', 'failure', 't');
        alter table ops.pipeline_metrics drop column expected_volume;
        """
    )
    with connect() as connection:
        create_schemas(connection)
    judge(DAY, 0)
    measure(DAY)
    rows = select("select kind, severity from ops.alerts order by alert_id")
    assert [tuple(row.values()) for row in rows] == [("failure", "critical"), ("anomaly", "critical")]
