"""A day of a million orders: the same rows and sums on Postgres and on the engine."""

from datetime import date, timedelta
from typing import Any

import pytest

from benchmarks.history import FIRST, admit, land, timed
from orchestration import steps
from pipeline_settings import Settings
from tests.engine.needs import needs_an_engine
from tests.engine.test_parity import COMPUTED
from transformation.pipelines import ORDERS, POSTGRES, SPARK
from warehouse.connection import connect

pytestmark = [pytest.mark.slow, needs_an_engine]

EARLIER_DAYS, EARLIER_ORDERS = 3, 100_000
ORDERS_OF_DAY = 1_000_000
CUSTOMERS = 200_000


def admit_day(day: date, count: int) -> None:
    """Insert rows as a shop of that size sends them: some bad, some repeated, some of an earlier day's orders."""
    admit(day, land(day, count, CUSTOMERS))


def transform(engine: str, **chosen: Any) -> None:
    steps.transform([ORDERS.name], [], "million", engine=engine, **chosen)


def keep() -> None:
    """Copy the build into another schema."""
    with connect() as connection:
        connection.execute("drop schema if exists kept cascade")
        connection.execute("create schema kept")
        for name in COMPUTED:
            connection.execute(f"create table kept.{name} as select * from build.{name}".encode())


def differences() -> dict[str, tuple[int, int]]:
    """Return by model the number of rows that only the copy has, and that only the build has."""
    with connect() as connection:
        counted = {
            name: tuple(
                connection.execute(
                    f"select count(*) as rows from (select * from {one} except all select * from {other}) as d".encode()
                ).fetchall()[0]["rows"]
                for one, other in ((f"kept.{name}", f"build.{name}"), (f"build.{name}", f"kept.{name}"))
            )
            for name in COMPUTED
        }
    return {name: (missing, surplus) for name, (missing, surplus) in counted.items() if missing or surplus}


def rows_built(name: str) -> int:
    with connect() as connection:
        row = connection.execute(f"select count(*) as rows from build.{name}".encode()).fetchone()
    assert row is not None
    return int(row["rows"])


def test_an_engine_and_postgres_agree_on_a_million_orders(warehouse: Settings) -> None:
    for number in range(EARLIER_DAYS):
        admit_day(FIRST + timedelta(number), EARLIER_ORDERS)
    transform(POSTGRES)
    steps.publish([ORDERS.name], [], "million")

    admit_day(FIRST + timedelta(EARLIER_DAYS), ORDERS_OF_DAY)
    for chosen in ({}, {"full_refresh": True}):
        on_postgres = timed(lambda chosen=chosen: transform(POSTGRES, **chosen))  # type: ignore[misc]
        keep()
        on_engine = timed(lambda chosen=chosen: transform(SPARK, **chosen))  # type: ignore[misc]
        assert not differences()
        rows = {name: rows_built(name) for name in COMPUTED}
        assert rows["int_orders_resolved"] > 0.98 * ORDERS_OF_DAY
        assert rows["customer_order_totals__changes"] > 0.9 * CUSTOMERS
        print(f"{chosen}: Postgres {on_postgres:.1f} s, the engine {on_engine:.1f} s, {rows}")  # noqa: T201
