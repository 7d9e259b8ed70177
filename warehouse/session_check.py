"""Checks of a new connection: what a run needs from the server, and that nothing between takes its session away.

A connection pooler may refuse the settings of a session, drop them, or give each transaction another session. Then
advisory locks, roles and time limits do not hold, and two runs of a day overwrite each other.
"""

from typing import Any

import psycopg

from pipeline_errors import ConfigurationError, WarehouseError
from pipeline_settings import Settings

MINIMUM_SERVER_VERSION = 160000  # pg_input_is_valid() came with PostgreSQL 16
EXPECTED = {"lock_timeout": "30s", "TimeZone": "UTC"}  # some of the settings that warehouse.connection asks for
HOLDER = """
    select pid, usename, application_name
    from pg_locks
    inner join pg_stat_activity using (pid)
    where
        locktype = 'advisory' and granted and objsubid = 1
        and database = (select oid from pg_database where datname = current_database())
        and (classid::bigint << 32) | objid::bigint = %s
    limit 1
"""

Connection = psycopg.Connection[dict[str, Any]]


def check_server(connection: Connection, where: Settings) -> None:
    """Raise WarehouseError if the server is too old, stores text in another encoding, or has not got the settings.

    Raises ConfigurationError if dbt cannot use the database's name.
    """
    if connection.info.server_version < MINIMUM_SERVER_VERSION:
        version = connection.info.parameter_status("server_version")
        raise WarehouseError(f"PostgreSQL {version} is too old", "Daybreak needs PostgreSQL 16 or newer.")
    if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
        raise WarehouseError(
            f"The database {where.pgdatabase} stores text as {encoding}, which cannot hold every text of a shop",
            "Run: create database … encoding 'UTF8' template template0; and set PGDATABASE to it.",
        )
    if "%" in where.pgdatabase:
        raise ConfigurationError(
            f"dbt takes the % in the database's name {where.pgdatabase} for a placeholder",
            "Rename it by alter database … rename to …; and set PGDATABASE to the new name.",
        )
    query = "select name, current_setting(name) as value from unnest(%s::text[]) as name"
    found = {row["name"]: row["value"] for row in connection.execute(query, [[*EXPECTED]])}
    if lost := [name for name, value in EXPECTED.items() if found.get(name) != value]:
        raise pooled(where, f"drops {', '.join(lost)}")


def check_sessions(first: Connection, second: Connection, where: Settings) -> None:
    """Raise WarehouseError if two open connections share a session. `first` is in autocommit mode, `second` is not."""
    before, other, after = (_process(connection) for connection in (first, second, first))
    if before != after or other == before:
        raise pooled(where, "gives each transaction another session")


def holder_of(connection: Connection, key: int) -> str:
    """Return who holds an advisory lock, and how to end that session: any user of the database can take one."""
    holder = connection.execute(HOLDER, [key]).fetchone()
    if holder is None:
        return "It was released just now: run the same command again."
    return (
        f"It is held by process {holder['pid']} of {holder['usename']} ({holder['application_name'] or 'unnamed'}). "
        f"Wait until that ends, or end it: select pg_terminate_backend({holder['pid']});"
    )


def pooled(where: Settings, fault: str) -> WarehouseError:
    """Return the error for a connection pooler between us and Postgres."""
    return WarehouseError(
        f"A connection pooler such as PgBouncer answers at {where.pghost}:{where.pgport}. A run needs sessions with "
        f"settings of their own for its locks, roles and time limits, and the pooler {fault}",
        "Set PGHOST and PGPORT to Postgres itself.",
    )


def _process(connection: Connection) -> int:
    row = connection.execute("select pg_backend_pid() as process").fetchone()
    assert row is not None
    return int(row["process"])
