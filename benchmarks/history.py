"""What a day costs on top of a history: `python benchmarks/history.py [orders of history …]`.

For each size a database of its own is filled with that many orders, spread over days of 10,000, and published. Then a
day of 10,000 orders is judged, built and published, three times over; and a day of 1,000,000 orders once, beside the
same work as plain SQL in one transaction. Needs a warehouse to make databases in (PGHOST …).
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta

import psycopg
from psycopg import sql

from expectations.gate import judge, save_decision
from orchestration import dbt_runner, steps
from orchestration.pipelines import ORDERS
from pipeline_settings import settings
from warehouse.connection import connect

DAY_SIZE = 10_000
LARGE_DAY_SIZE = 1_000_000
FIRST = date(2000, 1, 1)

LAND = """
insert into raw.orders (_load_id, _day, _row_number, order_id, customer_id, total_amount, order_date, status)
select
    %(load)s, %(day)s, n, %(load)s || '-' || n, 'c' || (random() * %(customers)s)::int,
    round((random() * 300)::numeric, 2)::text, %(day)s::text,
    case when n %% 20 = 0 then 'cancelled' else 'delivered' end
from generate_series(1, %(rows)s) as n
"""

# The least that does the same work: judge and type the day, replace its rows, bring totals up to it.
PLAIN = """
create temp table accepted on commit drop as
select order_id, customer_id, order_date::date as order_date, total_amount::numeric(18, 2) as total_amount, status
from (
    select *, row_number() over (partition by order_id order by _row_number desc) as newest
    from raw.orders where _day = %(day)s and _load_id = %(load)s
) as loaded
where
    newest = 1 and order_id <> '' and customer_id <> '' and status <> ''
    and total_amount ~ '^[0-9]+([.][0-9]{1,2})?$' and pg_input_is_valid(order_date, 'date')
    and order_date::date = _day;
analyze accepted;
delete from marts.fct_orders using accepted where fct_orders.order_id = accepted.order_id;
delete from marts.fct_orders where order_date = %(day)s;
insert into marts.fct_orders (order_id, customer_id, order_date, total_amount, status, is_revenue, is_large)
select order_id, customer_id, order_date, total_amount, status, status <> 'cancelled', total_amount > 50000
from accepted;
create temp table totals on commit drop as
select customer_id, min(order_date) as first, max(order_date) as last, count(*) as orders, sum(total_amount) as spent
from marts.fct_orders
where is_revenue and customer_id in (select customer_id from accepted)
group by customer_id;
delete from marts.customer_order_totals using totals where customer_order_totals.customer_id = totals.customer_id;
insert into marts.customer_order_totals select customer_id, first, last, orders, spent from totals;
delete from marts.daily_sales where order_date = %(day)s;
insert into marts.daily_sales
select order_date, count(*), count(distinct customer_id), sum(total_amount), round(avg(total_amount), 2)
from marts.fct_orders where is_revenue and order_date = %(day)s group by order_date;
"""


def land(day: date, rows: int, customers: int) -> str:
    """Put a day's load into raw and the ledger of loads; returns its id."""
    load_id = f"{day}-{time.time_ns()}"
    with connect() as connection:
        connection.execute(LAND, {"load": load_id, "day": day, "rows": rows, "customers": customers})
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


def fill(history: int) -> date:
    """A database of its own with this many published orders; returns the day after them."""
    database = f"bench_{history}"
    with psycopg.connect(settings().postgres_uri(), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
    os.environ["PGDATABASE"] = database
    settings.cache_clear()
    dbt_runner.forget_project()
    steps.prepare()
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
    for number in range(4):
        today = day + timedelta(days=number)
        load_id = land(today, DAY_SIZE, max(history // 5, 1))
        for name, took in zip(seconds, _day_parts(today, load_id), strict=True):
            seconds[name].append(took)
    told = "   ".join(f"{name} {statistics.median(values[1:]):5.2f} s" for name, values in seconds.items())
    total = sum(statistics.median(values[1:]) for values in seconds.values())
    print(f"{history:12,} orders, day of {DAY_SIZE:,}: {told}   total {total:5.2f} s", flush=True)

    large = day + timedelta(days=10)
    load_id = land(large, LARGE_DAY_SIZE, max(history // 5, 1))
    plain = timed(lambda: _plainly(large, load_id))
    parts = _day_parts(large, load_id)
    print(
        f"{history:12,} orders, day of {LARGE_DAY_SIZE:,}: gate {parts[0]:.1f} s   transform {parts[1]:.1f} s   "
        f"publish {parts[2]:.1f} s   total {sum(parts):.1f} s   plain SQL {plain:.1f} s   "
        f"ratio {sum(parts) / plain:.2f}",
        flush=True,
    )


def _day_parts(day: date, load_id: str) -> list[float]:
    """Seconds of gate, transform and publish."""
    return [
        timed(lambda: admit(day, load_id)),
        timed(lambda: dbt_runner.build([ORDERS.name])),
        timed(lambda: dbt_runner.publish([ORDERS.name])),
    ]


def _plainly(day: date, load_id: str) -> None:
    """The plain way, rolled back."""
    with psycopg.connect(settings().postgres_uri(), options="-c jit=off") as connection:
        for statement in PLAIN.split(";\n"):
            if statement.strip():
                connection.execute(statement, {"day": day, "load": load_id} if "%(" in statement else None)
        connection.rollback()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["DAYBREAK_HOME"] = home
        for size in [int(argument) for argument in sys.argv[1:]] or [1_000_000, 10_000_000]:
            measure(size)
