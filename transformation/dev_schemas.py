"""Temporary schemas for dbt's target `dev`, created for a block and dropped at its end."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import sql

from transformation import dbt_runner
from warehouse.connection import Connection, connect
from warehouse.locks import pipeline_lock
from warehouse.roles import TRANSFORMER, acting_as, are_ours

LAYERS = ("staging", "quarantine", "build", "marts", "ops", "published")
VARIABLE = "DAYBREAK_DEV_SCHEMA"  # read by profiles.yml
WAIT_SECONDS = 600.0  # for another block with the same prefix


@contextmanager
def dev_schemas(prefix: str) -> Iterator[None]:
    """Create empty schemas `<prefix>_marts` and so on for the target `dev`, after dropping those of a killed run.

    The block acts as the transformer. Raises DayBusyError if another block with this prefix does not end in time.
    """
    before = os.environ.get(VARIABLE)
    with pipeline_lock(prefix, WAIT_SECONDS):
        os.environ[VARIABLE] = prefix
        try:
            with acting_as(None), connect() as connection:
                _drop(connection, prefix)
                _create(connection, prefix)
            with acting_as(TRANSFORMER):
                yield
        finally:
            with acting_as(None), connect() as connection:
                _drop(connection, prefix)
            os.environ.pop(VARIABLE)
            if before is not None:
                os.environ[VARIABLE] = before


def run_dev(command: list[str], prefix: str, manifest: Any, say: Callable[[str], None]) -> Any:
    """Run a dbt command in the target `dev`, report each finished node, and return dbt's results."""
    listener = dbt_runner.progress_listener(lambda node, number, count: say(f"{node} ({number} of {count})"))
    return dbt_runner.invoke([*command, "--target", "dev"], [listener], state=f"dbt-{prefix}", manifest=manifest)


def size_of(connection: Connection, prefix: str) -> int:
    """Return the size of the schemas in bytes."""
    row = connection.execute(
        """
        select coalesce(sum(pg_total_relation_size(oid)), 0)::bigint as bytes from pg_class
        where relkind = 'r' and relnamespace in (select oid from pg_namespace where nspname = any(%s))
        """,
        [[f"{prefix}_{layer}" for layer in LAYERS]],
    ).fetchone()
    assert row is not None
    return int(row["bytes"])


def _create(connection: Connection, prefix: str) -> None:
    has_roles = are_ours(connection)
    for layer in LAYERS:
        schema = sql.Identifier(f"{prefix}_{layer}")
        connection.execute(sql.SQL("create schema {}").format(schema))
        if has_roles:
            connection.execute(
                sql.SQL("grant usage, create on schema {} to {}").format(schema, sql.Identifier(TRANSFORMER))
            )


def _drop(connection: Connection, prefix: str) -> None:
    """Drop the schemas. First end dbt's sessions there, which survive an interrupt."""
    schemas = [f"{prefix}_{layer}" for layer in LAYERS]
    connection.execute(
        """
        select pg_terminate_backend(pid)
        from (
            select distinct pg_locks.pid
            from pg_locks
            inner join pg_class on pg_locks.relation = pg_class.oid
            inner join pg_stat_activity on pg_locks.pid = pg_stat_activity.pid
            where
                pg_locks.database = (select oid from pg_database where datname = current_database())
                and pg_class.relnamespace in (select oid from pg_namespace where nspname = any(%s))
                and pg_stat_activity.application_name = 'dbt'
                and pg_stat_activity.usename = any(array[session_user, %s])
                and pg_locks.pid <> pg_backend_pid()
        ) as left_over
        """,
        [schemas, TRANSFORMER],
    )
    names = sql.SQL(", ").join(map(sql.Identifier, schemas))
    connection.execute(sql.SQL("drop schema if exists {} cascade").format(names))
