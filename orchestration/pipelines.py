"""The pipelines: their names, which are also the dbt tags and the dag_ids, the dataset that each one loads, and what
computes them: `POSTGRES`, or `SPARK` for the orders of a large build."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Pipeline:
    """A pipeline. `dataset` is none for one that only builds on what others have published."""

    name: str
    dataset: str | None
    marts: tuple[str, ...]


ORDERS = Pipeline("ecommerce_order_pipeline", "orders", ("fct_orders", "customer_ltv", "daily_sales"))
REVIEWS = Pipeline("customer_feedback_pipeline", "reviews", ("fct_reviews", "product_metrics"))
HEALTH = Pipeline("customer_health_pipeline", None, ("customer_health",))

PIPELINES = (ORDERS, REVIEWS, HEALTH)
BY_NAME = {pipeline.name: pipeline for pipeline in PIPELINES}
BY_DATASET = {pipeline.dataset: pipeline for pipeline in PIPELINES if pipeline.dataset}
POSTGRES, SPARK = "postgres", "spark"
