"""The rows of a day's first page, judged like a load in a transaction that is rolled back."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from psycopg import sql

from warehouse.connection import Connection, connect
from warehouse.roles import LOADER, acting_as

COLUMNS = """
    select attname::text as name from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped
"""


@dataclass(frozen=True)
class JudgedPage:
    """`reasons`: rows per rejection reason. `rejected`: rows with any. `statuses`, `amounts`: of orders, as sent."""

    rows: int
    reasons: Counter[str]
    rejected: int
    statuses: Sequence[str]
    amounts: Sequence[str]


def judge(dataset: str, day: date, file: Path) -> JudgedPage:
    """Judge the rows of a file of the day, as landing writes it."""
    from ingestion.drafting.first_page import LOAD_ID
    from ingestion.landing.raw_tables import RAW

    raw, staged = sql.Identifier(RAW, dataset), sql.Identifier("staging", f"stg_shop__{dataset}")
    values = sql.SQL("status, total_amount" if dataset == "orders" else "null as status, null as total_amount")
    of_page = sql.SQL("where _day = %s and _load_id = %s")
    with acting_as(LOADER), connect() as connection:
        _copy(connection, file, f"{RAW}.{dataset}", raw)
        judged = connection.execute(
            sql.SQL("select rejection_reasons from {} {}").format(staged, of_page), [day, LOAD_ID]
        ).fetchall()
        sent = connection.execute(
            sql.SQL("select {} from {} {}").format(values, raw, of_page), [day, LOAD_ID]
        ).fetchall()
        connection.rollback()
    return JudgedPage(
        rows=len(judged),
        reasons=Counter(reason for row in judged for reason in row["rejection_reasons"]),
        rejected=sum(bool(row["rejection_reasons"]) for row in judged),
        statuses=[row["status"] for row in sent if row["status"] is not None],
        amounts=[row["total_amount"] for row in sent if row["total_amount"]],
    )


def _copy(connection: Connection, file: Path, table: str, raw: sql.Identifier) -> None:
    """Copy the file's columns that raw has. A declared field that never landed has no column yet."""
    header = file.read_text(encoding="utf-8").partition("\n")[0].replace('"', "").split(",")
    page = sql.Identifier("first_page")
    connection.execute(sql.SQL("create temporary table {} (like {}) on commit drop").format(page, raw))
    existing = {row["name"] for row in connection.execute(COLUMNS, [table])}
    for name in set(header) - existing:
        connection.execute(sql.SQL("alter table {} add column {} text").format(page, sql.Identifier(name)))
    copied = sql.SQL("copy {} ({}) from stdin (format csv, header)").format(page, _names(header))
    with connection.cursor().copy(copied) as copy:
        copy.write(file.read_bytes())
    common = _names([name for name in header if name in existing])
    connection.execute(sql.SQL("insert into {} ({}) select {} from {}").format(raw, common, common, page))


def _names(names: Sequence[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
