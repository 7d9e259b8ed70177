"""The time of a whole day by its size: `python -m benchmarks.days [orders …]`.

Days of both pipelines run from the shop's API to the cache through the same function as `daybreak run`. Each has a
third as many reviews as orders. All run in one database and one process, after a warm-up. Needs a server for a new
database (PGHOST …) and Redis.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from rich.console import Console
from rich.table import Table

from benchmarks.databases import use_new_database
from benchmarks.shop import shop
from orchestration.day_run import run_days
from orchestration.outcome import RunOutcome
from pipeline_settings import settings
from transformation.pipelines import BY_NAME

FIRST = date(2000, 1, 1)
SIZES = (1_000, 10_000, 100_000, 1_000_000)
REFERENCE = 10_000
WARM_UP = 1_000


@dataclass(frozen=True)
class DayCost:
    """The seconds of a day with this many orders, by step."""

    orders: int
    seconds: dict[str, float]


def run_a_day(url: str, orders: int, days: Sequence[date]) -> RunOutcome:
    """Run these days against a shop with this many orders a day. Every step must succeed."""
    os.environ["SHOP_API_URL"] = f"{url}/{orders}"
    settings.cache_clear()
    outcome = run_days(days, list(BY_NAME), wait_seconds=60)
    if outcome.errors:
        raise SystemExit(f"A run of {orders:,} orders failed: {outcome.errors[0]}")
    return outcome


def run(sizes: Sequence[int] = SIZES) -> list[DayCost]:
    """Run a day of each size."""
    use_new_database("bench_days")
    days = [FIRST + timedelta(days=number) for number in range(len(sizes) + 1)]
    found = []
    with shop(list(zip([WARM_UP, *sizes], [[day] for day in days], strict=True))) as url:
        run_a_day(url, WARM_UP, days[:1])
        for size, day in zip(sizes, days[1:], strict=True):
            found.append(DayCost(size, run_a_day(url, size, [day]).seconds))
            print(f"{size:,} orders: {sum(found[-1].seconds.values()):.1f} s", file=sys.stderr, flush=True)
    return found


def table(costs: Sequence[DayCost]) -> Table:
    """Return the seconds per row of each step relative to a day of 10,000 orders, and the share of the step."""
    reference = next((cost for cost in costs if cost.orders == REFERENCE), costs[0])
    title = f"A whole day: time per order, as a multiple of the day of {reference.orders:,}; share of the day"
    shown = Table("step", *(f"{cost.orders:,} orders" for cost in costs), title=title)
    rows = {step: [cost.seconds.get(step, 0.0) for cost in costs] for step in reference.seconds}
    rows["all"] = [sum(cost.seconds.values()) for cost in costs]
    for step, row in rows.items():
        usual = row[costs.index(reference)] / reference.orders
        cells = [
            f"{seconds / cost.orders / usual:.2f}  {seconds / whole:4.0%}" if usual else "–"
            for seconds, cost, whole in zip(row, costs, rows["all"], strict=True)
        ]
        shown.add_row(step, *cells)
    return shown


if __name__ == "__main__":
    Console().print(table(run([int(size) for size in sys.argv[1:]] or SIZES)))
