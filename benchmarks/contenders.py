"""Ways to land a day of orders from the shop at SHOP_API_URL, which `landing.py` compares.

Each is a function that takes a directory for files and returns the number of landed rows.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import programs
from benchmarks.pages import DAY, SCHEMA, pages

COLUMNS = "_load_id, _day, _row_number, order_id, customer_id, total_amount, order_date, status"


def by_hand(_: Path) -> int:
    """The minimum: requests, the fastest JSON, COPY in one transaction. No checks, no exact numbers, no retries."""
    import orjson
    import psycopg
    import requests

    from pipeline_settings import settings

    load_id, number = f"hand-{time.time()}", 0
    with (
        requests.Session() as session,
        psycopg.connect(settings().postgres_uri()) as connection,
        connection.cursor() as cursor,
        cursor.copy(f"copy raw.orders ({COLUMNS}) from stdin") as copy,
    ):
        for body in pages(lambda url: orjson.loads(session.get(url, timeout=60).content)):
            lines = []
            for row in body["orders"]:
                number += 1
                lines.append("\t".join((load_id, "1901-01-01", str(number), *map(str, row.values()))))
            copy.write("\n".join(lines) + "\n")
    return number


def tutorial(_: Path) -> int:
    """The way of most tutorials: all pages in a list, DELETE of the day, execute_values."""
    import psycopg2
    import requests
    from psycopg2.extras import execute_values

    from pipeline_settings import settings

    load_id = f"tutorial-{time.time()}"
    items = [item for body in pages(lambda url: requests.get(url, timeout=60).json()) for item in body["orders"]]
    rows = [(load_id, DAY, number, *map(str, item.values())) for number, item in enumerate(items)]
    connection = psycopg2.connect(settings().postgres_uri())
    with connection, connection.cursor() as cursor:
        cursor.execute("delete from raw.orders where _day = %s", [DAY])
        execute_values(cursor, f"insert into raw.orders ({COLUMNS}) values %s", rows)
    connection.close()
    return len(rows)


def dlt_defaults(directory: Path) -> int:
    """dlt as in its introduction: a generator of pages, and defaults."""
    import dlt
    from dlt.sources.helpers import requests

    from pipeline_settings import settings

    counts = []

    @dlt.resource(name="orders", write_disposition="append")
    def orders() -> Iterator[Any]:
        for body in pages(lambda url: requests.get(url, timeout=60).json()):
            counts.append(len(body["orders"]))
            yield body["orders"]

    pipeline = dlt.pipeline(
        f"bench_{time.time_ns()}",
        pipelines_dir=str(directory),
        destination=dlt.destinations.postgres(settings().postgres_uri()),
        dataset_name=SCHEMA,
    )
    pipeline.run(orders())
    return sum(counts)


def daybreak(_: Path) -> int:
    """Daybreak's step, as `daybreak run` calls it."""
    from ingestion.landing.land_days import land

    return land("orders", DAY).rows


CONTENDERS: dict[str, Callable[[Path], int]] = {
    "by hand": by_hand,
    "daybreak": daybreak,
    "tutorial": tutorial,
    "dlt defaults": dlt_defaults,
    "ingestr": programs.ingestr,
    "sling": programs.sling,
}
