"""Asset events that arrive twice, out of order and late: their runs have the right day, and find no work."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from local.demo_shop.simulated_shop import REFUSED_DAY, SimulatedShop
from orchestration.day_run import days_between
from tests.laws.nights import HEALTH, ORDERS, REVIEWS, Nights, sent_alerts
from warehouse.connection import connect

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

DAYS = days_between(REFUSED_DAY - timedelta(days=4), REFUSED_DAY - timedelta(days=2))


def rows(query: str) -> list[dict[str, Any]]:
    """Return rows of the warehouse."""
    with connect() as connection:
        return connection.execute(query.encode()).fetchall()


def publications() -> list[dict[str, Any]]:
    """Return the publications of customer_health, in order."""
    return rows(f"select * from ops.publications where pipeline = '{HEALTH}' order by publication_id")


def days_worked_on() -> dict[str, set[date]]:
    """Return the days of the steps of each customer_health run."""
    worked: dict[str, set[date]] = {}
    for row in rows(f"select run_id, logical_date from ops.step_runs where pipeline = '{HEALTH}'"):
        worked.setdefault(row["run_id"], set()).add(row["logical_date"])
    return worked


@pytest.mark.fault(43)
def test_events_delivered_twice_and_in_reverse(nights: Callable[..., Nights]) -> None:
    here = nights(SimulatedShop(orders_per_day=60))
    here.world.run(DAYS, [REVIEWS])
    for day in DAYS:
        here.start(ORDERS, day)
        here.world.admit("orders", day)
    here.settle()
    assert here.states(HEALTH) == [(day.isoformat(), "success") for day in DAYS]
    here.world.assert_marts_are_right()
    published = publications()
    events = here.metadata("select asset_id, partition_key from asset_event order by timestamp desc, id desc")
    assert {event["partition_key"] for event in events} == {day.isoformat() for day in DAYS}

    for event in events:
        for _ in range(2):
            here.airflow.api("/assets/events", event)
    here.settle()
    runs = here.metadata("select run_id, partition_key, state from dag_run where dag_id = %s order by id", HEALTH)
    assert {run["state"] for run in runs} == {"success"}
    again = [run["partition_key"] for run in runs[len(DAYS) :]]
    assert set(again) == {day.isoformat() for day in DAYS}
    assert len(again) <= 2 * len(DAYS)  # two events of a day before its run has started make one run
    assert days_worked_on() == {run["run_id"]: {date.fromisoformat(run["partition_key"])} for run in runs}
    assert publications() == published  # nothing was built twice
    assert {kind for _, kind, _ in sent_alerts()} == {"success"}
    here.world.assert_marts_are_right()
