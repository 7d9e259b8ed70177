"""The pipelines: names (also dbt tags and dag_ids), datasets, marts, and the engines `POSTGRES` and `SPARK`.

`SPARK` can compute the orders of a large build.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline_errors import ConfigurationError


@dataclass(frozen=True)
class Pipeline:
    """A pipeline. `dataset` is None for a pipeline that only reads published marts of others."""

    name: str
    dataset: str | None
    marts: tuple[str, ...]


ORDERS = Pipeline(
    "ecommerce_order_pipeline",
    "orders",
    (
        "fct_orders",
        "fct_order_items",
        "fct_refunds",
        "customer_ltv",
        "daily_sales",
        "customer_months",
        "customer_cohorts",
        "product_months",
    ),
)
REVIEWS = Pipeline("customer_feedback_pipeline", "reviews", ("fct_reviews", "product_metrics"))
HEALTH = Pipeline("customer_health_pipeline", None, ("customer_health", "product_performance"))

PIPELINES = (ORDERS, REVIEWS, HEALTH)
BY_NAME = {pipeline.name: pipeline for pipeline in PIPELINES}
BY_DATASET = {pipeline.dataset: pipeline for pipeline in PIPELINES if pipeline.dataset}
POSTGRES, SPARK = "postgres", "spark"


def names_of(chosen: Sequence[str] | None) -> list[str]:
    """Return these pipelines in order, or all whose datasets the shop has; health needs every dataset.

    With an unreadable shop.toml, return all: the run will report the error.
    """
    if chosen:
        return [name for name in BY_NAME if name in chosen]
    from ingestion.declaration.shop_config import shop_config

    try:
        datasets = set(shop_config().datasets)
    except ConfigurationError:
        return list(BY_NAME)
    return [
        name for name, pipeline in BY_NAME.items() if datasets.issuperset({pipeline.dataset} - {None} or BY_DATASET)
    ]
