"""
### Messages, every quarter of an hour

Sends what a receiver did not take when it was told, reminds of incidents that are still open, and removes old messages,
old rows of the log of steps, and loads that were superseded long ago. It belongs to no day, and does no harm whenever
and however often it runs.

- **A receiver that is down**, or a warehouse, does not make it red: its log says what is kept; the next tries again.
- **What waits:** `daybreak status`, or `ops.outbox` and `ops.outbox_deliveries`.
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
    # The next run is the retry, and a failure of its own would never be answered by a success.
    default_args=DEFAULT_ARGS | {"retries": 0, "on_failure_callback": None},
    tags=["daybreak", "messages"],
    doc_md=__doc__,
) as dag:
    tasks.deliver()
