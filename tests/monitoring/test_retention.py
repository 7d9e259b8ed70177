"""Retention of monitoring: delivered and unclaimed messages and old runs of steps are deleted, alerts never."""

from collections.abc import Callable

from monitoring.alerting.outbox import deliver
from monitoring.retention import Pruned, prune
from monitoring.runs.run_log import step
from pipeline_settings import Settings
from tests.dbt_project.loads import FIRST
from tests.monitoring.alerting.test_outbox import ORDERS, Inbox, configure, execute, inbox, queue_success
from warehouse.connection import connect

__all__ = ["configure", "inbox"]  # fixtures


def pruned() -> Pruned:
    with connect() as connection:
        return prune(connection)


def age(days: int) -> None:
    execute("update ops.outbox set created_at = created_at - %s * interval '1 day', "
            "delivered_at = delivered_at - %s * interval '1 day'", days, days)  # fmt: skip


def keys() -> list[str]:
    return [row["idempotency_key"] for row in execute("select * from ops.outbox order by outbox_id")]


def test_delivered_messages_go_after_thirty_days_and_their_alerts_stay(
    inbox: Inbox, configure: Callable[..., None]
) -> None:
    configure(ALERT_URLS=inbox.alert_url())
    queue_success("run-1")
    deliver()
    age(29)
    assert pruned().messages == 0
    waiting = queue_success("run-2")
    age(2)
    assert pruned().messages == 1
    assert keys() == [waiting]
    assert execute("select count(*) as deliveries from ops.outbox_deliveries") == [{"deliveries": 1}]
    assert execute("select count(*) as alerts from ops.alerts") == [{"alerts": 2}]


def test_unclaimed_messages_are_deleted_after_ninety_days_and_due_ones_never(
    inbox: Inbox, configure: Callable[..., None]
) -> None:
    configure()
    queue_success("without a receiver")
    configure(ALERT_URLS=inbox.alert_url("/gone"))
    queue_success("of a receiver that was replaced")
    configure(ALERT_URLS=inbox.alert_url("/down"))
    waiting = queue_success("of-one-that-is-down")
    age(89)
    assert pruned().messages == 0
    age(1000)
    assert pruned().messages == 2
    assert keys() == [waiting]
    deliver()
    assert inbox.keys("/down") == [waiting]


def test_runs_of_steps_are_deleted_after_400_days_except_the_latest(warehouse: Settings) -> None:
    for run_id in ("run-1", "run-2"):
        with step([ORDERS], "gate", [FIRST], run_id):
            pass
    execute("update ops.step_runs set finished_at = finished_at - interval '401 days' where run_id = 'run-1'")
    assert pruned() == Pruned(0, 1)
    assert [row["run_id"] for row in execute("select run_id from ops.step_runs")] == ["run-2"]
    assert len(execute("select 1 from ops.pipeline_runs")) == 1
