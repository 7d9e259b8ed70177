"""Failures of Postgres, during a load or for good: exit code 4, and the next run gives the right result."""

import os
import random
import re
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local.demo_shop.shop_contract import ListedShop
from orchestration import steps
from orchestration.day_run import run_days
from pipeline_errors import ModelError, WarehouseError
from pipeline_settings import Settings, settings
from tests.administrator import administrator
from tests.dbt_project.loads import FIRST, SECOND, Loads, orders, reviews
from tests.dbt_project.readers import pending, publications
from tests.faults.proxy import CutError, Proxy
from tests.laws.conftest import World, rows_of
from transformation import dbt_runner
from transformation.pipelines import BY_NAME
from warehouse.connection import bounded_waits, connect

ORDERS = "ecommerce_order_pipeline"
NAMES = list(BY_NAME)


@pytest.fixture
def here(world: Callable[[ListedShop], World]) -> World:
    """A shop with two days, the first of which is published."""
    shop = ListedShop({("orders", FIRST): orders(FIRST, 30), ("reviews", FIRST): reviews(FIRST, 30)})
    there = world(shop)
    there.run([FIRST], [ORDERS])
    shop.put("orders", SECOND, orders(SECOND, 30))
    return there


def seen() -> dict[str, Any]:
    """Return the orders marts as readers see them."""
    return {mart: rows_of(mart) for mart in BY_NAME[ORDERS].marts}


@pytest.mark.fault(25)
def test_a_network_failure_during_copy_leaves_no_load(
    here: World, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = seen()
    cuts: list[bytes] = []

    def cut_rows(piece: bytes) -> None:
        if str(SECOND).encode() + b"-7" in piece:  # the row of an order, on its way
            cuts.append(piece)
            raise CutError

    assert warehouse.pghost is not None
    with Proxy(warehouse.pghost, warehouse.pgport, cut_rows) as proxy, monkeypatch.context() as through_it:
        through_it.setenv("PGPORT", str(proxy.port))
        settings.cache_clear()
        outcome = run_days([SECOND], [ORDERS])
    settings.cache_clear()
    assert cuts
    assert outcome.exit_code == 4, outcome.errors
    assert f"{SECOND} extract_load: Postgres refused the load" in str(outcome.errors[0])
    assert seen() == before
    with connect() as connection:
        assert connection.execute("select from ops.loads where day = %s", [SECOND]).fetchall() == []
    here.run([SECOND], [ORDERS])
    here.assert_marts_are_right([BY_NAME[ORDERS]])


@contextmanager
def backends_terminated(warehouse: Settings, times: int, moments: random.Random) -> Any:
    """Terminate all sessions of the warehouse, several times, at random moments of a run."""
    over = threading.Event()

    def terminate() -> None:
        with administrator(warehouse) as connection:
            for _ in range(times):
                over.wait(moments.uniform(0.05, 1.5))
                connection.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where pid <> pg_backend_pid() and datname = current_database()"
                )

    thread = threading.Thread(target=terminate)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.slow
@pytest.mark.fault(21)
@pytest.mark.parametrize("seed", range(int(os.environ.get("FAULT_SESSIONS", "12"))))
def test_sessions_terminated_at_random_moments(here: World, warehouse: Settings, seed: int) -> None:
    with backends_terminated(warehouse, 3, random.Random(seed)):
        outcome = run_days([SECOND], NAMES)
    codes = {error.exit_code for error in outcome.errors}
    assert codes <= {4}, outcome.errors
    here.run([SECOND], NAMES)
    here.run([FIRST], NAMES)
    assert pending() == []
    here.assert_marts_are_right()


@pytest.mark.slow
@pytest.mark.fault(21)
def test_a_session_that_ends_before_its_table_is_kept(
    here: World, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reviews were never built: dbt's cache has their worklist, and Postgres does not."""

    def cut_off(piece: bytes) -> None:
        if (
            b"analyze" in piece and b"int_review_days" in piece and b"publish" not in piece
        ):  # created, not committed yet
            raise CutError

    assert warehouse.pghost is not None
    with Proxy(warehouse.pghost, warehouse.pgport, cut_off) as proxy, monkeypatch.context() as through_it:
        through_it.setenv("PGPORT", str(proxy.port))
        settings.cache_clear()
        outcome = run_days([SECOND], NAMES)
    settings.cache_clear()
    assert outcome.exit_code == 4, outcome.errors
    assert "int_review_days" in str(outcome.errors[0])
    assert "does not exist" not in str(outcome.errors[0])
    here.run([SECOND], NAMES)
    here.run([FIRST], NAMES)
    here.assert_marts_are_right()


@pytest.mark.slow
@pytest.mark.fault(24)
@pytest.mark.usefixtures("warehouse")
def test_a_statement_timeout_is_a_warehouse_error_and_is_repaired(here: World, monkeypatch: pytest.MonkeyPatch) -> None:
    before = seen()
    with connect() as connection:  # a slow trigger in the publish
        connection.execute(
            "create function dawdle() returns trigger language plpgsql as "
            "$$begin perform pg_sleep(2); return null; end$$"
        )
        connection.execute(
            "create trigger dawdle after insert on marts.daily_sales for each statement execute function dawdle()"
        )
    with monkeypatch.context() as sooner:  # than the step's limit, which would expire first
        waits = re.sub(r"statement_timeout=\d+", "statement_timeout=1000", bounded_waits())
        sooner.setattr("warehouse.connection.bounded_waits", lambda *_: waits)
        outcome = run_days([SECOND], [ORDERS])
    assert outcome.exit_code == 4, outcome.errors
    assert "statement timeout" in str(outcome.errors[0])
    assert "Run the same command again" in str(outcome.errors[0])
    assert seen() == before
    here.run([SECOND], [ORDERS])
    here.assert_marts_are_right([BY_NAME[ORDERS]])


def _connect_once(where: Settings) -> None:
    with connect(using=where):
        pass


@pytest.mark.fault(22)
def test_a_server_without_a_free_connection_is_reported_within_seconds(warehouse: Settings) -> None:
    started = time.monotonic()
    with administrator(warehouse) as connection:
        connection.execute("create role crowded login password 'crowded' connection limit 0")
        crowded = {**warehouse.model_dump(), "pguser": "crowded", "pgpassword": "crowded"}
        try:
            with pytest.raises(WarehouseError, match=r"too many connections.*Check PGHOST") as raised:
                _connect_once(Settings(**crowded))
        finally:
            connection.execute("drop role crowded")
    assert raised.value.exit_code == 4
    assert time.monotonic() - started < 5


@pytest.mark.fault(27)
def test_a_build_without_models_is_not_a_success(loads: Loads) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    assert dbt_runner.build(["no_such_tag"]) == 0
    with pytest.raises(ModelError, match=f"{ORDERS} is not published: no build of it has ended"):
        steps.publish([ORDERS], [FIRST], "run-1")
    assert publications() == []
    assert pending() == [f"orders {FIRST}"]


@pytest.mark.fault(48)
def test_a_row_refused_by_postgres_is_in_no_file(here: World, home: Path) -> None:
    person = "person-5c13"
    assert isinstance(here.shop, ListedShop)
    here.shop.put("orders", SECOND, [{**row, "customer_id": person} for row in orders(SECOND)])
    with connect() as connection:  # Postgres' error quotes the whole row
        query = f"alter table marts.fct_orders add constraint no_person check (customer_id <> '{person}')"
        connection.execute(query.encode())
    outcome = run_days([SECOND], [ORDERS])
    assert outcome.exit_code == 7, outcome.errors
    assert "no_person" in str(outcome.errors[0])
    assert person not in str(outcome.errors[0])
    files = [file for file in home.rglob("*") if file.is_file() and not file.is_relative_to(home / "servers")]
    assert [file for file in files if person.encode() in file.read_bytes()] == []
