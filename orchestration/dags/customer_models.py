"""
### Customer models, weekly

Runs after each publication of orders. When a week has ended without models, or one of its days was published later, it
fits purchase frequency and spend on all revenue orders up to that Sunday, replaces the predictions in `customer_ltv` in
one transaction, and snapshots segments and metrics. On other days its tasks are skipped.

It sends no request to the shop, and no publication waits for it.

- **A task failed:** the last line of its log gives the cause and the remedy. Readers see the old predictions.
- **Clearing tasks:** finished work is skipped. To fit again, run `daybreak fit`.
"""

from airflow.sdk import DAG, PartitionedAssetTimetable

from orchestration.airflow import tasks
from orchestration.airflow.schedules import DAY_FORM, DEFAULT_ARGS, ORDERS_PUBLISHED

with DAG(
    dag_id="customer_models",
    schedule=PartitionedAssetTimetable(assets=ORDERS_PUBLISHED),
    catchup=False,
    is_paused_upon_creation=False,  # while paused it would miss publications
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=DAY_FORM,
    tags=["daybreak", "customers"],
    doc_md=__doc__,
) as dag:
    fit_customer_models = tasks.fit_customer_models()
    keep_history = tasks.keep_history(fit_customer_models)
