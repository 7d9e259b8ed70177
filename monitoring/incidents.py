"""Which alerts go out. An incident is what is open of a pipeline and a kind of trouble, over all its days.

It goes out when it opens, at most once a day while it lasts, and when it ends. Other news always goes out. All of them
are in ops.alerts.
"""

from collections.abc import Mapping, Set
from typing import Any

from monitoring.outbox import enqueue
from monitoring.receivers import ALERT
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
        ) as is_told
    from ops.open_alerts
    where pipeline = %(pipeline)s and kind = %(kind)s
"""
TOLD = ("event_key", "pipeline", "run_id", "kind", "severity", "step", "title", "cause", "remedy", "link", "figures")


def open_kinds(connection: Connection, pipeline: str) -> Set[str]:
    """The kinds of trouble that a pipeline has. Until the transaction ends no other one changes them."""
    connection.execute(LOCK, [pipeline])
    return _open_kinds(connection, pipeline)


def send_on(connection: Connection, alert: Mapping[str, Any], open_before: Set[str]) -> None:
    """Put an alert that this transaction has stored into the outbox, unless it tells nothing new.

    `alert`: its row of ops.alerts; `open_before`: what was open before it.
    """
    pipeline, kind = alert["pipeline"], alert["kind"]
    incident = f"{pipeline}/{kind}"
    payload = {name: alert[name] for name in TOLD}
    payload |= {"day": alert["logical_date"], "raised_at": alert["raised_at"], "sending": "news"}
    open_now = _open_kinds(connection, pipeline)
    if kind in open_now:
        values = {"pipeline": pipeline, "kind": kind, "incident": incident, "hours": REMINDED_AFTER_HOURS}
        extent = connection.execute(EXTENT, values).fetchone() or {}
        is_new = kind not in open_before
        if not is_new and extent.pop("is_told"):
            return
        extent.pop("is_told", None)
        payload |= {"sending": "opened"} if is_new else {"sending": "reminder", **extent}
    elif kind == "recovery":
        ended = open_before - open_now
        if not ended:
            return
        payload |= {"sending": "resolved", "ended": sorted(f"{pipeline}/{one}" for one in ended)}
    enqueue(connection, ALERT, alert["event_key"], payload, incident=incident if kind in open_now else None)


def _open_kinds(connection: Connection, pipeline: str) -> Set[str]:
    return {row["kind"] for row in connection.execute(OPEN_KINDS, [pipeline])}
