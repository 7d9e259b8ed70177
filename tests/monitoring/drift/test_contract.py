"""Breaking and harmless differences: a shop's answers, each with one change, compared with the week before."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from ingestion.declaration.shop_config import ShopConfig, load_shop_config
from ingestion.landing.row_sample import RowSample
from ingestion.values.json_text import parse_json
from local.demo_shop.csv_shop import CsvShop
from local.demo_shop.simulated_shop import REFUSED_DAY, SimulatedShop
from monitoring.drift.baseline import at_least
from monitoring.drift.contract import Contract
from monitoring.drift.profile import Profile, profile_of
from orchestration.day_run import days_between
from tests.laws import test_olist
from tests.laws.test_olist import OLIST
from tests.monitoring.drift.contract_shops import GONE, NESTED, OURS, Change, Row, differences

SHOPS = ("simulated", "nested")
# The key of each field in the rows of the shops: the last step of its path.
KEYS = {"nested": {"order_id": "id", "customer_id": "customer", "order_date": "created_at"}}


def change(field: str, to: Callable[[Any], Any], every: int = 1) -> Callable[[str], Change]:
    """Change the value of a field, in every n-th row that has it."""

    def for_shop(shop: str) -> Change:
        def changed(row: Row, number: int) -> Row:
            key = key_in(row, shop, field)
            if number % every or row.get(key) is None:
                return row
            if key == "customer" and isinstance(row[key], dict):
                return {**row, key: {**row[key], "id": to(row[key]["id"])}}
            return {**row, key: to(row[key])}

        return changed

    return for_shop


def key_of(field: str, to: Callable[[Row, str], Row], every: int = 1) -> Callable[[str], Change]:
    """Change the surroundings of a field's key."""

    def for_shop(shop: str) -> Change:
        def changed(row: Row, number: int) -> Row:
            key = key_in(row, shop, field)
            return row if number % every or key not in row else to(row, key)

        return changed

    return for_shop


def key_in(row: Row, shop: str, field: str) -> str:
    return field if field in row else KEYS.get(shop, {}).get(field, field)


def row(to: Callable[[Row, int], Any]) -> Callable[[str], Change]:
    return lambda _: to


def without(row: Row, key: str) -> Row:
    return {name: value for name, value in row.items() if name != key}


def renamed(name: str) -> Callable[[Row, str], Row]:
    return lambda row, key: {name if each == key else each: value for each, value in row.items()}


def number(value: Any) -> float:
    try:
        return float(int(float(str(value).strip()) * 100) / 100)
    except (ValueError, OverflowError):
        return 0.0


def day(value: Any) -> date:
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return date(2026, 3, 9)


def stars(factor: int, less: int = 0) -> Callable[[Any], Any]:
    return lambda value: int(number(value)) * factor - less


BREAKING = {
    "amount renamed": ("orders", key_of("total_amount", renamed("totalAmount"))),
    "amount renamed beyond recognition": ("orders", key_of("total_amount", renamed("gross"))),
    "status renamed": ("orders", key_of("status", renamed("order_status"))),
    "rating renamed": ("reviews", key_of("rating", renamed("stars"))),
    "customer gone": ("orders", key_of("customer_id", without)),
    "customer gone from a tenth": ("orders", key_of("customer_id", without, 10)),
    "date gone from a tenth": ("orders", key_of("order_date", without, 10)),
    "status null": ("orders", change("status", lambda _: None)),
    "amount null in most": ("orders", change("total_amount", lambda _: None, 2)),
    "status blank": ("orders", change("status", lambda _: " ")),
    "text blank": ("reviews", change("review_text", lambda _: "")),
    "review date gone": ("reviews", key_of("review_date", without)),
    "product null in a tenth": ("reviews", change("product_id", lambda _: None, 8)),
    "amount a word": ("orders", change("total_amount", lambda _: "free")),
    "amount with a comma": ("orders", change("total_amount", lambda v: f"{number(v):.2f}".replace(".", ","))),
    "amount with a comma in a tenth": (
        "orders",
        change("total_amount", lambda v: f"{number(v):.2f}".replace(".", ","), 10),
    ),
    "amount with a currency": ("orders", change("total_amount", lambda v: f"€{v}")),
    "amount with a currency behind": ("orders", change("total_amount", lambda v: f"{v} EUR")),
    "amount in groups": ("orders", change("total_amount", lambda v: f"{number(v) * 100:,.2f}")),
    "amount in cents": ("orders", change("total_amount", lambda v: round(number(v) * 100))),
    "amount rounded": ("orders", change("total_amount", lambda v: round(number(v)))),
    "amount in thousands": ("orders", change("total_amount", lambda v: round(number(v) / 1000, 2))),
    "amount with four decimals": ("orders", change("total_amount", lambda v: round(number(v) + 0.0049, 4))),
    "amount negated": ("orders", change("total_amount", lambda v: -number(v) - 1)),
    "amount zero": ("orders", change("total_amount", lambda _: 0)),
    "amount an object": ("orders", change("total_amount", lambda v: {"amount": v, "currency": "EUR"})),
    "amount a boolean": ("orders", change("total_amount", lambda _: True)),
    "amount one level deeper": (
        "orders",
        key_of("total_amount", lambda row, key: {**without(row, key), "amounts": {"total_amount": row[key]}}),
    ),
    "customer an object": ("orders", change("customer_id", lambda v: {"id": v})),
    "customer a list": ("orders", change("customer_id", lambda v: [v])),
    "customer with a prefix": ("orders", change("customer_id", lambda v: f"CUST-{v}")),
    "customer with another letter": ("orders", change("customer_id", lambda v: f"K{str(v)[1:]}")),
    "customer an e-mail": ("orders", change("customer_id", lambda v: f"c{v}@example.org")),
    "customer the same for all": ("orders", change("customer_id", lambda _: "0")),
    "order ids uuids": ("orders", change("order_id", lambda v: f"ORDER {v}")),
    "order ids drawn": ("orders", change("order_id", lambda v: hash(v) % 10**12)),
    "review ids uuids": ("reviews", change("review_id", lambda v: str(UUID(int=hash(v) % 2**120)))),
    "product ids numbers": ("reviews", change("product_id", lambda v: sum(map(ord, v)))),
    "product ids paths": ("reviews", change("product_id", lambda v: f"/products/{v}")),
    "date with slashes": ("orders", change("order_date", lambda v: f"{day(v):%d/%m/%Y}")),
    "date with dots": ("orders", change("order_date", lambda v: f"{day(v):%d.%m.%Y}")),
    "date in words": ("orders", change("order_date", lambda v: f"{day(v):%d %b %Y}")),
    "date an epoch": ("orders", change("order_date", lambda v: 1772409600 + day(v).toordinal())),
    "date an epoch in milliseconds": ("orders", change("order_date", lambda _: "1772409600000")),
    "date without dashes": ("orders", change("order_date", lambda v: f"{day(v):%Y%m%d}")),
    "date a day later": ("orders", change("order_date", lambda v: str(day(v) + timedelta(days=1)))),
    "review date with slashes": ("reviews", change("review_date", lambda v: f"{day(v):%m/%d/%Y}")),
    "status other words": ("orders", change("status", lambda v: {"delivered": "done", "paid": "done"}.get(v, v))),
    "a refund in other words": (
        "orders",
        change("status", lambda v: {"cancelled": "voided", "refunded": "voided", "returned": "voided"}.get(v, v), 1),
    ),
    "status a number": ("orders", change("status", len)),
    "status an object": ("orders", change("status", lambda v: {"name": v})),
    "status a list": ("orders", change("status", lambda v: [v])),
    "rating to 10": ("reviews", change("rating", stars(2))),
    "rating to 100": ("reviews", change("rating", stars(20))),
    "rating from 0 to 4": ("reviews", change("rating", stars(1, 1))),
    "rating in words": ("reviews", change("rating", lambda v: f"{v} stars")),
    "rating of five": ("reviews", change("rating", lambda v: f"{v}/5")),
    "rating a boolean": ("reviews", change("rating", lambda v: number(v) > 3)),
    "rating a share": ("reviews", change("rating", lambda v: number(v) / 5)),
    "rating to 3": ("reviews", change("rating", lambda v: min(3, max(1, int(number(v)))))),
    "text an object": ("reviews", change("review_text", lambda v: {"en": v})),
    "text a number": ("reviews", change("review_text", len)),
    "items one level deeper": ("orders", row(lambda row, _: {"order": row})),
    "items in lists": ("orders", row(lambda row, _: list(row.values()))),
    "items texts": ("reviews", row(lambda row, _: str(row))),
    "products in small letters": ("reviews", change("product_id", str.lower)),
    "text the same for all": ("reviews", change("review_text", lambda _: "[removed]")),
}
OF_THE_NESTED = {
    "timestamps without offset": ("orders", change("order_date", lambda v: v[:19])),
    "timestamps only dates": ("orders", change("order_date", lambda v: v[:10])),
    "timestamps moved": ("orders", change("order_date", lambda v: v[:19] + "-05:00")),
    "timestamps moved, the same moments": (
        "orders",
        change("order_date", lambda v: datetime.fromisoformat(v).astimezone(UTC).isoformat()[:19] + "+05:30"),
    ),
    "customer one level deeper": (
        "orders",
        row(lambda row, _: {**row, "customer": {"data": row["customer"]}}),
    ),
    "customer a text": ("orders", row(lambda row, _: {**row, "customer": str(row["customer"]["id"])})),
    "uuids in capitals": ("orders", change("order_id", str.upper)),
    "uuids without dashes": ("orders", change("order_id", lambda v: v.replace("-", ""))),
    "ids with a point": ("reviews", change("review_id", lambda v: f"{v}.0")),
    "ids filled with zeros": ("reviews", change("customer_id", lambda v: v.zfill(9))),
}

HARMLESS = {
    "nothing": ("orders", row(lambda row, _: row)),
    "status in capitals": ("orders", change("status", str.upper)),
    "statuses with a space behind": ("orders", change("status", lambda v: f"{v} ")),
    "no change of reviews": ("reviews", row(lambda row, _: row)),
    "a new text": ("orders", row(lambda row, _: {**row, "coupon": "SPRING"})),
    "a new number": ("orders", row(lambda row, n: {**row, "weight": n})),
    "a new object": ("orders", row(lambda row, _: {**row, "shipping": {"city": "Rome", "days": 2}})),
    "a new list": ("orders", row(lambda row, n: {**row, "coupons": [{"code": n}]})),
    "a new null": ("reviews", row(lambda row, _: {**row, "reply": None})),
    "a new boolean": ("reviews", row(lambda row, _: {**row, "verified": True})),
    "keys in another order": ("orders", row(lambda row, _: dict(reversed(row.items())))),
    "keys sorted": ("reviews", row(lambda row, _: dict(sorted(row.items())))),
    "amounts as texts": ("orders", change("total_amount", str)),
    "amounts with a zero behind": ("orders", change("total_amount", lambda v: f"{number(v):.2f}" if number(v) else v)),
    "amounts with spaces": ("orders", change("total_amount", lambda v: f" {v} ")),
    "some amounts as texts": ("orders", change("total_amount", str, 3)),
    "amounts a tenth higher": ("orders", change("total_amount", lambda v: round(number(v) * 1.1, 2))),
    "amounts double": ("orders", change("total_amount", lambda v: round(number(v) * 2, 2))),
    "ratings as texts": ("reviews", change("rating", str)),
    "ratings with a decimal": ("reviews", change("rating", lambda v: number(v) or v)),
    "more rows": ("orders", row(lambda row, _: row)),
    "fewer rows": ("orders", row(lambda row, n: row if n % 3 else GONE)),
    "far fewer rows": ("reviews", row(lambda row, n: row if n % 6 == 0 else GONE)),
    "longer ids": ("orders", change("order_id", lambda v: v if "-" not in v or len(v) == 36 else f"{v}000")),
    "longer customer ids": ("orders", change("customer_id", lambda v: f"{v}123")),
    "new customers": ("reviews", change("customer_id", lambda v: f"{v}"[:-3] + "777")),
    "new products": (
        "reviews",
        change("product_id", lambda v: v[:-2] + str(99 - int(v[-2:])) if v[-2:].isdecimal() else v),
    ),
    "texts in another language": ("reviews", change("review_text", lambda v: f"很好 {len(v)} очень {v[-5:]}")),
    "texts with emoji": ("reviews", change("review_text", lambda v: f"🎉 {v}")),
    "long texts": ("reviews", change("review_text", lambda v: v * 50)),
    "texts with markup": ("reviews", change("review_text", lambda v: f"<p>{v}</p>")),
    "ratings a little lower": ("reviews", change("rating", lambda v: max(1, int(number(v)) - 1), 6)),
    "ratings a little higher": ("reviews", change("rating", lambda v: min(5, int(number(v)) + 1), 6)),
    "one status of all": ("orders", change("status", lambda v: v if v in ("paid", "delivered") else "shipped")),
    "more cancelled": ("orders", change("status", lambda _: "cancelled", 5)),
    "a known refund status": ("orders", change("status", lambda _: "refunded", 12)),
    "one amount too many": ("orders", change("total_amount", lambda _: "abc", 140)),
    "one large amount": ("orders", change("total_amount", lambda _: 99000, 149)),
    "a key doubled": ("orders", row(lambda row, _: {**row, "id2": 1, "status_text": "x"})),
}
HARMLESS_OF_THE_NESTED = {
    "Z instead of +00:00": ("orders", change("order_date", lambda v: v.replace("+00:00", "Z"))),
    "parts of a second": ("orders", change("order_date", lambda v: v.replace("+", ".123456+"))),
    "a space instead of T": ("orders", change("order_date", lambda v: v.replace("T", " "))),
    "an undeclared field gone": ("orders", row(lambda row, _: without(row, "channel"))),
    "an undeclared field retyped": ("orders", row(lambda row, _: {**row, "channel": 3})),
    "an undeclared field an object": ("orders", row(lambda row, _: {**row, "channel": {"name": "web"}})),
    "a sibling of a nested field gone": (
        "orders",
        row(lambda row, _: {**row, "customer": {"id": row["customer"]["id"]}}),
    ),
    "ids as texts": ("orders", change("customer_id", str)),
    "review ids as texts": ("reviews", change("review_id", str)),
    "customers as numbers": ("reviews", change("customer_id", int)),
    "key gone instead of null": (
        "reviews",
        row(lambda row, _: without(row, "review_text") if row["review_text"] is None else row),
    ),
    "blank instead of null": ("reviews", row(lambda row, _: {**row, "review_text": row["review_text"] or ""})),
    "a few more nulls": ("reviews", change("review_text", lambda _: None, 11)),
    "new kinds of products": ("reviews", change("product_id", lambda v: f"PAN-{v[4:]}", 9)),
}
ITEMS_BREAK = {
    "items gone": key_of("items", without),
    "items without their products": change("items", lambda v: [{**one, "product_id": None} for one in v]),
    "products of items renamed": change("items", lambda v: [{"sku": one.get("product_id"), "total": 1} for one in v]),
    "items as an object": change("items", lambda v: {str(n): one for n, one in enumerate(v)}),
    "items as a number": change("items", len),
}
OF_THE_SIMULATED = {
    "dates as timestamps": ("orders", change("order_date", lambda v: f"{v}T10:15:00" if len(v) == 10 else v)),
    "dates as moments": ("orders", change("order_date", lambda v: f"{v} 10:15:00Z" if len(v) == 10 else v)),
    "review dates as timestamps": ("reviews", change("review_date", lambda v: f"{v}T10:15:00" if len(v) == 10 else v)),
}
OF_BOTH = [pytest.param(shop, id=shop) for shop in SHOPS]


def breaking(shop: str, dataset: str, changed: Change) -> list[str]:
    return [str(one) for one in differences(shop, dataset, changed) if one.is_breaking]


@pytest.mark.parametrize("shop", OF_BOTH)
@pytest.mark.parametrize("name", BREAKING)
def test_breaking_changes(name: str, shop: str) -> None:
    dataset, changed = BREAKING[name]
    assert breaking(shop, dataset, changed(shop))


@pytest.mark.parametrize("name", OF_THE_NESTED)
def test_breaking_changes_of_nested_rows(name: str) -> None:
    dataset, changed = OF_THE_NESTED[name]
    assert breaking("nested", dataset, changed("nested"))


@pytest.mark.parametrize("name", ITEMS_BREAK)
def test_breaking_changes_of_items(name: str) -> None:
    assert breaking("simulated", "orders", ITEMS_BREAK[name]("simulated"))


def test_items_may_be_text_and_a_few_may_lack_a_product() -> None:
    as_text = change("items", json.dumps)
    assert [str(one) for one in differences("simulated", "orders", as_text("simulated")) if one.is_breaking] == []
    few = change("items", lambda v: [{**one, "product_id": None} for one in v] if isinstance(v, list) else v, 50)
    assert breaking("simulated", "orders", few("simulated")) == []


@pytest.mark.parametrize("shop", OF_BOTH)
@pytest.mark.parametrize("name", HARMLESS)
def test_harmless_changes(name: str, shop: str) -> None:
    dataset, changed = HARMLESS[name]
    assert breaking(shop, dataset, changed(shop)) == []


@pytest.mark.parametrize("name", HARMLESS_OF_THE_NESTED)
def test_harmless_changes_of_nested_rows(name: str) -> None:
    dataset, changed = HARMLESS_OF_THE_NESTED[name]
    assert breaking("nested", dataset, changed("nested")) == []


@pytest.mark.parametrize("name", OF_THE_SIMULATED)
def test_dates_may_become_more_exact(name: str) -> None:
    dataset, changed = OF_THE_SIMULATED[name]
    found = differences("simulated", dataset, changed("simulated"))
    assert ("format", False) in {(one.kind, one.is_breaking) for one in found}
    assert [str(one) for one in found if one.is_breaking] == []


def test_summer_time_is_not_another_time_zone() -> None:
    berlin = NESTED.model_copy(update={"time_zone": "Europe/Berlin"})

    def profile(day: date, offset: str) -> Profile:
        rows = [{"id": str(n), "created_at": f"{day}T10:{n:02}:00{offset}"} for n in range(60)]
        return profile_of(rows, berlin, "orders", day)

    winter, summer = date(2026, 3, 28), date(2026, 3, 29)
    contract = Contract("orders", berlin.dataset("orders"), [profile(winter, "+01:00")])
    assert contract.differences(profile(summer, "+02:00")) == []
    assert [one.kind for one in contract.differences(profile(summer, "+01:00"))] == []
    assert [one.kind for one in contract.differences(profile(summer, "+05:00"))] == ["time_zone"]


@pytest.mark.parametrize("shop", OF_BOTH)
@pytest.mark.parametrize("days", [1, 2, 3])
def test_a_short_history_is_enough_for_many_differences(shop: str, days: int) -> None:
    for name in ("amount renamed", "status other words", "amount in cents", "date with slashes", "customer a list"):
        dataset, changed = BREAKING[name]
        found = differences(shop, dataset, changed(shop), days=days)
        assert [one.field for one in found if one.is_breaking], name
    for dataset in ("orders", "reviews"):
        assert [str(one) for one in differences(shop, dataset, days=days) if one.is_breaking] == []


@pytest.mark.parametrize("shop", OF_BOTH)
def test_without_a_history_the_declaration_is_the_contract(shop: str) -> None:
    for name in ("amount renamed", "date with slashes", "customer a list", "amount with a comma", "rating to 100"):
        dataset, changed = BREAKING[name]
        assert [one for one in differences(shop, dataset, changed(shop), days=0) if one.is_breaking], name
    for name in ("status in capitals", "customer with a prefix", "a new object"):  # there is no baseline
        dataset, changed = (BREAKING | HARMLESS)[name]
        assert differences(shop, dataset, changed(shop), days=0) == []
    assert differences(shop, "orders", days=0) == differences(shop, "reviews", days=0) == []


def test_a_difference_names_its_likely_cause() -> None:
    dataset, changed = BREAKING["amount renamed"]
    (lost, new) = differences("simulated", dataset, changed("simulated"))
    assert (lost.field, lost.kind, lost.is_breaking, new.field, new.is_breaking) == (
        "total_amount", "missing", True, "totalAmount", False,
    )  # fmt: skip
    assert lost.share > 0.98
    assert "new field totalAmount: is it total_amount?" in lost.hint
    texts = {name: str(differences("nested", BREAKING[name][0], BREAKING[name][1]("nested"))[0]) for name in BREAKING}
    assert "minor_units = 100" in texts["amount in cents"]
    assert "decimal comma 100%, expected number 100%" in texts["amount with a comma"]
    assert "new field amounts.total_amount: is it" in texts["amount one level deeper"]
    assert "non_revenue_statuses" in texts["a refund in other words"]
    assert "keys of shop.toml can name a path within it" in texts["status an object"]


def test_a_new_rare_status_is_reported_as_harmless() -> None:
    (found,) = differences("nested", "orders", lambda row, number: {**row, "status": "held"} if number == 7 else row)
    assert (found.kind, found.is_breaking) == ("new_value", False)
    assert "'held' in 0.7%" in str(found)


def test_another_spelling_of_a_status_without_revenue_breaks_at_once() -> None:
    def shouted(row: Row, number: int) -> Row:
        return {**row, "status": "CANCEL-LED"} if number in (7, 9) else row

    (found,) = differences("nested", "orders", shouted)
    assert (found.kind, found.is_breaking) == ("values", True)


def test_no_false_alarm_in_sixty_days_of_the_simulated_shop() -> None:
    for orders_per_day in (60, 400):
        shop = SimulatedShop(orders_per_day=orders_per_day)
        alarms = {
            (day, str(one))
            for dataset in ("orders", "reviews")
            for day, found in differences_by_day(shop, dataset, days_between(date(2026, 2, 20), date(2026, 4, 20)))
            for one in found
            if one.is_breaking
        }
        assert {day for day, _ in alarms} <= {REFUSED_DAY}, alarms
        assert any("decimal comma" in text for _, text in alarms)


@pytest.mark.skipif(not OLIST.exists(), reason="the Olist sample is missing")
def test_no_false_alarm_in_days_of_a_real_shop() -> None:
    shop, config = CsvShop(OLIST), load_shop_config(Path(test_olist.__file__).with_name("olist_shop.toml"))
    for dataset in ("orders", "reviews"):
        days = days_between(date(2017, 10, 1), date(2017, 12, 31))
        by_day = differences_by_day(shop, dataset, days, config)
        alarms = [(day, str(one)) for day, found in by_day for one in found if one.is_breaking]
        assert alarms == [], dataset


def test_the_sample_does_not_depend_on_pages() -> None:
    whole, paged = RowSample(), RowSample()
    whole.add(range(5_000))
    for start in range(0, 5_000, 77):
        paged.add(range(5_000)[start : start + 77])
    assert whole.rows == paged.rows
    assert 300 <= len(whole.rows) <= 600
    assert whole.rows[-1] > 4_900


def test_chance_is_the_tail_of_a_binomial() -> None:
    assert at_least(1, 10, 0.5) == pytest.approx(1 - 0.5**10)
    assert at_least(10, 10, 0.5) == pytest.approx(0.5**10)
    assert at_least(0, 10, 0.5) == pytest.approx(1)


def differences_by_day(shop: Any, dataset: str, days: list[date], config: ShopConfig = OURS) -> Any:
    """Yield each day's differences from the 28 unbroken days before it."""
    history: list[Any] = []
    for each in days:
        rows = [parse_json(row) for row in shop.rows(dataset, each)]
        sample = RowSample()
        sample.add(rows)
        profile = profile_of(sample.rows, config, dataset, each)
        found = Contract(dataset, config.dataset(dataset), history[:28]).differences(profile)
        yield each, found
        if not any(one.is_breaking for one in found):
            history.insert(0, profile)


@pytest.mark.parametrize(("day_is", "kinds"), [("order_date", ["off_day"]), ("updated", [])])
def test_late_changes_are_no_drift_where_the_day_is_that_of_the_update(day_is: str, kinds: list[str]) -> None:
    """The first night on which orders of other days come."""
    config = NESTED.model_copy(
        update={"datasets": {"orders": NESTED.datasets["orders"].model_copy(update={"day_is": day_is})}}
    )
    days = [date(2026, 3, 2) + timedelta(days=number) for number in range(4)]

    def profiled(day: date, late: int) -> Profile:
        dates = [day - timedelta(days=number % 5 if number < late else 0) for number in range(60)]
        rows = [
            {"id": f"{day}-{n}", "customer": {"id": n}, "total_amount": "9.99", "created_at": str(at), "status": "paid"}
            for n, at in enumerate(dates)
        ]
        return profile_of(parse_json(json.dumps(rows).encode()), config, "orders", day)

    contract = Contract("orders", config.dataset("orders"), [profiled(day, 0) for day in days[:-1]])
    assert [one.kind for one in contract.differences(profiled(days[-1], 40))] == kinds
