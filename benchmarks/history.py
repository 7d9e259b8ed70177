"""What a day costs on top of a history: `python benchmarks/history.py [orders of history …]`.

For each size a database of its own is filled with that many orders, spread over days of 10,000, and published. Then
days of 10,000 orders are judged, built, tested and published one after the other: the median is told. Then a day of
1,000,000 orders once, after the same work was done by hand in one transaction (orders_by_hand.sql) and rolled back;
both must leave the same marts, row for row. Needs a warehouse to make databases in (PGHOST …).
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import psycopg
import yaml  # type: ignore[import-untyped]  # comes with dbt
from psycopg import sql

from expectations.gate import judge, save_decision
from orchestration import dbt_runner, steps
from orchestration.pipelines import ORDERS
from pipeline_settings import PROJECT_ROOT, settings
from warehouse.connection import Connection, connect

DAY_SIZE = 10_000
LARGE_DAY_SIZE = 1_000_000
WARM_UP_DAYS, DAYS = 1, 5
FIRST = date(2000, 1, 1)
BY_HAND = Path(__file__).with_name("orders_by_hand.sql")

# One row in ten is a timestamp, some are bad, repeated or superseded, and some stood on an earlier day already.
LAND = """
insert into raw.orders (_load_id, _day, _row_number, order_id, customer_id, total_amount, order_date, status)
select
    %(load)s, %(day)s, n,
    case
        when n %% 500 = 11 then %(first)s::date + n %% %(days)s || '-' || (n * 7 + 1) %% %(earlier)s
        else %(day)s || '-' || said
    end,
    case
        when n %% 1000 = 1 then ' '
        else 'c' || (hashint4extended(said, %(seed)s) & 2147483647) %% %(customers)s
    end,
    case
        when n %% 1000 = 2 then '-1.00'
        when n %% 1000 = 3 then '19.999'
        when n %% 1000 = 4 then 'twelve'
        else round((hashint4extended(said + 7 * (n %% 1000 = 6)::int, %(seed)s) & 65535) / 200.0, 2)::text
    end,
    case
        when n %% 1000 = 5 then (%(day)s::date - 1)::text
        when said %% 10 = 5 then %(day)s || 'T12:34:56+00:00'
        when said %% 10 = 6 then %(day)s || 'T12:34:56'
        else %(day)s::text
    end,
    case when said %% 20 = 0 then 'cancelled' else 'delivered' end
from (
    -- 6 says something else of the order before it, 8 repeats the one before it
    select n, case when n %% 1000 in (6, 8) then n - 1 else n end as said from generate_series(1, %(rows)s) as n
) as numbered
"""

# What is compared, independent of the order of rows: what readers see, and how the gate judged each load.
CONTENTS = """
select count(*), coalesce(sum(hashtextextended(contents::text, 0)::numeric), 0) from {} as contents
"""
VERDICTS = "(select load_id, row_count, identical_copies, accepted, rejected, rejected_by_reason from ops.gate_results)"
COMPARED = ("marts.fct_orders", "marts.customer_ltv", "marts.daily_sales", "ops.int_orders_shadowed", VERDICTS)


def land(day: date, rows: int, customers: int) -> str:
    """Put a day's load into raw and the ledger of loads; returns its id."""
    load_id = f"{day}-{time.time_ns()}"
    values = {"first": FIRST, "days": max((day - FIRST).days, 1), "earlier": DAY_SIZE, "seed": day.toordinal()}
    with connect() as connection:
        connection.execute(LAND, {"load": load_id, "day": day, "rows": rows, "customers": customers, **values})
        connection.execute(
            """
            insert into ops.loads (load_id, dataset, day, row_count, page_count, seconds, fingerprint)
            values (%s, 'orders', %s, %s, 1, 0, %s)
            """,
            [load_id, day, rows, load_id],
        )
    return load_id


def admit(day: date, load_id: str) -> None:
    """Judge a load and admit it."""
    decision = judge("orders", day, load_id)
    with connect() as connection:
        save_decision(connection, decision)


def timed(work: Callable[[], object]) -> float:
    """Seconds that the work takes."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def use_fresh_database(database: str) -> None:
    """Make a database of this name again, with schemas and staging, and use it from here on."""
    with psycopg.connect(settings().postgres_uri(), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
    os.environ["PGDATABASE"] = database
    settings.cache_clear()
    dbt_runner.forget_project()
    steps.prepare()


def fill(history: int) -> date:
    """A database of its own with this many published orders; returns the day after them."""
    use_fresh_database(f"bench_{history}")
    days = history // DAY_SIZE
    for number in range(days):
        day = FIRST + timedelta(days=number)
        load_id = land(day, DAY_SIZE, max(history // 5, 1))
        admit(day, load_id)
    dbt_runner.build([ORDERS.name])
    dbt_runner.publish([ORDERS.name])
    with connect(autocommit=True) as connection:
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")
    return FIRST + timedelta(days=days)


def measure(history: int) -> None:
    """Print what a day of 10,000 and one of 1,000,000 orders cost on this history."""
    day = fill(history)
    seconds: dict[str, list[float]] = {"gate": [], "transform": [], "publish": []}
    for number in range(WARM_UP_DAYS + DAYS):
        today = day + timedelta(days=number)
        load_id = land(today, DAY_SIZE, max(history // 5, 1))
        for name, took in zip(seconds, _day_parts(today, load_id), strict=True):
            seconds[name].append(took)
    told = "   ".join(f"{name} {statistics.median(values[WARM_UP_DAYS:]):5.2f} s" for name, values in seconds.items())
    total = sum(statistics.median(values[WARM_UP_DAYS:]) for values in seconds.values())
    print(f"{history:12,} orders, day of {DAY_SIZE:,}: {told}   total {total:5.2f} s", flush=True)

    large = day + timedelta(days=10)
    load_id = land(large, LARGE_DAY_SIZE, max(history // 5, 1))
    by_hand, wanted = _by_hand(large, load_id)
    parts = _day_parts(large, load_id)
    with connect() as connection:
        found = _contents(connection)
    if found != wanted:
        raise SystemExit(f"The marts differ from those made by hand: {found} instead of {wanted}")
    print(
        f"{history:12,} orders, day of {LARGE_DAY_SIZE:,}: gate {parts[0]:.1f} s   transform {parts[1]:.1f} s   "
        f"publish {parts[2]:.1f} s   total {sum(parts):.1f} s   by hand {by_hand:.1f} s   "
        f"ratio {sum(parts) / by_hand:.2f}   marts equal",
        flush=True,
    )


def _day_parts(day: date, load_id: str) -> list[float]:
    """Seconds of gate, transform and publish."""
    return [
        timed(lambda: admit(day, load_id)),
        timed(lambda: dbt_runner.build([ORDERS.name])),
        timed(lambda: dbt_runner.publish([ORDERS.name])),
    ]


def _by_hand(day: date, load_id: str) -> tuple[float, list[tuple[Any, ...]]]:
    """Seconds that the day takes by hand, and what readers would see then; rolled back."""
    project = yaml.safe_load((PROJECT_ROOT / "dbt_project" / "dbt_project.yml").read_text())
    values = {"day": day, "load": load_id, **project["vars"]}
    with connect() as connection:
        started = time.perf_counter()
        for statement in BY_HAND.read_text().split(";\n"):
            if statement.strip():
                connection.execute(statement.encode(), values if "%(" in statement else None)
        seconds = time.perf_counter() - started
        contents = _contents(connection)
        connection.rollback()
    with connect(autocommit=True) as connection:
        connection.execute("vacuum marts.fct_orders, marts.customer_order_totals, ops.customer_changes")
        connection.execute("checkpoint")
    return seconds, contents


def _contents(connection: Connection) -> list[tuple[Any, ...]]:
    """What readers see of orders, and the gate's counts: rows and a sum over their hashes for each."""
    rows = [connection.execute(CONTENTS.format(mart).encode()).fetchone() for mart in COMPARED]
    return [(mart, *row.values()) for mart, row in zip(COMPARED, rows, strict=True) if row]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["DAYBREAK_HOME"] = home
        for size in [int(argument) for argument in sys.argv[1:]] or [1_000_000, 10_000_000]:
            measure(size)
