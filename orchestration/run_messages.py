"""What people are told of a run of the command line: the same messages as of a scheduled one, a few for many days."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import date

from monitoring import alerts, ledger
from orchestration.outcome import RunOutcome
from orchestration.pipelines import BY_DATASET, BY_NAME, HEALTH
from pipeline_errors import DayBusyError
from warehouse.connection import connect

logger = logging.getLogger(__name__)


@contextmanager
def told(
    pipelines: Sequence[str], days: Sequence[date], outcome: RunOutcome, *, is_replay: bool = False
) -> Iterator[None]:
    """Tell at the end of the block how the run went: each failed or refused day, each recovery, one success a pipeline.

    A run that ends with an exception is a failure of all its pipelines. An interrupt is not told: whoever pressed the
    keys knows.
    """
    before = _newest_publication()
    try:
        yield
    except Exception as error:
        _tell_days(outcome)
        for name in pipelines:
            alerts.report_failure(name, None, outcome.run_id, error)
        raise
    _tell_days(outcome)
    try:
        _tell_builds(pipelines, days, outcome, _published_since(before), is_replay)
    except Exception as failure:  # the ledger could not be read: monitoring never breaks the pipeline
        logger.error("Nobody was told how the builds of run %s went: %s", outcome.run_id, failure)


def _tell_days(outcome: RunOutcome) -> None:
    """A busy day is nobody's trouble: the run that holds it will tell how it went, and this one's exit code says so.

    A build that waited in vain for another one is told: its days are not published.
    """
    for result in outcome.days:
        if result.error and not isinstance(result.error, DayBusyError):
            alerts.report_failure(BY_DATASET[result.dataset].name, result.day, outcome.run_id, result.error)


def _tell_builds(
    pipelines: Sequence[str], days: Sequence[date], outcome: RunOutcome, published: set[str], is_replay: bool
) -> None:
    told_already = [id(result.error) for result in outcome.days if result.error]
    error = next((error for error in outcome.errors if id(error) not in told_already), None)
    stuck = _stuck([name for name in pipelines if name not in published], days, is_replay) if error else {}
    for name, day in stuck.items():
        alerts.report_failure(name, day, outcome.run_id, error)
    for name in pipelines:
        dataset = BY_NAME[name].dataset
        if name not in stuck and (dataset or name in published):
            good = [result.day for result in outcome.days if result.dataset == dataset and result.error is None]
            alerts.report_published(name, dataset, good, outcome.run_id)


def _stuck(unpublished: Sequence[str], days: Sequence[date], is_replay: bool) -> dict[str, date]:
    """The pipelines that a failed build kept from publishing, each with its newest day that waits.

    customer_health follows the others: it is told only if it failed by itself.
    """
    stuck = {}
    with connect() as connection:
        for name in unpublished:
            dataset = BY_NAME[name].dataset
            waiting = ledger.pending_days(connection, dataset) if dataset else []
            if waiting or (dataset and is_replay):
                stuck[name] = waiting[-1] if waiting else days[-1]
    return stuck or {name: days[-1] for name in unpublished if name == HEALTH.name}


def _newest_publication() -> int:
    with suppress(Exception), connect() as connection:
        return ledger.newest_publication(connection)
    return 0  # the first run: there is no such table yet


def _published_since(publication_id: int) -> set[str]:
    with connect() as connection:
        query = "select distinct pipeline from ops.publications where publication_id > %s"
        return {row["pipeline"] for row in connection.execute(query, [publication_id])}
