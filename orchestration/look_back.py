"""Look-back: a run asks the shop again for the days in lookback_days, since refunds and edits arrive late.

An unchanged day costs its requests and writes nothing. A changed one is a new load: judged as usual, and built together
with the run's day. Nothing here fails the run: a refused or failed day keeps its admitted load and is reported as such.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from ingestion.declaration.lookback import days_before
from ingestion.declaration.shop_config import shop_config
from monitoring.alerting import alerts
from orchestration import steps
from orchestration.day_loading import OnProgress, judge_load
from orchestration.load_choice import is_unchanged
from orchestration.outcome import DayOutcome, RunOutcome
from orchestration.run_messages import report_days, send_out
from pipeline_errors import ConfigurationError, DaybreakError, ShopError, WarehouseError
from pipeline_settings import settings
from transformation.pipelines import BY_DATASET
from warehouse import day_ledger
from warehouse.connection import connect
from warehouse.connection_cache import cached_connections
from warehouse.locks import day_lock

if TYPE_CHECKING:
    from warehouse.load_receipt import LoadReceipt

logger = logging.getLogger(__name__)

STEP = "extract_load"
ASKED_BY = "Asked again by the run of"


def look_back(dataset: str, day: date, outcome: RunOutcome, on_progress: OnProgress = lambda _: None) -> None:
    """Load the changed days among the lookback_days before a loaded day. Their results go into `outcome.days`.

    Days that could not be asked are failed days, too: the shop is down, or the time of a step is over.
    """
    latest = time.monotonic() + settings().step_timeout_minutes * 60
    blocker: DaybreakError | None = None
    with cached_connections():
        for former in _days_to_ask(dataset, day):
            on_progress(f"{former} {dataset}: again")
            if blocker is None and time.monotonic() > latest:
                blocker = ShopError(
                    f"there was no time left after {settings().step_timeout_minutes:g} minutes",
                    "Run the same command again, or raise STEP_TIMEOUT_MINUTES.",
                )
            result = _not_asked(dataset, former, blocker) if blocker else _ask(dataset, former, outcome)
            if result.error:
                blocker = blocker or _blocker(result, outcome.run_id)
                result.error.cause = f"{ASKED_BY} {day}: {result.error.cause}"
            outcome.days.append(replace(result, is_look_back=True))


def look_back_and_report(
    dataset: str, day: date, run_id: str, adapt: Callable[[DaybreakError], None]
) -> Sequence[DayOutcome]:
    """Look back under a scheduler, where no run of the command line measures and reports the days.

    `adapt` gets each error before it is reported. A changed day that failed before recovers once it is published.
    """
    outcome, pipeline = RunOutcome(run_id), BY_DATASET[dataset].name
    look_back(dataset, day, outcome)
    for error in outcome.look_back_errors:
        adapt(error)
        logger.warning("%s", error)
    report_days(outcome)
    alerts.report_recovered(pipeline, dataset, [one.day for one in outcome.days if one.state == "unchanged"], run_id)
    judged = [result.day for result in outcome.days if result.is_measured]
    if judged:
        steps.write_data_docs()
    with suppress(DaybreakError):  # of the warehouse, which the build will meet and report
        for former in judged:
            steps.measure(pipeline, former, run_id)
    send_out()
    return outcome.days


def _days_to_ask(dataset: str, day: date) -> list[date]:
    """Return the days to ask for, newest first: loaded once, and not taken out by a person since."""
    try:
        days = days_before(day, shop_config().dataset(dataset).lookback_days)
        with connect() as connection:
            loaded = day_ledger.loaded_days(connection, dataset, days) if days else set()
    except DaybreakError as error:
        logger.error("The run of %s does not look back: %s", day, error)
        return []
    return [former for former in days if former in loaded]


def _ask(dataset: str, day: date, outcome: RunOutcome) -> DayOutcome:
    """Ask for a day, and judge it if it has changed. Return its result, the error included."""
    apart = RunOutcome(outcome.run_id, seconds=outcome.seconds)
    asked: list[LoadReceipt] = []

    def is_known(receipt: "LoadReceipt") -> bool:
        asked.append(receipt)
        return is_unchanged(receipt)

    try:
        with day_lock(dataset, day):
            with apart.timed("look_back"):
                receipts = steps.extract_load_days(dataset, [day], apart.run_id, is_known=is_known)
            if not receipts:
                return DayOutcome(dataset, day, "unchanged", asked[0].rows)
            judge_load(dataset, day, receipts[0].load_id, apart)
            return apart.days[0]
    except DaybreakError as expected:
        error = expected
    except Exception as failure:  # it fails the runs of that day, not of this one
        logger.exception("%s of %s", dataset, day)
        error = DaybreakError(f"unexpected {type(failure).__name__}", alerts.UNEXPECTED_REMEDY)
    error.place(day, STEP)
    return DayOutcome(dataset, day, "failed", error=error)


def _not_asked(dataset: str, day: date, blocker: DaybreakError) -> DayOutcome:
    """Return the result of a day that a blocker kept from being asked for."""
    error = DaybreakError(blocker.cause, blocker.remedy)
    error.place(day, STEP)
    return DayOutcome(dataset, day, "failed", error=error)


def _blocker(result: DayOutcome, run_id: str) -> DaybreakError | None:
    """Return why the other days cannot be asked for; None if the error concerns this day alone."""
    error = result.error
    if isinstance(error, ShopError):
        try:
            steps.wait_for_shop(result.dataset, result.day, run_id, 0.0)
        except DaybreakError as down:
            return DaybreakError(down.cause, down.remedy)
    if isinstance(error, WarehouseError | ConfigurationError):
        return DaybreakError(error.cause, error.remedy)
    return None
