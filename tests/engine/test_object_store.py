"""The exchange with an engine in a bucket: the same marts, no leftovers, a one-line error if it cannot be used."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from local.demo_shop.shop_contract import ListedShop, Shop
from local.state import free_port
from orchestration.day_run import run_days
from orchestration.outcome import RunOutcome
from pipeline_settings import settings
from tests.dbt_project.loads import FIRST, SECOND, orders
from tests.engine.needs import needs_an_engine
from tests.engine.object_store import BUCKET, ObjectStore, needs_an_object_store, object_store
from tests.engine.server import server
from tests.laws.conftest import World, rows_of, world
from transformation.pipelines import ORDERS, SPARK

__all__ = ["world"]  # the fixture

pytestmark = [needs_an_engine, needs_an_object_store]


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as running:
        yield running


@pytest.fixture
def shop_in_use(world: Callable[[Shop], World]) -> World:
    """A published day, and another one in the shop."""
    known = world(ListedShop({("orders", day): orders(day) for day in (FIRST, SECOND)}))
    known.run([FIRST], [ORDERS.name])
    return known


def use(monkeypatch: pytest.MonkeyPatch, store: ObjectStore, url: str) -> None:
    from s3fs import S3FileSystem

    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SPARK_EXCHANGE", url)
    settings.cache_clear()
    S3FileSystem.clear_instance_cache()  # the process has one, with the first credentials


def run(world: World, say: Callable[[str], None] = lambda _: None) -> RunOutcome:
    world.admit("orders", SECOND)
    port = free_port()
    with server(port), pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_REMOTE", f"sc://127.0.0.1:{port}")  # the embedded engine has no network
        settings.cache_clear()
        return run_days([SECOND], [ORDERS.name], say, engine=SPARK)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["s3", "s3a"])
def test_rows_are_exchanged_in_a_bucket(
    scheme: str, shop_in_use: World, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, store, f"{scheme}://{BUCKET}/of-orders")
    seen = set[str]()
    outcome = run(shop_in_use, lambda _: seen.update(store.keys()))
    assert outcome.exit_code == 0, [str(error) for error in outcome.errors]
    shop_in_use.assert_marts_are_right([ORDERS])
    assert {key.split("/")[0] for key in seen} == {"of-orders"}
    assert any("/int_orders_accepted/" in key for key in seen)
    assert any("/int_orders_resolved/" in key for key in seen)
    assert not store.keys(), "orders of customers are left behind"


@pytest.mark.slow
@pytest.mark.fault(53)
def test_a_missing_bucket_is_reported_and_not_created(
    shop_in_use: World, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, store, "s3://nowhere/of-orders")
    assert_refused(shop_in_use, "s3://nowhere/of-orders")
    assert store.buckets() == [BUCKET]


@pytest.mark.slow
@pytest.mark.parametrize("wrong", [pytest.param("key_id", marks=pytest.mark.slow), "secret"])
def test_wrong_credentials_are_reported_and_not_shown(
    wrong: str, shop_in_use: World, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, replace(store, **{wrong: "incorrect"}), f"s3://{BUCKET}/of-orders")
    assert_refused(shop_in_use, f"s3://{BUCKET}/of-orders")


@pytest.mark.slow
@pytest.mark.fault(53)
def test_a_store_that_is_down_is_reported(
    shop_in_use: World, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, replace(store, url="http://127.0.0.1:1"), f"s3://{BUCKET}/of-orders")
    assert_refused(shop_in_use, f"s3://{BUCKET}/of-orders")


@pytest.mark.slow
@pytest.mark.slow
def test_an_engine_without_access_to_the_bucket_is_reported(
    shop_in_use: World, store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, store, f"s3://{BUCKET}/of-orders")
    monkeypatch.delenv("AWS_ALLOW_HTTP")  # only Sail requires it
    assert_refused(shop_in_use, "The engine cannot use s3://")
    assert not store.keys()


@pytest.mark.slow
def test_a_missing_package_for_the_store_is_reported(shop_in_use: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_EXCHANGE", "nothing://bucket/folder")
    settings.cache_clear()
    seen = rows_of("customer_ltv")
    outcome = run(shop_in_use)
    assert outcome.exit_code == 2
    assert "SPARK_EXCHANGE cannot be used" in str(outcome.errors[0])
    assert rows_of("customer_ltv") == seen


def assert_refused(world: World, place: str) -> None:
    seen = rows_of("customer_ltv")
    outcome = run(world)
    assert outcome.exit_code == 4
    (error,) = outcome.errors
    message = str(error)
    assert place in message
    assert "Set SPARK_EXCHANGE to a folder or bucket" in message
    assert "\n" not in message
    assert "incorrect" not in message
    assert rows_of("customer_ltv") == seen
