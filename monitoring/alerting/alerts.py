"""Alerts: a message per failure, refusal, recovery, success and anomaly, in ops.alerts and in the log.

The command line and Airflow's callbacks call the same functions. Monitoring never breaks the pipeline: an error in
here becomes one log line. Messages to people go into the outbox in the same transaction.
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

UNEXPECTED_REMEDY = "See the log of this run; run the day again once the cause is fixed."
KILLED = "The run ended without an error: the process was killed, ran out of memory or time, or lost its machine"
KILLED_REMEDY = "Check its memory and time limits, then run the day again: it continues from there."

# A pipeline without a dataset is up to date once it has published.
PUBLISHED = """
    select max(day) as newest from ops.day_ledger
    where dataset = %(dataset)s and day = any(%(days)s) and published_load_id = admitted_load_id
    union all
    (
        select as_of_date from ops.publications
        where pipeline = %(pipeline)s and %(dataset)s::text is null
        order by publication_id desc limit 1
    )
"""
RECOVERED = """
    select distinct alerts.logical_date as day
    from ops.open_alerts as alerts
    left join ops.day_states as states on alerts.logical_date = states.day and states.dataset = %(dataset)s
    where alerts.pipeline = %(pipeline)s and alerts.logical_date is not null and (
        %(dataset)s::text is null
        or (
            (starts_with(states.state, 'published') or states.state = 'unpublished')
            and alerts.logical_date = any(%(days)s)
        )
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
            logger.error("%s of %s could not store a message: %s", function.__name__, args[:1], first_line(failure))
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
    """Report that a run of a day was refused by the gate (GateRefusedError) or failed (any other error).

    `error` is None if the process was killed; then nothing is reported if a failure of this run is open already. `step`
    applies unless the error names its own. `link` is the URL of the run. Returns whether this call stored a message:
    False if it was reported before or could not be stored.
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
    """Report that a day is published: as a recovery if a failure or refusal of it, or one without a day, is open.

    `figures` default to those of this run in the ops tables. Returns whether this call stored a message.
    """
    return _report(Alert(pipeline, day, run_id, "success", link=link, figures=figures))


@_harmless
def report_published(
    pipeline: str, dataset: str | None, days: Sequence[date], run_id: str, *, link: str | None = None
) -> bool:
    """Report the state that readers see after a run of these days: each recovery, and the newest day's success.

    A day has recovered if it is one of these, published or taken out, or was published since it failed. Returns whether
    a message was stored.
    """
    spool.drain(_store_kept)  # their failures may have recovered
    with connect() as connection:
        values = {"pipeline": pipeline, "dataset": dataset, "days": list(days)}
        stored_days = {row["day"] for row in connection.execute(RECOVERED, values)}
        stored_days |= {row["newest"] for row in connection.execute(PUBLISHED, values)} - {None}
    stored = [report_success(pipeline, day, run_id, link=link) for day in sorted(stored_days)]
    return any(stored)


@_harmless
def report_recovered(pipeline: str, dataset: str, days: Sequence[date], run_id: str) -> bool:
    """Report the recovery of each of these days that is published and has an open failure or refusal.

    Returns whether a message was stored.
    """
    with connect() as connection:
        values = {"pipeline": pipeline, "dataset": dataset, "days": list(days)}
        recovered = [row["day"] for row in connection.execute(RECOVERED, values)]
    stored = [report_success(pipeline, day, run_id) for day in sorted(recovered)]
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
    """Report an anomaly of a day once, whichever run found it; report a slow run once, whatever its days.

    Returns whether this call stored a message.
    """  # fmt: skip
    alert = Alert(pipeline, day, run_id, "anomaly", cause=cause, remedy=remedy, figures=figures)
    return _report(replace(alert, anomaly=anomaly, anomaly_severity=severity))


@_harmless
def store_kept() -> bool:
    """Store the spooled alerts in order; return whether there were any.

    Every new alert does this first, so that it is stored behind the failure before it.
    """
    return spool.drain(_store_kept) > 0


def _report(alert: Alert) -> bool:
    """Store an alert and log it. If it cannot be stored, log it, spool it, and if it is bad, send it now."""
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
        logger.warning("%s (spooled until it can be stored: %s)", alert, first_line(failure))
        spool.keep(alert)
        return False
    if stored:
        logger.log(logging.INFO if stored.severity == "info" else logging.WARNING, "%s", stored)
    return stored is not None


def _store_kept(alert: Alert, taken_by: Sequence[str]) -> None:
    """Store a spooled alert; log one that can never be stored, so that it does not block the others."""
    try:
        store(alert, taken_by=taken_by)
    except (psycopg.DataError, psycopg.IntegrityError, LookupError, TypeError, ValueError) as failure:
        logger.error("%s (cannot be stored at all: %s)", alert, first_line(failure))
