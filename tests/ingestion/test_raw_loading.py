"""A large day: its first rows load while the shop is still being read. At the end all rows are in raw, or none."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from werkzeug import Request, Response

from ingestion.landing import day_file
from pipeline_errors import ShopError, WarehouseError
from pipeline_settings import Settings
from tests.ingestion.test_landing import landed, lose_second_rows, order
from tests.ingestion.test_landing_days import dlt_loads
from warehouse.connection import connect
from warehouse.roles import LOADER, acting_as

Shop = Any  # of conftest.py
ROWS = [order(order_id=f"o-{number}") for number in range(20)]


@pytest.fixture(autouse=True)
def small_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a file hold two pages of three rows."""
    monkeypatch.setattr(day_file, "ROWS_OF_A_FILE", 4)


def ids() -> list[str]:
    return [row["order_id"] for row in landed()]


def wait_for_rows(count: int) -> int:
    """Wait up to ten seconds for this many rows in raw, and return their number."""
    until = time.monotonic() + 10
    while (rows := len(landed())) < count and time.monotonic() < until:
        time.sleep(0.05)
    return rows


def test_a_large_day_equals_the_same_day_in_one_file(
    shop: Shop, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.serve_rows(*ROWS)
    with monkeypatch.context() as patched:
        patched.setattr(day_file, "ROWS_OF_A_FILE", 100)
        whole = shop.land()
    with dlt_loads() as loads:
        large = shop.land()
    assert loads == [4]  # of 6, 6, 6 and 2 rows
    rows = landed(load_id=large.load_id)
    assert [(row["_row_number"], row["order_id"]) for row in rows] == [(n + 1, f"o-{n}") for n in range(20)]
    assert {row["_day"] for row in rows} == {shop.day}
    assert (large.rows, large.pages, large.fingerprint) == (whole.rows, whole.pages, whole.fingerprint)


def test_the_first_rows_are_loaded_while_the_shop_is_being_read(shop: Shop, warehouse: Settings) -> None:
    shop.serve_rows(*ROWS)
    serve: Callable[[Request], Response] = shop.answer
    found: list[int] = []

    def answer(request: Request) -> Response:
        if request.args.get("start") == "18":
            found.append(wait_for_rows(12))
        return serve(request)

    shop.configure(timeout_seconds=30, deadline_seconds=30, page_size=3)
    shop.answer = answer
    assert shop.land().rows == 20
    assert found == [12]


@pytest.mark.parametrize("status", [pytest.param(500, marks=pytest.mark.slow), 200])
@pytest.mark.fault(2, 5)
def test_a_shop_that_fails_later_leaves_nothing(shop: Shop, warehouse: Settings, status: int) -> None:
    shop.serve_rows(*ROWS)
    serve: Callable[[Request], Response] = shop.answer
    found: list[int] = []

    def answer(request: Request) -> Response:
        if request.args.get("start") != "18":
            return serve(request)
        found.append(wait_for_rows(6))
        return Response("<html>", status)

    shop.configure(timeout_seconds=30, deadline_seconds=30, page_size=3)
    shop.answer = answer
    with pytest.raises(ShopError):
        shop.land()
    assert found[0] >= 6
    assert landed() == []


@pytest.mark.fault(9)
def test_a_total_that_was_wrong_once(shop: Shop, warehouse: Settings) -> None:
    shop.serve_rows(*ROWS)
    serve, asked = shop.answer, []

    def answer(request: Request) -> Response:
        asked.append(request)
        return Response(
            serve(request).get_data().replace(b'"total": 20', b'"total": 21' if len(asked) < 7 else b'"total": 20')
        )

    shop.answer = answer
    assert shop.land().rows == 20
    assert ids() == [f"o-{number}" for number in range(20)]


@pytest.mark.parametrize("refused", [2, pytest.param(19, marks=pytest.mark.slow)])
def test_rows_that_postgres_refuses(shop: Shop, warehouse: Settings, refused: int) -> None:
    with connect() as connection:
        connection.execute(f"alter table raw.orders add constraint no check (order_id <> 'o-{refused}')")
    shop.serve_rows(*ROWS)
    with pytest.raises(WarehouseError, match="violates check constraint"):
        shop.land()
    assert landed() == []


def test_lost_rows_are_detected(shop: Shop, warehouse: Settings) -> None:
    lose_second_rows()
    shop.serve_rows(*ROWS)
    with pytest.raises(WarehouseError, match=r"5 of the shop's 6 rows landed in raw\.orders"):
        shop.land()
    assert landed() == []


def test_every_load_has_the_role_of_the_step(shop: Shop, warehouse: Settings) -> None:
    with connect() as connection:
        connection.execute("alter table raw.orders add column loaded_by text default current_user")
    shop.serve_rows(*ROWS)
    with acting_as(LOADER):
        shop.land()
    assert {row["loaded_by"] for row in landed()} == {LOADER}
