"""Customers' months and cohorts, updated from build to build over generated histories, compared with the oracle."""

from datetime import timedelta

import pytest

from pipeline_errors import ModelError
from tests.dbt_project.loads import FIRST, Loads, order, orders
from tests.dbt_project.readers import assert_marts_are_right
from tests.engine.data_sets import NIGHTS, exercised, first_two_dates, generated, marts_of
from tests.laws.conftest import rows_of
from transformation import dbt_runner
from warehouse.connection import connect

ORDERS = "ecommerce_order_pipeline"
NEXT_MONTH = FIRST + timedelta(31)
SETS = 31  # three dates of each, a month apart: customers come back, and their first month moves


def build_and_publish(**chosen: object) -> None:
    dbt_runner.build([ORDERS], **chosen)  # type: ignore[arg-type]
    dbt_runner.publish([ORDERS])


@pytest.mark.slow
def test_cohorts_equal_the_oracle_over_generated_histories(loads: Loads) -> None:
    sets, seen = generated(SETS), marts_of({})
    for night in range(NIGHTS):
        for data_set in sets:
            for day, rows in data_set.loads(night):
                loads.admit("orders", day, rows)
        before, seen = seen, marts_of(loads.admitted)
        build_and_publish()
        assert_marts_are_right(loads)
    happened = exercised(before, seen, loads.admitted)
    assert happened["customer lost its first order"] > 1, happened
    assert happened["customer lost its only order"] > 1, happened
    moved = {
        customer
        for customer in before["customer_ltv"].keys() & seen["customer_ltv"].keys()
        if len({marts["customer_ltv"][customer]["first_order_date"].replace(day=1) for marts in (before, seen)}) > 1
    }
    assert len(moved) > 10

    for chosen in ({"day_range": first_two_dates(sets)}, {"full_refresh": True}):
        build_and_publish(**chosen)
        assert_marts_are_right(loads)


@pytest.mark.slow
def test_a_warehouse_older_than_the_cohorts_needs_a_full_refresh(loads: Loads) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    build_and_publish()
    with connect() as connection:
        connection.execute("truncate marts.customer_months, marts.cohort_months")
    loads.admit("orders", NEXT_MONTH, [order(NEXT_MONTH, 99)])
    with pytest.raises(ModelError, match="assert_cohorts_move_with_customers"):
        build_and_publish()
    assert rows_of("customer_cohorts") == []
    build_and_publish(full_refresh=True)
    assert_marts_are_right(loads)
