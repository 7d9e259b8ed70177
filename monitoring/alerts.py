"""What people are told: a message per failure, refusal, recovery, success and anomaly, in ops.alerts and in the log.

The command line and Airflow's callbacks call the same functions. Monitoring never breaks the pipeline: whatever goes
wrong in here is one line of the log. What goes out to people is put into the outbox in the same transaction.
"""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import wraps
from typing import Any, ParamSpec

from psycopg.types.json import Jsonb

from monitoring import incidents
from monitoring.plain_text import first_line, without_secrets, without_user
from monitoring.run_figures import refusal_figures, run_figures
from pipeline_errors import DaybreakError, GateRefusedError
from warehouse.connection import Connection, connect

logger = logging.getLogger(__name__)

Arguments = ParamSpec("Arguments")

BAD = ["failure", "refusal"]
OF_THE_RUN = "run_duration"  # the anomaly that belongs to a run, not to a day
UNEXPECTED_REMEDY = "The log of this run has the whole story; run the day again once its cause is gone."
KILLED = "It ended without an error of its own: the process was killed, ran out of memory or time, or lost its machine"
KILLED_REMEDY = "Check the memory and the time limit that it had, then run the day again: it goes on from there."

INSERT = """
    insert into ops.alerts
        (event_key, pipeline, logical_date, run_id, kind, severity, step, title, cause, remedy, link, figures)
    select
        -- told twice it is one message; told again after the opposite, it is news
        %(event)s || count(*), %(pipeline)s, %(day)s::date, %(run_id)s, %(kind)s, %(severity)s, %(step)s, %(title)s,
        %(cause)s, %(remedy)s, %(link)s, %(figures)s
    from ops.alerts
    where
        pipeline = %(pipeline)s and run_id = %(run_id)s and logical_date is not distinct from %(day)s::date
        and (kind = any(%(bad)s)) <> (%(kind)s = any(%(bad)s)) and 'anomaly' not in (kind, %(kind)s)
    on conflict (event_key) do nothing
    returning *
"""
IS_TOLD = """
    select from ops.open_alerts
    where pipeline = %(pipeline)s and run_id = %(run_id)s and logical_date is not distinct from %(day)s::date limit 1
"""
IS_RECOVERY = """
    select from ops.open_alerts
    where pipeline = %(pipeline)s and (logical_date = %(day)s::date or logical_date is null) limit 1
"""
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


@dataclass(frozen=True)
class _Message:
    pipeline: str
    day: date | None
    run_id: str
    kind: str
    step: str | None = None
    cause: str | None = None
    remedy: str | None = None
    link: str | None = None
    figures: Mapping[str, Any] | None = None
    anomaly: str | None = None  # the kind of an anomaly, and how bad it is
    anomaly_severity: str | None = None

    @property
    def severity(self) -> str:
        return self.anomaly_severity or ("critical" if self.kind in BAD else "info")

    @property
    def title(self) -> str:
        if self.anomaly:
            return f"{self.pipeline} {self.day}: {self.anomaly.replace('_', ' ')}"
        what = {"failure": "failed", "refusal": "was refused", "recovery": "is well again", "success": "succeeded"}
        day = f" {self.day}" if self.day else ""
        return f"{self.pipeline}{day} {what[self.kind]}" + (f" at {self.step}" if self.step else "")

    def __str__(self) -> str:
        cause, remedy = (json.dumps(text or "-", ensure_ascii=False) for text in (self.cause, self.remedy))
        place = f"pipeline={self.pipeline} day={self.day or '-'} kind={self.kind} step={self.step or '-'}"
        return f"{place} cause={cause} remedy={remedy} run_id={self.run_id}"


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
    message = _Message(pipeline, day, run_id, "failure", step, link=link)
    if error is None:
        return _tell(replace(message, cause=KILLED, remedy=KILLED_REMEDY), unless=IS_TOLD)
    if not isinstance(error, DaybreakError):
        return _tell(replace(message, cause=first_line(error), remedy=UNEXPECTED_REMEDY))
    message = replace(message, day=day or error.day, step=error.step or step, cause=error.cause, remedy=error.remedy)
    if isinstance(error, GateRefusedError):
        message = replace(message, kind="refusal", figures=refusal_figures(error.decision) if error.decision else None)
    return _tell(message)


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
    return _tell(_Message(pipeline, day, run_id, "success", link=link, figures=figures))


@_harmless
def report_published(
    pipeline: str, dataset: str | None, days: Sequence[date], run_id: str, *, link: str | None = None
) -> bool:
    """Tell what readers see now after a run of these days: each recovery, and the newest day's success.

    A day has recovered if it is one of these, or was published since it failed. Returns whether a message was stored.
    """
    with connect() as connection:
        values = {"pipeline": pipeline, "dataset": dataset, "days": list(days)}
        told = {row["day"] for row in connection.execute(RECOVERED, values)}
        told |= {row["newest"] for row in connection.execute(PUBLISHED, values)} - {None}
    stored = [report_success(pipeline, day, run_id, link=link) for day in sorted(told)]
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
    message = _Message(pipeline, day, run_id, "anomaly", cause=cause, remedy=remedy, figures=figures)
    return _tell(replace(message, anomaly=anomaly, anomaly_severity=severity))


def _tell(message: _Message, *, unless: str | None = None) -> bool:
    """Store a message and log it, unless this query finds a row. What cannot be stored is at least logged."""
    message = replace(
        message,
        cause=message.cause and without_secrets(message.cause),
        remedy=message.remedy and without_secrets(message.remedy),
        link=message.link and without_user(message.link),
    )
    try:
        with connect() as connection:
            if unless and connection.execute(unless.encode(), _values(message)).fetchone() is not None:
                return False
            if message.kind == "success":
                message = _success_or_recovery(connection, message)
            open_before = incidents.open_kinds(connection, message.pipeline)
            stored = connection.execute(INSERT, _values(message)).fetchone()
            if stored:
                incidents.send_on(connection, stored, open_before)
    except Exception as failure:
        logger.error("%s (could not be stored: %s)", message, first_line(failure))
        return False
    if stored:
        logger.log(logging.INFO if message.severity == "info" else logging.WARNING, "%s", message)
    return stored is not None


def _success_or_recovery(connection: Connection, message: _Message) -> _Message:
    is_recovery = connection.execute(IS_RECOVERY, _values(message)).fetchone() is not None
    figures = message.figures or run_figures(connection, message.pipeline, message.day, message.run_id)
    return replace(message, kind="recovery" if is_recovery else "success", figures=figures)


def _values(message: _Message) -> dict[str, Any]:
    figures = Jsonb(message.figures or {}, dumps=lambda given: json.dumps(given, default=str))
    kind = message.kind if message.kind in BAD else "success"  # a recovery told again is no success
    event = f"{message.pipeline}/{message.day or '-'}/{message.run_id}/{kind}/"
    if message.anomaly:
        of = message.run_id if message.anomaly == OF_THE_RUN else message.day
        event = f"{message.pipeline}/{of}/anomaly/{message.anomaly}/"
    told = {"title": message.title, "severity": message.severity, "event": event}
    return {**vars(message), **told, "bad": BAD, "figures": figures}
