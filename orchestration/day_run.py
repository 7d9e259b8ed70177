"""Runs of the command line: land and gate each day of a range, or take a day out, then build and publish once."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, timedelta
from functools import partial

from monitoring import lineage
from monitoring.anomalies.find_anomalies import forget_day
from monitoring.anomalies.rating_drops import undo_later_spells
from monitoring.log_lines import context
from monitoring.runs.run_log import step
from orchestration import steps
from orchestration.day_loading import OnProgress, judge_again, load_days
from orchestration.look_back import look_back
from orchestration.outcome import OUT_OF_THE_MARTS, DayOutcome, RunOutcome, new_run_id
from orchestration.run_messages import report_run
from pipeline_errors import ConfigurationError, DaybreakError, ModelError
from transformation.pipelines import BY_DATASET, BY_NAME, HEALTH, POSTGRES, REVIEWS
from warehouse import day_ledger
from warehouse.connection import connect
from warehouse.connection_cache import cached_connections
from warehouse.locks import day_lock, pipeline_lock
from warehouse.operator_actions import record_action

logger = logging.getLogger(__name__)


def run_days(
    days: Sequence[date],
    pipelines: Sequence[str],
    on_progress: OnProgress = lambda _: None,
    *,
    wait_seconds: float = 0.0,
    engine: str = POSTGRES,
    looks_back: bool = False,
) -> RunOutcome:
    """Load, gate, build and publish these days, in order. Failures go into the outcome.

    `wait_seconds`: how long to wait until the shop is healthy. `engine`: the engine for the orders' models.
    `looks_back`: whether to ask again for the lookback_days before the last of these days, if that day is loaded.

    A refused or busy day does not stop the others. If the shop is down, loading of that dataset ends; the days loaded
    before are still published.
    """
    outcome = RunOutcome(new_run_id())
    name = "daybreak.run" if len(days) == 1 else "daybreak.backfill"
    with _run_context(name, days, outcome), report_run(pipelines, days, outcome), ExitStack() as held:
        with outcome.timed("prepare"):
            steps.prepare()
        datasets = _datasets_of(pipelines)
        if len(days) == 1 and not _hold(datasets, days[0], outcome, held):
            return outcome
        for dataset in datasets:
            load_days(dataset, days, outcome, on_progress, wait_seconds)
        if looks_back:
            for dataset in outcome.datasets_loaded(days[-1]):
                look_back(dataset, days[-1], outcome, on_progress)
        _build_and_publish(pipelines, days, outcome, on_progress, engine=engine)
    return outcome


def replay_days(days: Sequence[date], pipelines: Sequence[str], on_progress: OnProgress = lambda _: None) -> RunOutcome:
    """Judge, build and publish these days again from the loads in raw, without a request to the shop."""
    outcome = RunOutcome(new_run_id())
    with _run_context("daybreak.replay", days, outcome), report_run(pipelines, days, outcome, is_replay=True):
        with outcome.timed("prepare"):
            steps.prepare()
        with connect() as connection:
            record_action(connection, "replay", pipelines, days)
        for name in pipelines:
            if dataset := BY_NAME[name].dataset:
                judge_again(dataset, days, outcome, on_progress)
        _build_and_publish(pipelines, days, outcome, on_progress, day_range=(days[0], days[-1]))
    return outcome


def unpublish_day(day: date, pipelines: Sequence[str], on_progress: OnProgress = lambda _: None) -> RunOutcome:
    """Take a day out of the marts, as if it had never been loaded. Its loads stay in raw; a run brings it back.

    Raises ConfigurationError if none of the pipelines has a dataset.
    """
    datasets = _datasets_of(pipelines)
    if not datasets:
        raise ConfigurationError(
            f"{', '.join(pipelines)} has no days of its own", "Leave --pipeline out, or name a pipeline of a dataset."
        )
    outcome = RunOutcome(new_run_id())
    with _run_context("daybreak.unpublish", [day], outcome), report_run(pipelines, [day], outcome), ExitStack() as held:
        with outcome.timed("prepare"):
            steps.prepare()
        if not _hold(datasets, day, outcome, held):
            return outcome
        for dataset in datasets:
            on_progress(f"{day} {dataset}")
            outcome.days.append(DayOutcome(dataset, day, _unpublish(dataset, day, outcome.run_id)))
        _build_and_publish(pipelines, [day], outcome, on_progress)
        if REVIEWS.name in pipelines and not outcome.errors:
            with connect() as connection:
                undo_later_spells(connection, REVIEWS.name)
    return outcome


def publish_pending(on_progress: OnProgress = lambda _: None) -> RunOutcome:
    """Build and publish the pending days of all pipelines. Loads and judges nothing."""
    outcome = RunOutcome(new_run_id())
    with connect() as connection:
        days = sorted({day for dataset in BY_DATASET for day in day_ledger.pending_days(connection, dataset)})
    if days:
        names = list(BY_NAME)
        with _run_context("daybreak.publish", days, outcome), report_run(names, days, outcome):
            _build_and_publish(names, days, outcome, on_progress)
    return outcome


def days_between(first: date, last: date) -> list[date]:
    """Return all days from first to last, inclusive."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


@contextmanager
def _run_context(name: str, days: Sequence[date], outcome: RunOutcome) -> Iterator[None]:
    """Attach log lines and lineage events of the block to this run."""
    with context(run_id=outcome.run_id), lineage.run(name, days, outcome.errors):
        yield
        for error in outcome.errors:
            if error.step is None:  # steps log their own errors
                logger.error("%s", error, extra={"is_reported": True})


def _hold(datasets: Sequence[str], day: date, outcome: RunOutcome, held: ExitStack) -> bool:
    """Lock a single day in all datasets before the first is loaded, so that only one of two concurrent runs works."""
    for dataset in datasets:
        try:
            held.enter_context(day_lock(dataset, day))
        except DaybreakError as error:
            outcome.errors.append(error)
            outcome.days.append(DayOutcome(dataset, day, "failed", error=error))
            return False
    return True


def _datasets_of(pipelines: Sequence[str]) -> list[str]:
    return [dataset for name in pipelines if (dataset := BY_NAME[name].dataset)]


def _unpublish(dataset: str, day: date, run_id: str) -> str:
    """Take a day out of the ledger; the next publish takes its rows out of the marts. Return the day's state."""
    pipeline = BY_DATASET[dataset].name
    with step([pipeline], "unpublish", [day], run_id), connect() as connection:
        record_action(connection, "unpublish", [pipeline], [day])
        was_in_marts = day_ledger.unpublish(connection, dataset, day)
        forget_day(connection, pipeline, dataset, day)
    return OUT_OF_THE_MARTS[0 if was_in_marts else 1]


def _build_and_publish(
    pipelines: Sequence[str],
    days: Sequence[date],
    outcome: RunOutcome,
    on_progress: OnProgress,
    *,
    engine: str = POSTGRES,
    day_range: tuple[date, date] | None = None,
) -> None:
    """Build and publish everything pending, once: these days, and days that a killed run left behind."""
    try:
        with ExitStack() as locks:
            for name in pipelines:
                locks.enter_context(pipeline_lock(name, steps.BUILD_WAIT_SECONDS))
            if REVIEWS.name in pipelines:
                steps.score_unscored_days(outcome.run_id)
            if day_range or _has_work(pipelines):
                on_progress("transform")
                transform = partial(
                    steps.transform, pipelines, days, outcome.run_id, day_range=day_range, engine=engine
                )
                with outcome.timed("transform"):
                    is_green = _try_transform(transform, outcome, on_progress)
                on_progress("publish")
                with outcome.timed("publish"):
                    if is_green:
                        outcome.rows_published = steps.publish(pipelines, days, outcome.run_id)
                    else:
                        _publish_green_pipelines(pipelines, days, outcome)
    except DaybreakError as error:
        outcome.errors.append(error)
        with suppress(DaybreakError):  # it may fail for the same reason
            _measure(pipelines, days, outcome)
        return
    _follow_up(pipelines, days, outcome, on_progress)


def _try_transform(transform: Callable[..., None], outcome: RunOutcome, on_progress: OnProgress) -> bool:
    """Run the transform step. Return whether every model and test is green."""
    try:
        transform(on_progress=lambda name, number, total: on_progress(f"transform {number}/{total} {name}"))
    except ModelError as error:
        outcome.errors.append(error)
        return False
    return True


def _publish_green_pipelines(pipelines: Sequence[str], days: Sequence[date], outcome: RunOutcome) -> None:
    """Publish the pipelines whose nodes are all green. A red node blocks only its own pipeline."""
    for name in pipelines:
        with suppress(ModelError):  # the red node is in the outcome already
            outcome.rows_published |= steps.publish([name], days, outcome.run_id)


def _follow_up(pipelines: Sequence[str], days: Sequence[date], outcome: RunOutcome, on_progress: OnProgress) -> None:
    if REVIEWS.name in pipelines:
        on_progress("update_cache")
        with outcome.timed("update_cache"):
            outcome.cache = steps.update_cache(days[-1], outcome.run_id)
    _measure(pipelines, days, outcome)


def _measure(pipelines: Sequence[str], days: Sequence[date], outcome: RunOutcome) -> None:
    """Write Data Docs and the metrics of each day, refused ones too. Without a dataset: of the last day only."""
    with outcome.timed("data_docs"):
        steps.write_data_docs()
    with outcome.timed("measure"), cached_connections():
        for result in (result for result in outcome.days if result.is_measured):
            result.anomalies = steps.measure(BY_DATASET[result.dataset].name, result.day, outcome.run_id)
        for name in pipelines:
            if BY_NAME[name].dataset is None:
                steps.measure(name, days[-1], outcome.run_id)


def _has_work(pipelines: Sequence[str]) -> bool:
    with connect() as connection:
        return any(day_ledger.pending_days(connection, dataset) for dataset in _datasets_of(pipelines)) or (
            HEALTH.name in pipelines and day_ledger.is_health_behind(connection)
        )
