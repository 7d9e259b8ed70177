"""The scheduler listener: it preloads the libraries of tasks, and writes each run's day into its key and note.

LocalExecutor forks each task from the scheduler, so a task need not import what the scheduler has imported. Otherwise a
night's twenty tasks would spend more time on imports than on work.
"""

import importlib
import logging
import sys
from datetime import date
from typing import Any

from airflow.listeners import hookimpl
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from airflow.utils.state import TaskInstanceState
from sqlalchemy import inspect, select

from pipeline_settings import settings

logger = logging.getLogger(__name__)

TAG = "daybreak"
# The DAG files' imports, then those of the steps: dlt, Great Expectations, dbt.
PRELOADED = (
    "orchestration.airflow.node_tasks",
    "orchestration.airflow.build_tasks",
    "ingestion.landing.land_days",
    "serving.product_cache",
    "dbt.adapters.postgres",
)


@hookimpl
def on_starting(component: Any) -> None:
    """Import the libraries of tasks in the scheduler. If that fails, the tasks import them and report the error."""
    if sys.argv[1:2] != ["scheduler"]:  # `component` does not say yet which one it is
        return
    from expectations.gx_import import import_gx
    from transformation.dbt_import import import_dbt

    try:
        import_dbt()
        for name in PRELOADED:
            importlib.import_module(name)
        import_gx()
    except Exception:
        logger.exception("Preloading failed, so tasks will start more slowly")
    settings.cache_clear()  # secret files may change while the scheduler runs


@hookimpl
def on_dag_run_running(dag_run: Any, msg: str) -> None:
    """Set the partition key of a run that was triggered with a *day*, so that you can find and clear it by day."""
    day = (dag_run.conf or {}).get("day")
    if _is_ours(dag_run) and not dag_run.partition_key and _is_day(day):
        dag_run.partition_key = day
        dag_run.partition_date = dag_run.dag.timetable.resolve_partition_date(day)


@hookimpl
def on_dag_run_success(dag_run: Any, msg: str) -> None:
    """Write the run's note: day, rows and "done"."""
    _note(dag_run, "done")


@hookimpl
def on_dag_run_failed(dag_run: Any, msg: str) -> None:
    """Write the run's note: day, rows and the failed task."""
    _note(dag_run, "failed")


def _note(dag_run: Any, state: str) -> None:
    """Write the run's note: "2026-03-24, 397 orders, failed at validate_orders".

    All queries use the scheduler's session: opening another one would close it.
    """
    if not _is_ours(dag_run) or not dag_run.partition_key:
        return
    of_run = (TaskInstance.dag_id == dag_run.dag_id, TaskInstance.run_id == dag_run.run_id)
    receipts = select(XComModel.task_id, XComModel.value).where(
        XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id, XComModel.key == "return_value"
    )
    failed = select(TaskInstance.task_id).where(*of_run, TaskInstance.state == TaskInstanceState.FAILED)
    session = inspect(dag_run).session
    with session.no_autoflush:
        rows = {
            task.removeprefix("extract_"): receipt["rows"]
            for task, receipt in session.execute(receipts)
            if task.startswith("extract_")
        }
        red = session.scalars(failed.order_by(TaskInstance.end_date).limit(1)).first()
    parts = [dag_run.partition_key, *(f"{count} {dataset}" for dataset, count in rows.items())]
    dag_run.note = ", ".join([*parts, f"failed at {red}" if red and state == "failed" else state])


def _is_ours(dag_run: Any) -> bool:
    dag = getattr(dag_run, "dag", None)
    return bool(dag and TAG in dag.tags)


def _is_day(text: object) -> bool:
    try:
        return isinstance(text, str) and date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
