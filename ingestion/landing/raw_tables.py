"""Changes to raw tables outside of dlt: new columns, deletion of a load."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date

from psycopg import sql

from warehouse.connection import Connection, connect
from warehouse.roles import acting_as

RAW = "raw"


@contextmanager
def prepared_table(dataset: str, columns: Iterable[str]) -> Iterator[None]:
    """Add missing columns to a table, as text, before a load. The login user adds them.

    The first load of a warehouse creates dlt's tables. dlt cannot create them twice at once, so first loads are
    serialized.
    """
    with ExitStack() as first_load:
        with acting_as(None), connect(autocommit=True) as connection:
            _add_columns(connection, dataset, columns)
            known = connection.execute("select to_regclass(%s) is not null as known", [f"{RAW}._dlt_loads"]).fetchone()
        if known is None or not known["known"]:
            alone = first_load.enter_context(connect(autocommit=True))
            alone.execute("select pg_advisory_lock(hashtextextended('first load', 0))")
        yield


def _add_columns(connection: Connection, dataset: str, columns: Iterable[str]) -> None:
    existing = connection.execute(
        "select column_name from information_schema.columns where table_schema = %s and table_name = %s", [RAW, dataset]
    ).fetchall()
    for column in sorted(set(columns) - {row["column_name"] for row in existing}):
        statement = sql.SQL("alter table {} add column if not exists {} text")
        connection.execute(statement.format(sql.Identifier(RAW, dataset), sql.Identifier(column)))


def delete_load(dataset: str, day: date, load_id: str) -> None:
    """Delete the rows of a failed load from raw. Raises WarehouseError if Postgres cannot be reached."""
    with connect() as connection:
        statement = sql.SQL("delete from {} where _day = %s and _load_id = %s")
        connection.execute(statement.format(sql.Identifier(RAW, dataset)), [day, load_id])
