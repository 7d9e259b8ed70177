"""A shop that serves prepared bytes from a separate process, so that measurements do not wait for it.

`/{orders}/…` is the API of a shop with this many orders a day and a third as many reviews. Ids contain their day. The
same customers, a fifth as many as orders, buy every day. `/{orders}@{seconds}/…` waits this long for each response.
"""

import json
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeAlias
from urllib.parse import parse_qs, urlsplit

PAGE_SIZE = 5000
SizeOfDays: TypeAlias = tuple[int, Sequence[date]]  # a number of orders for each of these days
TEXTS = ("Lovely, I would buy it again.", "It broke after a week, what a pity.", "Does what it says.")


def order(day: str, number: int, orders: int) -> dict[str, Any]:
    """Return one order of a day."""
    return {
        "order_id": f"o-{day}-{number}",
        "customer_id": f"c-{number % max(orders // 5, 1)}",
        "total_amount": round(10 + number * 0.37 % 900, 2),
        "order_date": day,
        "status": "delivered",
    }


def review(day: str, number: int, orders: int) -> dict[str, Any]:
    """Return one review of a day."""
    return {
        "review_id": f"r-{day}-{number}",
        "product_id": f"p-{number % max(orders // 10, 1)}",
        "customer_id": f"c-{number % max(orders // 5, 1)}",
        "rating": 1 + number % 5,
        "review_text": TEXTS[number % len(TEXTS)],
        "review_date": day,
    }


ROWS: dict[str, Callable[[str, int, int], dict[str, Any]]] = {"orders": order, "reviews": review}


def size_of(dataset: str, orders: int) -> int:
    """Return the rows of a dataset on a day with this many orders."""
    return orders if dataset == "orders" else orders // 3


@cache
def page(orders: int, dataset: str, day: str, start: int) -> bytes:
    """Return a page of a day with this many orders."""
    size = size_of(dataset, orders)
    end = min(size, start + PAGE_SIZE)
    rows = [ROWS[dataset](day, number, orders) for number in range(start, end)]
    path = f"/{orders}/api/v1/{dataset}?date={day}&start={end}"
    return json.dumps({dataset: rows, "next": path if end < size else None, "total": size}).encode()


class Shop(BaseHTTPRequestHandler):
    """A handler that serves prepared pages."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Send a page, or the health check's response."""
        url = urlsplit(self.path)
        size, _, seconds = url.path.split("/")[1].partition("@")
        orders, dataset = int(size), url.path.rpartition("/")[2]
        asked = parse_qs(url.query)
        time.sleep(float(seconds or 0))
        body = b"{}"
        if dataset in ROWS:
            body = page(orders, dataset, asked["date"][0], int(asked.get("start", ["0"])[0]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def serve(ports: "multiprocessing.Queue[int]", kept: Sequence[SizeOfDays], datasets: Sequence[str]) -> None:
    """Prepare all pages, send the port, and serve until killed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    for orders, days in kept:
        for dataset in datasets:
            for day in days:
                for start in range(0, size_of(dataset, orders), PAGE_SIZE):
                    page(orders, dataset, day.isoformat(), start)
    ports.put(server.server_port)
    server.serve_forever()


@contextmanager
def shop(kept: Sequence[SizeOfDays], datasets: Sequence[str] = tuple(ROWS)) -> Iterator[str]:
    """Start a shop with these days, and yield its URL, to which `/{orders}` is added."""
    ports: multiprocessing.Queue[int] = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(ports, kept, datasets), daemon=True)
    server.start()
    try:
        yield f"http://127.0.0.1:{ports.get(timeout=600)}"
    finally:
        server.terminate()
        server.join()
