"""A build whose orders an engine computes: decision 0010.

submit → compute → collect. Postgres freezes the days and looks up what they touch, the engine computes the changes from
Parquet with the same models, Postgres takes them over and goes on as always: tests, other pipelines, publish. Each step
needs the job's id alone, so that they may run in processes of their own; the caller holds the pipelines' build locks.
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
from engine.session import gone, is_alive, spark_session
from monitoring.plain_text import first_line
from pipeline_errors import LockedError, ModelError, WarehouseError
from transformation import dbt_runner
from transformation.pipelines import ORDERS
from warehouse.connection import Connection, connect
from warehouse.locks import pipeline_lock

if TYPE_CHECKING:
    from pyspark.sql.connect.session import SparkSession

    from transformation.dbt_runner import EventListener, Progress

TAG = "on_engine"  # models that an engine computes
SCHEMA = "DAYBREAK_ENGINE_SCHEMA"  # read by profiles.yml


def build(
    tags: Sequence[str],
    *,
    full_refresh: bool = False,
    day_range: tuple[date, date] | None = None,
    on_progress: "Progress | None" = None,
    on_event: "EventListener | None" = None,
) -> int:
    """Do what dbt_runner.build does, the orders' changes on the engine.

    Raises WarehouseError if the engine cannot be reached or is lost, ConfigurationError if it is not installed.
    """
    if ORDERS.name not in tags:
        return dbt_runner.build(
            tags, full_refresh=full_refresh, day_range=day_range, on_progress=on_progress, on_event=on_event
        )
    options: dict[str, Any] = {"full_refresh": full_refresh, "day_range": day_range, "on_event": on_event}
    with spark_session() as session:  # first of all: without an engine nothing is begun
        job = submit(**options)
        try:
            compute(session, job, on_progress)
            return collect(job, tags, on_progress=on_progress, **options)
        finally:
            Folder(job).leave()


def submit(
    *,
    full_refresh: bool = False,
    day_range: tuple[date, date] | None = None,
    on_event: "EventListener | None" = None,
) -> str:
    """Freeze the days of a build and write what they touch as Parquet; returns the job's id, which is the build's."""
    # what the engine's models read, without the tests on it: those come with the rest
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
    """Compute a job that has no result yet. One process does, however many try: the others wait for it.

    Raises DayBusyError if that takes longer than they may wait.
    """
    with pipeline_lock(f"engine job {job}", wait_seconds):
        if Folder(job).result() is None:
            with spark_session() as session:
                compute(session, job)


def compute(session: "SparkSession", job: str, on_progress: "Progress | None" = None) -> None:
    """Run the models on the engine; their rows are Parquet in the job's folder then.

    Each attempt has a schema and a folder of its own: one that was cut off may go on for a while.
    """
    from pyspark.errors import PySparkException

    folder, attempt = Folder(job), uuid4().hex
    schema = f"daybreak_{attempt}"
    os.environ[SCHEMA] = schema
    try:
        session.sql(f"create schema {schema}").collect()
        for name in INPUTS:
            session.sql(f"create table {schema}.{name} using parquet location '{folder.url}/{name}'").collect()
        session.table(f"{schema}.int_order_days").count()  # or the first model would fail, and look guilty
        dbt_runner.run_on_engine(TAG, [f"engine_folder: '{folder.url}/{attempt}'"], on_progress)
        counts = {name: session.table(f"{schema}.{name}").count() for name in _tables()}
        folder.write_result(Result(attempt, counts))
    except (ModelError, PySparkException) as error:
        if not is_alive(session):
            raise gone() from None
        if isinstance(error, ModelError):
            raise
        raise WarehouseError(f"The engine cannot use {folder.url}: {first_line(error)}", REMEDY) from None
    finally:
        del os.environ[SCHEMA]
        with suppress(PySparkException):  # the tables' files stay; a server that is gone has forgotten them
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
    """Take the engine's rows over, and build and test the rest; returns how many nodes ran.

    Raises LockedError if another build has begun since the job was submitted.
    """
    rest = [node.name for node in dbt_runner.nodes_of(tags) if node.name not in FROZEN]
    with connect() as connection:
        if _frozen_build(connection) != job:
            raise LockedError("Another build of the orders has begun meanwhile", "Run the same again.")
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
    """The build whose days are frozen; "nothing" if it has none."""
    frozen = connection.execute("select build_id from build.int_order_days limit 1").fetchone()
    return str(frozen["build_id"]) if frozen else "nothing"


def _tables() -> list[str]:
    """The models that come back; the others are views on them."""
    return [node.name for node in dbt_runner.nodes_of([TAG]) if getattr(node.config, "materialized", "") == "table"]


def _made(name: str) -> sql.Identifier:
    """Where macros/engine/engine_tables.sql looks for a model's rows."""
    return sql.Identifier("build", f"{name}__made")
