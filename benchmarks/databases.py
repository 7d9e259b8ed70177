"""Databases of their own for benchmarks, on the server that PGHOST names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from pipeline_settings import settings
from transformation import dbt_runner
from warehouse.connection import Connection

# What is compared, independent of the order of rows: rows, and a sum over their hashes.
CONTENTS = """
select count(*), coalesce(sum(hashtextextended(contents::text, 0)::numeric), 0) from {} as contents
"""


def use_new_database(name: str) -> None:
    """Make an empty database, in the place of one with this name, and use it from now on."""
    with psycopg.connect(settings().postgres_uri(), dbname="postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    os.environ["PGDATABASE"] = name
    settings.cache_clear()
    dbt_runner.forget_project()


def put_aside(name: str) -> None:
    """Keep the database in use under this name, in the place of one that has it."""
    remove(name)
    with psycopg.connect(settings().postgres_uri(), dbname="postgres", autocommit=True) as connection:
        _rename(connection, settings().pgdatabase, name)


@contextmanager
def in_turn(name: str) -> Iterator[None]:
    """Use a database that was put aside, under the name of the one in use: a parsed project holds the name."""
    used = settings().pgdatabase
    with psycopg.connect(settings().postgres_uri(), dbname="postgres", autocommit=True) as connection:
        _rename(connection, name, used)
        yield
        _rename(connection, used, name)


def remove(name: str) -> None:
    """Drop a database, if it is there."""
    with psycopg.connect(settings().postgres_uri(), dbname="postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _rename(connection: psycopg.Connection, name: str, other: str) -> None:
    """Whoever is connected is not any longer: a database in use keeps its name."""
    connection.execute("select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s", [name])
    connection.execute(sql.SQL("alter database {} rename to {}").format(sql.Identifier(name), sql.Identifier(other)))


def contents(connection: Connection, relations: tuple[str, ...]) -> list[tuple[object, ...]]:
    """What stands in these relations: each with its rows and a sum over their hashes."""
    rows = [connection.execute(CONTENTS.format(relation).encode()).fetchone() for relation in relations]
    return [(relation, *row.values()) for relation, row in zip(relations, rows, strict=True) if row]
