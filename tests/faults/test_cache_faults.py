"""Failures of Redis: the marts are published nevertheless, and the next run repairs the cache."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis

from local.demo_shop.shop_contract import ListedShop
from orchestration.day_run import run_days
from pipeline_settings import PROJECT_ROOT, Settings, settings
from serving.product_cache import refresh
from tests.dbt_project.loads import FIRST
from tests.faults.kills.versions import put
from tests.faults.proxy import CutError, Proxy
from tests.laws.conftest import World, rows_of
from tests.serving.full_redis import full
from transformation.pipelines import BY_NAME
from warehouse.connection import connect

REVIEWS = "customer_feedback_pipeline"
SLOWEST_RUN = 60  # seconds, with a hanging Redis, on a busy machine


@contextmanager
def stopped(client: "redis.Redis", monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stop Redis: it accepts connections and does not answer."""
    pid = int(client.info("server")["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def locked(client: "redis.Redis", monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Use a wrong password for Redis."""
    with monkeypatch.context() as wrong:
        address = "{host}:{port}".format(**client.get_connection_kwargs())
        wrong.setenv("REDIS_URL", f"redis://:wrong@{address}/0")
        settings.cache_clear()
        yield
    settings.cache_clear()


@pytest.mark.slow
@pytest.mark.fault(28)
@pytest.mark.parametrize("fault", [stopped, full, locked])
def test_a_run_succeeds_with_a_warning_and_the_next_one_repairs_the_cache(
    world: Callable[[ListedShop], World],
    cache: "redis.Redis",
    monkeypatch: pytest.MonkeyPatch,
    fault: Callable[..., object],
) -> None:
    shop = ListedShop({})
    put(shop, FIRST, 0)
    here = world(shop)
    here.run([FIRST], [REVIEWS])
    put(shop, FIRST, 1)
    with fault(cache, monkeypatch):  # type: ignore[attr-defined]
        started = time.monotonic()
        outcome = run_days([FIRST], [REVIEWS])
        assert time.monotonic() - started < SLOWEST_RUN
    assert (outcome.exit_code, outcome.errors) == (0, [])
    assert {row["rating"] for row in rows_of("fct_reviews")} == {2}
    with connect() as connection:
        query = "select status, error from ops.pipeline_runs where step = 'update_cache'"
        runs = connection.execute(query).fetchall()
    assert [row["status"] for row in runs] == ["warning"]
    assert "the next run repairs" in runs[0]["error"]
    assert cache.hget("product:p1:metrics", "average_rating") == "1.0000"
    here.run([FIRST], [REVIEWS])
    here.assert_marts_are_right([BY_NAME[REVIEWS]])
    assert cache.hget("product:p1:metrics", "average_rating") == "2.0000"


def products(version: int) -> None:
    """Fill the mart with 300 products of a version."""
    with connect() as connection:
        connection.execute(
            "create table if not exists marts.product_metrics"
            " (product_id text, as_of_date date, version int, again int)"
        )
        connection.execute("truncate marts.product_metrics")
        connection.execute(
            "insert into marts.product_metrics"
            " select 'p' || n, '2026-01-05', %(v)s, %(v)s from generate_series(1, 300) as numbers (n)",
            {"v": version},
        )


def assert_products_are_whole(client: "redis.Redis") -> set[str]:
    """Assert that no product mixes versions and that every key expires; return the versions."""
    keys = list(client.scan_iter("product*"))
    assert all(client.ttl(key) > 0 for key in keys)
    rows = [client.hgetall(key) for key in keys if key.endswith(":metrics")]
    assert all(row["version"] == row["again"] and len(row) == 4 for row in rows)
    return {str(row["version"]) for row in rows}


@pytest.mark.fault(29)
def test_a_refresh_killed_while_writing_leaves_no_half_product(
    warehouse: Settings, cache: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process is killed after a number of bytes: before, in and after the MULTI that switches products."""
    products(0)
    refresh()
    moments, seen = random.Random(29), list[set[str]]()
    for version in range(1, 6):
        products(version)
        refresh_killed_after(moments.randrange(70_000), cache, monkeypatch)
        seen.append(assert_products_are_whole(cache))
    assert all(len(versions) == 1 for versions in seen), seen  # one MULTI: all products or none
    refresh()
    assert assert_products_are_whole(cache) == {"5"}


def refresh_killed_after(count: int, client: "redis.Redis", monkeypatch: pytest.MonkeyPatch) -> None:
    """Refresh the cache in a process that is killed once it has sent so many bytes."""
    sent = 0

    def counted(piece: bytes) -> None:
        nonlocal sent
        sent += len(piece)
        if sent > count:
            process.kill()
            raise CutError

    host, port = (client.get_connection_kwargs()[name] for name in ("host", "port"))
    with Proxy(host, port, counted) as proxy, monkeypatch.context() as through_it:
        through_it.setenv("REDIS_URL", os.environ["REDIS_URL"].replace(f":{port}/", f":{proxy.port}/"))
        command = [sys.executable, "-c", "from serving.product_cache import refresh; refresh()"]
        process = subprocess.Popen(command, cwd=PROJECT_ROOT)
        assert process.wait(60) in {-signal.SIGKILL, 0}
