"""The days of a run, dataset by dataset: landed some at a time, judged one by one. What fails is in the outcome."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import date
from typing import TYPE_CHECKING

from orchestration import steps
from orchestration.outcome import DayOutcome, RunOutcome
from pipeline_errors import DaybreakError, DayBusyError, GateRefusedError
from transformation.pipelines import REVIEWS
from warehouse import day_ledger
from warehouse.connection import connect
from warehouse.kept_connections import kept_connections
from warehouse.locks import day_lock, day_locks

if TYPE_CHECKING:
    from warehouse.load_receipt import LoadReceipt

OnProgress = Callable[[str], None]  # told what is being done, for a progress bar

DAYS_AT_ONCE = 31  # held by their locks and landed together, at most


def load_days(
    dataset: str, days: Sequence[date], outcome: RunOutcome, on_progress: OnProgress, wait_seconds: float
) -> None:
    """Land these days and judge them. A single one is held already; in a range each is held until it is judged.

    A refused or busy day is passed over; what stops any other day stops the dataset.
    """
    left = list(days)
    try:
        with kept_connections():
            with outcome.timed("wait_for_shop"):
                steps.wait_for_shop(dataset, days[0], outcome.run_id, wait_seconds)
            while left:
                left = left[_load_some(dataset, left, outcome, on_progress, is_held=len(days) == 1) :]
    except DaybreakError as error:
        _failed(dataset, error.day or left[0], error, outcome)


def judge_again(dataset: str, days: Sequence[date], outcome: RunOutcome, on_progress: OnProgress) -> None:
    """Judge the newest loads of these days that are still in raw."""
    with kept_connections():
        for day in days:
            on_progress(f"{day} {dataset}")
            with day_lock(dataset, day):
                with connect() as connection:
                    load_id = day_ledger.newest_load(connection, dataset, day)
                if load_id:
                    _judge(dataset, day, load_id, outcome, is_again=True)


def _load_some(
    dataset: str, days: Sequence[date], outcome: RunOutcome, on_progress: OnProgress, *, is_held: bool
) -> int:
    """Land the first of these days, and judge them; returns how many that were."""
    try:
        with ExitStack() as briefly:
            if not is_held:
                days = briefly.enter_context(day_locks(dataset, days[:DAYS_AT_ONCE]))
            with outcome.timed("extract_load"):
                receipts = steps.extract_load_days(
                    dataset, days, outcome.run_id, lambda day: on_progress(f"{day} {dataset}")
                )
            for receipt in receipts:
                on_progress(f"{receipt.day} {dataset}: gate")
                _admit(receipt, outcome)
    except DayBusyError as error:
        _failed(dataset, days[0], error, outcome)
        return 1
    return len(receipts)


def _admit(receipt: "LoadReceipt", outcome: RunOutcome) -> None:
    """Judge what has landed, unless it is what was admitted before."""
    dataset, day = receipt.dataset, receipt.day
    try:
        with outcome.timed("extract_load"):
            admitted = steps.unchanged_load(receipt)
        if admitted:
            _score(dataset, day, admitted, outcome)
            outcome.days.append(DayOutcome(dataset, day, "unchanged", receipt.rows))
        else:
            _judge(dataset, day, receipt.load_id, outcome)
    except DayBusyError as error:  # taken over by another run, which goes on with it
        _failed(dataset, day, error, outcome)


def _judge(dataset: str, day: date, load_id: str, outcome: RunOutcome, *, is_again: bool = False) -> None:
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


def _failed(dataset: str, day: date, error: DaybreakError, outcome: RunOutcome) -> None:
    outcome.errors.append(error)
    outcome.days.append(DayOutcome(dataset, day, "failed", error=error))
