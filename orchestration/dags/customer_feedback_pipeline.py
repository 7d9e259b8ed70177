"""
### Reviews, every night at 02:30

Extracts the day's reviews from the shop's API, validates them (the gate), scores the sentiment of their texts, builds
and tests the changes of `fct_reviews` and `product_metrics`, publishes them in one transaction, and updates Redis.

If `shop.toml` declares no reviews, this DAG has no schedule. If it declares `lookback_days` for them, **look_back**
asks for these former days again, except in a backfill. A refused or failed one is an alert, and the run goes on.

The **partition key** of a run is its day. To load a day again, trigger a run with that key, or with *day* in the form.

- **A task failed:** the last line of its log gives the cause and the remedy. Readers see the old marts.
  `daybreak status DAY` and the report show the history of the day.
- **validate_reviews failed:** more than 10% of the day's rows are bad. See `quarantine.reviews` for rows and reasons.
- **models** shows each dbt model with its tests during the build. If one fails, fix the cause and clear the run's
  failed tasks: the build runs again as a whole.
- **Clearing tasks:** you can clear any task. It runs again for its day with the same result.
- **Redis is down:** the run succeeds. `update_cache` logs a warning, and the next run updates the cache.
"""

from airflow.sdk import DAG, TriggerRule

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
    look_back = tasks.look_back("reviews")
    calculate_product_metrics = build.override(
        task_id="calculate_product_metrics", trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS
    )(dag.dag_id)
    publish = tasks.publish.override(outlets=[REVIEWS_PUBLISHED])(dag.dag_id)
    update_cache = tasks.update_cache()
    monitor_and_alert = tasks.measure.override(task_id="monitor_and_alert")(dag.dag_id)
    success_notification = tasks.notify_success.override(task_id="success_notification")(dag.dag_id)

    check_api_health >> extract_reviews
    calculate_product_metrics >> dbt_tasks(dag.dag_id, ["calculate_product_metrics"])
    score_sentiment >> look_back >> calculate_product_metrics
    score_sentiment >> calculate_product_metrics >> publish >> [update_cache, tasks.announce_day()]
    update_cache >> monitor_and_alert >> success_notification
