"""A history multiplied by SQL equals Daybreak's history of the same loads."""

from typing import Any

import pytest
from psycopg import sql

from benchmarks import history, history_copies
from benchmarks.databases import contents
from pipeline_settings import Settings
from tests.administrator import administrator
from tests.dbt_project.readers import pending
from transformation import dbt_runner
from transformation.pipelines import ORDERS
from warehouse.connection import connect

pytestmark = pytest.mark.slow

COPIES = 3
PUBLISHED = (
    *(table for table in history_copies.COPIED if table.startswith("marts.")),
    "ops.int_orders_superseded",
    "marts.customer_ltv",
    "marts.customer_cohorts",
)
VERDICTS = "(select day, load_id, row_count, identical_copies, accepted, rejected_by_reason from ops.gate_results)"
LEDGER = "(select day, admitted_load_id, published_load_id from ops.day_ledger)"
INDEXES = "(select tablename, indexdef from pg_indexes where schemaname in ('raw', 'marts', 'ops'))"
KEYS = "(select conrelid::regclass, conname, pg_get_constraintdef(oid) from pg_constraint where conrelid > 0)"


@pytest.fixture
def shape(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> history.Shape:
    """A small history with all parts of a long one."""
    with administrator(warehouse) as connection:  # as the benchmarks do
        connection.execute(sql.SQL("grant pg_checkpoint to {}").format(sql.Identifier(warehouse.pguser or "")))
    monkeypatch.setattr(history, "COPY_SIZE", 12_000)
    monkeypatch.setattr(history, "DAY_SIZE", 600)
    monkeypatch.setattr(history, "USUAL_DAYS", 3)
    return history.Shape(COPIES * 12_000 + 3 * 600)


def found(*relations: str) -> list[tuple[object, ...]]:
    with connect() as connection:
        return contents(connection, relations)


def one(query: str) -> dict[str, Any]:
    with connect() as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row


def test_a_multiplied_history_equals_daybreaks(warehouse: Settings, shape: history.Shape) -> None:
    history.fill(shape)
    days = COPIES * len(shape.older) + len(shape.usual)
    assert pending() == []
    assert one("select count(*) as rows from raw.orders") == {"rows": shape.orders}
    assert one("select count(distinct published_load_id) as loads from ops.day_ledger") == {"loads": days}
    assert one("select count(distinct load_id) as loads from ops.publication_days") == {"loads": days}
    customers = one("select max(substr(customer_id, 2)::int) as last, count(*) as customers from marts.customer_ltv")
    assert customers["last"] == shape.customers - 1
    assert customers["customers"] > 0.98 * shape.customers
    for table in ("ops.int_orders_superseded", "marts.daily_sales", "marts.cohort_months"):
        assert one(f"select count(*) as rows from {table}")["rows"] > COPIES * history_copies.MONTHS

    before = found(*PUBLISHED, VERDICTS, LEDGER)
    with connect() as connection:
        loads = connection.execute("select day, load_id from ops.loads order by day").fetchall()
    for load in loads[:: len(shape.older) + 1]:  # one of each copy
        history.admit(load["day"], load["load_id"])
    dbt_runner.build([ORDERS.name], full_refresh=True)
    dbt_runner.publish([ORDERS.name])
    assert found(*PUBLISHED, VERDICTS, LEDGER) == before


def test_indexes_and_keys_are_recreated(
    warehouse: Settings, shape: history.Shape, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    multiply = history_copies.multiply

    def look_before_and_after(*given: Any) -> None:
        seen.append(found(INDEXES, KEYS))
        multiply(*given)
        seen.append(found(INDEXES, KEYS))

    monkeypatch.setattr(history_copies, "multiply", look_before_and_after)
    history.fill(shape)
    assert seen[0] == seen[1]


def test_a_day_by_hand_produces_the_same_marts(
    warehouse: Settings, shape: history.Shape, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "LARGE_DAY_SIZE", 6_000)
    history.fill(shape)
    before = found("marts.customer_months", "marts.cohort_months")
    history.large_day_of(shape)  # raises SystemExit if they differ
    after = found("marts.customer_months", "marts.cohort_months")
    assert [rows for _, rows, _ in before] < [rows for _, rows, _ in after]
