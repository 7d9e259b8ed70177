"""The errors of a step as those of an Airflow task: final or retried, with a remedy that can be clicked."""

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

# What the errors advise whoever typed a command, and what is to be done here instead.
REMEDIES = {
    "Run the same command again": "Clear the run's failed tasks",
    "Run the same again": "Clear the run's failed tasks",
    "run the same command again": "clear the run's failed tasks",
    "run the day again": "start a new run for the day",
    "Extract the day again": "Start a new run for the day",
}


@contextmanager
def final_errors(*types: type[DaybreakError]) -> Iterator[None]:
    """Fail the task at once on what does not get better by trying again: a refusal, a wrong setting, and `types`.

    Settings in the block are those of the environment and of Airflow's connections. Steps in the block are the task's
    children in the lineage, where that is configured.
    """
    final: tuple[type[DaybreakError], ...] = (GateRefusedError, ConfigurationError, *types)
    collect_rarely()
    take_connections()
    try:
        with lineage.child_of(_airflow_runs):
            yield
    except DaybreakError as error:
        for command, click in REMEDIES.items():
            error.remedy = error.remedy.replace(command, click)
        if isinstance(error, final):
            raise AirflowFailException(str(error)) from error
        raise
    finally:
        release_semaphores()


def release_semaphores() -> None:
    """Release the semaphores of dbt's locks, as the end of a Python process does.

    Airflow ends a task's process without that, and the last lines of its log would be warnings of leaked semaphores.
    """
    util._run_finalizers(0)  # type: ignore[attr-defined]


def _airflow_runs() -> list[str]:
    """The run of the DAG and that of the task, as Airflow's own lineage calls them."""
    from airflow.providers.openlineage.plugins.macros import lineage_parent_id, lineage_root_parent_id

    instance: Any = get_current_context()["ti"]
    return [lineage_root_parent_id(instance), lineage_parent_id(instance)]
