"""Storage of alerts: a row of ops.alerts, and a message in the outbox if it is news, in one transaction."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from psycopg.types.json import Jsonb

from monitoring.alerting import incidents
from monitoring.runs.run_figures import run_figures
from warehouse.connection import Connection, connect

BAD = ["failure", "refusal"]
OF_THE_RUN = "run_duration"  # an anomaly of a run, not of a day

INSERT = """
    insert into ops.alerts
        (
            event_key, pipeline, logical_date, run_id, kind, severity, step, title, cause, remedy, link, figures,
            raised_at
        )
    select
        -- reported twice, it is one message; reported again after the opposite, it is news
        %(event)s || count(*), %(pipeline)s, %(day)s::date, %(run_id)s, %(kind)s, %(severity)s, %(step)s, %(title)s,
        %(cause)s, %(remedy)s, %(link)s, %(figures)s, coalesce(%(raised_at)s::timestamptz, clock_timestamp())
    from ops.alerts
    where
        pipeline = %(pipeline)s and run_id = %(run_id)s and logical_date is not distinct from %(day)s::date
        and (kind = any(%(bad)s)) <> (%(kind)s = any(%(bad)s)) and 'anomaly' not in (kind, %(kind)s)
    on conflict (event_key) do nothing
    returning *
"""
IS_REPORTED = """
    select from ops.open_alerts
    where pipeline = %(pipeline)s and run_id = %(run_id)s and logical_date is not distinct from %(day)s::date limit 1
"""
IS_RECOVERY = """
    select from ops.open_alerts
    where pipeline = %(pipeline)s and (logical_date = %(day)s::date or logical_date is null) limit 1
"""


@dataclass(frozen=True)
class Alert:
    """An alert for people. `day` is None if it belongs to no day; `raised_at` is None for now."""

    pipeline: str
    day: date | None
    run_id: str
    kind: str
    step: str | None = None
    cause: str | None = None
    remedy: str | None = None
    link: str | None = None
    figures: Mapping[str, Any] | None = None
    anomaly: str | None = None  # the kind of an anomaly, with its severity below
    anomaly_severity: str | None = None
    only_if_unreported: bool = False  # skip it if a failure of this run is open already
    raised_at: datetime | None = None

    @property
    def severity(self) -> str:
        """critical, warning or info."""
        return self.anomaly_severity or ("critical" if self.kind in BAD else "info")

    @property
    def title(self) -> str:
        """A summary in a few words."""
        if self.anomaly:
            return f"{self.pipeline} {self.day}: {self.anomaly.replace('_', ' ')}"
        what = {"failure": "failed", "refusal": "was refused", "recovery": "recovered", "success": "succeeded"}
        day = f" {self.day}" if self.day else ""
        return f"{self.pipeline}{day} {what[self.kind]}" + (f" at {self.step}" if self.step else "")

    @property
    def event(self) -> str:
        """The key that makes repeated alerts one; a number follows it."""
        if self.anomaly:
            return f"{self.pipeline}/{self.run_id if self.anomaly == OF_THE_RUN else self.day}/anomaly/{self.anomaly}/"
        kind = self.kind if self.kind in BAD else "success"  # a recovery reported again is not a success
        return f"{self.pipeline}/{self.day or '-'}/{self.run_id}/{kind}/"

    def __str__(self) -> str:
        cause, remedy = (json.dumps(text or "-", ensure_ascii=False) for text in (self.cause, self.remedy))
        place = f"pipeline={self.pipeline} day={self.day or '-'} kind={self.kind} step={self.step or '-'}"
        return f"{place} cause={cause} remedy={remedy} run_id={self.run_id}"


def store(alert: Alert, *, taken_by: Sequence[str] = ()) -> Alert | None:
    """Store an alert, and put it into the outbox if it is news. `taken_by`: receivers that have it already.

    Returns the alert as stored; None if it was stored before. Raises any error of the warehouse.
    """
    with connect() as connection:
        if alert.only_if_unreported and connection.execute(IS_REPORTED, _values(alert)).fetchone() is not None:
            return None
        if alert.kind == "success":
            alert = _success_or_recovery(connection, alert)
        open_before = incidents.open_kinds(connection, alert.pipeline)
        stored = connection.execute(INSERT, _values(alert)).fetchone()
        if stored:
            incidents.send_on(connection, stored, open_before, taken_by)
    return alert if stored else None


def _success_or_recovery(connection: Connection, alert: Alert) -> Alert:
    is_recovery = connection.execute(IS_RECOVERY, _values(alert)).fetchone() is not None
    figures = alert.figures or run_figures(connection, alert.pipeline, alert.day, alert.run_id)
    return replace(alert, kind="recovery" if is_recovery else "success", figures=figures)


def _values(alert: Alert) -> dict[str, Any]:
    figures = Jsonb(alert.figures or {}, dumps=lambda given: json.dumps(given, default=str))
    shown = {"title": alert.title, "severity": alert.severity, "event": alert.event}
    return {**vars(alert), **shown, "bad": BAD, "figures": figures}
