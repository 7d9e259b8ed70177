"""The weekly fit and the dated history, from published orders to the marts, and a fit that fails."""

from datetime import date, timedelta
from typing import Any

import pytest

from modeling.customers import DAYS_PREDICTED
from orchestration import customer_models
from orchestration.customer_models import NAME, due, fit_if_due, fit_now
from orchestration.outcome import RunOutcome, new_run_id
from pipeline_errors import ConfigurationError
from tests.dbt_project.conftest import Dbt, dbt, dbt_state, loads
from tests.dbt_project.loads import Loads, Row, order, reviews
from tests.laws import oracle
from tests.laws.conftest import empty_warehouse
from transformation import dbt_runner
from transformation.pipelines import ORDERS, REVIEWS
from warehouse.connection import connect

__all__ = ["dbt", "dbt_state", "loads"]  # fixtures

SUNDAY = date(2026, 3, 8)
HISTORY = """
    select {columns} from marts.{table} where valid_from <= %s and (valid_to is null or valid_to > %s) order by 1
"""


def orders_of(day: date, *customers: str) -> list[Row]:
    """Return an order of each of these customers, with different amounts."""
    return [
        order(day, n, order_id=f"{day}-{n}", customer_id=customer, total_amount=f"{3 + n * (1 + day.day % 5)}.50")
        for n, customer in enumerate(customers)
    ]


def read(query: str, *values: Any) -> list[dict[str, Any]]:
    with connect() as connection:
        return connection.execute(query.encode(), values).fetchall()


def a_run() -> str | None:
    """Return the line about the models after a publish by the command line."""
    outcome = RunOutcome(new_run_id())
    fit_if_due(outcome, [ORDERS.name, REVIEWS.name], lambda _: None)
    assert outcome.exit_code == 0
    return outcome.models


def segments() -> dict[str, tuple[str, bool]]:
    rows = read("select customer_id, rfm_segment, is_active from marts.customer_ltv")
    return {row["customer_id"]: (row["rfm_segment"], row["is_active"]) for row in rows}


def segments_on(day: date) -> dict[str, tuple[str, bool]]:
    query = HISTORY.format(columns="customer_id, rfm_segment, is_active", table="customer_segments_history")
    return {row["customer_id"]: (row["rfm_segment"], row["is_active"]) for row in read(query, day, day)}


def product_metrics_on(day: date) -> list[dict[str, Any]]:
    return read(HISTORY.format(columns="product_id, review_count", table="product_metrics_history"), day, day)


def scores_are_right(loads: Loads, fitted_on: date, as_of: date) -> bool:
    orders = oracle.marts(loads.admitted)["fct_orders"]
    expected = oracle.rfm_scores(orders, fitted_on, as_of)
    found = {row.pop("customer_id"): row for row in read("select * from marts.customer_ltv")}
    seen = {customer: {name: row[name] for name in expected[customer]} for customer, row in found.items()}
    assert seen == expected
    return True


def build() -> None:
    dbt_runner.build([ORDERS.name, REVIEWS.name])
    dbt_runner.publish([ORDERS.name, REVIEWS.name])


@pytest.mark.slow
def test_weeks_of_models_and_their_history(dbt: Dbt, loads: Loads) -> None:  # noqa: PLR0915  # a story
    regulars = [f"c{n:02}" for n in range(80)]
    for number in range(8):
        day = SUNDAY - timedelta(days=7 - number)
        loads.admit("orders", day, orders_of(day, *regulars[number::2], *regulars[number :: 5 - number % 3]))
    loads.admit("orders", SUNDAY - timedelta(days=3), orders_of(SUNDAY - timedelta(days=3), "gone", *regulars[3::4]))
    loads.admit("reviews", SUNDAY, reviews(SUNDAY))
    assert due() is None
    with pytest.raises(ConfigurationError, match="No day of orders is published yet"):
        fit_now(None)
    assert dbt("build").succeeded
    assert read("select to_regclass('marts.customer_segments_history') as history") == [{"history": None}]
    assert {row["rfm_segment"] for row in read("select rfm_segment from marts.customer_ltv")} == {None}

    # the week has ended
    assert due() == SUNDAY
    assert a_run() == f"customer models fitted on 81 customers as of {SUNDAY}"
    assert due() is None
    assert a_run() is None
    assert scores_are_right(loads, SUNDAY, SUNDAY)
    first_week, first_products = segments(), product_metrics_on(SUNDAY)
    assert segments_on(SUNDAY) == first_week
    assert segments_on(SUNDAY - timedelta(days=1)) == {}
    predicted = read("select * from marts.customer_ltv order by customer_id")
    assert {row["predicted_on"] for row in predicted} == {SUNDAY}
    assert all(0 < row["expected_orders_next_365_days"] < DAYS_PREDICTED for row in predicted)
    assert len({row["expected_revenue_next_365_days"] for row in predicted}) > 40

    # Monday: scores are updated, predictions are not, and a new customer has none
    monday = SUNDAY + timedelta(days=1)
    loads.admit("orders", monday, orders_of(monday, "new", *regulars[:10]))
    build()
    assert (due(), a_run()) == (None, None)
    assert scores_are_right(loads, SUNDAY, monday)
    assert read("select predicted_on, probability_alive from marts.customer_ltv where customer_id = 'new'") == [
        {"predicted_on": None, "probability_alive": None}
    ]

    # Wednesday of the next week: the models are as of Sunday, even if several days came at once
    wednesday, sunday = SUNDAY + timedelta(days=10), SUNDAY + timedelta(days=7)
    loads.admit("orders", SUNDAY - timedelta(days=3), orders_of(SUNDAY - timedelta(days=3), *regulars[3::4]))
    loads.admit("orders", sunday, orders_of(sunday, "new", *regulars[20:40]))
    loads.admit("orders", wednesday, orders_of(wednesday, "newer", *regulars[:5]))
    loads.admit("reviews", wednesday, reviews(wednesday, 1))
    build()
    assert due() == sunday
    assert a_run() == f"customer models fitted on 81 customers as of {sunday}"
    assert scores_are_right(loads, sunday, wednesday)
    assert segments_on(wednesday) == segments()
    assert segments_on(SUNDAY) == segments_on(wednesday - timedelta(days=1)) == first_week
    assert "gone" in first_week
    assert "gone" not in segments_on(wednesday)
    assert product_metrics_on(SUNDAY) == first_products
    assert [row["review_count"] for row in product_metrics_on(wednesday)] == [3, 4]

    # by hand, again: the same numbers, no new history, and no fit as of an earlier day
    before = read("select * from marts.customer_predictions order by customer_id"), segments_on(wednesday)
    rows = read("select count(*) as number from marts.customer_segments_history")
    assert fit_now(None).as_of_date == sunday
    assert (read("select * from marts.customer_predictions order by customer_id"), segments_on(wednesday)) == before
    assert read("select count(*) as number from marts.customer_segments_history") == rows
    with pytest.raises(ConfigurationError, match=f"customer models as of {sunday} already"):
        fit_now(SUNDAY)
    with pytest.raises(ConfigurationError, match=f"Orders are published up to {wednesday}"):
        fit_now(wednesday + timedelta(days=1))

    # killed between the fit and the history: the next run does both
    with connect() as connection:
        connection.execute("update marts.customer_models set history_as_of_date = null where as_of_date = %s", [sunday])
    assert due() == sunday


@pytest.mark.slow
def test_days_in_any_order_end_with_the_models_of_one_backfill(loads: Loads) -> None:
    """Monday's load changes an order of Sunday, which belongs to the next week's fit."""
    days = [SUNDAY - timedelta(days=2 - number) for number in range(3)]
    regulars = [f"c{number:02}" for number in range(70)]
    sent = {
        day: orders_of(day, *regulars[number::2], *regulars[number :: 3 + number]) for number, day in enumerate(days)
    }
    monday = SUNDAY + timedelta(days=1)
    corrected = sent[SUNDAY][0] | {"order_date": str(monday), "total_amount": "99999.00", "customer_id": "new"}
    sent[monday] = [*orders_of(monday, *regulars[:10]), corrected]

    for number in (3, 1, 2, 4):
        day = [*days, monday][number - 1]
        loads.admit("orders", day, sent[day])
        build_orders()
        a_run()
    assert due() is None
    one_by_one = values_and_models()

    empty_warehouse()
    backfilled = Loads()
    for day, rows in sent.items():
        backfilled.admit("orders", day, rows)
    build_orders()
    assert a_run() == f"customer models fitted on 70 customers as of {SUNDAY}"
    assert values_and_models() == one_by_one
    assert {row["predicted_on"] for row in one_by_one[0]} == {SUNDAY, None}


def values_and_models() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return customer_ltv and the newest model, without its record of when it was made."""
    model = read("select * from marts.customer_models order by as_of_date desc limit 1")
    left_out = ("fitted_at", "publication_id", "history_as_of_date")
    return (
        read("select * from marts.customer_ltv order by customer_id"),
        [{name: value for name, value in row.items() if name not in left_out} for row in model],
    )


def test_a_failed_fit_is_reported_separately_and_retried_by_the_next_run(loads: Loads) -> None:
    loads.admit("orders", SUNDAY, orders_of(SUNDAY, *(f"c{n}" for n in range(9))))
    build_orders()
    with connect() as connection:
        connection.execute("alter table marts.customer_models rename customers to away")
    assert a_run() == "customer models are unchanged: UndefinedColumn"
    with connect() as connection:
        connection.execute("alter table marts.customer_models rename away to customers")
    (alert,) = read("select pipeline, logical_date, kind, step from ops.open_alerts")
    assert alert == {"pipeline": NAME, "logical_date": SUNDAY, "kind": "failure", "step": None}
    assert read("select status from ops.pipeline_runs where pipeline <> %s or status <> 'failed'", NAME) == []
    assert a_run() == (
        f"customer models fitted on 9 customers as of {SUNDAY}; no predictions: "
        "it needs at least 50 customers who ordered on two days, has 0"
    )
    assert read("select * from ops.open_alerts") == []
    assert {row["predicted_on"] for row in read("select predicted_on from marts.customer_ltv")} == {None}
    assert customer_models.SNAPSHOTS[REVIEWS.name] not in {
        row["relname"] for row in read("select relname from pg_class where relnamespace = 'marts'::regnamespace")
    }


def build_orders() -> None:
    dbt_runner.build([ORDERS.name])
    dbt_runner.publish([ORDERS.name])
