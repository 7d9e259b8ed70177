"""Airflow's callbacks. They call the same monitoring functions as the command line."""

import logging
from datetime import date
from typing import Any

from airflow.sdk import BaseNotifier, Context
from airflow.sdk.exceptions import AirflowFailException

from monitoring.alerting import alerts
from orchestration.airflow.connections import take_connections
from orchestration.run_messages import send_out
from pipeline_errors import DaybreakError

logger = logging.getLogger(__name__)

SECONDS_TO_SEND = 10.0  # a killed task's callback runs in the DAG processor and blocks it


class FailureNotifier(BaseNotifier):
    """Reports a failed task: day, step, cause, remedy and a link to the task."""

    def notify(self, context: Context) -> None:
        """Report the failure after the last retry. There is no exception if the process was killed."""
        take_connections()
        failure = cause_of(context)
        task = context["ti"]
        alerts.report_failure(
            task.dag_id,
            run_day(context),
            task.run_id,
            failure,
            step=task.task_id,
            link=getattr(task, "log_url", None),
        )
        send_out(SECONDS_TO_SEND)
        end_log(failure)


class RetryNotifier(BaseNotifier):
    """Ends the log of a failed attempt before a retry."""

    def notify(self, context: Context) -> None:
        """Log the error as the last line."""
        end_log(cause_of(context), "Airflow retries it.")


def cause_of(context: Context) -> BaseException | None:
    """Return the exception that failed the task: the step's error if there is one; None if the process was killed."""
    failure = context.get("exception")
    if isinstance(failure, AirflowFailException) and failure.__cause__:
        return failure.__cause__
    return failure if isinstance(failure, BaseException) else None


def end_log(failure: BaseException | None, then: str = "") -> None:
    """Log the error's line as the last one, below the traceback."""
    if isinstance(failure, DaybreakError):
        logger.error(" ".join(filter(None, [str(failure), then])))


def run_day(context: Context) -> date | None:
    """Return the run's day; None if it has none, so that its failure is reported all the same."""
    run: Any = context.get("dag_run")
    params: Any = context.get("params") or getattr(run, "conf", None) or {}
    text = getattr(run, "partition_key", None) or params.get("day")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
