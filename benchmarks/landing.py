"""What landing costs beside the least that could be written by hand: `python -m benchmarks.landing [rows …]`.

Starts a shop that only hands out bytes, in a process of its own. Every contender lands each size in a fresh process,
which prints what it measured as a line of JSON. Needs a warehouse to write to (PGHOST …), whose raw.orders is emptied.
"""

import json
import multiprocessing
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from rich.console import Console
from rich.table import Table

from benchmarks.contenders import CONTENDERS, DAY, SCHEMA
from benchmarks.postgres_cpu import postgres_cpu_seconds
from pipeline_settings import PROJECT_ROOT

SIZES = (10_000, 100_000, 1_000_000, 3_000_000)
LARGEST = {"tutorial": 1_000_000, "dlt defaults": 100_000}  # rows; beyond that they take minutes, or all the memory
REFERENCE = "by hand"
REPEATED_BELOW = 1_000_000  # rows: five times with the first left out, else once


@dataclass(frozen=True)
class Landing:
    """What one contender needed for one size. CPU of this process and of Postgres; the peak of resident memory."""

    way: str
    rows: int
    seconds: float
    cpu_seconds: float
    postgres_cpu_seconds: float | None
    peak_mb: float


@cache
def page(path: str, start: int, limit: int) -> bytes:
    """Rows start … start + limit of a day with as many rows as the path begins with."""
    size = int(path.split("/")[1])
    rows = [
        {
            "order_id": f"o-{number}",
            "customer_id": f"c-{number % 5000}",
            "total_amount": round(10 + number * 0.37 % 900, 2),
            "order_date": DAY.isoformat(),
            "status": "delivered",
        }
        for number in range(start, min(size, start + limit))
    ]
    following = f"{path}?start={start + limit}&limit={limit}" if start + limit < size else None
    return json.dumps({"orders": rows, "next": following, "total": size}).encode()


class Shop(BaseHTTPRequestHandler):
    """Hands out pages that it keeps."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer with a page."""
        url = urlsplit(self.path)
        asked = parse_qs(url.query)
        body = page(url.path, int(asked.get("start", ["0"])[0]), int(asked["limit"][0]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def serve(ports: "multiprocessing.Queue[int]", sizes: Sequence[int]) -> None:
    """Serve until killed, after telling the port. All pages are made before: no contender waits for that."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    for size in sizes:
        for start in range(0, size, 5000):
            page(f"/{size}/api/v1/orders", start, 5000)
    ports.put(server.server_port)
    server.serve_forever()


def measure(way: str, size: int) -> Landing:
    """Land the day in this process."""
    from warehouse.connection import connect, create_schemas

    with connect() as connection:
        create_schemas(connection)
    figures: list[tuple[float, float, float | None]] = []
    for _ in range(5 if size < REPEATED_BELOW else 1):
        with tempfile.TemporaryDirectory() as directory:
            started, cpu, of_postgres = time.perf_counter(), time.process_time(), postgres_cpu_seconds()
            rows = CONTENDERS[way](Path(directory))
            now = postgres_cpu_seconds()
            used = None if now is None or of_postgres is None else now - of_postgres
            figures.append((time.perf_counter() - started, time.process_time() - cpu, used))
        assert rows == size, (way, rows)
        with connect(autocommit=True) as connection:
            connection.execute("truncate raw.orders")
            connection.execute(f"drop schema if exists {SCHEMA} cascade".encode())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    warm = figures[1:] or figures
    seconds, cpu, _ = (statistics.median(figure[part] or 0.0 for figure in warm) for part in range(3))
    of_postgres = None if warm[0][2] is None else statistics.median(figure[2] or 0.0 for figure in warm)
    return Landing(way, size, seconds, cpu, of_postgres, peak)


def run(sizes: Sequence[int] = SIZES) -> list[Landing]:
    """Every contender with every size that it can take, each in its own process."""
    ports: multiprocessing.Queue[int] = multiprocessing.Queue()
    shop = multiprocessing.Process(target=serve, args=(ports, sizes), daemon=True)
    shop.start()
    port = ports.get(timeout=600)
    found = []
    with tempfile.TemporaryDirectory() as home:
        for size in sizes:
            environment = os.environ | {
                "SHOP_API_URL": f"http://127.0.0.1:{port}/{size}",
                "DAYBREAK_HOME": home,
                "BENCH_HOME": os.environ.get("DAYBREAK_HOME", ""),
                "PYTHONPATH": str(PROJECT_ROOT),
            }
            for way in (way for way in CONTENDERS if size <= LARGEST.get(way, size)):
                command = [sys.executable, "-m", "benchmarks.landing", way, str(size)]
                ended = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
                found.append(Landing(**json.loads(ended.stdout.splitlines()[-1])))
                print(f"{way}, {size:,} rows: {found[-1].seconds:.2f} s", file=sys.stderr, flush=True)
    shop.terminate()
    return found


def table(landings: Sequence[Landing]) -> Table:
    """Each contender against the one by hand, size by size."""
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
    if len(sys.argv) == 3 and sys.argv[1] in CONTENDERS:
        print(json.dumps(asdict(measure(sys.argv[1], int(sys.argv[2])))), flush=True)
    else:
        Console().print(table(run([int(size) for size in sys.argv[1:]] or SIZES)))
