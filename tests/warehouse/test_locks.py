"""Locks: one run per dataset and day, one build per pipeline, and no locks of dead processes."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import date, timedelta

import psycopg
import pytest

from pipeline_errors import DayBusyError, LockedError
from pipeline_settings import Settings
from tests.warehouse.sessions import end_locks
from warehouse import connection as warehouse_connection
from warehouse.connection import SCHEMA_LOCK, connect
from warehouse.locks import day_lock, day_locks, pipeline_lock, require_day
from warehouse.login_setup import prepare_schemas

DAY = date(2026, 3, 1)


def hold_once(dataset: str) -> None:
    with day_lock(dataset, DAY):
        pass


def test_a_day_is_held_by_one_run_at_a_time(warehouse: Settings) -> None:
    with day_lock("orders", DAY):
        started = time.monotonic()
        with pytest.raises(DayBusyError, match="orders of 2026-03-01"), day_lock("orders", DAY):
            pass
        assert time.monotonic() - started < 2
        with day_lock("reviews", DAY), day_lock("orders", DAY + timedelta(1)):
            pass
    with day_lock("orders", DAY):
        pass


def test_days_are_held_in_order_up_to_a_busy_one(warehouse: Settings) -> None:
    days = [DAY + timedelta(number) for number in range(4)]
    with day_lock("orders", days[2]):
        with day_locks("orders", days) as held:
            assert held == days[:2]
            with pytest.raises(DayBusyError, match="2026-03-02"), day_lock("orders", days[1]):
                pass
            with day_lock("orders", days[3]), connect() as connection:
                require_day(connection, "orders", days[0])
        with pytest.raises(DayBusyError, match="2026-03-03"), day_locks("orders", days[2:]):
            pass
    with day_locks("orders", days) as held:
        assert held == days


def test_a_lock_ends_with_an_error_in_its_block(warehouse: Settings) -> None:
    with pytest.raises(ZeroDivisionError), day_lock("orders", DAY):
        raise ZeroDivisionError
    with day_lock("orders", DAY):
        pass


def test_a_lock_ends_with_its_connection(warehouse: Settings) -> None:
    with ExitStack() as held:
        held.enter_context(day_lock("orders", DAY))
        end_locks()
        hold_once("orders")


def test_a_build_waits_for_the_one_before_it(warehouse: Settings) -> None:
    order: list[str] = []
    begun = threading.Event()

    def build() -> None:
        with pipeline_lock("ecommerce_order_pipeline", 0):
            begun.set()
            time.sleep(0.5)
            order.append("first")

    other = threading.Thread(target=build)
    other.start()
    begun.wait(10)
    with pipeline_lock("customer_feedback_pipeline", 0):
        order.append("another pipeline")
    with pipeline_lock("ecommerce_order_pipeline", 10):
        order.append("second")
    other.join()
    assert order == ["another pipeline", "first", "second"]


def test_the_wait_for_a_build_is_bounded(warehouse: Settings) -> None:
    with (
        pipeline_lock("ecommerce_order_pipeline", 0),
        pytest.raises(DayBusyError, match="ecommerce_order_pipeline is being built"),
        pipeline_lock("ecommerce_order_pipeline", 0.3),
    ):
        pass


def test_a_run_that_lost_its_day_can_no_longer_write(warehouse: Settings) -> None:
    with ExitStack() as asleep:
        asleep.enter_context(day_lock("orders", DAY))
        with connect() as connection:
            require_day(connection, "orders", DAY)
        end_locks()
        with connect() as connection:  # no run has taken it, so it is still held
            require_day(connection, "orders", DAY)
        with ThreadPoolExecutor(1) as other:
            other.submit(hold_once, "orders").result()
            other.submit(hold_once, "reviews").result()
        with pytest.raises(DayBusyError, match="orders of 2026-03-01 was taken over"), connect() as connection:
            require_day(connection, "orders", DAY)
    with day_lock("orders", DAY), connect() as connection:
        require_day(connection, "orders", DAY)


def test_a_day_is_not_taken_over_while_its_holder_writes(warehouse: Settings) -> None:
    with ExitStack() as asleep, ThreadPoolExecutor(1) as other:
        asleep.enter_context(day_lock("orders", DAY))
        with connect() as connection:
            require_day(connection, "orders", DAY)
            end_locks()
            taking = other.submit(hold_once, "orders")
            with pytest.raises(TimeoutError):
                taking.result(0.5)
        taking.result(10)


@pytest.mark.fault(71)
def test_the_session_that_blocks_a_run_is_named(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse_connection, "SCHEMA_WAIT_SECONDS", 0.2)
    with psycopg.connect(warehouse.postgres_uri(), autocommit=True, application_name="mallory") as blocker:
        pid = blocker.info.backend_pid
        remedy = rf"process {pid} of {warehouse.pguser} \(mallory\).*pg_terminate_backend\({pid}\)"
        blocker.execute("select pg_advisory_lock(%s)", [SCHEMA_LOCK])
        with pytest.raises(LockedError, match=remedy):
            prepare_schemas()
        for name in (f"day orders {DAY}", "build orders"):
            blocker.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [name])
        with pytest.raises(DayBusyError, match=remedy), day_lock("orders", DAY):
            pass
        with pytest.raises(DayBusyError, match=remedy), pipeline_lock("orders", 0):
            pass
