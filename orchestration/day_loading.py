"""Loading of a run's days, dataset by dataset: landed in batches, judged one by one. Failures go into the outcome."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date
from typing import TYPE_CHECKING

from orchestration import steps
from orchestration.load_choice import unchanged_load
from orchestration.outcome import DayOutcome, RunOutcome
from pipeline_errors import DaybreakError, DayBusyError, GateRefusedError
from transformation.pipelines import REVIEWS
from warehouse import day_ledger
from warehouse.connection import connect
from warehouse.connection_cache import cached_connections
from warehouse.locks import day_lock, day_locks

if TYPE_CHECKING:
    from warehouse.load_receipt import LoadReceipt

OnProgress = Callable[[str], None]  # gets the current activity, for a progress bar

DAYS_AT_ONCE = 31  # largest batch of days to lock and land together


def load_days(
    dataset: str, days: Sequence[date], outcome: RunOutcome, on_progress: OnProgress, wait_seconds: float
) -> None:
    """Land and judge these days. The caller holds the lock of a single day; in a range each day is locked here.

    A refused or busy day is skipped. Any other error stops the dataset.
    """
    left = list(days)
    try:
        with cached_connections():
            with outcome.timed("wait_for_shop"):
                steps.wait_for_shop(dataset, days[0], outcome.run_id, wait_seconds)
            while left:
                left = left[_load_some(dataset, left, outcome, on_progress, is_held=len(days) == 1) :]
    except DaybreakError as error:
        _record_failure(dataset, error.day or left[0], error, outcome)


def judge_again(dataset: str, days: Sequence[date], outcome: RunOutcome, on_progress: OnProgress) -> None:
    """Judge the newest load in raw of each of these days, except unpublished ones."""
    with cached_connections():
        with connect() as connection:
            unpublished = day_ledger.unpublished_days(connection, dataset)
        for day in (day for day in days if day not in unpublished):
            on_progress(f"{day} {dataset}")
            with day_lock(dataset, day):
                with connect() as connection:
                    load_id = day_ledger.newest_load(connection, dataset, day)
                if load_id:
                    judge_load(dataset, day, load_id, outcome, is_again=True)


def _load_some(
    dataset: str, days: Sequence[date], outcome: RunOutcome, on_progress: OnProgress, *, is_held: bool
) -> int:
    """Land and judge the first batch of these days. Return its number of days."""
    try:
        with ExitStack() as locks:
            if not is_held:
                days = locks.enter_context(day_locks(dataset, days[:DAYS_AT_ONCE]))
            with outcome.timed("extract_load"):
                receipts = steps.extract_load_days(
                    dataset, days, outcome.run_id, lambda day: on_progress(f"{day} {dataset}")
                )
            for receipt in receipts:
                on_progress(f"{receipt.day} {dataset}: gate")
                _admit(receipt, outcome)
    except DayBusyError as error:
        _record_failure(dataset, days[0], error, outcome)
        return 1
    return len(receipts)


def _admit(receipt: "LoadReceipt", outcome: RunOutcome) -> None:
    """Judge a landed load, unless its rows equal those of the admitted load."""
    dataset, day = receipt.dataset, receipt.day
    try:
        with outcome.timed("extract_load"):
            admitted = unchanged_load(receipt)
        if admitted:
            _score(dataset, day, admitted, outcome)
            outcome.days.append(DayOutcome(dataset, day, "unchanged", receipt.rows))
        else:
            judge_load(dataset, day, receipt.load_id, outcome)
    except DayBusyError as error:  # another run took the day over and finishes it
        _record_failure(dataset, day, error, outcome)


def judge_load(dataset: str, day: date, load_id: str, outcome: RunOutcome, *, is_again: bool = False) -> None:
    """Judge a landed load, and score its texts if it is admitted. The caller holds the lock of the day."""
    try:
        with outcome.timed("gate"):
            decision = steps.gate(dataset, day, load_id, outcome.run_id)
    except GateRefusedError as error:
        outcome.errors.append(error)
        outcome.days.append(DayOutcome(dataset, day, "refused", figures=error.figures, error=error))
        return
    _score(dataset, day, load_id, outcome, is_again=is_again)
    state = "empty" if decision.decision == "empty" else "admitted"
    outcome.days.append(DayOutcome(dataset, day, state, decision.row_count, decision.figures()))


def _score(dataset: str, day: date, load_id: str, outcome: RunOutcome, *, is_again: bool = False) -> None:
    if dataset != REVIEWS.dataset:
        return
    with connect() as connection:
        is_scored = day_ledger.is_scored(connection, load_id)
    if is_again or not is_scored:
        with outcome.timed("score_sentiment"):
            steps.score_sentiment(day, load_id, outcome.run_id)


def _record_failure(dataset: str, day: date, error: DaybreakError, outcome: RunOutcome) -> None:
    outcome.errors.append(error)
    outcome.days.append(DayOutcome(dataset, day, "failed", error=error))
