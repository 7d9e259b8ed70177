"""Copies of a published history by plain SQL: the marts that Daybreak would publish for a longer history, but faster.

A copy has the same rows for other orders, customers and days. Its days are shifted such that months stay months, so the
original's days are in the middle of theirs (`older_days`). Ids of orders and loads begin with a day, which is shifted
too.
"""

import sys
from collections.abc import Sequence
from datetime import date

from warehouse.connection import Connection, connect

MONTHS = 4  # of a copy; customers return in some of them, as rows of customer_months
DAYS_OF_MONTH = range(13, 18)

DAY = "{column} + {days}"
MONTH = "date_trunc('month', ({column} + 14 + {days})::timestamp)::date"
DATED_TEXT = "(left({column}, 10)::date + {days})::text || substr({column}, 11)"
CUSTOMER = "case when {column} ~ '^c' then 'c' || substr({column}, 2)::integer + {customers} else {column} end"

_ORDER = {"order_id": DATED_TEXT, "customer_id": CUSTOMER, "order_date": DAY, "logical_date": DAY}
# The columns that differ in a copy; the others are the same. A load comes before the rows that name it.
COPIED = {
    "ops.loads": {"load_id": DATED_TEXT, "day": DAY, "fingerprint": DATED_TEXT},
    "ops.gate_results": {"load_id": DATED_TEXT, "day": DAY},
    "ops.day_ledger": {"day": DAY, "admitted_load_id": DATED_TEXT, "published_load_id": DATED_TEXT},
    "raw.orders": {
        "_load_id": DATED_TEXT,
        "_day": DAY,
        "order_id": DATED_TEXT,
        "customer_id": CUSTOMER,
        "order_date": DATED_TEXT,
    },
    "marts.fct_orders": _ORDER,
    "ops.int_orders_superseded": _ORDER,
    "marts.customer_order_totals": {"customer_id": CUSTOMER, "first_order_date": DAY, "last_order_date": DAY},
    "marts.daily_sales": {"order_date": DAY},
    "marts.customer_months": {"customer_id": CUSTOMER, "order_month": MONTH, "cohort_month": MONTH},
    "marts.cohort_months": {"order_month": MONTH, "cohort_month": MONTH},
    "marts.product_months": {"order_month": MONTH},
}
# Their indexes are created after all rows.
LARGE = ("raw.orders", "marts.fct_orders", "marts.customer_order_totals", "marts.customer_months")

# Each copy has a publication, as the original has.
PUBLISH = """
with published as (
    insert into ops.publications (pipeline, build_id, as_of_date, day_count, rows_published)
    select pipeline, build_id || '-' || %(days)s, as_of_date + %(days)s, day_count, rows_published
    from original_publications
    returning publication_id
)
insert into ops.publication_days (publication_id, dataset, day, load_id)
select published.publication_id, ledger.dataset, ledger.day + %(days)s, {load_id}
from published
cross join original_day_ledger as ledger
"""

INDEXES = """
select
    format('%%I.%%I', nspname, index.relname) as name,
    pg_get_indexdef(indexrelid) as definition,
    conname,
    pg_get_constraintdef(pg_constraint.oid) as constraint_definition
from pg_index
inner join pg_class as index on index.oid = indexrelid
inner join pg_namespace on pg_namespace.oid = relnamespace
left join pg_constraint on conindid = indexrelid and conrelid = indrelid
where indrelid = %s::regclass
"""


def older_days(copies: int, before: date) -> list[date]:
    """Return the days of the original, placed such that its copies end before this month."""
    return [
        _month_before(before, MONTHS * copies - month).replace(day=day)
        for month in range(MONTHS)
        for day in DAYS_OF_MONTH
    ]


def multiply(copies: int, before: date, customers: int) -> None:
    """Make this many copies of the published history, including the original, up to a month."""
    first = _month_before(before, MONTHS * copies)
    distances = [(_month_before(before, MONTHS * (copies - number)) - first).days for number in range(copies)]
    with connect(autocommit=True) as connection:
        connection.execute("set statement_timeout = 0; set synchronous_commit = off; set maintenance_work_mem = '1GB'")
        for table in (*COPIED, "ops.publications"):
            connection.execute(f"create temporary table {_original(table)} as table {table}".encode())
        made_again = [statement for table in LARGE for statement in _drop_indexes(connection, table)]
        for number, days in enumerate(distances[1:], 1):
            _copy(connection, days, number * customers)
            if number % 5 == 0 or days == distances[-1]:
                print(f"{number + 1} of {copies} copies", file=sys.stderr, flush=True)
                for table in LARGE:  # while the pages are in memory
                    connection.execute(f"vacuum (truncate off) {table}".encode())
        for statement in made_again:
            print(statement, file=sys.stderr, flush=True)
            connection.execute(statement.encode())
        connection.execute("vacuum analyze")


def _month_before(day: date, months: int) -> date:
    """Return the first day of the month this many months before."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    return date(year, month + 1, 1)


def _original(table: str) -> str:
    return f"original_{table.split('.')[1]}" if table != "raw.orders" else "original_raw"


def _copy(connection: Connection, days: int, customers: int) -> None:
    """Return the statement that copies a table, shifted by days and by the numbers of customers."""
    for table, changes in COPIED.items():
        original = connection.execute(f"select * from {_original(table)} limit 0".encode()).description or []
        columns = [column.name for column in original]
        values = [
            changes.get(column, "{column}").format(column=column, days=days, customers=customers) for column in columns
        ]
        connection.execute(
            f"insert into {table} ({', '.join(columns)}) select {', '.join(values)} from {_original(table)}".encode()
        )
    load_id = DATED_TEXT.format(column="ledger.published_load_id", days=days)
    connection.execute(PUBLISH.format(load_id=load_id).encode(), {"days": days})


def _drop_indexes(connection: Connection, table: str) -> Sequence[str]:
    """Drop the indexes of a table. Return the statements that recreate them and their keys."""
    statements = []
    for index in connection.execute(INDEXES.encode(), [table]).fetchall():
        if key := index["conname"]:
            connection.execute(f'alter table {table} drop constraint "{key}"'.encode())
            statements.append(f'alter table {table} add constraint "{key}" {index["constraint_definition"]}')
        else:
            connection.execute(f"drop index {index['name']}".encode())
            statements.append(index["definition"])
    return statements
