"""Tasks that stand still until Airflow takes them for dead and tries them again, and that then go on all the same."""

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
QUICKLY_DEAD = {"AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30"}
GOES_ON_SECONDS = 30  # a task without its supervisor


class SlowShop(SimulatedShop):
    """A shop that keeps one request for a day waiting, and then answers what it would have said at once."""

    def __init__(self, orders_per_day: int) -> None:
        super().__init__(orders_per_day=orders_per_day)
        self._slow: date | None = None
        self._answer = threading.Event()
        self.is_asked = threading.Event()

    def keep_the_next_waiting(self, day: date) -> None:
        """Do not answer the next request for this day, and only that, before `answer`."""
        self.is_asked.clear()
        self._answer.clear()
        self._slow = day

    def answer(self) -> None:
        """Answer the request that waits."""
        self._answer.set()

    def rows(self, dataset: str, day: date) -> Sequence[bytes]:
        """The items of the day, serialised; what they are is settled before the wait."""
        said = super().rows(dataset, day)
        if day == self._slow:
            self._slow = None
            self.is_asked.set()
            assert self._answer.wait(60)
        return said


class FrozenTask:
    """A task's process and its supervisor, which stand still together, as on a machine that is suspended."""

    def __init__(self, here: Nights, pid: int) -> None:
        self.here, self.task = here, psutil.Process(pid)
        self.supervisor = self.task.parent()
        assert "LocalExecutor" in " ".join(self.supervisor.cmdline())
        for process in (self.supervisor, self.task):
            process.suspend()

    def wait_until_taken_for_dead(self, run: str, task: str) -> None:
        """Wait until the scheduler has noticed that there is no heartbeat."""
        query = "select from log where event = 'heartbeat timeout' and run_id = %s and task_id = %s"
        self.here.eventually(lambda: self.here.metadata(query, run, task))

    def go_on(self) -> None:
        """Let the supervisor go on, which learns that its task is no longer wanted, and the task."""
        for process in (self.supervisor, self.task):
            with suppress(psutil.NoSuchProcess):
                process.resume()

    def go_on_alone(self) -> None:
        """Let the task go on, and only then its supervisor."""
        self.task.resume()
        deadline = time.monotonic() + GOES_ON_SECONDS
        while not self.is_gone() and time.monotonic() < deadline:
            time.sleep(0.2)
        self.go_on()

    def is_gone(self) -> bool:
        """Whether the task has ended; its supervisor, a worker, stays."""
        with suppress(psutil.NoSuchProcess):
            return bool(self.task.status() == psutil.STATUS_ZOMBIE)
        return True


def execute(query: str, *values: Any) -> list[dict[str, Any]]:
    """Run a statement in the warehouse; its rows, if it has any."""
    with connect() as connection:
        cursor = connection.execute(query.encode(), values)
        return cursor.fetchall() if cursor.description else []


def slow_publish() -> None:
    """Let each publish of orders take five seconds longer."""
    function = "$$begin perform pg_sleep(5); return null; end$$"
    execute(f"create function dawdle() returns trigger language plpgsql as {function}")
    execute("create trigger dawdle after insert on marts.daily_sales for each statement execute function dawdle()")


def tries(here: Nights, run: str, task: str) -> int:
    """Which attempt at a task is under way, or was the last."""
    rows = here.metadata("select try_number from task_instance where run_id = %s and task_id = %s", run, task)
    return int(rows[0]["try_number"])


def assert_succeeded(here: Nights, run: str, task: str, frozen: FrozenTask) -> None:
    """The run is green, its frozen task is gone, and the marts are right."""
    here.settle()
    here.eventually(frozen.is_gone)
    states = here.metadata("select state from dag_run where run_id = %s", run)
    assert [row["state"] for row in states] == ["success"], here.tasks(run)
    assert tries(here, run, task) > 1
    here.world.assert_marts_are_right([BY_NAME[ORDERS]])


def waits_for_retry(here: Nights, run: str, task: str) -> bool:
    """Whether a second attempt has failed too."""
    return tries(here, run, task) > 1 and here.tasks(run)[task] == "up_for_retry"


def asked_and_frozen(here: Nights, shop: SlowShop, day: date) -> tuple[str, FrozenTask]:
    """Start a run whose extract stands still between its question and the shop's answer; the run's id, the task."""
    shop.keep_the_next_waiting(day)
    run = here.start(ORDERS, day)
    pid = here.process_of(ORDERS, EXTRACT, run)
    assert shop.is_asked.wait(60)
    frozen = FrozenTask(here, pid)
    shop.answer()
    return run, frozen


@pytest.mark.fault(39, 40)
def test_a_task_that_goes_on_after_it_was_taken_for_dead(nights: Callable[..., Nights]) -> None:
    shop = SlowShop(orders_per_day=60)
    here = nights(shop, **QUICKLY_DEAD)

    # It holds its day for as long as it lives: the retry finds the day busy and is tried again.
    here.world.admit("orders", DAY)
    run, frozen = asked_and_frozen(here, shop, DAY)
    frozen.wait_until_taken_for_dead(run, EXTRACT)
    here.eventually(lambda: tries(here, run, EXTRACT) > 2 or waits_for_retry(here, run, EXTRACT))
    frozen.go_on()
    assert_succeeded(here, run, EXTRACT, frozen)

    # In the middle of its publish it holds the build: the retry waits for it.
    here.world.admit("orders", CORRECTED_DAY)
    slow_publish()
    run = here.start(ORDERS, CORRECTED_DAY)
    here.eventually(lambda: execute("select pid from pg_stat_activity where wait_event = 'PgSleep'"), 0.05)
    frozen = FrozenTask(here, here.process_of(ORDERS, "publish", run))
    frozen.wait_until_taken_for_dead(run, "publish")
    here.eventually(lambda: tries(here, run, "publish") > 1 and here.tasks(run)["publish"] == "running")
    frozen.go_on()
    assert_succeeded(here, run, "publish", frozen)


@pytest.mark.fault(39, 40)
def test_a_task_that_goes_on_after_its_retry_has_published(nights: Callable[..., Nights]) -> None:
    shop = SlowShop(orders_per_day=60)
    here = nights(shop, **QUICKLY_DEAD)
    run, frozen = asked_and_frozen(here, shop, CORRECTED_DAY)
    shop.correct()  # the frozen task was told what the shop said before
    here.world.admit("orders", CORRECTED_DAY)
    frozen.wait_until_taken_for_dead(run, EXTRACT)
    end_locks()
    here.eventually(lambda: here.states(ORDERS) == [(CORRECTED_DAY.isoformat(), "success")])
    frozen.go_on_alone()
    assert_succeeded(here, run, EXTRACT, frozen)

    # The gate judges the newest load once more: that is not what the frozen task has landed since.
    again = {"dry_run": False, "dag_run_id": run, "task_ids": ["validate_orders"], "include_downstream": True}
    here.airflow.api(f"/dags/{ORDERS}/clearTaskInstances", again | {"only_failed": False})
    assert_succeeded(here, run, EXTRACT, frozen)
