"""Connections to the warehouse: bounded waits, a clear error, and the version that we need."""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from pipeline_errors import WarehouseError
from pipeline_settings import Settings, settings

MINIMUM_SERVER_VERSION = 160000  # pg_input_is_valid() came with PostgreSQL 16
SCHEMA_FILE = Path(__file__).with_name("schema.sql")
RELATION = r"^create (?:table if not exists|index if not exists|or replace view) (?:\w+\.)?(\w+)"
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
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction) as error:
        raise WarehouseError(
            f"Postgres does not let {where.pguser} do this: {error}",
            "Grant it, or connect to a server that takes writes as the owner of Daybreak's schemas.",
        ) from error


def create_schemas(connection: Connection) -> None:
    """Create what warehouse/schema.sql declares and is not there yet.

    Nothing is run if all of it is there: `create index if not exists` alone would wait for other runs' loads.
    """
    connection.execute("select pg_advisory_xact_lock(%s)", [SCHEMA_LOCK])
    declared = SCHEMA_FILE.read_text()
    digest = hashlib.sha256(declared.encode()).hexdigest()
    if _is_created(connection, declared, digest):
        return
    connection.execute(declared.encode())
    role = connection.execute("select rolname from pg_roles where rolname = 'daybreak_reader'").fetchone()
    stamp = f"{digest} {role['rolname']}" if role else digest
    connection.execute(sql.SQL("comment on schema ops is {}").format(sql.Literal(stamp)))


def _is_created(connection: Connection, declared: str, digest: str) -> bool:
    """Whether this very file was run, and nothing of it was dropped since; a role that came later has its grants."""
    row = connection.execute(
        """
        select
            obj_description(to_regnamespace('ops'), 'pg_namespace') = %(digest)s || coalesce(
                (select ' ' || rolname from pg_roles where rolname = 'daybreak_reader'), ''
            )
            and (select count(*) from pg_namespace where nspname = any(%(schemas)s)) = cardinality(%(schemas)s)
            and (select count(distinct relname) from pg_class where relname = any(%(relations)s))
                = cardinality(%(relations)s) as is_created
        """,
        {
            "digest": digest,
            "schemas": re.findall(r"^create schema if not exists (\w+)", declared, re.MULTILINE),
            "relations": re.findall(RELATION, declared, re.MULTILINE),
        },
    ).fetchone()
    return bool(row and row["is_created"])


def unreachable(where: Settings, error: Exception) -> WarehouseError:
    """The error for a server that does not let us in; libpq's messages hold no password."""
    server = f"{where.pghost}:{where.pgport}/{where.pgdatabase}"
    return WarehouseError(
        f"Postgres at {server} cannot be reached as {where.pguser}: {error}",
        "Check PGHOST, PGPORT, PGUSER, PGPASSWORD and PGDATABASE, or unset PGHOST for the embedded server.",
    )
