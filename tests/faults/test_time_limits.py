"""A server that hangs, and locks that others hold: bounded waits, one retry, exit code 4."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from local.demo_shop.shop_contract import ListedShop
from orchestration.day_run import run_days
from pipeline_settings import Settings, settings
from tests.administrator import administrator
from tests.dbt_project.loads import FIRST, SECOND, orders
from tests.dbt_project.readers import pending
from tests.faults.proxy import CutError, Proxy
from tests.laws.conftest import World, rows_of
from transformation.pipelines import BY_NAME
from warehouse.connection import connect

ORDERS = "ecommerce_order_pipeline"
LIMIT_SECONDS = 20


@pytest.fixture
def here(world: Callable[[ListedShop], World]) -> World:
    """A shop with two days, the first of which is published."""
    shop = ListedShop({("orders", FIRST): orders(FIRST, 30), ("orders", SECOND): orders(SECOND, 30)})
    there = world(shop)
    there.run([FIRST], [ORDERS])
    return there


def orders_seen() -> list[Any]:
    """Return the orders marts as readers see them."""
    return [rows_of(mart) for mart in BY_NAME[ORDERS].marts]


@pytest.mark.slow
@pytest.mark.fault(21)
@pytest.mark.parametrize(
    ("step", "trigger"),
    [
        ("extract_load", f"{SECOND}-7".encode()),  # the row of an order, in dlt's COPY
        ("gate", b"judged_rows"),  # Great Expectations
        ("transform", b"int_order_days"),  # dbt's models
        ("publish", b"select blocker from build.publish_"),
    ],
)
def test_a_hanging_server_is_given_up(
    here: World, warehouse: Settings, monkeypatch: pytest.MonkeyPatch, step: str, trigger: bytes
) -> None:
    before = orders_seen()
    is_silent, is_over = threading.Event(), threading.Event()

    def fall_silent(piece: bytes) -> None:
        if trigger in piece:
            is_silent.set()
            is_over.wait(300)
            raise CutError

    assert warehouse.pghost is not None
    with Proxy(warehouse.pghost, warehouse.pgport, fall_silent) as proxy, monkeypatch.context() as through_it:
        through_it.setenv("PGPORT", str(proxy.port))
        through_it.setenv("STEP_TIMEOUT_MINUTES", str(LIMIT_SECONDS / 60))
        settings.cache_clear()
        started = time.monotonic()
        outcome = run_days([SECOND], [ORDERS])
        seconds = time.monotonic() - started
        is_over.set()
    settings.cache_clear()
    assert is_silent.is_set()
    assert outcome.exit_code == 4, outcome.errors
    assert f"{SECOND} {step}: given up after" in str(outcome.errors[0])
    assert LIMIT_SECONDS <= seconds < 5 * LIMIT_SECONDS
    assert orders_seen() == before
    here.run([SECOND], [ORDERS])
    assert pending() == []
    here.assert_marts_are_right([BY_NAME[ORDERS]])


class Rival:
    """A session that locks a row of one mart and wants one of another, so that it and a publish deadlock."""

    def __init__(self, warehouse: Settings) -> None:
        self._session = administrator(warehouse)
        self._session.autocommit = False
        self._session.execute("set deadlock_timeout = '60s'")  # so that the publish detects the deadlock and gives way
        self._session.execute("select from marts.daily_sales for update")
        self._thread = threading.Thread(target=self._want)
        self.has_wanted = False

    def __enter__(self) -> "Rival":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join()
        self._session.close()

    def _want(self) -> None:
        """Lock fct_orders as soon as the publish has it and waits for daily_sales; then release both."""
        deadline = time.monotonic() + 120
        with connect(autocommit=True) as watching:
            query = "select from pg_stat_activity where %s = any(pg_blocking_pids(pid))"
            while not watching.execute(query, [self._session.info.backend_pid]).rowcount:
                if time.monotonic() > deadline:
                    return
                time.sleep(0.01)
        self.has_wanted = True
        self._session.execute("select from marts.fct_orders for update")
        self._session.rollback()


@pytest.mark.fault(24)
def test_a_deadlock_is_retried_once(here: World, warehouse: Settings, caplog: pytest.LogCaptureFixture) -> None:
    shop = here.shop
    assert isinstance(shop, ListedShop)
    shop.put("orders", FIRST, orders(FIRST, 20))
    with Rival(warehouse) as rival:
        here.run([FIRST], [ORDERS])
    assert rival.has_wanted
    assert "Trying once more: " in caplog.text
    assert "deadlock detected" in caplog.text
    assert pending() == []
    here.assert_marts_are_right([BY_NAME[ORDERS]])
