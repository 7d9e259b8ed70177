"""A day reads the rows that it affects, not the history: only a small part of each table that grows with it."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from benchmarks.history import FIRST, admit, land
from tests.dbt_project.conftest import loads
from tests.dbt_project.loads import Loads, Row
from transformation import dbt_runner
from transformation.pipelines import PIPELINES
from warehouse.connection import connect

__all__ = ["loads"]  # the fixture

DAYS, ORDERS_A_DAY, CUSTOMERS = 10, 4_000, 8_000
REVIEWS_A_DAY, PRODUCTS = 300, 1_000
DAY, ORDERS_OF_DAY, REVIEWS_OF_DAY = FIRST + timedelta(DAYS), 200, 10
HISTORY = 1_000  # rows; larger tables count as growing
MOST = 0.25  # of the rows of a growing table
NAMES = [pipeline.name for pipeline in PIPELINES]

OTHERS = "select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"


def reviews(number: int, count: int) -> list[Row]:
    return [
        {
            "review_id": f"r{n}",
            "product_id": f"p{n % PRODUCTS}",
            "customer_id": f"c{n % CUSTOMERS}",
            "rating": str(1 + n % 5),
            "review_text": "Fine.",
            "review_date": str(FIRST + timedelta(number)),
        }
        for n in range(number * REVIEWS_A_DAY, number * REVIEWS_A_DAY + count)
    ]


def admit_day(loads: Loads, number: int, orders: int, count_of_reviews: int) -> None:
    day = FIRST + timedelta(number)
    admit(day, land(day, orders, CUSTOMERS))
    loads.admit("reviews", day, reviews(number, count_of_reviews))


def build_and_publish() -> None:
    dbt_runner.build(NAMES)
    dbt_runner.publish(NAMES)


@pytest.fixture
def history(loads: Loads) -> Iterator[Loads]:
    """Published days, in a database that only scans a table if no index can be used."""
    for number in range(DAYS):
        admit_day(loads, number, ORDERS_A_DAY, REVIEWS_A_DAY)
    build_and_publish()
    with connect(autocommit=True) as connection:
        connection.execute("vacuum analyze")
        name = connection.info.dbname
        connection.execute(f'alter database "{name}" set enable_seqscan = off'.encode())
    yield loads
    with connect(autocommit=True) as connection:
        connection.execute(f'alter database "{name}" reset enable_seqscan'.encode())


def rows_read() -> dict[str, tuple[int, int]]:
    """Return for each table its rows, and the rows read so far by scans or by indexes."""
    with connect(autocommit=True) as connection:
        while connection.execute(OTHERS).fetchone():  # a session reports its reads when it ends
            time.sleep(0.05)
        rows = connection.execute(
            """
            select
                schemaname || '.' || relname as name,
                n_live_tup as rows,
                seq_tup_read + coalesce(
                    (select sum(idx_tup_read) from pg_stat_user_indexes as found where found.relid = tables.relid), 0
                ) as read
            from pg_stat_user_tables as tables
            where schemaname in ('raw', 'marts', 'ops')
            """
        ).fetchall()
    return {row["name"]: (row["rows"], row["read"]) for row in rows}


def test_a_day_scans_no_table_of_the_history(history: Loads) -> None:
    before = rows_read()
    admit_day(history, DAYS, ORDERS_OF_DAY, REVIEWS_OF_DAY)
    dbt_runner.build(NAMES)
    built = rows_read()
    dbt_runner.publish(NAMES)
    after = rows_read()
    assert after["marts.fct_orders"][0] > before["marts.fct_orders"][0]
    grown = {name: (rows, after[name][1] - read) for name, (rows, read) in before.items() if rows >= HISTORY}
    assert {"raw.orders", "marts.fct_orders", "marts.customer_order_totals", "marts.fct_reviews"} <= set(grown)
    assert {name: (rows, read) for name, (rows, read) in grown.items() if read > MOST * rows} == {}

    # publish looks up each of the day's customers once: it finds vanished customers without reading the mart
    lookup_by_key = after["marts.customer_order_totals"][1] - built["marts.customer_order_totals"][1]
    assert 0 < lookup_by_key < 1.5 * ORDERS_OF_DAY
