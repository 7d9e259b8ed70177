"""Loads for the gate: raw rows of a test, and staging's verdicts on them."""

from datetime import date
from typing import Any

from psycopg import sql

from ingestion.declaration.shop_config import OPTIONAL_FIELDS, load_shop_config
from pipeline_settings import PROJECT_ROOT
from warehouse.connection import connect

OURS = load_shop_config(PROJECT_ROOT / "ingestion" / "shop.toml")

Row = dict[str, Any]


def order(number: int, **fields: str | None) -> Row:
    """Return a valid order of 31 March 2024, except for the given fields."""
    return {
        "order_id": f"o{number}",
        "customer_id": f"c{number}",
        "total_amount": "12.5",
        "order_date": "2024-03-31",
        "status": "delivered",
        **fields,
    }


def review(number: int, **fields: str | None) -> Row:
    """Return a valid review of 31 March 2024, except for the given fields."""
    return {
        "review_id": f"r{number}",
        "product_id": f"p{number}",
        "customer_id": f"c{number}",
        "rating": "4",
        "review_text": "Fine.",
        "review_date": "2024-03-31",
        **fields,
    }


def land_rows(dataset: str, day: date, load_id: str, rows: list[Row]) -> None:
    """Put rows into raw as one complete load."""
    fields = dict.fromkeys([*OURS.dataset(dataset).fields, *OPTIONAL_FIELDS[dataset]])
    columns = ["_load_id", "_day", "_row_number", *fields, "_extra", "_escaped"]
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    with connect() as connection, connection.cursor() as cursor:
        copying = sql.SQL("copy {} ({}) from stdin").format(sql.Identifier("raw", dataset), names)
        with cursor.copy(copying) as copy:
            for number, row in enumerate(rows, start=1):
                values = {"_load_id": load_id, "_day": day, "_row_number": number, **row}
                copy.write_row([values.get(column) for column in columns])
        cursor.execute(
            """
            insert into ops.loads (load_id, dataset, day, row_count, page_count, seconds, fingerprint)
            values (%s, %s, %s, %s, 1, 0, '')
            """,
            [load_id, dataset, day, len(rows)],
        )


def reasons(dataset: str, day: date, load_id: str) -> list[tuple[bool, list[str]]]:
    """Return `is_identical_copy` and `rejection_reasons` of each row of a load, in API order."""
    view = sql.Identifier("staging", f"stg_shop__{dataset}")
    query = sql.SQL("select * from {} where _day = %s and _load_id = %s order by _row_number").format(view)
    with connect() as connection:
        rows = connection.execute(query, [day, load_id]).fetchall()
    for row in rows:
        assert row["is_valid"] == (not row["is_identical_copy"] and not row["rejection_reasons"])
    return [(row["is_identical_copy"], row["rejection_reasons"]) for row in rows]


def items_of(day: date, load_id: str) -> list[Any]:
    """Return staging's items of each valid order of a load, in API order; None if it has none."""
    with connect() as connection:
        rows = connection.execute(
            """
            select items::jsonb as items from staging.stg_shop__orders
            where _day = %s and _load_id = %s and rejection_reasons = '{}' order by _row_number
            """,
            [day, load_id],
        ).fetchall()
    return [row["items"] for row in rows]
