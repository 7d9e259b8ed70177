"""Separate databases for benchmarks on the server at PGHOST."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from pipeline_settings import settings
from transformation import dbt_runner
from warehouse.connection import Connection

# Contents of a relation, independent of the order of rows: their number and the sum of their hashes.
CONTENTS = """
select count(*), coalesce(sum(hashtextextended(contents::text, 0)::numeric), 0) from {} as contents
"""


def use_new_database(name: str) -> None:
    """Create an empty database, replacing one of this name, and use it from now on."""
    with psycopg.connect(settings().postgres_uri(), dbname="postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    os.environ["PGDATABASE"] = name
    settings.cache_clear()
    dbt_runner.forget_project()


def put_aside(name: str) -> None:
    """Rename the current database, replacing one of this name."""
    remove(name)
    with psycopg.connect(settings().postgres_uri(), dbname="postgres", autocommit=True) as connection:
        _rename(connection, settings().pgdatabase, name)


@contextmanager
def in_turn(name: str) -> Iterator[None]:
    """Use a database that was put aside under the current name, which the parsed project contains."""
    used = settings().pgdatabase
    with psycopg.connect(settings().postgres_uri(), dbname="postgres", autocommit=True) as connection:
        _rename(connection, name, used)
        yield
        _rename(connection, used, name)


def remove(name: str) -> None:
    """Drop a database if it exists."""
    with psycopg.connect(settings().postgres_uri(), dbname="postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _rename(connection: psycopg.Connection, name: str, other: str) -> None:
    """End all sessions in a database, since it could not be renamed otherwise; the rename ends autovacuum itself."""
    query = "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s and usename is not null"
    connection.execute(query, [name])
    connection.execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(name), sql.Identifier(other)))


def contents(connection: Connection, relations: tuple[str, ...]) -> list[tuple[object, ...]]:
    """Return the number of rows and the sum of their hashes for each relation."""
    rows = [connection.execute(CONTENTS.format(relation).encode()).fetchone() for relation in relations]
    return [(relation, *row.values()) for relation, row in zip(relations, rows, strict=True) if row]
