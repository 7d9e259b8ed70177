"""A build of the orders on an engine: decision 0010.

submit → compute → collect. Postgres freezes the days and selects the affected rows, the engine computes the changes
from Parquet with the same models, and Postgres loads them and continues as usual: tests, other pipelines, publish. Each
step only needs the job's id, so the steps can run in separate processes. The caller holds the pipelines' build locks.
"""

import os
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from psycopg import sql

from engine.exchange import REMEDY, Folder, Result, load
from engine.exporting import export
from engine.inputs import DAYS, FROZEN, INPUTS
from engine.session import is_alive, lost_server, spark_session
from monitoring.plain_text import first_line
from pipeline_errors import LockedError, ModelError, WarehouseError
from transformation import dbt_runner
from transformation.pipelines import ORDERS
from warehouse.connection import Connection, connect
from warehouse.locks import pipeline_lock

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

    from transformation.dbt_runner import EventListener, Progress

TAG = "on_engine"  # of the models that run on the engine
SCHEMA = "DAYBREAK_ENGINE_SCHEMA"  # read by profiles.yml


def build(
    tags: Sequence[str],
    *,
    full_refresh: bool = False,
    day_range: tuple[date, date] | None = None,
    on_progress: "Progress | None" = None,
    on_event: "EventListener | None" = None,
) -> int:
    """Build as dbt_runner.build does, but compute the changes of orders on the engine.

    Raises WarehouseError if the engine cannot be reached or is lost, ConfigurationError if it is not installed.
    """
    if ORDERS.name not in tags:
        return dbt_runner.build(
            tags, full_refresh=full_refresh, day_range=day_range, on_progress=on_progress, on_event=on_event
        )
    options: dict[str, Any] = {"full_refresh": full_refresh, "day_range": day_range, "on_event": on_event}
    with spark_session() as session:  # first, so that nothing starts without an engine
        job = submit(**options)
        try:
            compute(session, job, on_progress)
            return collect(job, tags, on_progress=on_progress, **options)
        finally:
            Folder(job).cleanup()


def submit(
    *,
    full_refresh: bool = False,
    day_range: tuple[date, date] | None = None,
    on_event: "EventListener | None" = None,
) -> str:
    """Freeze the days of a build and write the affected rows as Parquet. Return the job's id, which is the build's."""
    # The inputs of the engine's models without their tests, which run later with the rest.
    inputs = ["--select", f"1+tag:{TAG}", "--exclude", f"tag:{TAG}", "--indirect-selection", "empty"]
    dbt_runner.build([], full_refresh=full_refresh, day_range=day_range, selection=inputs, on_event=on_event)
    with connect() as connection:
        job = _frozen_build(connection)
        folder = Folder(job)
        folder.create()
        for name, query in INPUTS.items():
            export(connection, query, folder, name, DAYS.get(name))
    return job


def compute_once(job: str, wait_seconds: float) -> None:
    """Compute a job unless it has a result. One process computes, and others wait for it.

    Raises DayBusyError if that takes longer than `wait_seconds`.
    """
    with pipeline_lock(f"engine job {job}", wait_seconds):
        if Folder(job).result() is None:
            with spark_session() as session:
                compute(session, job)


def compute(session: "SparkSession", job: str, on_progress: "Progress | None" = None) -> None:
    """Run the models on the engine, which writes their rows as Parquet into the job's folder.

    Each attempt has a separate schema and folder, since an interrupted attempt may continue for a while.
    """
    from pyspark.errors import PySparkException

    folder, attempt = Folder(job), uuid4().hex
    schema = f"daybreak_{attempt}"
    os.environ[SCHEMA] = schema
    try:
        session.sql(f"create schema {schema}").collect()
        for name in INPUTS:
            session.sql(f"create table {schema}.{name} using parquet location '{folder.url}/{name}'").collect()
        session.table(f"{schema}.int_order_days").count()  # fail here rather than in the first model
        dbt_runner.run_on_engine(TAG, [f"engine_folder: '{folder.url}/{attempt}'"], on_progress)
        counts = {name: session.table(f"{schema}.{name}").count() for name in _tables()}
        folder.write_result(Result(attempt, counts))
    except (ModelError, PySparkException) as error:
        if not is_alive(session):
            raise lost_server() from None
        if isinstance(error, ModelError):
            raise
        raise WarehouseError(f"The engine cannot use {folder.url}: {first_line(error)}", REMEDY) from None
    finally:
        del os.environ[SCHEMA]
        with suppress(PySparkException):  # the files stay; a lost server has no schema to drop
            session.sql(f"drop schema if exists {schema} cascade").collect()


def collect(
    job: str,
    tags: Sequence[str],
    *,
    full_refresh: bool = False,
    day_range: tuple[date, date] | None = None,
    on_progress: "Progress | None" = None,
    on_event: "EventListener | None" = None,
) -> int:
    """Load the engine's rows, then build and test the rest. Return the number of nodes that ran.

    Raises LockedError if another build has started since the job was submitted.
    """
    rest = [node.name for node in dbt_runner.nodes_of(tags) if node.name not in FROZEN]
    with connect() as connection:
        if _frozen_build(connection) != job:
            raise LockedError("Another build of the orders has started meanwhile", "Run the same command again.")
        for name in _tables():
            load(connection, Folder(job), name, _made(name))
    done = dbt_runner.build(
        [],
        full_refresh=full_refresh,
        day_range=day_range,
        on_progress=on_progress,
        on_event=on_event,
        selection=["--select", *rest, "--indirect-selection", "empty"],
        variables=[f"engine_build: {job}"],
    )
    with connect() as connection:
        for name in _tables():
            connection.execute(sql.SQL("drop table if exists {}").format(_made(name)))
    return done


def _frozen_build(connection: Connection) -> str:
    """Return the id of the build whose days are frozen; "nothing" if there are no days."""
    frozen = connection.execute("select build_id from build.int_order_days limit 1").fetchone()
    return str(frozen["build_id"]) if frozen else "nothing"


def _tables() -> list[str]:
    """Return the models whose rows the engine returns; the others are views on them."""
    return [node.name for node in dbt_runner.nodes_of([TAG]) if getattr(node.config, "materialized", "") == "table"]


def _made(name: str) -> sql.Identifier:
    """Return the table from which macros/engine/engine_tables.sql reads a model's rows."""
    return sql.Identifier("build", f"{name}__from_engine")
