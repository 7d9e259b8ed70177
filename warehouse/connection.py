"""Connections to the warehouse: bounded waits, a clear error, and the version that we need."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from pipeline_errors import WarehouseError
from pipeline_settings import Settings, settings

MINIMUM_SERVER_VERSION = 160000  # pg_input_is_valid() came with PostgreSQL 16
SCHEMA_FILE = Path(__file__).with_name("schema.sql")
SCHEMA_LOCK = 4_021_000_001  # advisory lock: one process at a time creates the schemas

Connection = psycopg.Connection[dict[str, Any]]

# No statement of ours may wait for ever on a lock or a dead peer.
SESSION_OPTIONS = (
    "-c lock_timeout=30s -c idle_in_transaction_session_timeout=10min -c TimeZone=UTC -c DateStyle=ISO -c jit=off"
)


@contextmanager
def connect(*, autocommit: bool = False, using: Settings | None = None) -> Iterator[Connection]:
    """A connection whose rows are dicts; commits at the end of the block, rolls back on an exception.

    Raises WarehouseError if the server cannot be reached or is too old, or if the connection is lost in the block.
    """
    where = using or settings()
    try:
        connection = psycopg.connect(
            where.postgres_uri(),
            autocommit=autocommit,
            connect_timeout=10,
            application_name="daybreak",
            options=SESSION_OPTIONS,
            row_factory=dict_row,
        )
    except psycopg.OperationalError as error:
        raise unreachable(where, error) from None
    if connection.info.server_version < MINIMUM_SERVER_VERSION:
        version = connection.info.parameter_status("server_version")
        connection.close()
        raise WarehouseError(f"PostgreSQL {version} is too old", "Daybreak needs PostgreSQL 16 or newer.")
    try:
        with connection:
            yield connection
    except psycopg.OperationalError as error:
        raise WarehouseError(f"Postgres gave up on us: {error}", "Run the same command again.") from error


def create_schemas(connection: Connection) -> None:
    """Create what warehouse/schema.sql declares and is not there yet."""
    connection.execute("select pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])
    connection.execute(SCHEMA_FILE.read_text().encode())


def unreachable(where: Settings, error: Exception) -> WarehouseError:
    """The error for a server that does not let us in; libpq's messages hold no password."""
    server = f"{where.pghost}:{where.pgport}/{where.pgdatabase}"
    return WarehouseError(
        f"Postgres at {server} cannot be reached as {where.pguser}: {error}",
        "Check PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE, or unset PGHOST for the embedded server.",
    )
