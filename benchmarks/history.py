"""The time of a day by the size of its history: `python -m benchmarks.history [orders of history …]`.

Each size has a separate database with that many published orders. Daybreak publishes about a million of them, and
history_copies.py multiplies those older than a month. Then days of 10,000 orders are judged, built, tested and
published, alternating between the databases, each after a checkpoint and with randomly read relations in memory. The
figure is the median. At last a day of 1,000,000 orders runs once, after the same work by hand in one transaction
(orders_by_hand.sql), rolled back. Both must produce the same marts, row for row. Needs a server for new databases
(PGHOST …).
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import day_by_hand, history_copies
from benchmarks.databases import contents, in_turn, put_aside, remove, use_new_database
from expectations.gate import judge, save_decision
from orchestration import steps
from pipeline_settings import settings
from transformation import dbt_runner
from transformation.pipelines import ORDERS
from warehouse.connection import connect

SIZES = (1_000_000, 10_000_000, 50_000_000)
DATABASE = "bench_history"
COPY_SIZE = 1_000_000
ORDERS_OF_CUSTOMER = 5
DAY_SIZE = 10_000
LARGE_DAY_SIZE = 1_000_000
USUAL_DAYS = 30  # at the end of the history, before the measured days
WARM_UP_DAYS, DAYS = 1, 10
FIRST = date(2000, 1, 1)  # of the usual days; older ones end before it
LAND = Path(__file__).with_name("land_orders.sql").read_text()

# Relations of a long history that a day reads at random. On a server that has run for weeks, they are in memory.
READ_AT_RANDOM = """
select pg_prewarm('marts.customer_order_totals');
select pg_prewarm(indexrelid::regclass)
from pg_index
inner join pg_attribute on attrelid = indexrelid and attname = 'customer_id'
where indrelid in ('marts.customer_order_totals'::regclass, 'marts.fct_orders'::regclass)
"""


@dataclass(frozen=True)
class HistoryCost:
    """Median seconds of days of 10,000 orders on this history, and of a day of a million, also by hand."""

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
    """Put a day's load into raw and ops.loads, and return its id."""
    load_id = f"{day}-{time.time_ns()}"
    days = min(max((day - FIRST).days, 1), USUAL_DAYS)
    values = {"days": days, "earlier": DAY_SIZE, "seed": day.toordinal()}
    with connect() as connection:
        connection.execute(LAND.encode(), {"load": load_id, "day": day, "rows": rows, "customers": customers, **values})
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
    """Return the seconds of a call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


@dataclass(frozen=True)
class Shape:
    """The shape of a history: copies of older days, followed by days of 10,000 orders."""

    orders: int

    @property
    def copies(self) -> int:
        """The number of copies, of about a million orders each."""
        older = self.orders - USUAL_DAYS * DAY_SIZE
        return max(round(older / COPY_SIZE), 1) if older > 0 else 0

    @property
    def customers_of_copy(self) -> int:
        """The customers of each copy, which are different ones."""
        return max(self.orders // ORDERS_OF_CUSTOMER // max(self.copies, 1), 1)

    @property
    def customers(self) -> int:
        """The customers of all copies, who place the orders of later days."""
        return self.customers_of_copy * max(self.copies, 1)

    @property
    def older(self) -> list[tuple[date, int]]:
        """The days of the first copy, each with its number of orders."""
        days = history_copies.older_days(self.copies, FIRST) if self.copies else []
        return [(day, (self.orders - USUAL_DAYS * DAY_SIZE) // self.copies // len(days)) for day in days]

    @property
    def usual(self) -> list[tuple[date, int]]:
        """The days before the measured ones, each with its number of orders."""
        return [(FIRST + timedelta(day), DAY_SIZE) for day in range(min(self.orders // DAY_SIZE, USUAL_DAYS))]


def fill(shape: Shape) -> None:
    """Publish a history in the current, empty database: first by Daybreak, then by copies."""
    steps.prepare()
    _publish(shape.older, shape.customers_of_copy)
    if shape.copies:
        history_copies.multiply(shape.copies, FIRST, shape.customers_of_copy)
    _publish(shape.usual, shape.customers)


def _publish(days: Sequence[tuple[date, int]], customers: int) -> None:
    for day, rows in days:
        admit(day, land(day, rows, customers))
    if days:
        dbt_runner.build([ORDERS.name])
        dbt_runner.publish([ORDERS.name])
        with connect(autocommit=True) as connection:
            connection.execute("vacuum analyze")


def _measured_day(number: int, shape: Shape) -> list[float]:
    """Return the seconds of gate, transform and publish of the n-th day of 10,000 orders after the history."""
    with connect(autocommit=True) as connection:
        connection.execute(READ_AT_RANDOM)
    day = shape.usual[-1][0] + timedelta(days=1 + number)
    load_id = land(day, DAY_SIZE, shape.customers)
    _checkpoint()  # as between two nights; then the first change of each page logs the whole page
    return _day_parts(day, load_id)


def large_day_of(shape: Shape) -> tuple[float, float]:
    """Return the seconds of a day of 1,000,000 orders after the measured ones, by Daybreak and by hand."""
    day = shape.usual[-1][0] + timedelta(days=1 + WARM_UP_DAYS + DAYS)
    load_id = land(day, LARGE_DAY_SIZE, shape.customers)
    seconds_by_hand, wanted = day_by_hand.by_hand(day, load_id)
    _checkpoint()
    seconds = sum(_day_parts(day, load_id))
    with connect() as connection:
        found = contents(connection, day_by_hand.COMPARED)
    if found != wanted:
        raise SystemExit(f"The marts differ from those made by hand: {found} instead of {wanted}")
    return seconds, seconds_by_hand


def _day_parts(day: date, load_id: str) -> list[float]:
    """Return the seconds of gate, transform and publish."""
    return [
        timed(lambda: admit(day, load_id)),
        timed(lambda: dbt_runner.build([ORDERS.name])),
        timed(lambda: dbt_runner.publish([ORDERS.name])),
    ]


def _checkpoint() -> None:
    with connect(autocommit=True) as connection:
        connection.execute("checkpoint")


def run(sizes: Sequence[int] = SIZES) -> list[HistoryCost]:
    """Measure each size in a separate database, alternating days so that other load affects all sizes alike."""
    shapes = {f"{DATABASE}_{size}": Shape(size) for size in sizes}
    for name, shape in shapes.items():
        use_new_database(DATABASE)
        seconds = timed(partial(fill, shape))
        _report(f"{shape.orders:,} orders of history filled in {seconds:.0f} s")
        put_aside(name)
    parts: dict[str, list[list[float]]] = {name: [] for name in shapes}
    for number in range(WARM_UP_DAYS + DAYS):
        for name, shape in shapes.items():
            with in_turn(name):
                parts[name].append(_measured_day(number, shape))
            _report(f"Day {number} on {shape.orders:,}: {sum(parts[name][-1]):.2f} s")
    found = []
    for name, shape in shapes.items():
        of_days = zip(*parts[name][WARM_UP_DAYS:], strict=True)
        gate, transform, publish = (statistics.median(part) for part in of_days)
        with in_turn(name):
            large_day, large_day_by_hand = large_day_of(shape)
        _report(f"{LARGE_DAY_SIZE:,} orders on {shape.orders:,}: {large_day:.1f} s, by hand {large_day_by_hand:.1f} s")
        found.append(HistoryCost(shape.orders, gate, transform, publish, large_day, large_day_by_hand))
        remove(name)
    return found


def _report(progress: str) -> None:
    print(progress, file=sys.stderr, flush=True)


def table(costs: Sequence[HistoryCost]) -> Table:
    """Return the histories relative to the smallest, and the large day relative to that by hand."""
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
