"""Frozen tasks: Airflow declares them dead and retries them, and then they continue nevertheless."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date, timedelta
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from local.demo_shop.simulated_shop import CORRECTED_DAY, SimulatedShop
from tests.laws.nights import ORDERS, Nights
from tests.warehouse.sessions import end_locks
from transformation.pipelines import BY_NAME
from warehouse.connection import connect

pytestmark = [pytest.mark.airflow, pytest.mark.slow]

DAY = CORRECTED_DAY - timedelta(days=1)
EXTRACT = "extract_orders"
SHORT_HEARTBEAT = {"AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30"}
GOES_ON_SECONDS = 30  # a task without its supervisor


class SlowShop(SimulatedShop):
    """A shop that delays one request for a day, and then answers as it would have at once."""

    def __init__(self, orders_per_day: int) -> None:
        super().__init__(orders_per_day=orders_per_day)
        self._slow: date | None = None
        self._answer = threading.Event()
        self.is_asked = threading.Event()

    def delay_next(self, day: date) -> None:
        """Delay the next request for this day, and only that one, until `answer`."""
        self.is_asked.clear()
        self._answer.clear()
        self._slow = day

    def answer(self) -> None:
        """Answer the delayed request."""
        self._answer.set()

    def rows(self, dataset: str, day: date) -> Sequence[bytes]:
        """Return the day's serialised items, fixed before the wait."""
        items = super().rows(dataset, day)
        if day == self._slow:
            self._slow = None
            self.is_asked.set()
            assert self._answer.wait(60)
        return items


class FrozenTask:
    """A task's process and its supervisor, suspended together, as on a suspended machine."""

    def __init__(self, here: Nights, pid: int) -> None:
        self.here, self.task = here, psutil.Process(pid)
        self.supervisor = self.task.parent()
        assert "LocalExecutor" in " ".join(self.supervisor.cmdline())
        for process in (self.supervisor, self.task):
            process.suspend()

    def wait_until_declared_dead(self, run: str, task: str) -> None:
        """Wait until the scheduler has noticed the missing heartbeat."""
        query = "select from log where event = 'heartbeat timeout' and run_id = %s and task_id = %s"
        self.here.eventually(lambda: self.here.metadata(query, run, task))

    def resume(self) -> None:
        """Resume the supervisor, which learns that its task is no longer wanted, and the task."""
        for process in (self.supervisor, self.task):
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def resume_task_first(self) -> None:
        """Resume the task, and only then its supervisor."""
        self.task.resume()
        deadline = time.monotonic() + GOES_ON_SECONDS
        while not self.is_gone() and time.monotonic() < deadline:
            time.sleep(0.2)
        self.resume()

    def is_gone(self) -> bool:
        """Whether the task has ended; its supervisor, a worker, stays."""
        with suppress(psutil.NoSuchProcess):
            return bool(self.task.status() == psutil.STATUS_ZOMBIE)
        return True


def execute(query: str, *values: Any) -> list[dict[str, Any]]:
    """Run a statement in the warehouse; return its rows, if any."""
    with connect() as connection:
        cursor = connection.execute(query.encode(), values)
        return cursor.fetchall() if cursor.description else []


def slow_publish() -> None:
    """Make each publish of orders take five seconds longer."""
    function = "$$begin perform pg_sleep(5); return null; end$$"
    execute(f"create function dawdle() returns trigger language plpgsql as {function}")
    execute("create trigger dawdle after insert on marts.daily_sales for each statement execute function dawdle()")


def tries(here: Nights, run: str, task: str) -> int:
    """Return the number of the current or last attempt at a task."""
    rows = here.metadata("select try_number from task_instance where run_id = %s and task_id = %s", run, task)
    return int(rows[0]["try_number"])


def assert_succeeded(here: Nights, run: str, task: str, frozen: FrozenTask) -> None:
    """Assert that the run is green, its frozen task is gone, and the marts are right."""
    here.settle()
    here.eventually(frozen.is_gone)
    states = here.metadata("select state from dag_run where run_id = %s", run)
    assert [row["state"] for row in states] == ["success"], here.tasks(run)
    assert tries(here, run, task) > 1
    here.world.assert_marts_are_right([BY_NAME[ORDERS]])


def waits_for_retry(here: Nights, run: str, task: str) -> bool:
    """Return whether a second attempt has failed too."""
    return tries(here, run, task) > 1 and here.tasks(run)[task] == "up_for_retry"


def freeze_in_request(here: Nights, shop: SlowShop, day: date) -> tuple[str, FrozenTask]:
    """Start a run whose extract freezes between its request and the shop's answer; return the run's id and the task."""
    shop.delay_next(day)
    run = here.start(ORDERS, day)
    pid = here.process_of(ORDERS, EXTRACT, run)
    assert shop.is_asked.wait(60)
    frozen = FrozenTask(here, pid)
    shop.answer()
    return run, frozen


@pytest.mark.fault(39, 40)
def test_a_task_that_continues_after_it_was_declared_dead(nights: Callable[..., Nights]) -> None:
    shop = SlowShop(orders_per_day=60)
    here = nights(shop, **SHORT_HEARTBEAT)

    # It holds its day while it lives: the retry finds the day busy and is tried again.
    here.world.admit("orders", DAY)
    run, frozen = freeze_in_request(here, shop, DAY)
    frozen.wait_until_declared_dead(run, EXTRACT)
    here.eventually(lambda: tries(here, run, EXTRACT) > 2 or waits_for_retry(here, run, EXTRACT))
    frozen.resume()
    assert_succeeded(here, run, EXTRACT, frozen)

    # In the middle of a publish it holds the build: the retry waits for it.
    here.world.admit("orders", CORRECTED_DAY)
    slow_publish()
    run = here.start(ORDERS, CORRECTED_DAY)
    here.eventually(lambda: execute("select pid from pg_stat_activity where wait_event = 'PgSleep'"), 0.05)
    frozen = FrozenTask(here, here.process_of(ORDERS, "publish", run))
    frozen.wait_until_declared_dead(run, "publish")
    here.eventually(lambda: tries(here, run, "publish") > 1 and here.tasks(run)["publish"] == "running")
    frozen.resume()
    assert_succeeded(here, run, "publish", frozen)


@pytest.mark.fault(39, 40)
def test_a_task_that_continues_after_its_retry_has_published(nights: Callable[..., Nights]) -> None:
    shop = SlowShop(orders_per_day=60)
    here = nights(shop, **SHORT_HEARTBEAT)
    run, frozen = freeze_in_request(here, shop, CORRECTED_DAY)
    shop.correct()  # the frozen task has the shop's earlier rows
    here.world.admit("orders", CORRECTED_DAY)
    frozen.wait_until_declared_dead(run, EXTRACT)
    end_locks()
    here.eventually(lambda: here.states(ORDERS) == [(CORRECTED_DAY.isoformat(), "success")])
    frozen.resume_task_first()
    assert_succeeded(here, run, EXTRACT, frozen)

    # The gate judges the newest load again, which is not the one that the frozen task has landed since.
    again = {"dry_run": False, "dag_run_id": run, "task_ids": ["validate_orders"], "include_downstream": True}
    here.airflow.api(f"/dags/{ORDERS}/clearTaskInstances", again | {"only_failed": False})
    assert_succeeded(here, run, EXTRACT, frozen)
