"""
### Customer health, when a day's orders and reviews are both published

Builds and tests what the published orders and reviews change in `customer_health`, and publishes it in one transaction.
The view `product_performance` is made here, too.
It asks no shop. A run starts for each day as soon as the second of the two pipelines has published it, in any order
of theirs, and again when one of them publishes the day again; never for a day that a gate refused.

The day of a run is its **partition key**.

- **A task is red:** its log ends with a line that says what happened and what to do. Readers see the old marts.
  `daybreak status DAY` and the report tell the day's whole story.
- **models** shows each dbt model with its tests, while the build runs. A red one heals with the build: clear the run's
  failed tasks.
"""

from airflow.sdk import DAG, PartitionedAssetTimetable

from orchestration.airflow import tasks
from orchestration.airflow.build_tasks import build
from orchestration.airflow.node_tasks import dbt_tasks
from orchestration.airflow.schedules import DAY_COMPLETE, DAY_FORM, DEFAULT_ARGS

with DAG(
    dag_id="customer_health_pipeline",
    schedule=PartitionedAssetTimetable(assets=DAY_COMPLETE),
    catchup=False,
    is_paused_upon_creation=False,  # a publish made while it is paused would never reach it
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=DAY_FORM,
    tags=["daybreak", "customers"],
    doc_md=__doc__,
) as dag:
    calculate_customer_health = build.override(task_id="calculate_customer_health")(dag.dag_id)
    publish = tasks.publish(dag.dag_id)
    generate_metrics = tasks.measure.override(task_id="generate_metrics")(dag.dag_id)
    success_notification = tasks.notify_success.override(task_id="success_notification")(dag.dag_id)

    calculate_customer_health >> dbt_tasks(dag.dag_id, ["calculate_customer_health"])
    calculate_customer_health >> publish >> generate_metrics >> success_notification
