"""
### What is learnt from all customers, weekly

When a day of orders is published and a week has ended that has no models yet: fits how often customers buy again and
what they spend, on all revenue orders up to that Sunday, replaces the predictions in `customer_ltv` in one transaction,
and keeps segments and metrics in the dated history. On all other days its tasks are skipped.

It asks no shop, and no publish waits for it.

- **A task is red:** its log ends with a line that says what happened and what to do. Readers see the old predictions.
- **Cleared tasks** do what is still to be done; what is done is skipped. To fit again: `daybreak fit`.
"""

from airflow.sdk import DAG, PartitionedAssetTimetable

from orchestration.airflow import tasks
from orchestration.airflow.schedules import DAY_FORM, DEFAULT_ARGS, ORDERS_PUBLISHED

with DAG(
    dag_id="customer_models",
    schedule=PartitionedAssetTimetable(assets=ORDERS_PUBLISHED),
    catchup=False,
    is_paused_upon_creation=False,  # a publish made while it is paused would never reach it
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    params=DAY_FORM,
    tags=["daybreak", "customers"],
    doc_md=__doc__,
) as dag:
    fit_customer_models = tasks.fit_customer_models()
    keep_history = tasks.keep_history(fit_customer_models)
