"""Incidents decide which alerts go out: an incident is everything open for a pipeline and kind of alert.

It goes out when it opens, at most once a day while it lasts, and when it ends. Other news always goes out. Every alert
is in ops.alerts; a reminder without a new failure is only in the outbox.
"""

from collections.abc import Mapping, Sequence, Set
from typing import Any

from monitoring.alerting.outbox import enqueue
from monitoring.alerting.receivers import ALERT
from warehouse.connection import Connection

REMINDED_AFTER_HOURS = 24

LOCK = "select pg_advisory_xact_lock(hashtextextended('alerts ' || %s, 0))"
OPEN_KINDS = "select distinct kind from ops.open_alerts where pipeline = %s"
EXTENT = """
    select
        count(distinct logical_date) as days_affected, min(raised_at)::date as open_since,
        coalesce(
            (select max(created_at) from ops.outbox where incident = %(incident)s)
                > clock_timestamp() - %(hours)s * interval '1 hour',
            false
        ) as is_reported
    from ops.open_alerts
    where pipeline = %(pipeline)s and kind = %(kind)s
"""
OPEN_INCIDENTS = "select distinct pipeline, kind from ops.open_alerts order by pipeline, kind"
# The newest alert of an incident, unless a message of it was sent lately.
NEWEST_UNREPORTED = """
    with incident as (
        select
            count(distinct logical_date) as days_affected, min(raised_at)::date as open_since,
            case
                when min(raised_at) > clock_timestamp() - interval '7 days' then %(hours)s * interval '1 hour'
                else interval '7 days'
            end as quiet
        from ops.open_alerts where pipeline = %(pipeline)s and kind = %(kind)s
    )
    select
        alerts.*, incident.days_affected, incident.open_since,
        (select max(outbox_id) from ops.outbox where incident = %(pipeline)s || '/' || %(kind)s) as last_message
    from ops.open_alerts as alerts cross join incident
    where
        alerts.pipeline = %(pipeline)s and alerts.kind = %(kind)s
        and not exists (
            select from ops.outbox
            where incident = %(pipeline)s || '/' || %(kind)s and created_at > clock_timestamp() - incident.quiet
        )
    order by alerts.alert_id desc limit 1
"""
REPORTED = (
    "event_key",
    "pipeline",
    "run_id",
    "kind",
    "severity",
    "step",
    "title",
    "cause",
    "remedy",
    "link",
    "figures",
)


def open_kinds(connection: Connection, pipeline: str) -> Set[str]:
    """Return the kinds of open alerts of a pipeline. Locks them until the transaction ends."""
    connection.execute(LOCK, [pipeline])
    return _open_kinds(connection, pipeline)


def send_on(
    connection: Connection, alert: Mapping[str, Any], open_before: Set[str], taken_by: Sequence[str] = ()
) -> None:
    """Put an alert stored by this transaction into the outbox, if it is news.

    `alert` is its row of ops.alerts; `open_before` are the kinds open before it; `taken_by` are receivers that have it.
    """
    pipeline, kind = alert["pipeline"], alert["kind"]
    incident = f"{pipeline}/{kind}"
    payload = _payload(alert) | {"sending": "news"}
    open_now = _open_kinds(connection, pipeline)
    if kind in open_now:
        values = {"pipeline": pipeline, "kind": kind, "incident": incident, "hours": REMINDED_AFTER_HOURS}
        extent = connection.execute(EXTENT, values).fetchone() or {}
        is_new = kind not in open_before
        if not is_new and extent.pop("is_reported"):
            return
        extent.pop("is_reported", None)
        payload |= {"sending": "opened"} if is_new else {"sending": "reminder", **extent}
    elif kind == "recovery":
        ended = open_before - open_now
        if not ended:
            return
        payload |= {"sending": "resolved", "ended": sorted(f"{pipeline}/{one}" for one in ended)}
    of = incident if kind in open_now else None
    enqueue(connection, ALERT, alert["event_key"], payload, incident=of, taken_by=taken_by)


def remind(connection: Connection) -> int:
    """Put a reminder of each quiet open incident into the outbox; return how many.

    Reminds once a day in the first week, then once a week: some days are never corrected.
    """
    reminded = 0
    for row in connection.execute(OPEN_INCIDENTS).fetchall():
        with connection.transaction():
            connection.execute(LOCK, [row["pipeline"]])
            alert = connection.execute(NEWEST_UNREPORTED, {**row, "hours": REMINDED_AFTER_HOURS}).fetchone()
            if alert:
                extent = {name: alert[name] for name in ("days_affected", "open_since")}
                payload = _payload(alert) | {"sending": "reminder", **extent}
                event = f"{alert['event_key']}/after/{alert['last_message']}"
                enqueue(connection, ALERT, event, payload, incident=f"{row['pipeline']}/{row['kind']}")
                reminded += 1
    return reminded


def _payload(alert: Mapping[str, Any]) -> dict[str, Any]:
    payload = {name: alert[name] for name in REPORTED}
    return payload | {"day": alert["logical_date"], "raised_at": alert["raised_at"]}


def _open_kinds(connection: Connection, pipeline: str) -> Set[str]:
    return {row["kind"] for row in connection.execute(OPEN_KINDS, [pipeline])}
