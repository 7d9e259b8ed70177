"""Models of all customers, and the dated history. Weekly, because a fit reads all orders (docs/decisions/0012).

The week ends on Sunday. A fit uses the loads of the days up to that Sunday, and is made again when one of them is
published later or taken out. So its result does not depend on the order in which days were loaded, or on how many at
once. The command line fits after a publish; in Airflow, the DAG `customer_models` fits when a day of orders is
published. A failed fit never affects the published day.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from psycopg import sql

from monitoring.alerting import alerts
from monitoring.lineage.model import DatasetsUsed, DatasetUse
from monitoring.runs.run_log import step
from orchestration.outcome import RunOutcome, new_run_id
from orchestration.run_messages import send_out
from pipeline_errors import ConfigurationError, DaybreakError, GateRefusedError, public_text
from transformation.pipelines import ORDERS, REVIEWS
from warehouse import day_ledger
from warehouse.connection import Connection, connect
from warehouse.locks import once_more, pipeline_lock
from warehouse.roles import TRANSFORMER, acting_as

if TYPE_CHECKING:
    from modeling.customers import Fit
    from orchestration.day_loading import OnProgress

logger = logging.getLogger(__name__)

NAME = "customer_models"  # as pipeline in ops.pipeline_runs and in messages, and as dag_id
FIT_WAIT_SECONDS = 1800.0  # maximum wait for a concurrent fit
RUN_FIRST = "Run a day first: daybreak run DAY."
SNAPSHOTS = {ORDERS.name: "customer_segments_history", REVIEWS.name: "product_metrics_history"}

NEWEST_DAY = """
    select as_of_date, publication_id from ops.publications where pipeline = %s order by publication_id desc limit 1
"""
NEWEST_MODEL = """
    select
        as_of_date, history_as_of_date,
        exists (
            select from ops.publication_days as days
            where
                days.publication_id > models.publication_id
                and days.dataset = %s and days.day <= models.as_of_date
        ) as is_outdated
    from marts.customer_models as models order by as_of_date desc limit 1
"""
# Models and history after the newest published day: of days that were taken out since.
DROP_LATER_MODELS = "delete from marts.customer_models where as_of_date > %s"
DROP_LATER_HISTORY = (
    "delete from marts.{table} where valid_from > {as_of}",
    "update marts.{table} set valid_to = null where valid_to > {as_of}",
)
AS_OF = "(select as_of_date from ops.publications where pipeline = {} order by publication_id desc limit 1)"
# The state of a day that was stored twice is the later one.
DROP_REPLACED_HISTORY = "delete from marts.{table} where valid_from = valid_to"
HISTORY_TAKEN = """
    update marts.customer_models set history_as_of_date = %s
    where as_of_date = (select max(as_of_date) from marts.customer_models)
"""


def due() -> date | None:
    """Return the day to fit as of; None if nothing is due.

    Due are the last published Sunday without models; models whose days were published again, loaded late or taken out
    since; and a history that was not kept.
    """
    with acting_as(TRANSFORMER), connect() as connection:
        published, newest = _newest_day(connection), _newest_model(connection)
    if published is None:
        return None
    if newest is None or not _sunday(published) <= newest["as_of_date"] <= published:
        return _sunday(published)
    history_day = newest["history_as_of_date"]
    return newest["as_of_date"] if history_day is None or history_day > published or newest["is_outdated"] else None


def fit_customer_models(as_of_date: date, run_id: str) -> "Fit":
    """Fit the models on the revenue orders of the days up to a day, and replace all predictions, in one transaction.

    The result is reproducible: the same admitted loads and day give the same numbers. Raises ConfigurationError if the
    day is not published yet, or if newer models exist.
    """
    from modeling.customers import fit_customers

    with step([NAME], "fit_customer_models", [as_of_date], run_id) as record, acting_as(TRANSFORMER):
        with pipeline_lock(NAME, FIT_WAIT_SECONDS):
            fit = once_more(lambda: _fit(as_of_date, fit_customers))
        record.records = fit.customers
        record.used = DatasetsUsed(
            [DatasetUse("marts.fct_orders")],
            [DatasetUse("marts.customer_predictions", rows=0 if "predictions" in fit.without else fit.customers)],
        )
    return fit


def keep_history(as_of_date: date, run_id: str) -> None:
    """Snapshot the published segments and metrics with dbt."""
    from transformation import dbt_runner

    with step([NAME], "keep_history", [as_of_date], run_id), acting_as(TRANSFORMER):
        with connect() as connection:
            names = [name for pipeline, name in SNAPSHOTS.items() if day_ledger.has_published(connection, pipeline)]
            day = _newest_day(connection)
        with pipeline_lock(NAME, FIT_WAIT_SECONDS):
            _correct_history(*DROP_LATER_HISTORY)
            once_more(lambda: dbt_runner.snapshot(names))
            _correct_history(DROP_REPLACED_HISTORY)
            with connect() as connection:
                connection.execute(HISTORY_TAKEN, [day])


def fit_now(as_of_date: date | None, on_progress: "OnProgress" = lambda _: None) -> "Fit":
    """Fit as of a day, or the last published Sunday, even if it is not due, and snapshot the history."""
    run_id = new_run_id()
    with acting_as(TRANSFORMER), connect() as connection:
        published = _newest_day(connection)
    if published is None:
        raise ConfigurationError("No day of orders is published yet", RUN_FIRST)
    fit = _fit_and_keep(as_of_date or _sunday(published), run_id, on_progress)
    alerts.report_published(NAME, None, [fit.as_of_date], run_id)
    return fit


def fit_if_due(outcome: RunOutcome, pipelines: Sequence[str], on_progress: "OnProgress") -> None:
    """Fit after a run of orders if a fit is due. A failed run leaves it to the next one.

    A failed fit is reported separately and does not fail the run. `outcome.models` describes the fit or its failure.
    """
    if ORDERS.name not in pipelines or outcome.exit_code not in (0, GateRefusedError.exit_code):
        return
    as_of_date = None
    try:
        as_of_date = due()
        if as_of_date is None:
            return
        with outcome.timed(NAME):
            outcome.models = str(_fit_and_keep(as_of_date, outcome.run_id, on_progress))
        alerts.report_published(NAME, None, [as_of_date], outcome.run_id)
    except Exception as error:
        outcome.models = f"customer models are unchanged: {public_text(error)}"
        logger.error("%s", outcome.models, exc_info=not isinstance(error, DaybreakError))
        if as_of_date:
            alerts.report_failure(NAME, as_of_date, outcome.run_id, error)
    send_out()


def _fit(as_of_date: date, fit_customers: "Callable[[Connection, date, int], Fit]") -> "Fit":
    with connect() as connection:
        publication = _newest_publication(connection)
        published: date | None = publication["as_of_date"] if publication else None
        if publication is None or published is None or published < as_of_date:
            remedy = "Give that day or an earlier one." if published else RUN_FIRST
            raise ConfigurationError(f"Orders are published up to {published}", remedy)
        connection.execute(DROP_LATER_MODELS, [published])
        newest = _newest_model(connection)
        if newest and newest["as_of_date"] > as_of_date:
            raise ConfigurationError(
                f"There are customer models as of {newest['as_of_date']} already", "Give that day or a later one."
            )
        return fit_customers(connection, as_of_date, publication["publication_id"])


def _newest_day(connection: Connection) -> date | None:
    row = _newest_publication(connection)
    return row["as_of_date"] if row else None


def _newest_publication(connection: Connection) -> dict[str, Any] | None:
    return connection.execute(NEWEST_DAY, [ORDERS.name]).fetchone()


def _newest_model(connection: Connection) -> dict[str, Any] | None:
    return connection.execute(NEWEST_MODEL, [ORDERS.dataset]).fetchone()


def _correct_history(*statements: str) -> None:
    """Run these statements on each history that exists, with the newest day that readers see of its pipeline."""
    with connect() as connection:
        for pipeline, table in SNAPSHOTS.items():
            as_of = sql.SQL(AS_OF).format(pipeline)
            if connection.execute("select to_regclass(%s) as name", [f"marts.{table}"]).fetchone() != {"name": None}:
                for statement in statements:
                    connection.execute(sql.SQL(statement).format(table=sql.Identifier(table), as_of=as_of))


def _sunday(day: date) -> date:
    """Return the day if it is a Sunday, otherwise the Sunday before it."""
    return day - timedelta(days=day.isoweekday() % 7)


def _fit_and_keep(as_of_date: date, run_id: str, on_progress: "OnProgress") -> "Fit":
    on_progress("fit_customer_models")
    fit = fit_customer_models(as_of_date, run_id)
    on_progress("keep_history")
    keep_history(as_of_date, run_id)
    return fit
