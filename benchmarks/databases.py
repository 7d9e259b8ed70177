"""Databases of their own for benchmarks, on the server that PGHOST names."""

import os

import psycopg
from psycopg import sql

from orchestration import dbt_runner
from pipeline_settings import settings
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


def contents(connection: Connection, relations: tuple[str, ...]) -> list[tuple[object, ...]]:
    """What stands in these relations: each with its rows and a sum over their hashes."""
    rows = [connection.execute(CONTENTS.format(relation).encode()).fetchone() for relation in relations]
    return [(relation, *row.values()) for relation, row in zip(relations, rows, strict=True) if row]
