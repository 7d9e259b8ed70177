"""What monitoring forgets: delivered messages, those that nobody waits for, and old runs of steps; never an alert."""

from collections.abc import Callable

from monitoring.alerting.outbox import deliver
from monitoring.retention import Pruned, prune
from monitoring.runs.run_log import step
from pipeline_settings import Settings
from tests.dbt_project.loads import FIRST
from tests.monitoring.alerting.test_outbox import ORDERS, Inbox, configure, execute, inbox, told
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
    told("run-1")
    deliver()
    age(29)
    assert pruned().messages == 0
    waiting = told("run-2")
    age(2)
    assert pruned().messages == 1
    assert keys() == [waiting]
    assert execute("select count(*) as deliveries from ops.outbox_deliveries") == [{"deliveries": 1}]
    assert execute("select count(*) as alerts from ops.alerts") == [{"alerts": 2}]


def test_what_a_receiver_waits_for_never_goes_and_what_nobody_waits_for_after_ninety_days(
    inbox: Inbox, configure: Callable[..., None]
) -> None:
    configure()
    told("without a receiver")
    configure(ALERT_URLS=inbox.alert_url("/gone"))
    told("of a receiver that was replaced")
    configure(ALERT_URLS=inbox.alert_url("/down"))
    waiting = told("of-one-that-is-down")
    age(89)
    assert pruned().messages == 0
    age(1000)
    assert pruned().messages == 2
    assert keys() == [waiting]
    deliver()
    assert inbox.keys("/down") == [waiting]


def test_runs_of_steps_go_after_400_days_and_the_latest_of_each_day_stays(warehouse: Settings) -> None:
    for run_id in ("run-1", "run-2"):
        with step([ORDERS], "gate", [FIRST], run_id):
            pass
    execute("update ops.step_runs set finished_at = finished_at - interval '401 days' where run_id = 'run-1'")
    assert pruned() == Pruned(0, 1)
    assert [row["run_id"] for row in execute("select run_id from ops.step_runs")] == ["run-2"]
    assert len(execute("select 1 from ops.pipeline_runs")) == 1
