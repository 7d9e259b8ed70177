"""
### Messages, every 15 minutes

Retries undelivered messages, sends reminders of open incidents, and deletes old messages, old rows of the step log and
superseded loads. It belongs to no day, and you can run it at any time, as often as you like.

- **A receiver or the warehouse is down:** the run succeeds. Its log lists the kept messages, and the next run retries.
- **Undelivered messages:** see `daybreak status`, or `ops.outbox` and `ops.outbox_deliveries`.
"""

from airflow.sdk import DAG, CronTriggerTimetable

from orchestration.airflow import tasks
from orchestration.airflow.schedules import DEFAULT_ARGS

with DAG(
    dag_id="deliver_messages",
    schedule=CronTriggerTimetable("*/15 * * * *", timezone="UTC"),
    catchup=False,
    is_paused_upon_creation=False,
    max_active_runs=1,
    # The next run is the retry. A failure message would stay open: this DAG sends no success.
    default_args=DEFAULT_ARGS | {"retries": 0, "on_failure_callback": None},
    tags=["daybreak", "messages"],
    doc_md=__doc__,
) as dag:
    tasks.deliver()
