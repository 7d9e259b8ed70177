"""
### Orders, every night at 02:00

Extracts the day's orders from the shop's API, validates them (the gate), builds and tests the changes of `fct_orders`,
`customer_ltv`, `daily_sales`, `customer_months`, `customer_cohorts` and `product_months`, and publishes them in one
transaction. Readers see either the whole old day or the whole new one.

If `shop.toml` declares `lookback_days`, **look_back** asks for these former days again, except in a backfill. Changed
ones are built together with the day. A refused or failed one is an alert, and the run goes on.

The **partition key** of a run is its day. To load a day again, trigger a run with that key, or with *day* in the form.

- **A task failed:** the last line of its log gives the cause and the remedy. Readers see the old marts.
  `daybreak status DAY` and the report show the history of the day.
- **validate_orders failed:** more than 5% of the day's rows are bad. See `quarantine.orders` for rows and reasons.
- **models** shows each dbt model with its tests during the build. If one fails, fix the cause and clear the run's
  failed tasks: the build runs again as a whole.
- **Clearing tasks:** you can clear any task. It runs again for its day with the same result.
- **high_volume_processing** builds the same models as `standard_processing`, one build at a time: on the engine in
  `SPARK_REMOTE`, or in Postgres if that is not set. While the engine computes, the task is *deferred*.
"""

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TriggerRule

from orchestration.airflow import tasks
from orchestration.airflow.build_tasks import LargeBuild, build
from orchestration.airflow.node_tasks import dbt_tasks
from orchestration.airflow.schedules import (
    DAY_FORM,
    DEFAULT_ARGS,
    HIGH_VOLUME_POOL,
    ORDERS_PUBLISHED,
    nightly,
)

with DAG(
    dag_id="ecommerce_order_pipeline",
    **nightly("0 2 * * *", "ecommerce_order_pipeline"),
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=DAY_FORM,
    tags=["daybreak", "orders"],
    doc_md=__doc__,
) as dag:
    check_api_health = tasks.ShopHealthSensor(task_id="check_api_health", dataset="orders")
    extract_orders = tasks.extract.override(task_id="extract_orders")("orders")
    validate_orders = tasks.validate.override(task_id="validate_orders")("orders", extract_orders)
    look_back = tasks.look_back("orders")
    decide_processing_path = tasks.decide_processing_path.override(trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS)(
        dag.dag_id, "standard_processing", "high_volume_processing"
    )
    standard_processing = build.override(task_id="standard_processing")(dag.dag_id)
    high_volume_processing = LargeBuild(task_id="high_volume_processing", pipeline=dag.dag_id, pool=HIGH_VOLUME_POOL)
    processing_complete = EmptyOperator(
        task_id="processing_complete", trigger_rule=TriggerRule.NONE_FAILED_MIN_ONE_SUCCESS
    )
    publish = tasks.publish.override(outlets=[ORDERS_PUBLISHED])(dag.dag_id)
    generate_metrics = tasks.measure.override(task_id="generate_metrics")(dag.dag_id)
    success_notification = tasks.notify_success.override(task_id="success_notification")(dag.dag_id)

    check_api_health >> extract_orders
    validate_orders >> look_back >> decide_processing_path
    validate_orders >> decide_processing_path >> [standard_processing, high_volume_processing] >> processing_complete
    [standard_processing, high_volume_processing] >> dbt_tasks(
        dag.dag_id, ["standard_processing", "high_volume_processing"]
    )
    processing_complete >> publish >> [generate_metrics, tasks.announce_day()]
    generate_metrics >> success_notification
