"""The log of steps: the status of each step of a pipeline's logical date.

ops.pipeline_runs holds the latest run of a step, ops.step_runs every run.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date

from monitoring import lineage
from monitoring.lineage.model import DatasetsUsed
from monitoring.log_lines import context, logfmt
from monitoring.plain_text import first_line, without_secrets
from pipeline_errors import CacheUnavailableError, DaybreakError, ModelError, public_text
from warehouse.connection import connect
from warehouse.time_limit import time_limit

logger = logging.getLogger(__name__)

WRITE = """
    with run as (
        insert into ops.step_runs
            (pipeline, step, logical_date, run_id, status, records, seconds, error, started_at, finished_at)
        values (
            %(pipeline)s, %(step)s, %(day)s, %(run_id)s, %(status)s, %(records)s, %(seconds)s, %(error)s,
            clock_timestamp() - %(seconds)s * interval '1 second', clock_timestamp()
        )
        returning *
    )
    insert into ops.pipeline_runs
        (pipeline, step, logical_date, run_id, status, records, seconds, error, started_at, finished_at)
    select pipeline, step, logical_date, run_id, status, records, seconds, error, started_at, finished_at from run
    on conflict (pipeline, step, logical_date) do update set
        run_id = excluded.run_id, status = excluded.status, records = excluded.records,
        seconds = excluded.seconds, error = excluded.error,
        started_at = excluded.started_at, finished_at = excluded.finished_at
"""


@dataclass
class StepRecord:
    """The record of a step, filled in by the step. `records`: rows handled; `warning`: why it succeeded only in part.

    `used`: the datasets read and written, for lineage. `shares`: the finished days of a step for several days, with the
    rows and seconds of each. `is_logged`: whether a success gets a row in the tables.
    """

    records: int | None = None
    warning: str | None = None
    used: DatasetsUsed = field(default_factory=DatasetsUsed)
    shares: dict[date, tuple[int, float]] = field(default_factory=dict)
    is_logged: bool = True
    seconds: float = field(default=0.0, init=False)


@contextmanager
def step(pipelines: Sequence[str], name: str, days: Sequence[date], run_id: str) -> Iterator[StepRecord]:
    """Run the block as a step and log it when it ends.

    The block is limited to STEP_TIMEOUT_MINUTES. An error that passes through gets the day and the step. A
    CacheUnavailableError becomes a warning. With several pipelines or days (a backfill's build) each gets a row.
    """
    record = StepRecord()
    place = {"run_id": run_id, "pipeline": ",".join(pipelines), "day": days[-1] if days else "-", "step": name}
    started = time.monotonic()
    status, error, shown = "success", None, None
    raised: BaseException | None = None
    try:
        with context(**place), lineage.step(pipelines, name, days, lambda: record.used), time_limit():
            yield record
    except CacheUnavailableError as unavailable:
        record.warning = str(unavailable)
    except BaseException as failure:
        status, error, shown, raised = "failed", first_line(failure), public_text(failure), failure
        if isinstance(failure, DaybreakError):
            error = without_secrets(str(failure))
            failure.place(days[-1] if days else None, name)
        raise
    finally:
        record.seconds = time.monotonic() - started
        if record.warning and status == "success":
            status, error = "warning", record.warning
            shown = record.warning
            logger.warning("%s %s: %s", days[-1] if days else "", name, record.warning)
        ended = {"status": status, "records": record.records, "seconds": round(record.seconds, 3), "error": shown}
        logger.info(logfmt(place | ended), extra={"fields": place | ended})
        for pipeline in pipelines if record.is_logged or raised else ():
            of_pipeline = (status, error)
            if isinstance(raised, ModelError):  # another pipeline's failed node is not this one's
                own = raised.of(pipeline)
                of_pipeline = ("failed", without_secrets(str(own))) if own else ("success", None)
            _write(pipeline, name, list(record.shares) or days, run_id, *of_pipeline, record)


def _write(
    pipeline: str,
    name: str,
    days: Sequence[date],
    run_id: str,
    status: str,
    error: str | None,
    record: StepRecord,
) -> None:
    """Write the rows of a step. Monitoring never breaks the pipeline: a failure is only logged."""
    rows = []
    for day in days:
        records, seconds = record.shares.get(day, (record.records, record.seconds))
        ended = {"status": status, "records": records, "seconds": round(seconds, 3), "error": error}
        rows.append({"pipeline": pipeline, "step": name, "day": day, "run_id": run_id} | ended)
    try:
        with connect() as connection:
            connection.cursor().executemany(WRITE, rows)
    except Exception as failure:
        logger.warning("The run log could not be written: %s", failure)
