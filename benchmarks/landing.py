"""How long landing takes, against the least that could be written by hand: `python benchmarks/landing.py`.

Starts a shop that only hands out bytes, in a process of its own, and lands days of 25, 10,000 and 1,000,000 orders,
each size in a fresh process. Needs a warehouse to write to (PGHOST …), in which raw.orders gets rows for 1901.
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
from datetime import date
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

ROOT = Path(__file__).resolve().parents[1]
DAY = date(1901, 1, 1)
RUNS = {25: 12, 10_000: 6, 1_000_000: 2}


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


def serve(ports: "multiprocessing.Queue[int]") -> None:
    """Serve until killed, after telling the port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    ports.put(server.server_port)
    server.serve_forever()


def by_hand() -> int:
    """The least: requests, json, COPY row by row. No checks, no exact numbers, no retries."""
    import psycopg
    import requests

    from pipeline_settings import settings

    url: str | None = f"{os.environ['SHOP_API_URL']}/api/v1/orders?date={DAY}&limit=5000"
    load_id, number = f"hand-{time.time()}", 0
    columns = "_load_id, _day, _row_number, order_id, customer_id, total_amount, order_date, status"
    with (
        requests.Session() as session,
        psycopg.connect(settings().postgres_uri()) as connection,
        connection.cursor() as cursor,
        cursor.copy(f"copy raw.orders ({columns}) from stdin") as copy,
    ):
        while url:
            body = session.get(url, timeout=60).json()
            for row in body["orders"]:
                number += 1
                copy.write_row((load_id, DAY, number, *(str(value) for value in row.values())))
            url = f"http://{urlsplit(os.environ['SHOP_API_URL']).netloc}{body['next']}" if body["next"] else None
    return number


def measure(way: str, runs: int) -> None:
    """Land the day `runs` times in this process, and print seconds and peak memory."""
    from ingestion.landing import land
    from warehouse.connection import connect, create_schemas

    with connect() as connection:
        create_schemas(connection)
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        rows = land("orders", DAY).rows if way == "land" else by_hand()
        seconds.append(time.perf_counter() - started)
    with connect() as connection:
        connection.execute("delete from raw.orders where _day = %s", [DAY])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    warm = statistics.median(seconds[1:])
    print(f"{way:8} {rows:9,} rows   first {seconds[0]:6.2f} s   warm {warm:6.2f} s   peak {peak:4.0f} MB", flush=True)


def main() -> None:
    """Serve a shop and measure each size and way in its own process."""
    ports: multiprocessing.Queue[int] = multiprocessing.Queue()
    shop = multiprocessing.Process(target=serve, args=(ports,), daemon=True)
    shop.start()
    port = ports.get(timeout=10)
    with tempfile.TemporaryDirectory() as home:
        for size, runs in RUNS.items():
            environment = os.environ | {
                "SHOP_API_URL": f"http://127.0.0.1:{port}/{size}",
                "DAYBREAK_HOME": home,
                "PYTHONPATH": str(ROOT),
            }
            for way in ("hand", "land"):
                subprocess.run([sys.executable, __file__, way, str(runs)], env=environment, check=True)
    shop.terminate()


if __name__ == "__main__":
    if len(sys.argv) == 3:
        measure(sys.argv[1], int(sys.argv[2]))
    else:
        main()
