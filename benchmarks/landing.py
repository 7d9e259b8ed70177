"""The time of landing, compared with other ways and the minimum by hand: `python -m benchmarks.landing [rows …]`.

Every contender lands each size in a fresh process, which prints its figures as a line of JSON. Needs a warehouse
(PGHOST …), whose raw.orders is emptied.
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
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks import programs
from benchmarks.contenders import CONTENDERS
from benchmarks.pages import DAY, SCHEMA
from benchmarks.postgres_cpu import postgres_cpu_seconds
from benchmarks.shop import shop
from pipeline_settings import PROJECT_ROOT, settings

SIZES = (10_000, 100_000, 1_000_000, 3_000_000)
LARGEST = {"tutorial": 1_000_000, "dlt defaults": 100_000}  # rows; above they take minutes, or all memory
REFERENCE = "by hand"
PROCESSES = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
WARM_UP = 1_000  # rows that each lands first, since fixed_cost.py measures imports
REPEATED_BELOW = 3_000_000  # rows: fewer run four times, more run once


@dataclass(frozen=True)
class Landing:
    """The cost of one contender for one size: CPU of its processes and of Postgres, and peak resident memory."""

    way: str
    rows: int
    seconds: float
    cpu_seconds: float
    postgres_cpu_seconds: float | None
    peak_mb: float


def measure(way: str, size: int, shop_url: str) -> Landing:
    """Land the day in this process."""
    from warehouse.connection import connect, create_schemas

    with connect() as connection:
        create_schemas(connection)
    figures: list[tuple[float, float, float | None]] = []
    for rows in [WARM_UP] + [size] * (4 if size < REPEATED_BELOW else 1):
        os.environ["SHOP_API_URL"] = f"{shop_url}/{rows}"
        settings.cache_clear()
        with tempfile.TemporaryDirectory() as directory:
            Path(directory).chmod(0o711)
            started, cpu, of_postgres = time.perf_counter(), cpu_seconds(), postgres_cpu_seconds()
            landed = CONTENDERS[way](Path(directory))
            took = time.perf_counter() - started, cpu_seconds() - cpu
            time.sleep(0.2)  # until Postgres has counted the ended sessions
            now = postgres_cpu_seconds()
            figures.append((*took, None if now is None or of_postgres is None else now - of_postgres))
        assert landed == rows, (way, landed)
        with connect(autocommit=True) as connection:
            connection.execute("truncate raw.orders")
            connection.execute(f"drop schema if exists {SCHEMA} cascade".encode())
    figures = figures[1:]
    peak = max(resource.getrusage(who).ru_maxrss for who in PROCESSES) / 1024
    seconds, cpu, _ = (statistics.median(figure[part] or 0.0 for figure in figures) for part in range(3))
    of_postgres = None if figures[0][2] is None else statistics.median(figure[2] or 0.0 for figure in figures)
    return Landing(way, size, seconds, cpu, of_postgres, peak)


def cpu_seconds() -> float:
    """Return the CPU seconds of this process and of those that it has waited for."""
    return sum(sum(resource.getrusage(who)[:2]) for who in PROCESSES)


def run(sizes: Sequence[int] = SIZES) -> list[Landing]:
    """Run every contender with every size that it can handle, each in a new process."""
    ways = [way for way in CONTENDERS if way not in programs.WHEELS or programs.install(way)]
    found = []
    with tempfile.TemporaryDirectory() as home, shop([(size, [DAY]) for size in (WARM_UP, *sizes)], ["orders"]) as url:
        environment = os.environ | {
            "DAYBREAK_HOME": home,
            "BENCH_HOME": os.environ.get("DAYBREAK_HOME", ""),
            "PYTHONPATH": str(PROJECT_ROOT),
        }
        for size in sizes:
            for way in (way for way in ways if size <= LARGEST.get(way, size)):
                command = [sys.executable, "-m", "benchmarks.landing", way, str(size), url]
                ended = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
                found.append(Landing(**json.loads(ended.stdout.splitlines()[-1])))
                print(f"{way}, {size:,} rows: {found[-1].seconds:.2f} s", file=sys.stderr, flush=True)
    return found


def table(landings: Sequence[Landing]) -> Table:
    """Return the contenders relative to the one by hand, by size."""
    shown = Table("rows", "way", "time", "CPU", "CPU of Postgres", "peak MB", title="Landing, as a multiple of by hand")
    references = {landing.rows: landing for landing in landings if landing.way == REFERENCE}
    for landing in landings:
        least = references[landing.rows]
        of_postgres = (
            f"{landing.postgres_cpu_seconds / least.postgres_cpu_seconds:.2f}"
            if landing.postgres_cpu_seconds and least.postgres_cpu_seconds
            else "–"
        )
        shown.add_row(
            f"{landing.rows:,}",
            landing.way,
            f"{landing.seconds / least.seconds:.2f}",
            f"{landing.cpu_seconds / least.cpu_seconds:.2f}",
            of_postgres,
            f"{landing.peak_mb:.0f}",
        )
    return shown


if __name__ == "__main__":
    if sys.argv[1:] and sys.argv[1] in CONTENDERS:
        print(json.dumps(asdict(measure(sys.argv[1], int(sys.argv[2]), sys.argv[3]))), flush=True)
    else:
        Console().print(table(run([int(size) for size in sys.argv[1:]] or SIZES)))
