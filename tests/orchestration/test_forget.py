"""Erasure of a customer from the database, files and Redis, and from later loads."""

import os
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import redis
from typer.testing import CliRunner

from cli.main import app
from local.demo_shop.shop_contract import ListedShop
from local.demo_shop.shop_server import ShopServer
from orchestration.customer_erasure import forget_customer
from orchestration.customer_models import fit_now
from orchestration.day_run import run_days
from pipeline_settings import Settings, settings
from tests.laws.conftest import rows_of
from transformation.pipelines import BY_NAME
from warehouse.connection import connect
from warehouse.customer_erasure import drop_forgotten

DAYS = [date(2026, 3, 1), date(2026, 3, 2), date(2026, 3, 3)]
GONE, KEPT = "CUSTOMER-TO-FORGET", "CUSTOMER-TO-KEEP"


def order(number: int, customer: str, day: date, **changed: object) -> dict[str, Any]:
    order_id = f"O{day:%d}{number}"
    row = {"order_id": order_id, "customer_id": customer, "total_amount": "10.00", "order_date": str(day)}
    return {**row, "status": "shipped", **changed}


def review(number: int, customer: str, day: date) -> dict[str, Any]:
    row = {"review_id": f"R{day:%d}{number}", "product_id": "P0001", "customer_id": customer, "rating": 1 + 4 * number}
    return {**row, "review_text": "so so", "review_date": str(day)}


@pytest.fixture
def shop(warehouse: Settings, cache: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> Iterator[ListedShop]:
    """Two customers on the first and third day, one on the second; one rejected row of the customer to forget."""
    listed: dict[tuple[str, date], list[Any]] = {}
    for day in DAYS:
        customers = [KEPT] if day == DAYS[1] else [KEPT, GONE]
        listed["orders", day] = [order(number, customer, day) for number, customer in enumerate(customers)]
        listed["orders", day] += [order(number, KEPT, day) for number in range(2, 30)]
        listed["reviews", day] = [review(number, customer, day) for number, customer in enumerate(customers)]
    listed["orders", DAYS[0]].append(order(99, GONE, DAYS[0], total_amount="-1"))
    served = ListedShop(listed)
    with ShopServer(served) as server:
        monkeypatch.setenv("SHOP_API_URL", server.url)
        settings.cache_clear()
        yield served


def tables_with(text: str) -> dict[str, int]:
    """Count the rows that contain the text, per table or view of the whole database."""
    found = {}
    with connect() as connection:
        tables = connection.execute(
            """
            select format('%I.%I', table_schema, table_name) as name from information_schema.tables
            where table_schema not in ('pg_catalog', 'information_schema')
            """
        ).fetchall()
        for table in tables:
            query = f"select count(*) as held from {table['name']} as held_row where strpos(held_row::text, %s) > 0"
            row = connection.execute(query.encode(), [text]).fetchone()
            if row and row["held"]:
                found[table["name"]] = row["held"]
    return found


def files_with(text: str) -> list[str]:
    """Return the files below DAYBREAK_HOME that contain the text, except the servers' data files."""
    home = settings().daybreak_home
    files = [file for file in home.rglob("*") if file.is_file() and "servers" not in file.relative_to(home).parts]
    return [str(file) for file in files if text.encode() in file.read_bytes()]


@pytest.mark.slow
@pytest.mark.fault(51)
def test_a_forgotten_customer_is_erased_and_stays_out_of_later_loads(shop: ListedShop, cache: redis.Redis) -> None:
    assert run_days(DAYS, list(BY_NAME)).exit_code == 0
    kept_before = [row for row in rows_of("fct_orders") if row["customer_id"] == KEPT]
    assert fit_now(None).customers == 2
    with connect() as connection:  # there are too few customers for a real prediction
        connection.execute("insert into marts.customer_predictions values (%s, %s, 1, 1, 1)", [GONE, DAYS[0]])
    assert {
        "raw.orders", "raw.reviews", "quarantine.orders", "marts.fct_orders", "marts.customer_months",
        "marts.customer_predictions", "marts.customer_segments_history",
    } <= tables_with(GONE).keys()  # fmt: skip
    assert cache.hget("product:P0001:metrics", "review_count") == "5"

    forgotten = forget_customer(GONE)

    assert forgotten.rows == {"orders": 3, "reviews": 2}
    assert forgotten.outcome.errors == []
    assert tables_with(GONE) == {}
    assert files_with(GONE) == []
    assert [row for row in rows_of("fct_orders") if row["customer_id"] == KEPT] == kept_before
    assert [row["customer_id"] for row in rows_of("customer_ltv")] == [KEPT]
    assert [(row["order_date"], row["customers"]) for row in rows_of("daily_sales")] == [(day, 1) for day in DAYS]
    assert [(row["customer_id"], row["orders"]) for row in rows_of("customer_months")] == [(KEPT, 87)]
    assert [row["cohort_size"] for row in rows_of("customer_cohorts")] == [1]
    assert [row["customer_id"] for row in rows_of("customer_health")] == [KEPT]
    assert cache.hget("product:P0001:metrics", "review_count") == "3"

    shop.put("orders", DAYS[0], [order(number, (KEPT, GONE)[number == 98], DAYS[0]) for number in range(70, 100)])
    outcome = run_days(DAYS[:1], list(BY_NAME))
    assert outcome.exit_code == 0
    assert outcome.days[0].row_count == 29
    assert tables_with(GONE) == {}
    assert forget_customer(GONE).rows == {"orders": 0, "reviews": 0}


@pytest.mark.fault(51)
def test_spellings_leftovers_and_copies_of_a_customer_are_found(
    warehouse: Settings, cache: redis.Redis, home: Path
) -> None:
    mail, spelled = "jo@shop.example", " Jo@Shop.Example\t"
    with connect() as connection:
        for number, customer in enumerate([mail, spelled, "other@shop.example"]):
            connection.execute(
                "insert into raw.orders (_load_id, _day, _row_number, customer_id) values ('killed', %s, %s, %s)",
                [DAYS[0], number, customer],
            )
        connection.execute("create schema dev_marts")
        connection.execute("create table dev_marts.fct_orders as select %s::text as customer_id", [mail])
    killed = home / "loads" / "killed"
    killed.mkdir(parents=True)
    for name in ("in_use", "day.csv"):
        (killed / name).write_text(mail)
    os.utime(killed, (0, 0))

    result = CliRunner().invoke(app, ["forget", "JO@shop.example", "--yes"])

    assert result.exit_code == 0, result.output
    assert "2 orders" in result.output
    assert 'drop schema "dev_marts" cascade;' in result.output
    assert "write-ahead log" in result.output
    assert files_with(mail) == []
    assert tables_with(mail) == {"dev_marts.fct_orders": 1}
    assert tables_with(spelled) == {}
    assert tables_with("other@shop.example")["raw.orders"] == 1
    with connect() as connection:
        connection.execute(
            "insert into raw.orders (_load_id, _day, _row_number, customer_id) values ('later', %s, 0, %s)",
            [DAYS[1], spelled],
        )
        assert drop_forgotten(connection, "orders", DAYS[1], "later") == 1
        (action,) = connection.execute("select * from ops.operator_actions").fetchall()
        assert (action["action"], action["database_user"]) == ("forget", warehouse.pguser)
        assert action["os_user"]
        connection.execute("drop schema dev_marts cascade")


def test_forget_asks_for_confirmation(home: Path) -> None:
    result = CliRunner().invoke(app, ["forget", GONE], input="n\n")
    assert result.exit_code == 1
    assert "permanently" in result.output
