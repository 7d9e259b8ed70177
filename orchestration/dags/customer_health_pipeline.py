"""
### Customer health, when a day's orders and reviews are both published

Builds and tests the changes of `customer_health`, publishes them in one transaction, and updates the view
`product_performance`. It reads published orders and reviews only, and sends no request to the shop.

A run starts when both the orders and the reviews of a day are published, in either order, and again when one of them is
republished. A day that a gate refused starts no run.

The **partition key** of a run is its day.

- **A task failed:** the last line of its log gives the cause and the remedy. Readers see the old marts.
  `daybreak status DAY` and the report show the history of the day.
- **models** shows each dbt model with its tests during the build. If one fails, fix the cause and clear the run's
  failed tasks: the build runs again as a whole.
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
    is_paused_upon_creation=False,  # while paused it would miss publications
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
