"""
### Reviews, every night at 02:30

Loads the reviews of the day before from the shop's API, lets the gate judge them, scores the sentiment of their texts,
builds and tests what they change in `fct_reviews` and `product_metrics`, publishes it in one transaction, and brings
Redis up to it.

A shop without reviews (`shop.toml` declares none) has no such nights.

The day of a run is its **partition key**. To load a day again, start a run with that key, or with *day* in the form.

- **A task is red:** its log ends with a line that says what happened and what to do. Readers see the old marts.
  `daybreak status DAY` and the report tell the day's whole story.
- **validate_reviews is red:** more than 10% of the day's rows are bad. They stand in `quarantine.reviews` with reasons.
- **models** shows each dbt model with its tests, while the build runs. A red one heals with the build: clear the run's
  failed tasks.
- **Cleared tasks:** any task can be cleared and runs again for its day with the same result.
- **A Redis that is down** does not fail the run: `update_cache` says so in its log, and the next run heals the cache.
"""

from airflow.sdk import DAG

from orchestration.airflow import tasks
from orchestration.airflow.build_tasks import build
from orchestration.airflow.node_tasks import dbt_tasks
from orchestration.airflow.schedules import DAY_FORM, DEFAULT_ARGS, REVIEWS_PUBLISHED, nightly

with DAG(
    dag_id="customer_feedback_pipeline",
    **nightly("30 2 * * *", "customer_feedback_pipeline"),
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=DAY_FORM,
    tags=["daybreak", "reviews"],
    doc_md=__doc__,
) as dag:
    check_api_health = tasks.ShopHealthSensor(task_id="check_api_health", dataset="reviews")
    extract_reviews = tasks.extract.override(task_id="extract_reviews")("reviews")
    validate_reviews = tasks.validate.override(task_id="validate_reviews")("reviews", extract_reviews)
    score_sentiment = tasks.score_sentiment(validate_reviews)
    calculate_product_metrics = build.override(task_id="calculate_product_metrics")(dag.dag_id)
    publish = tasks.publish.override(outlets=[REVIEWS_PUBLISHED])(dag.dag_id)
    update_cache = tasks.update_cache()
    monitor_and_alert = tasks.measure.override(task_id="monitor_and_alert")(dag.dag_id)
    success_notification = tasks.notify_success.override(task_id="success_notification")(dag.dag_id)

    check_api_health >> extract_reviews
    calculate_product_metrics >> dbt_tasks(dag.dag_id, ["calculate_product_metrics"])
    score_sentiment >> calculate_product_metrics >> publish >> [update_cache, tasks.announce_day()]
    update_cache >> monitor_and_alert >> success_notification
