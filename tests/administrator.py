"""The administrator of the tests' Postgres: a superuser, for what PGUSER may not do, such as ending any session.

What the product does in a test runs as PGUSER, which is no superuser.
"""

import os
import secrets
from pathlib import Path

import psycopg

from local import postgres, postgres_files
from local.process import Account
from pipeline_settings import Settings

PASSWORD = secrets.token_urlsafe(24)


def admit_administrator(home: Path, *statements: str) -> None:
    """Let the superuser of a stopped embedded Postgres log in, and execute further statements as it."""
    data = postgres.Postgres(home / "servers").data_directory()
    assert data is not None
    owner = data.stat()
    account = Account(owner.st_uid, owner.st_gid)
    programs = postgres_files.programs(account, postgres.OUTSIDE)
    held = os.open(os.devnull, os.O_RDONLY)  # not the server's lock, which two starts at once need
    try:
        login = f"alter role {postgres.SUPERUSER} password '{PASSWORD}'"
        postgres_files.single_user(programs, data, account, [login, *statements], held)
    finally:
        os.close(held)


def administrator(where: Settings, database: str | None = None) -> psycopg.Connection:
    """Connect as the superuser, in autocommit mode."""
    return psycopg.connect(
        host=where.pghost,
        port=where.pgport,
        user=postgres.SUPERUSER,
        password=PASSWORD,
        dbname=database or where.pgdatabase,
        autocommit=True,
    )
