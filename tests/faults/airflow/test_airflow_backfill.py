"""A month of days in parallel under Airflow, compared with the same days one by one as the command line runs them."""

import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from local.demo_shop.simulated_shop import REFUSED_DAY, SimulatedShop
from orchestration import customer_models
from orchestration.day_run import days_between
from tests.laws.conftest import empty_warehouse, rows_of
from tests.laws.nights import ORDERS, Nights
from transformation.pipelines import BY_NAME

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

COUNT = int(os.environ.get("FAULT_BACKFILL_DAYS", "30"))
DAYS = days_between(REFUSED_DAY - timedelta(days=2), REFUSED_DAY + timedelta(days=COUNT - 3))
AT_ONCE = 4
SECONDS_A_DAY = 180  # far more than needed


def contents() -> dict[str, list[dict[str, Any]]]:
    """Return the orders marts as readers see them."""
    return {mart: rows_of(mart) for mart in BY_NAME[ORDERS].marts}


@pytest.mark.fault(41)
def test_a_month_in_parallel_equals_a_month_of_days(nights: Callable[..., Nights]) -> None:
    here = nights(SimulatedShop(orders_per_day=50))
    here.backfill(ORDERS, DAYS, at_once=AT_ONCE)
    here.settle(300 + SECONDS_A_DAY * len(DAYS))
    refused = REFUSED_DAY.isoformat()
    states = ((day.isoformat(), "success") for day in DAYS)
    assert here.states(ORDERS) == [(day, "failed" if day == refused else state) for day, state in states]
    most = here.metadata(
        "select count(*) as runs from dag_run as one inner join dag_run as other on other.dag_id = one.dag_id"
        " and one.start_date between other.start_date and other.end_date"
        " where one.dag_id = %s group by one.id order by 1 desc limit 1",
        ORDERS,
    )
    assert 1 < most[0]["runs"] <= AT_ONCE + 1  # after a backfill Airflow catches up on the last night
    in_parallel = contents()

    empty_warehouse()
    for day in [*DAYS, *here.due(ORDERS)]:
        customer_models.fit_if_due(here.world.run([day], [ORDERS]), [ORDERS], lambda _: None)
    here.world.assert_marts_are_right([BY_NAME[ORDERS]])
    assert in_parallel == contents()
