"""Retention in raw: the loads that count, the newest of each day, and superseded ones for a while."""

from collections.abc import Callable, Iterator

import pytest
from psycopg import sql

from pipeline_errors import ConfigurationError, WarehouseError
from pipeline_settings import settings
from tests.dbt_project.loads import FIRST, SECOND, Loads, orders, reviews
from tests.expectations.staging import land_rows
from tests.monitoring.alerting.test_outbox import execute
from tests.warehouse.test_day_ledger import loads, publish
from warehouse import day_ledger
from warehouse.connection import connect
from warehouse.locks import day_lock
from warehouse.raw_retention import prune_day, prune_superseded

__all__ = ["loads"]  # a fixture

Keep = Callable[..., None]


@pytest.fixture
def keep(monkeypatch: pytest.MonkeyPatch) -> Iterator[Keep]:
    """Set variables."""

    def set_variables(**variables: int) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        settings.cache_clear()

    yield set_variables
    settings.cache_clear()


def in_raw(dataset: str = "orders") -> list[str]:
    with connect() as connection:
        query = sql.SQL("select distinct _load_id from {} order by 1").format(sql.Identifier("raw", dataset))
        return [row["_load_id"] for row in connection.execute(query)]


def admit(load_id: str) -> None:
    execute("update ops.day_ledger set admitted_load_id = %s where day = %s", load_id, FIRST)


def age(days: int, *load_ids: str) -> None:
    execute("update ops.loads set landed_at = landed_at - %s * interval '1 day' where load_id = any(%s)",
            days, list(load_ids))  # fmt: skip


def prune(dataset: str = "orders") -> int:
    with connect() as connection:
        return prune_day(connection, dataset, FIRST)


# ---- one day, during its run -----------------------------------------------------------------------------------------


def test_the_newest_two_loads_and_those_that_count_stay(loads: Loads) -> None:
    published, admitted, _refused, newer, newest = [loads.admit("orders", FIRST, orders(FIRST)) for _ in range(5)]
    other_day = loads.admit("orders", SECOND, orders(SECOND))
    publish(published)
    admit(admitted)
    assert prune() == 1
    assert in_raw() == [published, admitted, newer, newest, other_day]
    assert prune() == 0


@pytest.mark.parametrize(("kept", "left"), [(1, 1), (3, 3), (9, 5)])
def test_the_number_of_kept_loads_is_a_setting(loads: Loads, keep: Keep, kept: int, left: int) -> None:
    landed = [loads.admit("orders", FIRST, orders(FIRST)) for _ in range(5)]
    keep(RAW_LOADS_KEPT=kept)
    assert prune() == 5 - left
    assert in_raw() == landed[-left:]
    with connect() as connection:
        assert day_ledger.newest_load(connection, "orders", FIRST) == landed[-1]


@pytest.mark.parametrize("name", ["RAW_LOADS_KEPT", "RAW_SUPERSEDED_DAYS", "LOG_DAYS_KEPT"])
def test_the_newest_load_and_todays_log_are_always_kept(keep: Keep, name: str) -> None:
    keep(**{name: 0})
    with pytest.raises(ConfigurationError, match=name):
        settings()


def test_a_published_load_is_pruned_once_replaced(loads: Loads) -> None:
    first, *_, last = [loads.admit("orders", FIRST, orders(FIRST)) for _ in range(3)]
    publish(first)
    assert prune() == 0
    publish(last)
    assert prune() == 1
    assert first not in in_raw()
    assert execute("select count(*) as n from ops.loads where pruned_at is null") == [{"n": 2}]


def test_scores_are_pruned_with_their_load(loads: Loads) -> None:
    first, *_ = [loads.admit("reviews", FIRST, reviews(FIRST)) for _ in range(3)]
    execute("insert into staging.review_sentiment values (%s, %s, 1, 'neutral', 'vader')", first, FIRST)
    assert prune("reviews") == 1
    assert execute("select * from staging.review_sentiment") == []


# ---- all days, between runs ------------------------------------------------------------------------------------------


def test_a_superseded_load_is_pruned_after_ninety_days_without_a_run_of_its_day(loads: Loads) -> None:
    first, second = (loads.admit("orders", FIRST, orders(FIRST)) for _ in range(2))
    lone = loads.admit("orders", SECOND, orders(SECOND))
    publish(second)
    age(89, first, second, lone)
    assert prune_superseded(["orders"]) == 0
    age(2, first, second, lone)
    assert prune_superseded(["orders"]) == 1
    assert in_raw() == [second, lone]
    assert execute("select load_id from ops.loads where pruned_at is not null") == [{"load_id": first}]
    assert prune_superseded(["orders"]) == 0


def test_the_age_counts_from_the_landing_of_a_newer_load(loads: Loads, keep: Keep) -> None:
    first, second = (loads.admit("orders", FIRST, orders(FIRST)) for _ in range(2))
    age(1000, first)
    age(8, second)
    assert prune_superseded(["orders"]) == 0
    keep(RAW_SUPERSEDED_DAYS=7)
    assert prune_superseded(["orders"]) == 1
    assert in_raw() == [second]


def test_loads_that_count_and_the_newest_are_never_pruned(loads: Loads) -> None:
    published, between, admitted, refused = (loads.admit("orders", FIRST, orders(FIRST)) for _ in range(4))
    publish(published)
    admit(admitted)
    age(1000, published, between, admitted, refused)
    assert prune_superseded(["orders"]) == 1
    assert in_raw() == [published, admitted, refused]
    with connect() as connection:
        assert day_ledger.newest_load(connection, "orders", FIRST) == refused


def test_pruning_and_a_run_of_the_day_do_not_block_each_other(loads: Loads) -> None:
    old, new = (loads.admit("reviews", FIRST, reviews(FIRST)) for _ in range(2))
    age(91, old, new)
    with day_lock("reviews", FIRST), connect() as run:
        run.execute("select * from ops.day_ledger for update")
        land_rows("reviews", FIRST, "newest", reviews(FIRST))
        assert prune_superseded(["orders", "reviews"]) == 1
    assert in_raw("reviews") == [new, "newest"]


def test_loads_of_killed_runs_are_pruned(loads: Loads) -> None:
    kept = loads.admit("orders", FIRST, orders(FIRST))
    ids = ["20250101T000000.000000Z-abcdef", "20250102T000000.000000Z-abcdef", "29990101T000000.000000Z-abcdef"]
    for load_id, day in zip(ids, [FIRST, SECOND, FIRST], strict=True):
        land_rows("orders", day, load_id, orders(day))
    execute("delete from ops.loads where load_id = any(%s)", ids)
    assert prune_superseded(["orders"]) == 2
    assert in_raw() == [ids[2], kept]


def test_pruning_takes_the_loaders_role(loads: Loads) -> None:
    old, new = (loads.admit("orders", FIRST, orders(FIRST)) for _ in range(2))
    age(91, old, new)
    execute("revoke delete on raw.orders from daybreak_loader")
    with pytest.raises(WarehouseError, match="daybreak_loader"):
        prune_superseded(["orders"])
    assert in_raw() == [old, new]
