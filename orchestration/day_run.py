"""Whole runs of the command line: the days of a range landed and gated, then one build, one publish."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, timedelta
from functools import partial

from monitoring import lineage
from monitoring.log_lines import context
from orchestration import steps
from orchestration.day_loading import OnProgress, judge_again, load_days
from orchestration.outcome import DayOutcome, RunOutcome, new_run_id
from orchestration.run_messages import reported
from pipeline_errors import DaybreakError, ModelError
from transformation.pipelines import BY_DATASET, BY_NAME, HEALTH, POSTGRES, REVIEWS
from warehouse import day_ledger
from warehouse.connection import connect
from warehouse.kept_connections import kept_connections
from warehouse.locks import day_lock, pipeline_lock

logger = logging.getLogger(__name__)


def run_days(
    days: Sequence[date],
    pipelines: Sequence[str],
    on_progress: OnProgress = lambda _: None,
    *,
    wait_seconds: float = 0.0,
    engine: str = POSTGRES,
) -> RunOutcome:
    """Load, gate, build and publish these days, in order. What fails is in the outcome; the rest goes on.

    `wait_seconds`: how long to wait for a shop that is not well yet. `engine`: what computes the orders' changes.

    A refused or busy day keeps no other from being loaded. A shop that is down ends the loading of its dataset, and
    what was loaded before is published all the same.
    """
    outcome = RunOutcome(new_run_id())
    name = "daybreak.run" if len(days) == 1 else "daybreak.backfill"
    with _of_run(name, days, outcome), reported(pipelines, days, outcome), ExitStack() as held:
        with outcome.timed("prepare"):
            steps.prepare()
        datasets = [dataset for name in pipelines if (dataset := BY_NAME[name].dataset)]
        if len(days) == 1 and not _hold(datasets, days[0], outcome, held):
            return outcome
        for dataset in datasets:
            load_days(dataset, days, outcome, on_progress, wait_seconds)
        _build_and_publish(pipelines, days, outcome, on_progress, engine=engine)
    return outcome


def replay_days(days: Sequence[date], pipelines: Sequence[str], on_progress: OnProgress = lambda _: None) -> RunOutcome:
    """Judge, build and publish these days again from what is in raw; the shop is not asked."""
    outcome = RunOutcome(new_run_id())
    with _of_run("daybreak.replay", days, outcome), reported(pipelines, days, outcome, is_replay=True):
        with outcome.timed("prepare"):
            steps.prepare()
        for name in pipelines:
            if dataset := BY_NAME[name].dataset:
                judge_again(dataset, days, outcome, on_progress)
        _build_and_publish(pipelines, days, outcome, on_progress, day_range=(days[0], days[-1]))
    return outcome


def publish_pending(on_progress: OnProgress = lambda _: None) -> RunOutcome:
    """Build and publish what is admitted and not yet published, of all pipelines. Nothing is loaded or judged."""
    outcome = RunOutcome(new_run_id())
    with connect() as connection:
        days = sorted({day for dataset in BY_DATASET for day in day_ledger.pending_days(connection, dataset)})
    if days:
        names = list(BY_NAME)
        with _of_run("daybreak.publish", days, outcome), reported(names, days, outcome):
            _build_and_publish(names, days, outcome, on_progress)
    return outcome


def days_between(first: date, last: date) -> list[date]:
    """All days from first to last, both included."""
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


@contextmanager
def _of_run(name: str, days: Sequence[date], outcome: RunOutcome) -> Iterator[None]:
    """Whatever is logged and sent as lineage in the block belongs to this run."""
    with context(run_id=outcome.run_id), lineage.run(name, days, outcome.errors):
        yield
        for error in outcome.errors:
            if error.step is None:  # a step has logged its own
                logger.error("%s", error, extra={"is_reported": True})


def _hold(datasets: Sequence[str], day: date, outcome: RunOutcome, held: ExitStack) -> bool:
    """Lock a single day until it is published, all datasets before one is loaded: of two runs at once one works."""
    for dataset in datasets:
        try:
            held.enter_context(day_lock(dataset, day))
        except DaybreakError as error:
            outcome.errors.append(error)
            outcome.days.append(DayOutcome(dataset, day, "failed", error=error))
            return False
    return True


def _build_and_publish(
    pipelines: Sequence[str],
    days: Sequence[date],
    outcome: RunOutcome,
    on_progress: OnProgress,
    *,
    engine: str = POSTGRES,
    day_range: tuple[date, date] | None = None,
) -> None:
    """One build and one publish for everything that is pending, these days' or left over from a run that was killed."""
    try:
        with ExitStack() as locks:
            for name in pipelines:
                locks.enter_context(pipeline_lock(name, steps.BUILD_WAIT_SECONDS))
            if REVIEWS.name in pipelines:
                steps.score_what_is_left(outcome.run_id)
            if day_range or _has_work(pipelines):
                on_progress("transform")
                transform = partial(
                    steps.transform, pipelines, days, outcome.run_id, day_range=day_range, engine=engine
                )
                with outcome.timed("transform"):
                    is_green = _is_green(transform, outcome, on_progress)
                on_progress("publish")
                with outcome.timed("publish"):
                    if is_green:
                        outcome.rows_published = steps.publish(pipelines, days, outcome.run_id)
                    else:
                        _publish_what_is_green(pipelines, days, outcome)
    except DaybreakError as error:
        outcome.errors.append(error)
        with suppress(DaybreakError):  # what stopped the build may stop this as well
            _measure(pipelines, days, outcome)
        return
    _follow_up(pipelines, days, outcome, on_progress)


def _is_green(transform: Callable[..., None], outcome: RunOutcome, on_progress: OnProgress) -> bool:
    """Whether every model and test is green."""
    try:
        transform(on_progress=lambda name, number, total: on_progress(f"transform {number}/{total} {name}"))
    except ModelError as error:
        outcome.errors.append(error)
        return False
    return True


def _publish_what_is_green(pipelines: Sequence[str], days: Sequence[date], outcome: RunOutcome) -> None:
    """After a red node: its own pipeline stays as it was, the others have nothing to do with it."""
    for name in pipelines:
        with suppress(ModelError):  # the red node has been told already
            outcome.rows_published |= steps.publish([name], days, outcome.run_id)


def _follow_up(pipelines: Sequence[str], days: Sequence[date], outcome: RunOutcome, on_progress: OnProgress) -> None:
    if REVIEWS.name in pipelines:
        on_progress("update_cache")
        with outcome.timed("update_cache"):
            outcome.cache = steps.update_cache(days[-1], outcome.run_id)
    _measure(pipelines, days, outcome)


def _measure(pipelines: Sequence[str], days: Sequence[date], outcome: RunOutcome) -> None:
    """Write metrics and Data Docs of each day, refused ones too; a pipeline without a dataset has its last day's."""
    with outcome.timed("data_docs"):
        steps.write_data_docs()
    with outcome.timed("measure"), kept_connections():
        for result in outcome.days:
            result.anomalies = steps.measure(BY_DATASET[result.dataset].name, result.day, outcome.run_id)
        for name in pipelines:
            if BY_NAME[name].dataset is None:
                steps.measure(name, days[-1], outcome.run_id)


def _has_work(pipelines: Sequence[str]) -> bool:
    with connect() as connection:
        datasets = [dataset for name in pipelines if (dataset := BY_NAME[name].dataset)]
        return any(day_ledger.pending_days(connection, dataset) for dataset in datasets) or (
            HEALTH.name in pipelines and day_ledger.is_health_behind(connection)
        )
