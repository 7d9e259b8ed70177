"""Staging as the files and raw's columns want it: views and the calendar, built again when either has changed."""

import hashlib
from pathlib import Path

from pipeline_settings import PROJECT_ROOT
from transformation import dbt_runner
from warehouse.connection import Connection, connect
from warehouse.locks import pipeline_lock
from warehouse.roles import TRANSFORMER, acting_as

STAGING_WAIT_SECONDS = 1800.0  # how long one build waits for another one of staging


def ensure_staging() -> None:
    """Build the staging views and load the seeds, unless they are what the files say."""
    with connect() as connection:
        wanted = _fingerprint(connection)
        if _comment(connection) == wanted:
            return
    with pipeline_lock("staging", STAGING_WAIT_SECONDS):
        with acting_as(TRANSFORMER):
            dbt_runner.build_staging()
        with connect() as connection:
            connection.execute(f"comment on schema staging is '{wanted}'".encode())


def source_files() -> list[Path]:
    """Return the files that define staging: views, their macros, and seeds."""
    project = PROJECT_ROOT / "dbt_project"
    patterns = ("models/staging/*.sql", "models/quarantine/*.sql", "macros/staging/*.sql", "seeds/*")
    return [file for pattern in patterns for file in sorted(project.glob(pattern))]


def _fingerprint(connection: Connection) -> str:
    """Return a digest of the files that define staging and of the columns of raw."""
    digest = hashlib.sha256()
    for file in source_files():
        digest.update(file.read_bytes())
    columns = connection.execute(
        """
        select table_name, column_name from information_schema.columns
        where table_schema = 'raw' and table_name in ('orders', 'reviews')
        order by 1, 2
        """
    ).fetchall()
    digest.update(repr([tuple(column.values()) for column in columns]).encode())
    return digest.hexdigest()


def _comment(connection: Connection) -> str | None:
    row = connection.execute(
        """
        select obj_description('staging'::regnamespace) as fingerprint
        where to_regclass('staging.stg_shop__orders') is not null
            and to_regclass('staging.stg_shop__reviews') is not null
            and to_regclass('staging.calendar_events') is not null
        """
    ).fetchone()
    return row["fingerprint"] if row else None
