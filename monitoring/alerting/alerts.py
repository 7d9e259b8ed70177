"""What people are told: a message per failure, refusal, recovery, success and anomaly, in ops.alerts and in the log.

The command line and Airflow's callbacks call the same functions. Monitoring never breaks the pipeline: whatever goes
wrong in here is one line of the log. What goes out to people is put into the outbox in the same transaction.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import wraps
from typing import Any, ParamSpec

import psycopg

from monitoring.alerting import spool
from monitoring.alerting.alert_store import Alert, store
from monitoring.plain_text import first_line, without_secrets, without_user
from pipeline_errors import DaybreakError, GateRefusedError
from warehouse.connection import connect

logger = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")

UNEXPECTED_REMEDY = "The log of this run has the whole story; run the day again once its cause is gone."
KILLED = "It ended without an error of its own: the process was killed, ran out of memory or time, or lost its machine"
KILLED_REMEDY = "Check the memory and the time limit that it had, then run the day again: it goes on from there."

# A pipeline without a dataset is up to date once it has published.
PUBLISHED = """
    select max(day) as newest from ops.day_ledger
    where dataset = %(dataset)s and day = any(%(days)s) and published_load_id = admitted_load_id
    union all
    select max(as_of_date) from ops.publications where pipeline = %(pipeline)s and %(dataset)s::text is null
"""
RECOVERED = """
    select distinct alerts.logical_date as day
    from ops.open_alerts as alerts
    left join ops.day_states as states on alerts.logical_date = states.day and states.dataset = %(dataset)s
    where alerts.pipeline = %(pipeline)s and alerts.logical_date is not null and (
        %(dataset)s::text is null
        or (starts_with(states.state, 'published') and alerts.logical_date = any(%(days)s))
        or (states.state = 'published' and states.published_at > alerts.raised_at)
    )
"""


def _harmless(function: Callable[Arguments, bool]) -> Callable[Arguments, bool]:
    """Monitoring never breaks the pipeline."""

    @wraps(function)
    def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> bool:
        try:
            return function(*args, **kwargs)
        except Exception as failure:
            logger.error("%s of %s stored no message: %s", function.__name__, args[:1], first_line(failure))
            return False

    return wrapped


@_harmless
def report_failure(
    pipeline: str,
    day: date | None,
    run_id: str,
    error: BaseException | None = None,
    *,
    step: str | None = None,
    link: str | None = None,
) -> bool:
    """Tell that a run of a day was refused by the gate (GateRefusedError) or failed (anything else).

    `error`: none if the process was killed; then nothing is told if this run's failure is open already. `step`: where
    it happened, unless the error knows. `link`: the URL of the run. Returns whether this call stored a message: not if
    it was told before, or if it could not be stored.
    """
    alert = Alert(pipeline, day, run_id, "failure", step, link=link)
    if error is None:
        return _report(replace(alert, cause=KILLED, remedy=KILLED_REMEDY, only_if_unreported=True))
    if not isinstance(error, DaybreakError):
        return _report(replace(alert, cause=first_line(error), remedy=UNEXPECTED_REMEDY))
    alert = replace(alert, day=day or error.day, step=error.step or step, cause=error.cause, remedy=error.remedy)
    if isinstance(error, GateRefusedError):
        alert = replace(alert, kind="refusal", figures=error.figures)
    return _report(alert)


@_harmless
def report_success(
    pipeline: str,
    day: date | None,
    run_id: str,
    *,
    figures: Mapping[str, Any] | None = None,
    link: str | None = None,
) -> bool:
    """Tell that a day is published: a recovery if a failure or refusal of it, or one without a day, is open.

    `figures`: what the ops tables say of this run of the day, if not given. Returns whether this call stored a message.
    """
    return _report(Alert(pipeline, day, run_id, "success", link=link, figures=figures))


@_harmless
def report_published(
    pipeline: str, dataset: str | None, days: Sequence[date], run_id: str, *, link: str | None = None
) -> bool:
    """Tell what readers see now after a run of these days: each recovery, and the newest day's success.

    A day has recovered if it is one of these, or was published since it failed. Returns whether a message was stored.
    """
    spool.drain(_store_kept)  # what they tell may have recovered
    with connect() as connection:
        values = {"pipeline": pipeline, "dataset": dataset, "days": list(days)}
        stored_days = {row["day"] for row in connection.execute(RECOVERED, values)}
        stored_days |= {row["newest"] for row in connection.execute(PUBLISHED, values)} - {None}
    stored = [report_success(pipeline, day, run_id, link=link) for day in sorted(stored_days)]
    return any(stored)


@_harmless
def report_anomaly(
    pipeline: str,
    day: date,
    run_id: str,
    anomaly: str,
    severity: str,
    cause: str,
    remedy: str,
    *,
    figures: Mapping[str, Any],
) -> bool:
    """Tell of an anomaly (its kind) of a day: once, whichever run found it; of a slow run once, whatever its days.

    Returns whether this call stored a message.
    """  # fmt: skip
    alert = Alert(pipeline, day, run_id, "anomaly", cause=cause, remedy=remedy, figures=figures)
    return _report(replace(alert, anomaly=anomaly, anomaly_severity=severity))


@_harmless
def store_kept() -> bool:
    """Store the alerts that the warehouse could not take when they were told, in their order; whether there were any.

    Every alert does this before its own: what follows a failure must stand behind it.
    """
    return spool.drain(_store_kept) > 0


def _report(alert: Alert) -> bool:
    """Store an alert and log it. What cannot be stored is logged, kept in a file, and sent at once if it is bad."""
    alert = replace(
        alert,
        cause=alert.cause and without_secrets(alert.cause),
        remedy=alert.remedy and without_secrets(alert.remedy),
        link=alert.link and without_user(alert.link),
    )
    try:
        spool.drain(_store_kept)
        stored = store(alert)
    except Exception as failure:
        logger.warning("%s (kept until it can be stored: %s)", alert, first_line(failure))
        spool.keep(alert)
        return False
    if stored:
        logger.log(logging.INFO if stored.severity == "info" else logging.WARNING, "%s", stored)
    return stored is not None


def _store_kept(alert: Alert, taken_by: Sequence[str]) -> None:
    """An alert that no warehouse will ever take must not hold up the others."""
    try:
        store(alert, taken_by=taken_by)
    except (psycopg.DataError, psycopg.IntegrityError, LookupError, TypeError, ValueError) as failure:
        logger.error("%s (can never be stored: %s)", alert, first_line(failure))
