"""Costs that do not depend on rows: `python -m benchmarks.fixed_cost`.

It measures the minimum time and CPU of several processes each: `daybreak --help`, the imports of a run, a run of a day
with few rows and of an unchanged day, each with a fast and a slow shop, and each step of a day of orders as a process,
as under Airflow. For comparison, it also measures `python -c pass` and the imports of the libraries. Needs a server for
a new database (PGHOST …) and Redis.
"""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.databases import use_new_database
from benchmarks.days import FIRST
from benchmarks.shop import shop
from pipeline_settings import PROJECT_ROOT

ORDERS = 100
TIMES = 3
SLOW_SECONDS = 0.5  # for each of the four responses that a run waits for
REFERENCE = "python -c pass"
ALL_IMPORTS = "import all that a run imports"
DAYBREAK = str(Path(sys.executable).with_name("daybreak"))
RARELY = "from orchestration.garbage_collection import collect_rarely; collect_rarely();"  # as at every start
IMPORTS = {
    "import dlt's REST source": "import dlt.sources.rest_api",
    "import great_expectations": f"{RARELY}from expectations.gx_import import import_gx; import_gx()",
    "import dbt": f"{RARELY}from transformation.dbt_import import import_dbt; import_dbt()",
    ALL_IMPORTS: f"{RARELY}import orchestration.day_run, ingestion.landing.land_days, expectations.gate;"
    "from expectations.gx_import import import_gx; import_gx();"
    "from transformation.dbt_import import import_dbt; import_dbt()",
}
# The setup of each step: the day and its newest load.
STEP = f"""{RARELY}
from datetime import date
from orchestration import steps
from warehouse import day_ledger
from warehouse.connection import connect
day, names = date.fromisoformat("{{day}}"), ["ecommerce_order_pipeline"]
with connect() as connection:
    load_id = day_ledger.newest_load(connection, "orders", day)
"""
STEPS = {
    "extract_load": "steps.prepare(); steps.extract_load('orders', day, 'alone')",
    "gate": "steps.gate('orders', day, load_id, 'alone'); steps.write_data_docs()",
    "transform": "steps.transform(names, [day], 'alone')",
    "publish": "steps.publish(names, [day], 'alone')",
    "measure": "steps.measure(names[0], day, 'alone')",
}


@dataclass(frozen=True)
class Process:
    """Time and CPU of a process without the servers: the minimum of several."""

    what: str
    seconds: float
    cpu_seconds: float


def run() -> list[Process]:
    """Run each process a few times."""
    use_new_database("bench_fixed_cost")
    days = [FIRST + timedelta(days=number) for number in range(3 * TIMES + 1)]
    found = [_least(REFERENCE, [[sys.executable, "-c", "pass"]] * TIMES)]
    found.append(_least("daybreak --help", [[DAYBREAK, "--help"]] * TIMES))
    found += [_least(what, [[sys.executable, "-c", code]] * TIMES) for what, code in IMPORTS.items()]
    with shop([(ORDERS, days)]) as url:
        runs = [[DAYBREAK, "run", day.isoformat()] for day in days]
        os.environ["SHOP_API_URL"] = f"{url}/{ORDERS}"
        _least("the first run, with its schemas", runs[:1])
        found += _new_and_again(runs[1 : TIMES + 1], "")
        os.environ["SHOP_API_URL"] = f"{url}/{ORDERS}@{SLOW_SECONDS}"
        found += _new_and_again(runs[TIMES + 1 : 2 * TIMES + 1], f", {SLOW_SECONDS} s an answer")
        os.environ["SHOP_API_URL"] = f"{url}/{ORDERS}"
        found += _steps_alone([day.isoformat() for day in days[2 * TIMES + 1 :]])
    return found


def _steps_alone(days: Sequence[str]) -> list[Process]:
    """Run each step of these days in a new process, one day after the other, since a step needs the one before."""
    took: dict[str, list[Process]] = {}
    for day in days:
        for step, call in STEPS.items():
            code = STEP.replace("{day}", day) + call
            took.setdefault(step, []).append(_least(f"{step} alone, {ORDERS} orders", [[sys.executable, "-c", code]]))
    return [
        Process(each[0].what, min(one.seconds for one in each), min(one.cpu_seconds for one in each))
        for each in took.values()
    ]


def _new_and_again(runs: Sequence[Sequence[str]], shop_is: str) -> list[Process]:
    return [
        _least(f"daybreak run, {ORDERS} orders{shop_is}", runs),
        _least(f"daybreak run, nothing new{shop_is}", runs),
    ]


def _least(what: str, commands: Sequence[Sequence[str]]) -> Process:
    took = []
    for command in commands:
        started, used = time.perf_counter(), _cpu_of_ended()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=PROJECT_ROOT)
        took.append((time.perf_counter() - started, _cpu_of_ended() - used))
    least = Process(what, *map(min, zip(*took, strict=True)))
    print(f"{what}: {least.seconds:.2f} s, CPU {least.cpu_seconds:.2f} s", file=sys.stderr, flush=True)
    return least


def _cpu_of_ended() -> float:
    return sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])


def table(processes: Sequence[Process]) -> Table:
    """Return the processes relative to the start of Python and to all imports."""
    by_name = {process.what: process for process in processes}
    least, imports = by_name[REFERENCE], by_name[ALL_IMPORTS]
    shown = Table("process", "time / pass", "CPU / pass", "CPU / imports", title="What does not depend on rows")
    for process in processes:
        shown.add_row(
            process.what,
            f"{process.seconds / least.seconds:.0f}",
            f"{process.cpu_seconds / least.cpu_seconds:.0f}",
            f"{process.cpu_seconds / imports.cpu_seconds:.2f}",
        )
    return shown


if __name__ == "__main__":
    Console().print(table(run()))
