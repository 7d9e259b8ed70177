"""Airflow's callbacks, as calls of the monitoring functions that the command line uses too."""

from datetime import date
from typing import Any

from airflow.sdk import BaseNotifier, Context
from airflow.sdk.exceptions import AirflowFailException

from monitoring import alerts
from orchestration.airflow_connections import take_connections
from orchestration.run_messages import send_out

SECONDS_TO_SEND = 10.0  # a killed task's callback runs in the DAG processor, where others wait


class FailureNotifier(BaseNotifier):
    """Tells once what stopped a run: the day, the step, the cause, the remedy and a link to the task."""

    def notify(self, context: Context) -> None:
        """Called when a task has failed for good; without an exception if its process was killed."""
        take_connections()
        failure = context.get("exception")
        if isinstance(failure, AirflowFailException) and failure.__cause__:
            failure = failure.__cause__  # the step's own error
        task = context["ti"]
        alerts.report_failure(
            task.dag_id,
            run_day(context),
            task.run_id,
            failure if isinstance(failure, BaseException) else None,
            step=task.task_id,
            link=getattr(task, "log_url", None),
        )
        send_out(SECONDS_TO_SEND)


def run_day(context: Context) -> date | None:
    """The run's day if it has one: a run without one is a failure to tell as well."""
    run: Any = context.get("dag_run")
    params: Any = context.get("params") or getattr(run, "conf", None) or {}
    text = getattr(run, "partition_key", None) or params.get("day")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
