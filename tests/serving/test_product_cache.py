"""The cache of product metrics: its contents, atomic switches, and failures of Redis."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest
import redis

from pipeline_errors import CacheUnavailableError
from pipeline_settings import Settings, settings
from serving.product_cache import TIME_TO_LIVE, CacheReceipt, refresh
from tests.serving.full_redis import full
from warehouse.connection import connect

WEEK = TIME_TO_LIVE.total_seconds()


def publish(count: int, as_of_date: date, **changes: object) -> None:
    """Fill the mart with products p1, p2 …; `changes` are columns of all of them."""
    with connect() as connection:
        connection.execute(
            """
            create table if not exists marts.product_metrics (
                product_id text primary key,
                as_of_date date,
                review_count bigint,
                average_rating numeric(6, 4),
                recent_average numeric(6, 4),
                is_rating_drop boolean
            )
            """
        )
        connection.execute("truncate marts.product_metrics")
        connection.execute(
            """
            insert into marts.product_metrics
            select 'p' || number, %(as_of_date)s, %(review_count)s, %(average_rating)s, %(recent_average)s, false
            from generate_series(1, %(count)s) as numbers (number)
            """,
            {"review_count": 3, "average_rating": Decimal(4), "recent_average": None, **changes}
            | {"count": count, "as_of_date": as_of_date},
        )


def update(assignments: str, product_id: str) -> None:
    with connect() as connection:
        query = f"update marts.product_metrics set {assignments} where product_id = %s".encode()
        connection.execute(query, [product_id])


def counts(receipt: CacheReceipt) -> tuple[int, int, int]:
    return receipt.written, receipt.unchanged, receipt.removed


@pytest.fixture
def product_cache(warehouse: Settings, cache: "redis.Redis") -> "redis.Redis":
    """The empty cache, with three products as of 5 January in the warehouse."""
    publish(3, date(2026, 1, 5))
    return cache


def test_a_hash_is_the_row_as_text(product_cache: "redis.Redis") -> None:
    assert counts(refresh()) == (3, 0, 0)
    assert product_cache.hgetall("product:p1:metrics") == {
        "product_id": "p1",
        "as_of_date": "2026-01-05",
        "review_count": "3",
        "average_rating": "4.0000",
        "is_rating_drop": "false",
    }
    assert product_cache.get("products:as_of") == "2026-01-05"
    assert product_cache.smembers("products:ids") == {"p1", "p2", "p3"}


@pytest.mark.fault(29)
def test_every_key_has_a_time_to_live(product_cache: "redis.Redis") -> None:
    refresh()
    keys = product_cache.keys()
    assert len(keys) == 5
    assert all(WEEK - 60 < product_cache.ttl(key) <= WEEK for key in keys)


def test_only_what_changed_is_written(product_cache: "redis.Redis") -> None:
    refresh()
    assert counts(refresh()) == (0, 3, 0)
    update("recent_average = 0.0001, is_rating_drop = true", "p2")
    assert counts(refresh()) == (1, 2, 0)
    assert product_cache.hget("product:p2:metrics", "recent_average") == "0.0001"
    assert product_cache.hget("product:p2:metrics", "is_rating_drop") == "true"
    update("recent_average = null", "p2")
    refresh()
    assert not product_cache.hexists("product:p2:metrics", "recent_average")


def test_a_new_day_writes_every_product(product_cache: "redis.Redis") -> None:
    refresh()
    publish(3, date(2026, 1, 6))
    assert counts(refresh()) == (3, 0, 0)
    assert product_cache.get("products:as_of") == "2026-01-06"


def test_products_that_expire_soon_are_written_again(product_cache: "redis.Redis") -> None:
    refresh()
    product_cache.expire("product:p1:metrics", 60 * 60 * 24)
    product_cache.persist("product:p2:metrics")
    product_cache.expire("product:p3:metrics", 60 * 60 * 24 * 3)
    assert counts(refresh()) == (2, 1, 0)
    assert 0 < product_cache.ttl("product:p2:metrics") <= WEEK


def test_foreign_changes_to_the_cache_are_repaired(product_cache: "redis.Redis") -> None:
    refresh()
    product_cache.delete("product:p1:metrics", "products:ids", "products:as_of")
    product_cache.hset("product:p2:metrics", "review_count", "999")
    product_cache.delete("product:p3:metrics")
    product_cache.set("product:p3:metrics", b"\xff no hash")
    refresh()
    assert product_cache.hget("product:p2:metrics", "review_count") == "3"
    assert product_cache.hget("product:p3:metrics", "product_id") == "p3"
    assert product_cache.smembers("products:ids") == {"p1", "p2", "p3"}
    assert all(product_cache.ttl(key) > 0 for key in product_cache.scan_iter())


def test_a_foreign_value_of_the_same_day_is_replaced(product_cache: "redis.Redis") -> None:
    refresh()
    product_cache.set("product:p3:metrics", b"\xff no hash")
    assert counts(refresh()) == (1, 2, 0)


def test_vanished_products_are_removed_and_foreign_keys_stay(product_cache: "redis.Redis") -> None:
    product_cache.set("product:p9:metrics:of-another-program", "stays")
    refresh()
    publish(1, date(2026, 1, 5))
    assert counts(refresh()) == (0, 1, 2)
    publish(0, date(2026, 1, 5))
    assert counts(refresh()) == (0, 0, 1)
    assert product_cache.keys() == ["product:p9:metrics:of-another-program"]


def test_many_products_take_several_batches(product_cache: "redis.Redis", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.product_cache.COMPARED_AT_ONCE", 7)
    monkeypatch.setattr("serving.product_cache.SWITCHED_AT_ONCE", 20)
    publish(100, date(2026, 1, 5))
    assert counts(refresh()) == (100, 0, 0)
    assert counts(refresh()) == (0, 100, 0)
    assert product_cache.scard("products:ids") == 100
    assert all(product_cache.ttl(key) > 0 for key in product_cache.scan_iter())


@pytest.mark.fault(29)
def test_readers_see_all_of_a_day_or_nothing_of_it(product_cache: "redis.Redis", servers: Settings) -> None:
    publish(200, date(2026, 1, 5), review_count=5, average_rating=5)
    refresh()
    stop = threading.Event()
    seen: list[set[str | None]] = []

    def poll() -> None:
        assert servers.redis_url is not None
        with redis.Redis.from_url(servers.redis_url.get_secret_value(), decode_responses=True) as client:
            while not stop.is_set():
                pipeline = client.pipeline(transaction=True)
                pipeline.get("products:as_of")
                for number in (1, 100, 200):
                    pipeline.hget(f"product:p{number}:metrics", "as_of_date")
                as_of, *days = pipeline.execute()
                fields = client.hmget("product:p7:metrics", "as_of_date", "review_count")
                seen.append({as_of, *days})
                seen.append({f"2026-01-{int(fields[1] or 0):02}", fields[0]})

    poller = threading.Thread(target=poll)
    poller.start()
    try:
        for day in range(6, 16):
            publish(200, date(2026, 1, day), review_count=day, average_rating=5)
            refresh()
    finally:
        stop.set()
        poller.join()
    assert len(seen) > 20
    assert all(len(days) == 1 and None not in days for days in seen)


@pytest.fixture
def stopped_redis(product_cache: "redis.Redis") -> Iterator[None]:
    """A Redis that is stopped: it accepts connections and does not answer."""
    pid = int(product_cache.info("server")["process_id"])
    os.kill(pid, signal.SIGSTOP)
    yield
    os.kill(pid, signal.SIGCONT)


@pytest.mark.fault(28)
def test_a_silent_redis_times_out_soon(stopped_redis: None) -> None:
    started = time.monotonic()
    with pytest.raises(CacheUnavailableError, match="Timeout"):
        refresh()
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("redis://127.0.0.1:1/0", "refused"),
        ("redis://:canary-5b1e@127.0.0.1:{port}/0", "password"),
        ("redis://:canary-5b1e@127.0.0.1/0?db=none", "not a Redis URL"),
        ("", "not set"),
    ],
)
@pytest.mark.fault(28)
def test_an_unusable_redis_is_an_error_without_secrets(
    product_cache: "redis.Redis", monkeypatch: pytest.MonkeyPatch, url: str, message: str
) -> None:
    port = product_cache.get_connection_kwargs().get("port", 6379)
    monkeypatch.setenv("REDIS_URL", url.format(port=port))
    settings.cache_clear()
    with pytest.raises(CacheUnavailableError, match=message) as raised:
        refresh()
    assert "canary" not in str(raised.value)


@pytest.mark.fault(28)
def test_a_full_redis_keeps_the_old_rows_and_the_next_run_repairs(product_cache: "redis.Redis") -> None:
    refresh()
    publish(50, date(2026, 1, 6))
    with full(product_cache), pytest.raises(CacheUnavailableError, match="memory"):
        refresh()
    assert product_cache.get("products:as_of") == "2026-01-05"
    assert product_cache.hget("product:p1:metrics", "as_of_date") == "2026-01-05"
    assert counts(refresh()) == (50, 0, 0)
