"""A shop with distinguishable versions: readers must always see one complete version of each pipeline."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any

import redis

from local.demo_shop.shop_contract import ListedShop
from tests.dbt_project.loads import orders, reviews
from warehouse.connection import Connection, connect

POLL_SECONDS = 0.01
ORDERS_A_VERSION = 40

SEEN = """
    select
        (select count(distinct total_amount) from marts.fct_orders) as amounts,
        (select count(*) from marts.fct_orders) as orders,
        (select sum(total_amount) from marts.fct_orders) as of_orders,
        (select sum(revenue) from marts.daily_sales) as of_days,
        (select sum(total_spent) from marts.customer_ltv) as of_customers,
        (select array_agg(distinct rating::numeric) from marts.fct_reviews) as of_reviews,
        (select array_agg(distinct average_rating::numeric) from marts.product_metrics) as of_products,
        (select count(distinct (total_orders, average_rating_given)) from marts.customer_health) as healths
"""


def put(shop: ListedShop, day: date, version: int) -> None:
    """Put a version of a day into the shop: every amount and rating is the version's."""
    shop_orders = [{**row, "total_amount": str(1 + version)} for row in orders(day, ORDERS_A_VERSION)]
    shop.put("orders", day, [{**row, "customer_id": f"c{number % 4}"} for number, row in enumerate(shop_orders)])
    shop_reviews = [{**row, "rating": str(1 + version % 5)} for row in reviews(day, ORDERS_A_VERSION)]
    shop.put("reviews", day, [{**row, "customer_id": f"c{number % 4}"} for number, row in enumerate(shop_reviews)])


def assert_whole(row: dict[str, Any]) -> None:
    """Assert that one statement's view of all marts is one version of each pipeline."""
    assert row["amounts"] == 1, row
    assert row["orders"] == ORDERS_A_VERSION, row
    assert row["of_orders"] == row["of_days"] == row["of_customers"], row
    assert len(row["of_reviews"]) == 1, row
    assert row["of_reviews"] == row["of_products"], row
    assert row["healths"] == 1, row


def assert_cache_whole(client: "redis.Redis") -> str:
    """Assert that one MULTI's view of Redis is one version, and that every key expires; return its rating."""
    pipeline = client.pipeline(transaction=True)
    for product in ("p0", "p1"):
        pipeline.hgetall(f"product:{product}:metrics")
        pipeline.ttl(f"product:{product}:metrics")
    first, first_left, second, second_left = pipeline.execute()
    assert min(first_left, second_left) > 0
    assert first.keys() == second.keys()
    for column in ("average_rating", "as_of_date"):
        assert first[column] == second[column], (first, second)
    return str(first["average_rating"])


@contextmanager
def watched(client: "redis.Redis") -> Iterator[Counter[str]]:
    """Read marts and Redis every 10 ms and assert that no reader sees a mixture; yield counts of what they saw."""
    seen: Counter[str] = Counter()
    failures: list[BaseException] = []
    stop = threading.Event()

    def look_at_marts() -> None:
        with connect(autocommit=True) as connection:
            while not stop.wait(POLL_SECONDS):
                seen[f"amounts of {_look(connection)}"] += 1

    def look_at_cache() -> None:
        while not stop.wait(POLL_SECONDS):
            seen[f"ratings of {assert_cache_whole(client)}"] += 1

    def keeping(look: Callable[[], None]) -> None:
        try:
            look()
        except BaseException as failure:
            failures.append(failure)

    readers = [threading.Thread(target=keeping, args=[look]) for look in (look_at_marts, look_at_cache)]
    for reader in readers:
        reader.start()
    try:
        yield seen
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert failures == []


def _look(connection: Connection) -> str:
    row = connection.execute(SEEN).fetchone()
    assert row is not None
    assert_whole(row)
    return str(row["of_orders"])
