"""The datasets that each step read and wrote, for lineage. Names and counts only, never values of rows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ingestion.declaration.shop_config import shop_config
from monitoring.lineage.model import Check, DatasetsUsed, DatasetUse
from pipeline_settings import settings

if TYPE_CHECKING:
    from expectations.gate import GateDecision
    from warehouse.load_receipt import LoadReceipt

CACHE_KEYS = "product:{product_id}:metrics"


def landing(dataset: str, receipts: "Sequence[LoadReceipt]") -> DatasetsUsed:
    """Return the use of extract_load: the shop's API and the loads. A single load is named as the version."""
    endpoint = DatasetUse(
        shop_config().dataset(dataset).path, namespace=_address(settings().shop_api_url or "http://unknown")
    )
    version = receipts[0].load_id if len(receipts) == 1 else None
    landed = DatasetUse(f"raw.{dataset}", rows=sum(receipt.rows for receipt in receipts), version=version)
    return DatasetsUsed([endpoint], [landed] if receipts else [], [receipt.day for receipt in receipts])


def judgement(decision: "GateDecision") -> DatasetsUsed:
    """Return the use of the gate: the judged load, with a check per rejection reason and one of the bad rate (0–1)."""
    checks = [Check(code, count == 0, str(count)) for code, count in decision.rejected_by_reason.items()]
    bad_rate = Check(
        "bad_rate", decision.decision != "refused", f"{decision.bad_rate:.6f}", f"<= {decision.max_bad_rate}"
    )
    load = DatasetUse(
        f"raw.{decision.dataset}", rows=decision.row_count, version=decision.load_id, checks=[*checks, bad_rate]
    )
    return DatasetsUsed([load, DatasetUse(f"staging.stg_shop__{decision.dataset}")])


def scoring(load_id: str, rows: int) -> DatasetsUsed:
    """Return the use of score_sentiment: the review texts and their scores."""
    scores = DatasetUse("staging.review_sentiment", rows=rows, version=load_id)
    return DatasetsUsed([DatasetUse("staging.stg_shop__reviews")], [scores])


def publishing(used: DatasetsUsed, pipeline: str, rows_published: dict[str, int]) -> None:
    """Add a pipeline's published tables to `used`, each with its changes table as the source."""
    for table, rows in rows_published.items():
        schema = "ops" if table.startswith("int_") else "marts"
        used.reads.append(DatasetUse(f"build.{table}__changes", pipeline=pipeline))
        used.writes.append(DatasetUse(f"{schema}.{table}", rows=rows, pipeline=pipeline))


def caching() -> DatasetsUsed:
    """Return the use of update_cache: the mart of product metrics and Redis."""
    url = settings().redis_url
    cache = DatasetUse(CACHE_KEYS, namespace=_address(url.get_secret_value() if url else "redis://unknown"))
    return DatasetsUsed([DatasetUse("marts.product_metrics")], [cache])


def _address(url: str) -> str:
    """Return scheme, host and port of a URL. The rest may be secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
