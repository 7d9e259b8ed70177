"""The laws on generated shops: rows are conserved, and marts only depend on the admitted loads, not on their order."""

import random
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from local.demo_shop.shop_contract import ListedShop, Shop
from pipeline_settings import settings as product_settings
from tests.conftest import Examples
from tests.laws.conftest import World, empty_warehouse, rows_of
from tests.laws.further_fields import FIRST, OURS, drawn_refund, further_fields, with_further_fields
from transformation.dbt_runner import build, publish
from transformation.pipelines import BY_NAME, ORDERS, PIPELINES, Pipeline
from warehouse.connection import connect

DAYS = [FIRST + timedelta(days=number) for number in (0, 1, 32)]  # of three months

__all__ = ["with_further_fields"]  # a fixture

Rows = dict[tuple[str, date], list[dict[str, Any]]]

ids = st.sampled_from(["o1", "o2", "o3", "o4", "o5", "o6", "o7", "o8"])
customers = st.sampled_from(["c1", "c2", "c3", "drawn"])  # the last one has no plain rows
amounts = st.sampled_from(["12.50", "0", "100.00", "99999.99", "1e2", " 7.10 ", "12.500"])
statuses = st.sampled_from(["delivered", "cancelled", "shipped"])
item = st.fixed_dictionaries(
    {
        "product_id": st.sampled_from(["p1", "p2", "p3", " p1 ", None]),
        "total": st.sampled_from(["12.50", 7, 0.125, -1]),
    },
    optional={"quantity": st.sampled_from([1, 2, "1.5", 0, None])},
)
items = st.one_of(st.none(), st.lists(item, max_size=3))


def orders_of(day: date, is_day_of_update: bool) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Draw orders of a day: ids collide within and across days, and some rows are bad.

    If the day is that of the last update, about half are older, and some are of a later day.
    """
    dates = [str(day), f"{day}T10:00:00Z", f"{day} 23:59:59.9999999"]
    if is_day_of_update:
        dates += [str(day - timedelta(days=distance)) for distance in (1, 2, 40, -1)]
    good = st.fixed_dictionaries(
        {
            "order_id": ids,
            "customer_id": customers,
            "total_amount": amounts,
            "order_date": st.sampled_from(dates),
            "status": statuses,
        },
        optional={"items": items},
    )
    bad = st.sampled_from(
        [
            {"order_id": "o1", "customer_id": "c1", "total_amount": "abc", "order_date": str(day), "status": "shipped"},
            {"order_id": None, "customer_id": "c1", "total_amount": "1", "order_date": str(day), "status": "shipped"},
            {"order_id": "o2", "customer_id": "c2", "total_amount": "1", "order_date": "today", "status": "shipped"},
            {
                "order_id": "o3",
                "customer_id": "c3",
                "total_amount": "1",
                "order_date": str(day),
                "status": "shipped",
                "items": [{"product_id": "p1", "quantity": "two", "total": 1}],
            },
        ]
    )
    return st.lists(st.one_of(good, good, good, bad), max_size=6)


def reviews_of(day: date) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Draw reviews of a day, likewise."""
    row = st.fixed_dictionaries(
        {
            "review_id": st.sampled_from(["r1", "r2", "r3", "r4", "r5", "r6"]),
            "product_id": st.sampled_from(["p1", "p2", "p3"]),
            "customer_id": customers,
            "rating": st.sampled_from([1, 2, 3, "4.0", 5]),
            "review_text": st.sampled_from(["great, I love it", "terrible and broken", "it is a box"]),
            "review_date": st.sampled_from(
                [None, str(day), str(day - timedelta(days=29)), str(day - timedelta(days=31))]
            ),
        }
    )
    return st.lists(row, max_size=6)


def with_plain_rows(rows: Rows) -> Rows:
    """Put plain rows before the drawn ones, so that a few bad rows do not refuse the day."""
    full: Rows = {}
    for (dataset, day), drawn in rows.items():
        plain: list[dict[str, Any]] = [
            {
                "order_id": f"{day}-{n}",
                "customer_id": f"c{n % 4}",
                "total_amount": n,
                "order_date": str(day),
                "status": "x",
                "items": [{"product_id": f"p{n % 3}", "total": n}, {"product_id": "p1", "quantity": 2, "total": "0.5"}],
            }
            if dataset == "orders"
            else {
                "review_id": f"{day}-{n}",
                "product_id": "p1",
                "customer_id": "c1",
                "rating": 1 + n % 5,
                "review_text": "ok",
            }
            for n in range(120)
        ]
        full[dataset, day] = plain + drawn
    return full


@st.composite
def shops(draw: st.DrawFn, is_day_of_update: bool = False) -> Rows:
    """Draw the rows of a shop for three days."""
    rows: Rows = {}
    for day in DAYS:
        rows["orders", day] = draw(orders_of(day, is_day_of_update))
        rows["reviews", day] = draw(reviews_of(day))
    return rows


def contents(pipelines: Sequence[Pipeline] = PIPELINES) -> dict[str, list[dict[str, Any]]]:
    """Return all published rows of these pipelines."""
    return {mart: rows_of(mart) for pipeline in pipelines for mart in pipeline.marts}


@pytest.mark.fault(16, 17)
def test_marts_are_a_function_of_the_admitted_loads(world: Callable[[Shop], World], examples: Examples) -> None:
    @examples(1, 6)
    @given(before=shops(), after=shops(), seed=st.integers(0, 1000))
    def agree(before: Rows, after: Rows, seed: int) -> None:
        assume(any(before.values()) and any(after.values()))  # hypothesis begins with a shop without rows
        assert_history_and_backfill_agree(world, before, after, seed, PIPELINES)

    agree()


@pytest.fixture
def told_by_update(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shop.toml where the day of an order is that of its last update."""
    config = tmp_path / "shop.toml"
    config.write_text(OURS.replace("max_bad_rate = 0.05", 'max_bad_rate = 0.05\nday_is = "updated"'))
    monkeypatch.setenv("SHOP_CONFIG", str(config))


def updates(seed: int) -> Rows:
    """Draw orders of three days that are created, moved and dropped, with few ids, of the same or earlier days."""
    chance = random.Random(seed)

    def row(day: date) -> dict[str, Any]:
        return {
            "order_id": f"o{chance.randrange(9)}",
            "customer_id": f"c{chance.randrange(4)}",
            "total_amount": chance.randrange(9999) / 100,
            "order_date": str(day - timedelta(chance.choice([0, 0, 1, 2, 40]))),
            "status": chance.choice(["shipped", "shipped", "cancelled"]),
        }

    return {("orders", day): [row(day) for _ in range(6)] for day in DAYS}


@pytest.mark.fault(64, 65)
@pytest.mark.usefixtures("with_further_fields")
def test_currencies_parts_and_marks_of_orders_reach_the_marts(world: Callable[[Shop], World]) -> None:
    """A shop without these fields is what every other test has."""
    chance = random.Random(24)
    rows = with_plain_rows({(dataset, day): [] for dataset in ("orders", "reviews") for day in DAYS[:2]})
    statuses = ["shipped", "Refunded", "wc-failed", " CANCELLED ", "re funded"]
    for day in DAYS[:2]:
        for order in rows["orders", day]:
            if chance.random() < 0.3:
                order["customer_id"] = chance.choice(
                    [None, "", 0, "0 ", "Anna@Shop.example", " anna@shop.example", "@x"]
                )
            order.update(
                further_fields(chance), status=chance.choice(statuses), total_amount=chance.randrange(9999) / 2
            )
    rows["orders", FIRST][1].update(currency="usd", exchange_rate="1.2", is_test=False, cancelled_at=None, tax_amount=1)
    here = world(ListedShop(rows))
    for day in DAYS[:2]:
        here.run([day])
    here.assert_marts_are_right()
    published = rows_of("fct_orders")
    customers = {row["customer_id"] for row in published}
    assert customers >= {None, "anna@shop.example", "@x"}
    assert not customers & {"", "0", "0 ", "Anna@Shop.example"}
    assert {row["is_revenue"] for row in published} == {True, False}
    assert len({row["currency"] for row in published}) == 2
    for column in ("discount_amount", "tax_amount", "shipping_amount", "cancelled_at", "refunded_amount"):
        assert len({row[column] for row in published}) > 1, column


@pytest.mark.fault(66)
@pytest.mark.usefixtures("with_further_fields")
def test_late_refunds_reach_their_own_dates(world: Callable[[Shop], World]) -> None:
    """Refunds that come, change and go with later loads of their orders' days; then one build of all days."""
    chance = random.Random(7)
    rows = with_plain_rows({(dataset, day): [] for dataset in ("orders", "reviews") for day in DAYS})
    for day in DAYS:
        rows["orders", day][0]["refunds"] = []  # a key that no order of a day has is an error
    shop = ListedShop(rows)
    here = world(shop)
    here.run(DAYS, [ORDERS.name])
    assert rows_of("fct_refunds") == []
    dates_of_refunds: set[date] = set()
    for months, day in enumerate((DAYS[0], DAYS[1], DAYS[0], DAYS[2])):
        for order in rows["orders", day]:
            order["refunds"] = [
                drawn_refund(chance, FIRST + timedelta(30 * months)) for _ in range(chance.choice([0, 0, 1, 2]))
            ]
            order["status"] = chance.choice(["shipped"] * 5 + ["cancelled"])
            order["tax_amount"], order["shipping_amount"] = 1, chance.choice([0, 0, None])
        shop.put("orders", day, rows["orders", day])
        here.run([day], [ORDERS.name])
        here.assert_marts_are_right([ORDERS])
        dates_of_refunds |= {row["refund_date"] for row in rows_of("fct_refunds")}
    sales = {row["order_date"]: row for row in rows_of("daily_sales")}
    assert dates_of_refunds - sales.keys(), "no refund went away again"
    assert {row["orders"] == 0 for row in sales.values()} == {True, False}
    assert {row["net_sales"] is None for row in sales.values()} == {True, False}
    kept = sum(row["net_amount"] for row in rows_of("fct_orders") if row["is_revenue"])
    assert kept == sum(row["net_revenue"] for row in sales.values())
    seen = contents([ORDERS])
    build([ORDERS.name], full_refresh=True)
    publish([ORDERS.name])
    assert contents([ORDERS]) == seen


@pytest.mark.slow
@pytest.mark.usefixtures("told_by_update")
def test_marts_by_last_update_are_a_function_of_the_admitted_loads(world: Callable[[Shop], World]) -> None:
    orders = [BY_NAME["ecommerce_order_pipeline"]]
    assert_history_and_backfill_agree(world, updates(1), updates(2), 3, orders)
    standing = rows_of("fct_orders")
    assert {row["logical_date"] for row in standing} == set(DAYS)
    assert sum(row["logical_date"] > row["order_date"] for row in standing) > 3
    with connect() as connection:
        superseded = connection.execute("select logical_date, order_date from ops.int_orders_superseded").fetchall()
    assert any(row["logical_date"] > row["order_date"] for row in superseded)


@pytest.mark.slow
@pytest.mark.usefixtures("told_by_update")
def test_marts_of_many_histories_are_a_function_of_the_admitted_loads(world: Callable[[Shop], World]) -> None:
    """Histories drawn by hypothesis, including reviews."""

    @settings(settings.get_profile("of builds"), max_examples=5)
    @given(before=shops(True), after=shops(True), seed=st.integers(0, 1000))
    def agree(before: Rows, after: Rows, seed: int) -> None:
        assume(any(before.values()) and any(after.values()))
        assert_history_and_backfill_agree(world, before, after, seed, PIPELINES)

    agree()


def assert_history_and_backfill_agree(
    world: Callable[[Shop], World], before: Rows, after: Rows, seed: int, pipelines: Sequence[Pipeline]
) -> None:
    """Run two days, then these and a third, corrected and in any order: the marts equal those of one backfill.

    They equal the oracle's after each day.
    """
    names = [pipeline.name for pipeline in pipelines]
    empty_warehouse()
    shop_before = ListedShop(with_plain_rows(before))
    restated = world(shop_before)
    restated.run(DAYS[:2], names)
    restated.assert_marts_are_right(pipelines)
    for key, rows in with_plain_rows(after).items():
        shop_before.put(*key, rows)
    for day in random.Random(seed).sample(DAYS, len(DAYS)):
        restated.run([day], names)
        restated.assert_marts_are_right(pipelines)
    seen = contents(pipelines)

    empty_warehouse()
    at_once = world(ListedShop(with_plain_rows(after)))
    at_once.run(DAYS, names)
    at_once.assert_marts_are_right(pipelines)
    assert contents(pipelines) == seen


@pytest.mark.fault(18)
def test_running_an_unchanged_day_again_changes_nothing(world: Callable[[Shop], World]) -> None:
    order = {"order_id": "o1", "customer_id": "c1", "total_amount": 12.5, "order_date": str(FIRST), "status": "shipped"}
    here = world(ListedShop({("orders", FIRST): [order]}))
    assert [day.state for day in here.run([FIRST]).days] == ["admitted", "empty"]
    seen = contents()
    outcome = here.run([FIRST])
    assert [day.state for day in outcome.days] == ["unchanged", "unchanged"]
    assert outcome.rows_published == {}
    assert contents() == seen


@pytest.mark.slow
@pytest.mark.parametrize("letters", [1_000, 1_001, 5_000])
def test_a_day_with_long_ids_is_accepted(world: Callable[[Shop], World], letters: int) -> None:
    """Above about 2,700 bytes no id fits an index, unless it can be compressed."""
    rows = with_plain_rows({(dataset, FIRST): [] for dataset in ("orders", "reviews")})
    long = random.Random(letters).randbytes(letters).hex()[:letters]
    for field, order in zip(("order_id", "customer_id"), rows["orders", FIRST], strict=False):
        order[field] = f"{long[1:]}é"[-letters + 1 :]  # é takes two bytes
    rows["orders", FIRST][2]["items"] = [{"product_id": long, "total": 1}]
    for field, review in zip(("review_id", "product_id", "customer_id"), rows["reviews", FIRST], strict=False):
        review[field] = long
    here = world(ListedShop(rows))
    assert {day.state for day in here.run([FIRST]).days} == {"admitted"}
    here.assert_marts_are_right()


@pytest.mark.fault(16, 17)
def test_a_vanished_order_restores_the_earlier_day(world: Callable[[Shop], World]) -> None:
    def order(day: date, amount: str) -> dict[str, Any]:
        return {"order_id": "o1", "customer_id": "c1", "total_amount": amount, "order_date": str(day), "status": "x"}

    shop = ListedShop({("orders", DAYS[0]): [order(DAYS[0], "1")], ("orders", DAYS[1]): [order(DAYS[1], "2")]})
    here = world(shop)
    here.run(DAYS[:2])
    assert [row["order_date"] for row in rows_of("fct_orders")] == [DAYS[1]]
    shop.put("orders", DAYS[1], [])
    here.run([DAYS[1]])
    assert [row["order_date"] for row in rows_of("fct_orders")] == [DAYS[0]]
    here.assert_marts_are_right()


def test_changed_statuses_apply_to_days_that_run_again(
    world: Callable[[Shop], World], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def order(day: date, status: str) -> dict[str, Any]:
        return {
            "order_id": f"{day}-{status}", "customer_id": "c1", "total_amount": 5, "order_date": str(day),
            "status": status,
        }  # fmt: skip

    here = world(ListedShop({("orders", day): [order(day, "voided"), order(day, "failed")] for day in DAYS[:2]}))
    here.run(DAYS[:2], ["ecommerce_order_pipeline"])
    assert {row["order_id"][11:]: row["is_revenue"] for row in rows_of("fct_orders")} == {
        "voided": True, "failed": False,
    }  # fmt: skip
    config = tmp_path / "shop.toml"
    declared = 'max_bad_rate = 0.05\nnon_revenue_statuses = ["voided"]'
    config.write_text(OURS.replace("max_bad_rate = 0.05", declared))
    monkeypatch.setenv("SHOP_CONFIG", str(config))
    product_settings.cache_clear()
    assert [day.state for day in here.run([DAYS[1]], ["ecommerce_order_pipeline"]).days] == ["admitted"]
    assert {row["order_id"]: row["is_revenue"] for row in rows_of("fct_orders")} == {
        f"{DAYS[0]}-voided": True, f"{DAYS[0]}-failed": False,  # as they were judged, until they are run again
        f"{DAYS[1]}-voided": False, f"{DAYS[1]}-failed": True,
    }  # fmt: skip
    here.assert_marts_are_right([BY_NAME["ecommerce_order_pipeline"]])


def test_a_refused_day_changes_no_published_row(world: Callable[[Shop], World]) -> None:
    good = [
        {"order_id": f"o{n}", "customer_id": "c1", "total_amount": n, "order_date": str(FIRST), "status": "x"}
        for n in range(20)
    ]
    shop = ListedShop({("orders", FIRST): good})
    here = world(shop)
    here.run([FIRST])
    seen = contents()
    shop.put("orders", FIRST, [{**row, "total_amount": "abc"} if n < 2 else row for n, row in enumerate(good)])
    outcome = here.run([FIRST])
    assert outcome.exit_code == 5
    assert contents() == seen
    shop.put("orders", FIRST, [{**row, "total_amount": "abc"} if n < 1 else row for n, row in enumerate(good)])
    assert here.run([FIRST]).exit_code == 0  # exactly 5% passes
    here.assert_marts_are_right()
