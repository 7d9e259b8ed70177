"""Postgres compared with the embedded engine, by size: `python -m benchmarks.engine [orders …]`.

Each size has a separate database with that many published orders and a day with as many again. That day is built and
tested on both, then everything by a full refresh. Nothing is published, so that all builds start from the same state.
Each size runs in a fresh process, which prints its figures as a line of JSON. Needs a server for new databases
(PGHOST …).
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from benchmarks.databases import use_new_database
from benchmarks.history import FIRST, admit, land
from benchmarks.postgres_cpu import postgres_cpu_seconds
from pipeline_settings import PROJECT_ROOT

SIZES = (100_000, 1_000_000, 3_000_000)
REPEATED_BELOW = 1_000_000  # orders: fewer run three times without the first, more run once
BUILDERS = ("postgres", "engine")


@dataclass(frozen=True)
class Transform:
    """The cost of one build. CPU of this process with the embedded engine, and of Postgres if it is embedded."""

    builder: str
    orders: int
    is_full: bool
    seconds: float
    cpu_seconds: float
    postgres_cpu_seconds: float | None
    peak_mb: float


def prepare(size: int) -> None:
    """Create a database with this many published orders, and a day of as many admitted ones."""
    from orchestration import steps
    from transformation import dbt_runner
    from transformation.pipelines import ORDERS
    from warehouse.connection import connect

    use_new_database(f"bench_engine_{size}")
    steps.prepare()
    admit(FIRST, land(FIRST, size, max(size // 5, 1)))
    dbt_runner.build([ORDERS.name])
    dbt_runner.publish([ORDERS.name])
    day = FIRST + timedelta(1)
    admit(day, land(day, size, max(size // 5, 1)))
    with connect(autocommit=True) as connection:
        connection.execute("vacuum analyze")
        connection.execute("checkpoint")


def measure(builder: str, size: int, *, is_full: bool) -> Transform:
    """Build the pending days, or everything, without publishing."""
    from engine import engine_build
    from transformation import dbt_runner
    from transformation.pipelines import ORDERS
    from warehouse.roles import TRANSFORMER, acting_as

    build = engine_build.build if builder == "engine" else dbt_runner.build
    figures: list[tuple[float, float, float | None]] = []
    for _ in range(3 if size < REPEATED_BELOW else 1):
        started, cpu, of_postgres = time.perf_counter(), time.process_time(), postgres_cpu_seconds()
        with acting_as(TRANSFORMER):
            build([ORDERS.name], full_refresh=is_full)
        now = postgres_cpu_seconds()
        used = None if now is None or of_postgres is None else now - of_postgres
        figures.append((time.perf_counter() - started, time.process_time() - cpu, used))
    warm = figures[1:] or figures
    seconds, cpu, _ = (statistics.median(figure[part] or 0.0 for figure in warm) for part in range(3))
    of_postgres = None if warm[0][2] is None else statistics.median(figure[2] or 0.0 for figure in warm)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Transform(builder, size, is_full, seconds, cpu, of_postgres, peak)


def run(sizes: Sequence[int] = SIZES) -> list[Transform]:
    """Run every size on both, each size in a new process."""
    found: list[Transform] = []
    with tempfile.TemporaryDirectory() as home:
        environment = os.environ | {
            "DAYBREAK_HOME": home,
            "BENCH_HOME": os.environ.get("DAYBREAK_HOME", ""),
            "PYTHONPATH": str(PROJECT_ROOT),
        }
        for size in sizes:
            command = [sys.executable, "-m", "benchmarks.engine", "measure", str(size)]
            ended = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
            found += [Transform(**figures) for figures in json.loads(ended.stdout.splitlines()[-1])]
    return found


def table(transforms: Sequence[Transform]) -> Table:
    """Return the builds on the engine relative to Postgres."""
    shown = Table("orders", "build", "Postgres", "engine", "time", "CPU, all in all", title="Transform on an engine")
    by_build = {(done.orders, done.is_full, done.builder): done for done in transforms}
    for orders, is_full in dict.fromkeys((done.orders, done.is_full) for done in transforms):
        postgres, engine = (by_build[orders, is_full, builder] for builder in BUILDERS)
        shown.add_row(
            f"{orders:,}",
            "full refresh" if is_full else "a day",
            f"{postgres.seconds:.1f} s",
            f"{engine.seconds:.1f} s",
            f"{engine.seconds / postgres.seconds:.2f}",
            f"{_cpu(engine) / _cpu(postgres):.2f}",
        )
    return shown


def _cpu(done: Transform) -> float:
    return done.cpu_seconds + (done.postgres_cpu_seconds or 0.0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        orders = int(sys.argv[2])
        prepare(orders)
        all_of_them = [measure(builder, orders, is_full=is_full) for is_full in (False, True) for builder in BUILDERS]
        print(json.dumps([asdict(done) for done in all_of_them]), flush=True)
    else:
        Console().print(table(run([int(size) for size in sys.argv[1:]] or SIZES)))
