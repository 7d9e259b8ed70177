"""Airflow's callbacks, as calls of the monitoring functions that the command line uses too."""

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

SECONDS_TO_SEND = 10.0  # a killed task's callback runs in the DAG processor, where others wait


class FailureNotifier(BaseNotifier):
    """Tells once what stopped a run: the day, the step, the cause, the remedy and a link to the task."""

    def notify(self, context: Context) -> None:
        """Called when a task has failed for good; without an exception if its process was killed."""
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
    """Ends the log of an attempt that will be followed by another one."""

    def notify(self, context: Context) -> None:
        """Called when an attempt has failed."""
        end_log(cause_of(context), "Airflow tries again by itself.")


def cause_of(context: Context) -> BaseException | None:
    """What failed the task: the step's own error, if it is one; None if the process was killed."""
    failure = context.get("exception")
    if isinstance(failure, AirflowFailException) and failure.__cause__:
        return failure.__cause__
    return failure if isinstance(failure, BaseException) else None


def end_log(failure: BaseException | None, then: str = "") -> None:
    """Make the error's one line the last of the task's log, below the traceback."""
    if isinstance(failure, DaybreakError):
        logger.error(" ".join(filter(None, [str(failure), then])))


def run_day(context: Context) -> date | None:
    """The run's day if it has one: a run without one is a failure to tell as well."""
    run: Any = context.get("dag_run")
    params: Any = context.get("params") or getattr(run, "conf", None) or {}
    text = getattr(run, "partition_key", None) or params.get("day")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
