"""A backfill against daily runs of the same days: `python -m benchmarks.backfill [--days 365]`.

Days of 100 orders and 33 reviews, once as one `backfill` and once as a `run` for each, in databases of their own. Both
must leave the same marts, row for row. Needs a warehouse to make databases in (PGHOST …) and Redis.
"""

import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rich.console import Console
from rich.table import Table

from benchmarks.databases import contents, use_new_database
from benchmarks.days import FIRST, run_a_day
from benchmarks.shop import shop
from orchestration.day_run import days_between
from orchestration.pipelines import PIPELINES
from warehouse.connection import connect

DAYS = 365
ORDERS = 100
COMPARED = tuple(f"marts.{mart}" for pipeline in PIPELINES for mart in pipeline.marts)


@dataclass(frozen=True)
class Backfill:
    """What these days took at once and one by one, where both left the same marts."""

    days: int
    backfill_seconds: float
    daily_seconds: float

    @property
    def ratio(self) -> float:
        """How many times faster the backfill was."""
        return self.daily_seconds / self.backfill_seconds


def run(count: int = DAYS) -> Backfill:
    """Both ways with this many days, in this process, each after a day that warms it up."""
    days = days_between(FIRST, date.fromordinal(FIRST.toordinal() + count))
    with shop([(ORDERS, days)]) as url:
        at_once, wanted = _seconds(url, "bench_backfill", [days[:1], days[1:]])
        one_by_one, found = _seconds(url, "bench_daily", [[day] for day in days])
    if found != wanted:
        raise SystemExit(f"Daily runs left other marts than the backfill: {found} instead of {wanted}")
    return Backfill(count, at_once, one_by_one)


def _seconds(url: str, database: str, runs: Sequence[Sequence[date]]) -> tuple[float, list[tuple[object, ...]]]:
    """Seconds of all runs but the first, and what readers see afterwards."""
    use_new_database(database)
    run_a_day(url, ORDERS, runs[0])
    started = time.perf_counter()
    for days in runs[1:]:
        run_a_day(url, ORDERS, days)
    seconds = time.perf_counter() - started
    print(f"{len(runs) - 1} runs: {seconds:.1f} s", file=sys.stderr, flush=True)
    with connect() as connection:
        return seconds, contents(connection, COMPARED)


def table(found: Backfill) -> Table:
    """How many times faster a backfill is."""
    shown = Table("days", "daily runs / backfill", "marts", title=f"A backfill of days with {ORDERS} orders")
    shown.add_row(f"{found.days:,}", f"{found.ratio:.1f}", "equal")
    return shown


if __name__ == "__main__":
    arguments = ArgumentParser()
    arguments.add_argument("--days", type=int, default=DAYS)
    Console().print(table(run(arguments.parse_args().days)))
