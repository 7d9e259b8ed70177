"""The weekly fit under the real scheduler: only the publish of a Sunday triggers it."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest

from local.demo_shop.simulated_shop import SimulatedShop
from tests.laws.nights import DATASETS, ORDERS, Nights, nights
from warehouse.connection import connect

__all__ = ["nights"]  # a fixture

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

MODELS = "customer_models"
SUNDAY = date(2026, 3, 8)
FIT, KEEP = "fit_customer_models", "keep_history"


def test_only_a_published_sunday_is_followed_by_a_fit(nights: Callable[..., Nights]) -> None:
    here = nights(SimulatedShop(orders_per_day=400))
    tasks = {}
    for day in (SUNDAY, SUNDAY + timedelta(days=1)):
        for pipeline, dataset in DATASETS.items():
            here.start(pipeline, day)
            here.world.admit(dataset, day)
        here.settle()
        runs = here.metadata(
            "select run_id from dag_run where dag_id = %s and partition_key = %s and state = 'success'",
            MODELS,
            str(day),
        )
        assert runs, here.metadata("select dag_id, run_id, state, partition_key from dag_run")
        tasks[day] = here.tasks(runs[0]["run_id"])
    assert here.states(ORDERS) == [(str(day), "success") for day in tasks]
    assert list(tasks.values()) == [{FIT: "success", KEEP: "success"}, {FIT: "skipped", KEEP: "skipped"}]
    with connect() as connection:
        models = connection.execute("select as_of_date, customers, history_as_of_date from marts.customer_models")
        assert [(row["as_of_date"], row["history_as_of_date"] is not None) for row in models] == [(SUNDAY, True)]
        counted = connection.execute(
            """
            select
                (select count(*) from marts.customer_ltv where rfm_segment is not null) as with_segment,
                (select count(*) from marts.customer_segments_history) as in_history
            """
        ).fetchone()
    assert counted is not None
    assert counted["with_segment"] >= counted["in_history"] > 100
