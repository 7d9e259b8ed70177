"""What a day costs on top of a history: `python -m benchmarks.history [orders of history …]`.

For each size a database of its own is filled with that many orders, and published by the product; what is older than a
month of days of 10,000 comes in days of a million. Then days of 10,000 orders are judged, built, tested and published
one after the other, each after a checkpoint, with what days read at random in memory: the median is told. Then a day of
1,000,000 orders once, after the same work was done by hand in one transaction (orders_by_hand.sql) and rolled back;
both must leave the same marts, row for row. Needs a warehouse to make databases in (PGHOST …).
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import yaml  # type: ignore[import-untyped]  # comes with dbt
from rich.console import Console
from rich.table import Table

from benchmarks.databases import contents, use_new_database
from expectations.gate import judge, save_decision
from orchestration import dbt_runner, steps
from orchestration.pipelines import ORDERS
from pipeline_settings import PROJECT_ROOT, settings
from warehouse.connection import connect

SIZES = (1_000_000, 10_000_000)
DAY_SIZE = 10_000
LARGE_DAY_SIZE = 1_000_000
USUAL_DAYS = 30  # of the history, before the days that are measured
DAYS_AT_ONCE = 5  # large ones: what a build of more would need of the disk for a moment
WARM_UP_DAYS, DAYS = 1, 5
FIRST = date(2000, 1, 1)
BY_HAND = Path(__file__).with_name("orders_by_hand.sql")

# One row in ten is a timestamp, some are bad, repeated or superseded, and some stood on a day of the last month before.
LAND = """
insert into raw.orders (_load_id, _day, _row_number, order_id, customer_id, total_amount, order_date, status)
select
    %(load)s, %(day)s, n,
    case
        when n %% 500 = 11 then %(day)s::date - 1 - (n / 500) %% %(days)s || '-' || (n * 7 + 1) %% %(earlier)s
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

# What a day reads at random of a long history: on a server that has run for weeks it is in memory.
READ_AT_RANDOM = """
create extension if not exists pg_prewarm;
select pg_prewarm('marts.customer_order_totals');
select pg_prewarm(indexrelid::regclass)
from pg_index
inner join pg_attribute on attrelid = indexrelid and attname = 'customer_id'
where indrelid in ('marts.customer_order_totals'::regclass, 'marts.fct_orders'::regclass)
"""

# What is compared: what readers see of orders, and how the gate judged each load.
VERDICTS = "(select load_id, row_count, identical_copies, accepted, rejected, rejected_by_reason from ops.gate_results)"
COMPARED = ("marts.fct_orders", "marts.customer_ltv", "marts.daily_sales", "ops.int_orders_shadowed", VERDICTS)


@dataclass(frozen=True)
class HistoryCost:
    """What days of 10,000 orders took on so many, in the median, and one of a million beside the same by hand."""

    history: int
    gate: float
    transform: float
    publish: float
    large_day: float
    large_day_by_hand: float

    @property
    def day(self) -> float:
        """Seconds of a day of 10,000."""
        return self.gate + self.transform + self.publish


def land(day: date, rows: int, customers: int) -> str:
    """Put a day's load into raw and the ledger of loads; returns its id."""
    load_id = f"{day}-{time.time_ns()}"
    days = min(max((day - FIRST).days, 1), USUAL_DAYS)
    values = {"days": days, "earlier": DAY_SIZE, "seed": day.toordinal()}
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


def fill(history: int) -> date:
    """A database of its own with this many published orders; returns the day after them."""
    use_new_database(f"bench_{history}")
    steps.prepare()
    day = FIRST
    for sizes in builds_of(history):
        for rows in sizes:
            admit(day, land(day, rows, max(history // 5, 1)))
            day += timedelta(days=1)
        dbt_runner.build([ORDERS.name])
        dbt_runner.publish([ORDERS.name])
        with connect(autocommit=True) as connection:
            connection.execute("vacuum analyze")
    return day


def builds_of(history: int) -> Iterator[list[int]]:
    """The history as orders a day, in the groups that are built at once: large days, then usual ones."""
    large = max(history - USUAL_DAYS * DAY_SIZE, 0) // LARGE_DAY_SIZE
    usual = (history - large * LARGE_DAY_SIZE) // DAY_SIZE
    for done in range(0, large, DAYS_AT_ONCE):
        yield [LARGE_DAY_SIZE] * min(DAYS_AT_ONCE, large - done)
    yield [DAY_SIZE] * usual


def measure(history: int) -> HistoryCost:
    """What a day of 10,000 and one of 1,000,000 orders cost on this history."""
    first, customers = fill(history), max(history // 5, 1)
    with connect(autocommit=True) as connection:
        connection.execute(READ_AT_RANDOM)
    parts = []
    for number in range(WARM_UP_DAYS + DAYS):
        day = first + timedelta(days=number)
        load_id = land(day, DAY_SIZE, customers)
        _checkpoint()  # as between two nights: the first change of each page is then logged as a whole page
        parts.append(_day_parts(day, load_id))
    gate, transform, publish = (statistics.median(part) for part in zip(*parts[WARM_UP_DAYS:], strict=True))

    large = first + timedelta(days=10)
    load_id = land(large, LARGE_DAY_SIZE, customers)
    by_hand, wanted = _by_hand(large, load_id)
    seconds = sum(_day_parts(large, load_id))
    with connect() as connection:
        found = contents(connection, COMPARED)
    if found != wanted:
        raise SystemExit(f"The marts differ from those made by hand: {found} instead of {wanted}")
    return HistoryCost(history, gate, transform, publish, seconds, by_hand)


def _day_parts(day: date, load_id: str) -> list[float]:
    """Seconds of gate, transform and publish."""
    return [
        timed(lambda: admit(day, load_id)),
        timed(lambda: dbt_runner.build([ORDERS.name])),
        timed(lambda: dbt_runner.publish([ORDERS.name])),
    ]


def _by_hand(day: date, load_id: str) -> tuple[float, list[tuple[object, ...]]]:
    """Seconds that the day takes by hand, and what readers would see then; rolled back."""
    project = yaml.safe_load((PROJECT_ROOT / "dbt_project" / "dbt_project.yml").read_text())
    values = {"day": day, "load": load_id, **project["vars"]}
    with connect() as connection:
        started = time.perf_counter()
        for statement in BY_HAND.read_text().split(";\n"):
            if statement.strip():
                connection.execute(statement.encode(), values if "%(" in statement else None)
        seconds = time.perf_counter() - started
        found = contents(connection, COMPARED)
        connection.rollback()
    with connect(autocommit=True) as connection:
        connection.execute("vacuum marts.fct_orders, marts.customer_order_totals")
    _checkpoint()
    return seconds, found


def _checkpoint() -> None:
    with connect(autocommit=True) as connection:
        connection.execute("checkpoint")


def run(sizes: Sequence[int] = SIZES) -> list[HistoryCost]:
    """Each size of history in a database of its own, which goes afterwards."""
    found = []
    for size in sizes:
        found.append(measure(size))
        print(f"{size:,} orders of history: a day in {found[-1].day:.2f} s", file=sys.stderr, flush=True)
        use_new_database(f"bench_{size}")
    return found


def table(costs: Sequence[HistoryCost]) -> Table:
    """Each history against the smallest; the large day against the same by hand."""
    least = min(costs, key=lambda cost: cost.history)
    shown = Table("orders of history", "gate", "transform", "publish", "day", f"{LARGE_DAY_SIZE:,} / by hand")
    shown.title = f"A day of {DAY_SIZE:,} orders, as a multiple of the same on {least.history:,}"
    for cost in costs:
        shown.add_row(
            f"{cost.history:,}",
            *(f"{getattr(cost, part) / getattr(least, part):.2f}" for part in ("gate", "transform", "publish", "day")),
            f"{cost.large_day / cost.large_day_by_hand:.2f}",
        )
    return shown


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["DAYBREAK_HOME"] = home
        settings.cache_clear()
        Console().print(table(run([int(argument) for argument in sys.argv[1:]] or SIZES)))
