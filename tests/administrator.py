"""The administrator of the tests' Postgres: a superuser, for what PGUSER may not do, such as ending any session.

What the product does in a test runs as PGUSER, which is no superuser.
"""

import secrets
from pathlib import Path

import psycopg

from local.postgres import SUPERUSER, Postgres
from pipeline_settings import Settings

PASSWORD = secrets.token_urlsafe(24)


def admit_administrator(home: Path, *statements: str) -> None:
    """Let the superuser of a stopped embedded Postgres log in, and execute further statements as it."""
    login = f"alter role {SUPERUSER} password '{PASSWORD}'"
    Postgres(home / "servers").execute_as_superuser([login, *statements])


def administrator(where: Settings, database: str | None = None) -> psycopg.Connection:
    """Connect as the superuser, in autocommit mode."""
    return psycopg.connect(
        host=where.pghost,
        port=where.pgport,
        user=SUPERUSER,
        password=PASSWORD,
        dbname=database or where.pgdatabase,
        autocommit=True,
    )
