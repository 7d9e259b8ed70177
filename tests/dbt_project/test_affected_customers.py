"""Customers whose health may have changed: each publish records them, from the first health build on, without gaps."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.dbt_project.conftest import Dbt
from tests.dbt_project.loads import FIRST, SECOND, Loads, order, orders, reviews
from tests.dbt_project.readers import assert_marts_are_right
from transformation import dbt_runner
from warehouse.connection import connect

ORDERS, REVIEWS, HEALTH = "ecommerce_order_pipeline", "customer_feedback_pipeline", "customer_health_pipeline"


def build_and_publish(*pipelines: str) -> None:
    dbt_runner.build(list(pipelines))
    dbt_runner.publish(list(pipelines))


def recorded() -> list[str]:
    with connect() as connection:
        rows = connection.execute("select customer_id from ops.customer_changes order by 1").fetchall()
    return [row["customer_id"] for row in rows]


@pytest.mark.slow
def test_without_reviews_no_customer_is_recorded(dbt: Dbt, loads: Loads) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    build_and_publish(ORDERS)
    assert recorded() == []
    loads.admit("orders", SECOND, orders(SECOND))
    assert dbt("build").succeeded  # all pipelines; health has no day yet
    assert recorded() == []
    loads.admit("reviews", SECOND, reviews(SECOND))
    build_and_publish(REVIEWS)
    build_and_publish(HEALTH)
    assert_marts_are_right(loads)
    loads.admit("orders", SECOND, [order(SECOND, 1)])
    build_and_publish(ORDERS)
    assert recorded() == ["c0", "c1", "c2"]
    build_and_publish(HEALTH)
    assert recorded() == []
    assert_marts_are_right(loads)


def test_a_publish_during_the_first_health_build_is_recorded(loads: Loads) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    loads.admit("reviews", FIRST, reviews(FIRST))
    build_and_publish(ORDERS, REVIEWS)
    dbt_runner.build([HEALTH])
    loads.admit("orders", FIRST, [order(FIRST, 1)])
    build_and_publish(ORDERS)
    dbt_runner.publish([HEALTH])  # with the rows before that publish
    build_and_publish(HEALTH)
    assert_marts_are_right(loads)


@pytest.mark.slow
def test_the_first_health_build_waits_for_running_publishes(dbt_process: Dbt, loads: Loads) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    loads.admit("reviews", FIRST, reviews(FIRST))
    build_and_publish(ORDERS, REVIEWS)
    loads.admit("orders", FIRST, [order(FIRST, 1)])
    dbt_runner.build([ORDERS])
    with connect() as other, ThreadPoolExecutor() as threads:
        other.execute("lock table ops.publication_days in share mode")  # a publish writes it last
        publishing = threads.submit(dbt_process, "run-operation", "publish", "--args", f"{{names: [{ORDERS}]}}")
        wait_until_one_waits_for("relation")
        building = threads.submit(dbt_process, "build", "--select", f"tag:{HEALTH}")
        wait_until_one_waits_for("advisory")
        other.rollback()
    assert publishing.result().succeeded
    assert building.result().succeeded
    assert_marts_are_right(loads)


def test_a_publish_does_not_wait_for_a_health_build_to_begin(loads: Loads) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    dbt_runner.build([ORDERS])
    with connect() as other:
        other.execute("select pg_advisory_xact_lock(hashtextextended('start of customer_health_pipeline', 0))")
        dbt_runner.publish([ORDERS])
    assert recorded() == ["c0", "c1", "c2"]


def wait_until_one_waits_for(kind: str) -> None:
    """Wait until a session waits for a lock of this kind."""
    deadline = time.monotonic() + 25  # a publish waits for 30 s
    with connect(autocommit=True) as connection:
        while not connection.execute(
            "select from pg_stat_activity where datname = current_database() and wait_event = %s", [kind]
        ).fetchall():
            assert time.monotonic() < deadline, f"no session waits for a lock of kind {kind}"
            time.sleep(0.05)
