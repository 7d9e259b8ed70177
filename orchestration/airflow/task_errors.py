"""Translation of step errors for Airflow: final or retried, with remedies for Airflow's UI."""

from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import util
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowFailException

from monitoring import lineage
from orchestration.airflow.connections import take_connections
from orchestration.garbage_collection import collect_rarely
from pipeline_errors import ConfigurationError, DaybreakError, GateRefusedError

# Remedies for the command line, and their equivalents in Airflow.
REMEDIES = {
    "Run the same command again": "Clear {tasks}",
    "Run the same again": "Clear {tasks}",
    "run the same command again": "clear {tasks}",
    "run the day again": "start a new run for the day",
    "Extract the day again": "Start a new run for the day",
}


@contextmanager
def final_errors(*types: type[DaybreakError]) -> Iterator[None]:
    """Fail the task without a retry on a refusal, a configuration error and `types`.

    The block's settings come from the environment and from Airflow's connections. If lineage is configured, steps in
    the block become children of the task.
    """
    final: tuple[type[DaybreakError], ...] = (GateRefusedError, ConfigurationError, *types)
    collect_rarely()
    take_connections()
    try:
        with lineage.child_of(_airflow_runs):
            yield
    except DaybreakError as error:
        translate_remedy(error)
        if isinstance(error, final):
            raise AirflowFailException(str(error)) from error
        raise
    finally:
        release_semaphores()


def translate_remedy(error: DaybreakError, tasks: str = "the run's failed tasks") -> None:
    """Turn a remedy for the command line into one for Airflow's UI. `tasks`: those to clear."""
    for command, click in REMEDIES.items():
        error.remedy = error.remedy.replace(command, click.format(tasks=tasks))


def release_semaphores() -> None:
    """Release the semaphores of dbt's locks, as Python does at exit.

    Airflow skips Python's exit handlers, and the log of the task would end with warnings of leaked semaphores.
    """
    util._run_finalizers(0)  # type: ignore[attr-defined]


def _airflow_runs() -> list[str]:
    """Return the lineage ids of the DAG run and the task, as Airflow's OpenLineage provider forms them."""
    from airflow.providers.openlineage.plugins.macros import lineage_parent_id, lineage_root_parent_id

    instance: Any = get_current_context()["ti"]
    return [lineage_root_parent_id(instance), lineage_parent_id(instance)]
