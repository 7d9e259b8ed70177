"""Column lineage of queries."""

import pytest
from sqlglot.schema import MappingSchema

from transformation.column_lineage import Columns, columns_of, parsed

RAW: dict[str, Columns] = {"raw.orders": {name: frozenset({name}) for name in ("id", "amount", "status", "day")}}
SCHEMA = MappingSchema({"raw": {"orders": dict.fromkeys(RAW["raw.orders"], "text")}})


def lineage_of(sql: str) -> dict[str, str]:
    query = parsed(sql, SCHEMA)
    assert query is not None
    return {name: " ".join(sorted(origins)) for name, origins in columns_of(query, RAW).items()}


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("select id, amount * 2 as twice, 1 as one from raw.orders", {"id": "id", "twice": "amount", "one": ""}),
        ("with a as (select * from raw.orders) select a.*, a.id || a.day as k from a", {
            "id": "id", "amount": "amount", "status": "status", "day": "day", "k": "day id"}),
        ("select sum(o.amount) over (partition by o.day) as s from raw.orders as o", {"s": "amount day"}),
        ("select v.x from raw.orders as o cross join lateral (select amount + 1 as x offset 0) as v", {"x": "amount"}),
        ("select id as a, day as b from raw.orders union all select status, amount from raw.orders", {
            "a": "id status", "b": "amount day"}),
        ("select (select max(i.day) from raw.orders i where i.id = o.id) as d from raw.orders as o", {"d": "day id"}),
        ("select count(*) filter (where status = 'x') as n from raw.orders group by id", {"n": "status"}),
        ("with a as (select id, day from raw.orders), b as (select id, amount from raw.orders where status = 'x') "
         "select id, day, amount, elsewhere.note from a inner join b using (id) cross join other.elsewhere", {
             "id": "id", "day": "day", "amount": "amount", "note": ""}),
        ("select o.status = any(array(select s.x from raw.orders as i cross join unnest(i.day) as s (x))) as f "
         "from raw.orders as o", {"f": "status"}),
        # A flag of one field is an origin of every column; a flag of all fields is not.
        ("with f as (select amount, status <> 'x' as is_revenue, id = status as is_valid from raw.orders) "
         "select sum(amount) as s from f where is_revenue and is_valid", {"s": "amount status"}),
        ("with f as (select amount, row_number() over (partition by id) = 1 as is_current from raw.orders) "
         "select amount from f where is_current", {"amount": "amount"}),
    ],
)  # fmt: skip
def test_origins_of_columns(sql: str, columns: dict[str, str]) -> None:
    assert lineage_of(sql) == columns


def test_an_unreadable_query_has_no_scopes() -> None:
    assert parsed("do $$ begin end $$", SCHEMA) is None
    assert parsed("select from from", SCHEMA) is None
