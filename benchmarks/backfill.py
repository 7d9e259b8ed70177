"""A backfill compared with daily runs of the same days: `python -m benchmarks.backfill [--days 365]`.

Days of 100 orders and 33 reviews run once by one `daybreak backfill` and once day by day, in separate databases. The
first daily runs are processes, `daybreak run`; the others run in this process, which saves the startup. Both ways must
produce the same marts, row for row. Needs a server for new databases (PGHOST …) and Redis.
"""

import os
import statistics
import subprocess
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
from benchmarks.fixed_cost import DAYBREAK
from benchmarks.shop import shop
from orchestration import customer_models
from orchestration.day_run import days_between
from pipeline_settings import PROJECT_ROOT
from transformation.pipelines import BY_NAME, PIPELINES
from warehouse.connection import connect

DAYS = 365
ORDERS = 100
COMMANDS = 5  # daily runs as processes, of which the median counts
COMPARED = tuple(f"marts.{mart}" for pipeline in PIPELINES for mart in pipeline.marts)


@dataclass(frozen=True)
class Backfill:
    """Seconds of all days at once, and the median seconds of one: as a process, and in a warm process."""

    days: int
    backfill_seconds: float
    command_seconds: float
    warm_seconds: float

    def times_faster(self, seconds_of_a_day: float) -> float:
        """Return how many times faster the backfill was than the same number of days at these seconds each."""
        return self.days * seconds_of_a_day / self.backfill_seconds


def run(count: int = DAYS) -> Backfill:
    """Run both ways, each after a day that sets up the warehouse."""
    days = days_between(FIRST, date.fromordinal(FIRST.toordinal() + count))
    with shop([(ORDERS, days)]) as url:
        os.environ["SHOP_API_URL"] = f"{url}/{ORDERS}"
        use_new_database("bench_backfill")
        _seconds_of("run", *days[:1])
        at_once = _seconds_of("backfill", days[1], days[-1])
        wanted = _marts()
        print(f"{count} days at once: {at_once:.1f} s", file=sys.stderr, flush=True)

        use_new_database("bench_daily")
        _seconds_of("run", *days[:1])
        commands = [_seconds_of("run", day) for day in days[1 : COMMANDS + 1]]
        print(f"a daily run: {statistics.median(commands):.1f} s", file=sys.stderr, flush=True)
        warm = _seconds_in_here(url, days[COMMANDS + 1 :])
        print(f"without its start: {statistics.median(warm):.1f} s", file=sys.stderr, flush=True)
        if differing := [mart for mart, other in zip(_marts(), wanted, strict=True) if mart != other]:
            raise SystemExit(f"Daily runs left other marts than the backfill: {differing}")
    return Backfill(count, at_once, statistics.median(commands), statistics.median(warm))


def _seconds_of(command: str, *days: date) -> float:
    started = time.perf_counter()
    arguments = [DAYBREAK, command, *(day.isoformat() for day in days)]
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, cwd=PROJECT_ROOT)
    return time.perf_counter() - started


def _seconds_in_here(url: str, days: Sequence[date]) -> list[float]:
    took = []
    for day in days:
        started = time.perf_counter()
        outcome = run_a_day(url, ORDERS, [day])
        customer_models.fit_if_due(outcome, list(BY_NAME), lambda _: None)  # as the command does, on Sundays
        took.append(time.perf_counter() - started)
    return took


def _marts() -> list[tuple[object, ...]]:
    with connect() as connection:
        return contents(connection, COMPARED)


def table(found: Backfill) -> Table:
    """Return the ratios of the backfill to daily runs."""
    shown = Table("days", "daily runs / backfill", "without their start", "marts")
    shown.title = f"A backfill of days with {ORDERS} orders"
    ratios = (found.times_faster(seconds) for seconds in (found.command_seconds, found.warm_seconds))
    shown.add_row(f"{found.days:,}", *(f"{ratio:.1f}" for ratio in ratios), "equal")
    return shown


if __name__ == "__main__":
    arguments = ArgumentParser()
    arguments.add_argument("--days", type=int, default=DAYS)
    Console().print(table(run(arguments.parse_args().days)))
