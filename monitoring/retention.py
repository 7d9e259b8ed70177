"""Retention of monitoring data. Raw data has other rules: warehouse.raw_retention.

Reports are never deleted: ops.alerts and ops.pipeline_metrics keep the contents of the outbox's messages.
"""

from dataclasses import dataclass

from monitoring.alerting import receivers
from warehouse.connection import Connection

DELIVERED_DAYS = 30  # messages that every receiver has
UNDELIVERED_DAYS = 90  # messages without a current receiver: there was none, or its URL was removed
STEP_RUN_DAYS = 400  # runs of steps: more than a year, for comparison
PROFILE_DAYS = 400  # profiles of loads, except accepted ones

OLD_MESSAGES = """
    select outbox_id from ops.outbox
    where
        delivered_at < clock_timestamp() - %(delivered_days)s * interval '1 day'
        or (
            delivered_at is null and created_at < clock_timestamp() - %(undelivered_days)s * interval '1 day'
            and not exists (
                select from ops.outbox_deliveries as waiting
                where
                    waiting.outbox_id = outbox.outbox_id and waiting.delivered_at is null
                    and waiting.receiver = any(%(receivers)s)
            )
        )
    for update skip locked
"""


@dataclass(frozen=True)
class Pruned:
    """Numbers of deleted rows."""

    messages: int = 0
    step_runs: int = 0
    loads: int = 0


def prune(connection: Connection) -> Pruned:
    """Delete messages, runs of steps and profiles that are older than their limits."""
    known = [receiver.identity for receiver in receivers.configured()]
    limits = {"delivered_days": DELIVERED_DAYS, "undelivered_days": UNDELIVERED_DAYS, "receivers": known}
    with connection.transaction():
        old = [row["outbox_id"] for row in connection.execute(OLD_MESSAGES, limits)]
        connection.execute("delete from ops.outbox_deliveries where outbox_id = any(%s)", [old])
        connection.execute("delete from ops.outbox where outbox_id = any(%s)", [old])
    runs = connection.execute(
        "delete from ops.step_runs where finished_at < clock_timestamp() - %s * interval '1 day'", [STEP_RUN_DAYS]
    )
    connection.execute(
        "delete from ops.build_progress where seen_at < clock_timestamp() - %s * interval '1 day'", [STEP_RUN_DAYS]
    )
    connection.execute(
        """
        delete from ops.field_profiles
        where profiled_at < clock_timestamp() - %s * interval '1 day'
            and load_id not in (select load_id from ops.accepted_contracts)
        """,
        [PROFILE_DAYS],
    )
    return Pruned(len(old), runs.rowcount)
