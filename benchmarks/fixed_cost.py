"""What does not depend on rows: `python -m benchmarks.fixed_cost`.

Processes as a user starts them, the least of several each, by the clock and in CPU: `daybreak --help`, the imports of a
run, a run of a day with hardly any rows, and of one that has not changed, each with a shop that answers at once and one
that takes its time. Beside them `python -c pass`, and the imports of the libraries that the product is made of. Needs a
warehouse to make a database in (PGHOST …) and Redis.
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
SLOW_SECONDS = 0.5  # for each of the four answers that a run waits for
REFERENCE = "python -c pass"
ALL_IMPORTS = "import all that a run imports"
DAYBREAK = str(Path(sys.executable).with_name("daybreak"))
IMPORTS = {
    "import dlt's REST source": "import dlt.sources.rest_api",
    "import great_expectations": "from expectations.gx_import import import_gx; import_gx()",
    "import dbt": "import dbt.cli.main",
    ALL_IMPORTS: "import orchestration.day_run, ingestion.landing, expectations.gate, dbt.cli.main;"
    "from expectations.gx_import import import_gx; import_gx()",
}


@dataclass(frozen=True)
class Process:
    """What a process took from its start to its end, and its CPU, without the servers': the least of several."""

    what: str
    seconds: float
    cpu_seconds: float


def run() -> list[Process]:
    """Each process, a few times."""
    use_new_database("bench_fixed_cost")
    days = [FIRST + timedelta(days=number) for number in range(2 * TIMES + 1)]
    found = [_least(REFERENCE, [[sys.executable, "-c", "pass"]] * TIMES)]
    found.append(_least("daybreak --help", [[DAYBREAK, "--help"]] * TIMES))
    found += [_least(what, [[sys.executable, "-c", code]] * TIMES) for what, code in IMPORTS.items()]
    with shop([(ORDERS, days)]) as url:
        runs = [[DAYBREAK, "run", day.isoformat()] for day in days]
        os.environ["SHOP_API_URL"] = f"{url}/{ORDERS}"
        _least("the first run, with its schemas", runs[:1])
        found += _new_and_again(runs[1 : TIMES + 1], "")
        os.environ["SHOP_API_URL"] = f"{url}/{ORDERS}@{SLOW_SECONDS}"
        found += _new_and_again(runs[TIMES + 1 :], f", {SLOW_SECONDS} s an answer")
    return found


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
    """Each process as a multiple of Python's own start, and of all imports."""
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
