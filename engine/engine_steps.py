"""The transform step on an engine in three parts, so that a task need not wait while the second one runs.

    python -m engine.engine_steps JOB PIPELINE DAY RUN_ID

computes a submitted job. After a failure, the last line on standard error and the exit code give the reason.
"""

import signal
import sys
from datetime import date
from typing import TYPE_CHECKING

from engine import engine_build
from engine.exchange import Folder
from monitoring.runs.run_log import step
from pipeline_errors import DaybreakError
from pipeline_settings import settings
from warehouse.locks import once_more
from warehouse.roles import TRANSFORMER, acting_as

if TYPE_CHECKING:
    from transformation.dbt_runner import EventListener


def submit(pipeline: str, day: date, run_id: str, on_event: "EventListener | None" = None) -> str:
    """Freeze the pending days, write the engine's inputs, return the job's id. The caller holds the build lock."""
    with step([pipeline], "submit", [day], run_id), acting_as(TRANSFORMER):
        return once_more(lambda: engine_build.submit(on_event=on_event))


def compute(job: str, pipeline: str, day: date, run_id: str) -> None:
    """Compute the job, or wait for the process that does. Raises WarehouseError if the engine is down or lost."""
    with step([pipeline], "compute", [day], run_id):
        engine_build.compute_once(job, settings().step_timeout_minutes * 60)


def collect(job: str, pipeline: str, day: date, run_id: str, on_event: "EventListener | None" = None) -> None:
    """Load the result, build and test the rest. The caller holds the build lock.

    Raises ModelError with the failed model or test, LockedError if another build has started meanwhile.
    """
    with step([pipeline], "transform", [day], run_id) as record, acting_as(TRANSFORMER):
        record.records = once_more(lambda: engine_build.collect(job, [pipeline], on_event=on_event))
    Folder(job).cleanup()


def main(job: str, pipeline: str, day: str, run_id: str) -> int:
    """Compute and return the exit code. A timer of the system ends the process at the step's time limit."""
    try:
        signal.setitimer(signal.ITIMER_REAL, settings().step_timeout_minutes * 60)
        compute(job, pipeline, date.fromisoformat(day), run_id)
    except DaybreakError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
