"""The steps of a pipeline's day: plain functions that both the command line and the DAGs call.

wait_for_shop → extract_load → gate → (score_sentiment) → transform → publish → (update_cache) → measure

Every step is idempotent for its day. It logs its work in ops.pipeline_runs and passes on only a small value: a receipt
or a decision. Steps that handle data take a role of warehouse/roles.py; the step log, the metrics and the anomalies are
written by the login user. A step imports its heavy libraries itself, so that other commands start fast.
"""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

from ingestion.declaration.shop_config import shop_config
from monitoring.anomalies.find_anomalies import record_anomalies
from monitoring.anomalies.limits import anomaly_limits
from monitoring.runs.metrics import record_metrics
from monitoring.runs.run_log import step
from orchestration import datasets_used
from orchestration.refusal import refusal
from pipeline_errors import DayBusyError, ModelError
from transformation.pipelines import BY_DATASET, BY_NAME, POSTGRES, REVIEWS, SPARK
from transformation.staging import ensure_staging
from warehouse import day_ledger
from warehouse.connection import connect, require_own_sessions
from warehouse.customer_erasure import drop_forgotten
from warehouse.locks import day_lock, once_more, pipeline_lock
from warehouse.login_setup import prepare_schemas
from warehouse.raw_retention import prune_day
from warehouse.roles import LOADER, READER, TRANSFORMER, acting_as
from warehouse.time_limit import time_limit

if TYPE_CHECKING:
    from expectations.gate import GateDecision
    from ingestion.landing.land_days import IsKnown
    from monitoring.anomalies.findings import Anomaly
    from serving.product_cache import CacheReceipt
    from transformation.dbt_runner import EventListener, Progress
    from warehouse.load_receipt import LoadReceipt

logger = logging.getLogger(__name__)

BUILD_WAIT_SECONDS = 1800.0  # maximum wait for a concurrent build of the same pipeline
CACHE_WAIT_SECONDS = 300.0  # maximum wait for a concurrent cache update


def prepare() -> None:
    """Create or update the schemas, the settings of shop.toml, and the staging views.

    Raises ConfigurationError for an invalid anomaly limit, before the run instead of at its end.
    """
    from expectations.dataset_settings import save_settings

    anomaly_limits()
    with time_limit():
        require_own_sessions()
        prepare_schemas()
        save_settings(shop_config())
        ensure_staging()


def wait_for_shop(dataset: str, day: date, run_id: str, seconds: float) -> None:
    """Wait until the shop is healthy. Raises ShopError after `seconds`."""
    from ingestion.landing.land_days import wait_for_shop as wait

    with step([BY_DATASET[dataset].name], "wait_for_shop", [day], run_id):
        wait(seconds)


def extract_load(dataset: str, day: date, run_id: str) -> "LoadReceipt":
    """Land a day in raw under a new load id, drop forgotten customers, and record it in the load ledger.

    Raises ShopError or WarehouseError; the load does not count then.
    """
    return extract_load_days(dataset, [day], run_id)[0]


def extract_load_days(
    dataset: str,
    days: Sequence[date],
    run_id: str,
    on_day: Callable[[date], None] = lambda _: None,
    is_known: "IsKnown | None" = None,
) -> "Sequence[LoadReceipt]":
    """Land the first of these days as `extract_load` does: as many as fit into one batch, at least one.

    A day whose receipt `is_known` is not loaded, and not logged if no other day is.
    """
    from ingestion.landing.land_days import land_days
    from monitoring.drift.profile import profile_as_json
    from monitoring.drift.store import save_profile

    with step([BY_DATASET[dataset].name], "extract_load", days[:1], run_id) as record, acting_as(LOADER):
        receipts = land_days(dataset, days, on_day, partial(profile_as_json, shop_config(), dataset), is_known)
        with connect() as connection:
            for number, receipt in enumerate(receipts):
                left_out = drop_forgotten(connection, dataset, receipt.day, receipt.load_id)
                receipts[number] = replace(receipt, rows=receipt.rows - left_out)
                day_ledger.record_load(connection, receipts[number])
                save_profile(connection, receipts[number])
        record.records = sum(receipt.rows for receipt in receipts)
        record.shares = {receipt.day: (receipt.rows, receipt.seconds) for receipt in receipts}
        record.used, record.is_logged = datasets_used.landing(dataset, receipts), bool(receipts)
    return receipts


def gate(dataset: str, day: date, load_id: str, run_id: str) -> "GateDecision":
    """Judge a load, store the decision, and admit the load unless it is refused.

    Raises GateRefusedError if too many rows are bad; the load admitted before stays admitted.
    """
    from expectations.gate import judge, save_decision

    with step([BY_DATASET[dataset].name], "gate", [day], run_id) as record, acting_as(LOADER):
        decision = judge(dataset, day, load_id)
        record.used = datasets_used.judgement(decision)
        with connect() as connection:
            save_decision(connection, decision)
            prune_day(connection, dataset, day)
        record.records = decision.row_count
        if decision.decision == "empty":
            record.warning = f"The shop has no {dataset} for this day."
        if decision.decision == "refused":
            raise refusal(decision)
    return decision


def score_sentiment(day: date, load_id: str, run_id: str) -> int:
    """Score the sentiment of a load's accepted review texts. Return the number of scored texts."""
    from modeling.sentiment import score_sentiment as score

    with step([REVIEWS.name], "score_sentiment", [day], run_id) as record, acting_as(LOADER):
        record.records = score(day, load_id, shop_config().dataset(str(REVIEWS.dataset)).language)
        record.used = datasets_used.scoring(load_id, record.records)
        return record.records


def score_unscored_days(run_id: str) -> None:
    """Score admitted loads that a killed run left unscored, so that this build includes them."""
    with connect() as connection:
        left = day_ledger.unscored_days(connection, str(REVIEWS.dataset))
    for day, load_id in left:
        with suppress(DayBusyError), day_lock(str(REVIEWS.dataset), day):  # the run that holds the day scores it
            score_sentiment(day, load_id, run_id)


def transform(
    pipelines: Sequence[str],
    days: Sequence[date],
    run_id: str,
    *,
    full_refresh: bool = False,
    day_range: tuple[date, date] | None = None,
    on_progress: "Progress | None" = None,
    on_event: "EventListener | None" = None,
    engine: str = POSTGRES,
) -> None:
    """Build and test the changes of the pending days (or a range, or all) without publishing them.

    `engine` computes the orders' changes. Raises ModelError, which names the failed model or test; WarehouseError if
    the engine does not answer. The caller holds the build locks of the pipelines.
    """
    from engine import engine_build
    from transformation import dbt_runner

    builder = engine_build if engine == SPARK else dbt_runner
    with step(pipelines, "transform", list(days), run_id) as record, acting_as(TRANSFORMER):
        record.records = once_more(
            lambda: builder.build(
                pipelines, full_refresh=full_refresh, day_range=day_range, on_progress=on_progress, on_event=on_event
            )
        )


def publish(pipelines: Sequence[str], days: Sequence[date], run_id: str) -> dict[str, int]:
    """Publish the last build of these pipelines, one transaction each. Return the rows written per mart.

    Raises ModelError if a build is not green, if the marts changed after it began, or if a day is still unpublished.
    """
    from transformation import dbt_runner

    with step(pipelines, "publish", list(days), run_id) as record, acting_as(TRANSFORMER):
        with connect() as connection:
            before = day_ledger.newest_publication(connection)
        once_more(lambda: dbt_runner.publish(pipelines))
        with connect() as connection:
            rows_published: dict[str, int] = {}
            for name in pipelines:
                rows = day_ledger.rows_published_since(connection, before, [name])
                rows_published |= rows
                datasets_used.publishing(record.used, name, rows)
                dataset = BY_NAME[name].dataset
                left = set(day_ledger.pending_days(connection, dataset)) & set(days) if dataset else set()
                if left:
                    raise ModelError(f"{name} has not published {min(left)}", "Run the same command again.")
        record.records = sum(rows_published.values())
    return rows_published


def update_cache(day: date, run_id: str) -> "CacheReceipt | None":
    """Copy the published product metrics to Redis. Return None before the first publish, or if Redis is down."""
    from serving.product_cache import refresh

    with step([REVIEWS.name], "update_cache", [day], run_id) as record:
        with connect() as connection:
            if not day_ledger.has_published(connection, REVIEWS.name):
                return None
        record.used = datasets_used.caching()
        # one at a time: otherwise a slow writer could overwrite newer metrics
        with pipeline_lock("product cache", CACHE_WAIT_SECONDS), acting_as(READER):
            receipt = refresh()
        record.records = receipt.written
        return receipt
    return None


def write_data_docs() -> None:
    """Render the gate's new results as GX Data Docs. A failure is logged; it never fails the run."""
    from expectations.data_docs import build_data_docs

    try:
        build_data_docs()
    except Exception as failure:
        logger.warning("Data Docs could not be written: %s", failure)


def measure(pipeline: str, day: date, run_id: str) -> "Sequence[Anomaly]":
    """Record the metrics and anomalies of the day's run. Return the anomalies."""
    dataset = BY_NAME[pipeline].dataset
    with step([pipeline], "measure", [day], run_id):
        with connect() as connection:
            record_metrics(connection, pipeline, dataset, day, run_id)
        return record_anomalies(pipeline, dataset, day, run_id) if dataset else []
