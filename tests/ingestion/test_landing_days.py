"""Several days landed together: one load per day, equal to that of the day alone."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import Any

import pytest
from werkzeug import Request, Response

from ingestion.landing.land_days import land, land_days
from pipeline_errors import ShopError, WarehouseError
from pipeline_settings import Settings, settings
from tests.ingestion.test_landing import landed, order
from warehouse.connection import connect
from warehouse.load_receipt import LoadReceipt

Shop = Any
FIRST = date(2024, 2, 1)
DAYS = [FIRST + timedelta(number) for number in range(4)]
ROWS = {DAYS[0]: 2, DAYS[1]: 0, DAYS[2]: 3, DAYS[3]: 1}


@pytest.fixture
def days_of(shop: Shop) -> set[date]:
    """A shop with ROWS. The days in the returned set fail."""
    failing: set[date] = set()

    def answer(request: Request) -> Response:
        day = date.fromisoformat(
            next(value for value in request.args.values() if re.fullmatch(r"\d{4}-\d\d-\d\d", value))
        )
        if day in failing:
            return Response(status=500)
        rows = ", ".join(order(order_id=f"{day}-{number}") for number in range(ROWS[day]))
        return Response(f'{{"orders": [{rows}], "next": null, "total": {ROWS[day]}}}')

    shop.answer = answer
    return failing


def orders_of(receipt: LoadReceipt) -> list[str]:
    rows = landed(load_id=receipt.load_id)
    assert {row["_day"] for row in rows} <= {receipt.day}
    return [row["order_id"] for row in rows]


@contextmanager
def dlt_loads() -> Iterator[list[int]]:
    """Count the loads that dlt records in the block."""
    counted: list[int] = []
    with connect() as connection:
        (before,) = connection.execute("select count(*) as loads from raw._dlt_loads").fetchall()
    yield counted
    with connect() as connection:
        (after,) = connection.execute("select count(*) as loads from raw._dlt_loads").fetchall()
    counted.append(after["loads"] - before["loads"])


def test_days_landed_together_equal_days_landed_alone(days_of: set[date], warehouse: Settings) -> None:
    alone = [land("orders", day) for day in DAYS]
    started: list[date] = []
    with dlt_loads() as loads:
        together = land_days("orders", DAYS, started.append)
    assert loads == [1]
    assert started == DAYS
    for one, other in zip(alone, together, strict=True):
        assert (one.day, one.rows, one.pages, one.fingerprint) == (
            other.day,
            other.rows,
            other.pages,
            other.fingerprint,
        )
        assert orders_of(one) == orders_of(other)
    assert len({receipt.load_id for receipt in alone + together}) == 2 * len(DAYS)
    assert list((settings().daybreak_home / "loads").iterdir()) == []


def test_a_known_day_puts_no_row_into_raw(shop: Shop, warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the first files of a large day, which otherwise land while the rest is read."""

    def answer(request: Request) -> Response:
        following = "null" if "page" in request.args else f'"{request.url}&page=2"'
        row = order(order_id=f"{request.args['date']}-{following == 'null'}")
        return Response(f'{{"orders": [{row}], "next": {following}, "total": 2}}')

    shop.answer = answer
    monkeypatch.setattr("ingestion.landing.day_file.ROWS_OF_A_FILE", 1)
    asked: list[tuple[date, int, int]] = []

    def is_known(receipt: LoadReceipt) -> bool:
        asked.append((receipt.day, receipt.rows, len(landed())))
        return receipt.day != DAYS[1]

    (receipt,) = land_days("orders", DAYS[:3], is_known=is_known)
    assert asked == [(day, 2, 0) for day in DAYS[:3]]
    assert (receipt.day, len(landed())) == (DAYS[1], 2)
    assert land_days("orders", DAYS[:1], is_known=lambda _: True) == []
    assert land("orders", DAYS[0]).fingerprint != receipt.fingerprint


def test_days_before_one_that_fails_are_landed(days_of: set[date], warehouse: Settings) -> None:
    days_of.add(DAYS[2])
    assert [receipt.day for receipt in land_days("orders", DAYS)] == DAYS[:2]
    with pytest.raises(ShopError):
        land_days("orders", DAYS[2:])
    assert {row["_day"] for row in landed()} == {DAYS[0]}


def test_the_rows_and_seconds_of_one_run_are_limited(
    days_of: set[date], warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.landing.land_days.ROWS_AT_ONCE", 5)
    assert [receipt.day for receipt in land_days("orders", DAYS)] == DAYS[:3]
    monkeypatch.setattr("ingestion.landing.land_days.SECONDS_AT_ONCE", 0)
    assert [receipt.day for receipt in land_days("orders", DAYS)] == DAYS[:1]


def test_lost_rows_delete_the_loads_of_all_days(days_of: set[date], warehouse: Settings) -> None:
    with connect() as connection:
        connection.execute(
            f"create function skip() returns trigger language plpgsql as "
            f"$$begin return case when new.order_id = '{DAYS[2]}-1' then null else new end; end$$"
        )
        connection.execute("create trigger skip before insert on raw.orders for each row execute function skip()")
    with pytest.raises(WarehouseError, match=r"4 of the shop's 5 rows landed in raw\.orders"):
        land_days("orders", DAYS[:3])
    assert landed() == []
