"""Publish is one transaction: readers see the marts before or after it. It refuses obsolete and incomplete builds."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from pipeline_errors import ModelError
from tests.dbt_project.conftest import Dbt
from tests.dbt_project.loads import FIRST, SECOND, THIRD, Loads, Row, order, orders, reviews
from tests.dbt_project.readers import assert_marts_are_right, pending, publications
from transformation import dbt_runner
from warehouse.connection import connect

ORDERS, REVIEWS, HEALTH = "ecommerce_order_pipeline", "customer_feedback_pipeline", "customer_health_pipeline"


@pytest.fixture
def published(loads: Loads) -> Loads:
    """Publish two days."""
    loads.admit("orders", FIRST, orders(FIRST, 60))
    loads.admit("orders", SECOND, orders(SECOND, 60))
    build_and_publish()
    return loads


def build_and_publish(*, full_refresh: bool = False) -> None:
    dbt_runner.build([ORDERS], full_refresh=full_refresh)
    dbt_runner.publish([ORDERS])


def seen() -> tuple[list[Row], list[Row]]:
    """Return the rows of two of the order pipeline's marts."""
    with connect() as connection:
        return (
            connection.execute("select * from marts.fct_orders order by order_id").fetchall(),
            connection.execute("select * from marts.customer_ltv order by customer_id").fetchall(),
        )


@pytest.mark.fault(32)
def test_readers_never_see_a_mixed_state(published: Loads) -> None:
    with polling() as answers:
        for count in (20, 60):  # load the day again with other rows
            published.admit("orders", SECOND, orders(SECOND, count))
            build_and_publish()
        build_and_publish(full_refresh=True)
    assert len(answers) > 100
    for of_orders, of_days, of_customers, as_of in answers:
        assert of_orders == of_days == of_customers
        assert as_of == SECOND
    assert len({answer[0] for answer in answers}) == 2


@contextmanager
def polling() -> Iterator[list[tuple[object, ...]]]:
    """Query the totals of all marts in one statement, again and again, in a thread."""
    answers: list[tuple[object, ...]] = []
    stop = threading.Event()

    def poll() -> None:
        with connect(autocommit=True) as connection:
            while not stop.wait(0.01):
                row = connection.execute(
                    """
                    select
                        (select sum(total_amount) from marts.fct_orders where is_revenue) as of_orders,
                        (select sum(revenue) from marts.daily_sales) as of_days,
                        (select sum(total_spent) from marts.customer_ltv) as of_customers,
                        (select max(as_of_date) from marts.customer_ltv) as as_of
                    """
                ).fetchone()
                assert row is not None
                answers.append(tuple(row.values()))

    failures: list[BaseException] = []
    reader = threading.Thread(target=_collect_failures(poll, failures))
    reader.start()
    try:
        yield answers
    finally:
        stop.set()
        reader.join()
    assert failures == []


def _collect_failures(work: Callable[[], None], failures: list[BaseException]) -> Callable[[], None]:
    def run() -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)

    return run


def test_a_build_whose_marts_have_changed_is_refused(published: Loads) -> None:
    published.admit("orders", THIRD, orders(THIRD))
    dbt_runner.build([ORDERS])
    before = seen()
    with connect() as connection:
        connection.execute(
            """
            insert into ops.publications (pipeline, build_id, as_of_date, day_count, rows_published)
            values (%s, 'another', %s, 1, '{}')
            """,
            [ORDERS, SECOND],
        )
    with pytest.raises(ModelError, match="published by another build meanwhile"):
        dbt_runner.publish([ORDERS])
    assert seen() == before
    assert pending() == [f"orders {THIRD}"]
    build_and_publish()  # the remedy
    assert_marts_are_right(published)


@pytest.mark.slow
def test_a_build_that_another_build_replaced_is_refused(dbt: Dbt, published: Loads) -> None:
    published.admit("orders", THIRD, orders(THIRD))
    assert dbt("run", "--select", f"tag:{ORDERS}").succeeded
    before = seen()
    assert dbt("run", "--select", "int_order_days").succeeded  # another build begins
    result = dbt("test", "--select", f"tag:{ORDERS}")
    assert f"{ORDERS} is not published" in result.output
    assert seen() == before
    assert pending() == [f"orders {THIRD}"]


@pytest.mark.slow
def test_a_build_that_is_replaced_while_running_is_not_published(dbt: Dbt, published: Loads) -> None:
    published.admit("orders", THIRD, orders(THIRD))
    before = seen()

    def overtake() -> None:
        with connect(autocommit=True) as connection:
            statement = "update build.int_order_days set build_id = 'another' where day = %s"
            while not connection.execute(statement, [THIRD]).rowcount:
                time.sleep(0.005)

    failures: list[BaseException] = []
    other = threading.Thread(target=_collect_failures(overtake, failures))
    other.start()
    dbt("build", "--select", f"tag:{ORDERS}")
    other.join()
    assert failures == []
    assert seen() == before
    assert pending() == [f"orders {THIRD}"]


def test_a_model_older_than_its_parent_blocks_the_publish(dbt: Dbt, published: Loads) -> None:
    published.admit("orders", THIRD, orders(THIRD))
    without_publishing = ("--vars", "{publish: false}")
    assert dbt("build", "--select", f"tag:{ORDERS}", *without_publishing).succeeded
    assert dbt("run", "--select", "int_orders_accepted", *without_publishing).succeeded
    with pytest.raises(ModelError, match="is older than int_orders_accepted"):
        dbt_runner.publish([ORDERS])
    assert pending() == [f"orders {THIRD}"]


def test_health_publishes_after_the_builds_it_counts_on(dbt: Dbt, loads: Loads) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    loads.admit("reviews", FIRST, reviews(FIRST))
    dbt_runner.build([ORDERS, REVIEWS, HEALTH])
    with pytest.raises(ModelError, match=f"{ORDERS} is not published"):
        dbt_runner.publish([HEALTH])
    dbt_runner.publish([ORDERS, REVIEWS, HEALTH])
    assert publications() == [ORDERS, REVIEWS, HEALTH]
    assert_marts_are_right(loads)


@pytest.mark.fault(24)
def test_a_reader_idle_in_transaction_blocks_no_publish(published: Loads) -> None:
    with connect() as reader:
        before = reader.execute("select count(*) as n from marts.fct_orders").fetchone()
        reader.execute("lock table marts.fct_orders, marts.daily_sales in access share mode")
        published.admit("orders", THIRD, orders(THIRD))
        build_and_publish()
        after = reader.execute("select count(*) as n from marts.fct_orders").fetchone()
    assert before == {"n": 120}
    assert after == {"n": 126}
    assert_marts_are_right(published)


@pytest.mark.fault(24)
def test_a_publish_times_out_on_a_conflicting_lock(dbt: Dbt, published: Loads) -> None:
    published.admit("orders", THIRD, orders(THIRD))
    dbt_runner.build([ORDERS])
    before = seen()
    with connect() as other:
        other.execute("lock table marts.daily_sales in share mode")
        started = time.monotonic()
        arguments = ("--args", f"{{names: [{ORDERS}]}}", "--vars", "{lock_timeout: 500ms}")
        result = dbt("run-operation", "publish", *arguments)
        waited = time.monotonic() - started
        assert seen() == before  # readers do not queue behind the publish
        other.rollback()
    assert not result.succeeded
    assert "lock timeout" in result.output
    assert waited < 10
    assert pending() == [f"orders {THIRD}"]
    dbt_runner.publish([ORDERS])
    assert_marts_are_right(published)


@pytest.mark.slow
@pytest.mark.fault(24)
def test_a_build_times_out_on_a_locked_mart(dbt: Dbt, published: Loads) -> None:
    published.admit("orders", THIRD, [order(THIRD, 1)])
    with connect() as other:
        other.execute("lock table marts.daily_sales in exclusive mode")
        result = dbt("build", "--select", f"tag:{ORDERS}", "--vars", "{lock_timeout: 500ms}")
        other.rollback()
    assert not result.succeeded
    assert "lock timeout" in result.output
    assert pending() == [f"orders {THIRD}"]
