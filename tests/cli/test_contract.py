"""A shop changes its data from one night to the next: the run, status, the messages and the contract show it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli import summary
from cli.main import app
from local.demo_shop.shop_contract import ListedShop, Shop
from local.demo_shop.simulated_shop import SimulatedShop
from tests.laws.conftest import World, rows_of, world
from tests.monitoring.anomalies.judged_days import anomaly_alerts, select
from tests.monitoring.drift.contract_shops import DAYS

__all__ = ["world"]  # the fixture of a shop and its warehouse

ORDERS = "ecommerce_order_pipeline"
PREFIXED, PREFIXED_AGAIN, RENAMED = DAYS[4:7]


def prefixed(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "status": f"order_{row.get('status')}", "coupon": "SPRING"}


def renamed(row: dict[str, Any]) -> dict[str, Any]:
    return {"totalAmount" if key == "total_amount" else key: value for key, value in row.items()}


def changing_shop() -> ListedShop:
    """Return a shop with four usual days, two with a prefix before each status, and one with a renamed amount."""
    usual, shop = SimulatedShop(orders_per_day=100), ListedShop()
    for number, day in enumerate(DAYS[:7]):
        rows = [json.loads(row) for row in usual.rows("orders", day) if b"Infinity" not in row and b"1e400" not in row]
        objects = [row for row in rows if isinstance(row, dict)]
        change = prefixed if 4 <= number < 6 else renamed if number == 6 else lambda row: row
        shop.put("orders", day, [change(row) for row in objects])
    return shop


def daybreak(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), env={"COLUMNS": "160"})


def shown(*arguments: str) -> dict[str, Any]:
    result = daybreak("contract", "--dataset", "orders", "--json", *arguments)
    assert result.exit_code == 0, result.output
    (found,) = json.loads(result.stdout)["datasets"]
    return dict(found)


@pytest.mark.slow
def test_a_shop_that_changes_its_data(world: Callable[[Shop], World], capsys: pytest.CaptureFixture[str]) -> None:
    here = world(changing_shop())
    first = here.run(DAYS[:4], [ORDERS])
    assert not [anomaly for day in first.days for anomaly in day.anomalies if anomaly.kind == "schema_drift"]

    # unknown statuses pass the gate: only the contract shows that is_revenue is wrong from now on
    second = here.run([PREFIXED], [ORDERS])
    assert second.exit_code == 0
    summary.print_tables(second)
    printed = capsys.readouterr().out
    assert "schema_drift: status 'order_delivered'" in printed
    assert [what for what in anomaly_alerts() if what[2] == "schema drift"] == [(PREFIXED, "critical", "schema drift")]
    assert "schema_drift" in daybreak("status", str(PREFIXED), "--pipeline", ORDERS).stdout

    # the next nights: no further alert, and a refusal names its likely cause
    seen = rows_of("fct_orders")
    third = here.run([PREFIXED_AGAIN, RENAMED], [ORDERS])
    assert third.exit_code == 5
    (refusal,) = third.errors
    assert "missing_total_amount" in str(refusal)
    assert "likely cause: total_amount missing from" in str(refusal)
    assert "new field totalAmount: is it total_amount?" in str(refusal)
    assert [what for what in anomaly_alerts() if what[2] == "schema drift"] == [(PREFIXED, "critical", "schema drift")]
    kinds = {day.day: {anomaly.kind: anomaly.severity for anomaly in day.anomalies} for day in third.days}
    assert (kinds[PREFIXED_AGAIN]["schema_drift"], kinds[RENAMED]["schema_drift"]) == ("critical", "warning")
    assert [row for row in rows_of("fct_orders") if row["order_date"] not in (PREFIXED_AGAIN, RENAMED)] == seen
    assert not [row for row in rows_of("fct_orders") if row["order_date"] == RENAMED]

    # the differences and the affected columns
    found = shown()
    (lost, *_) = found["differences"]
    assert (found["day"], found["learnt_from_loads"], lost["field"], lost["kind"]) == (
        str(RENAMED), 4, "total_amount", "missing",
    )  # fmt: skip
    assert "revenue" in lost["reaches"]["columns"]["marts.daily_sales"]
    assert "sales_dashboard" in lost["reaches"]["exposures"]
    (words, coupon) = shown("--day", str(PREFIXED))["differences"]
    assert (words["field"], words["is_breaking"], coupon["field"], coupon["is_breaking"]) == (
        "status", True, "coupon", False,
    )  # fmt: skip
    assert {"is_revenue", "status"} == set(words["reaches"]["columns"]["marts.fct_orders"])
    assert "total_spent" in words["reaches"]["columns"]["marts.customer_ltv"]
    assert coupon["reaches"] == {}
    assert daybreak("contract", "--check").exit_code == 7
    table = daybreak("contract", "--dataset", "orders").stdout
    assert "breaking" in table
    assert "daily_sales" in table

    # the first page of a day from the shop; nothing lands
    loads = select("select count(*) from ops.loads")
    live = shown("--live", "--day", str(RENAMED))
    assert live["source"].startswith("GET ")
    assert live["differences"] == found["differences"]
    assert select("select count(*) from ops.loads") == loads

    # accept the prefixes
    assert daybreak("contract", "--accept", "orders", "--day", str(PREFIXED)).exit_code == 0
    assert select("select from ops.operator_actions where action = 'accept contract' and first_day = %s", PREFIXED)
    assert shown("--day", str(PREFIXED))["differences"] == []
    assert shown("--day", str(PREFIXED_AGAIN))["differences"] == []
    back = {one["field"] for one in shown()["differences"] if one["is_breaking"]}  # bare statuses break it from now on
    assert back == {"total_amount", "status"}
    assert not select("select from ops.anomalies where kind = 'schema_drift' and logical_date >= %s", PREFIXED)
    assert shown("--day", str(DAYS[3]))["differences"] == []


def test_a_warehouse_without_days_says_so(world: Callable[[Shop], World]) -> None:
    world(ListedShop())
    result = daybreak("contract")
    assert result.exit_code == 0, result.output
    assert "run a day first" in result.stdout
    assert daybreak("contract", "--accept", "orders").exit_code == 2
    assert daybreak("contract", "--dataset", "invoices").exit_code == 2
    assert daybreak("contract", "--live").exit_code == 2
