"""What is learnt from all customers, and the dated history: weekly, for it costs the history (docs/decisions/0012).

The week ends on Sunday. Its models are of the revenue orders up to that day, whichever day publishes first after it, so
that they do not depend on how many days were loaded at once. A run of the command line does it after its publish, and
the DAG `customer_models` when a day of orders is published; whatever goes wrong in it, the day is published.
"""

import logging
from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING

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

NAME = "customer_models"  # in the log of steps, as the DAG, in messages
FIT_WAIT_SECONDS = 1800.0  # how long a fit waits for another one
RUN_FIRST = "Run a day first: daybreak run DAY."
SNAPSHOTS = {ORDERS.name: "customer_segments_history", REVIEWS.name: "product_metrics_history"}

NEWEST_DAY = """
    select as_of_date from ops.publications where pipeline = %s order by publication_id desc limit 1
"""
NEWEST_MODEL = "select as_of_date, history_as_of_date from marts.customer_models order by as_of_date desc limit 1"
HISTORY_TAKEN = """
    update marts.customer_models set history_as_of_date = %s
    where as_of_date = (select max(as_of_date) from marts.customer_models)
"""


def due() -> date | None:
    """The Sunday whose models are to be fitted, or whose history is still to be kept; None while nothing is due."""
    with connect() as connection:
        published, newest = _newest_day(connection), connection.execute(NEWEST_MODEL).fetchone()
    if published is None:
        return None
    if newest is None or newest["as_of_date"] < _sunday(published):
        return _sunday(published)
    return None if newest["history_as_of_date"] else newest["as_of_date"]


def fit_customer_models(as_of_date: date, run_id: str) -> "Fit":
    """Fit the models on the revenue orders up to a day, and replace all predictions, in one transaction.

    The same admitted loads and day give the same numbers. Raises ConfigurationError if the day is not published yet, or
    older than the newest models: their predictions and history would be followed by older ones.
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
    """Keep segments and metrics as readers see them now: dbt's snapshots of what has been published."""
    from transformation import dbt_runner

    with step([NAME], "keep_history", [as_of_date], run_id), acting_as(TRANSFORMER):
        with connect() as connection:
            names = [name for pipeline, name in SNAPSHOTS.items() if day_ledger.has_published(connection, pipeline)]
            day = _newest_day(connection)
        with pipeline_lock(NAME, FIT_WAIT_SECONDS):
            once_more(lambda: dbt_runner.snapshot(names))
            with connect() as connection:
                connection.execute(HISTORY_TAKEN, [day])


def fit_now(as_of_date: date | None, on_progress: "OnProgress" = lambda _: None) -> "Fit":
    """Fit as of a day, or of the last Sunday that is published, whether it is due or not, and keep the history."""
    run_id = new_run_id()
    with connect() as connection:
        published = _newest_day(connection)
    if published is None:
        raise ConfigurationError("No day of orders is published yet", RUN_FIRST)
    fit = _fit_and_keep(as_of_date or _sunday(published), run_id, on_progress)
    alerts.report_published(NAME, None, [fit.as_of_date], run_id)
    return fit


def follow(outcome: RunOutcome, pipelines: Sequence[str], on_progress: "OnProgress") -> None:
    """Do what is due after a run of orders, unless that failed: the next one does it then.

    A failure is reported as one of its own; the run succeeded. `outcome.models` says what was fitted, or why not.
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
        outcome.models = f"customer models stay as they were: {public_text(error)}"
        logger.error("%s", outcome.models, exc_info=not isinstance(error, DaybreakError))
        if as_of_date:
            alerts.report_failure(NAME, as_of_date, outcome.run_id, error)
    send_out()


def _fit(as_of_date: date, fit_customers: "Callable[[Connection, date], Fit]") -> "Fit":
    with connect() as connection:
        published, newest = _newest_day(connection), connection.execute(NEWEST_MODEL).fetchone()
        if published is None or published < as_of_date:
            remedy = "Give that day or an earlier one." if published else RUN_FIRST
            raise ConfigurationError(f"Orders are published up to {published}", remedy)
        if newest and newest["as_of_date"] > as_of_date:
            raise ConfigurationError(
                f"There are customer models as of {newest['as_of_date']} already", "Give that day or a later one."
            )
        return fit_customers(connection, as_of_date)


def _newest_day(connection: Connection) -> date | None:
    row = connection.execute(NEWEST_DAY, [ORDERS.name]).fetchone()
    return row["as_of_date"] if row else None


def _sunday(day: date) -> date:
    """The day itself or the last Sunday before it."""
    return day - timedelta(days=day.isoweekday() % 7)


def _fit_and_keep(as_of_date: date, run_id: str, on_progress: "OnProgress") -> "Fit":
    on_progress("fit_customer_models")
    fit = fit_customer_models(as_of_date, run_id)
    on_progress("keep_history")
    keep_history(as_of_date, run_id)
    return fit
