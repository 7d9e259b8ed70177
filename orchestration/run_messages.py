"""Messages about a run of the command line: the same as for a scheduled run, but few for many days."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date

from monitoring.alerting import alerts, incidents, outbox, spool
from monitoring.plain_text import first_line
from monitoring.retention import Pruned, prune
from monitoring.runs.metrics_file import write_metrics_file
from orchestration.outcome import RunOutcome, new_run_id
from pipeline_errors import DaybreakError, DayBusyError, ModelError
from transformation.pipelines import BY_DATASET, BY_NAME, HEALTH, PIPELINES
from warehouse import day_ledger
from warehouse.connection import connect, create_schemas
from warehouse.raw_retention import prune_superseded

logger = logging.getLogger(__name__)

DATASETS = {pipeline.name: pipeline.dataset for pipeline in PIPELINES}
SECONDS_BETWEEN_RUNS = 240.0  # to deliver a backlog, while no run waits for it


@contextmanager
def report_run(
    pipelines: Sequence[str], days: Sequence[date], outcome: RunOutcome, *, is_replay: bool = False
) -> Iterator[None]:
    """Report the run after the block: each failed or refused day, each recovery, and one success per pipeline.

    An exception counts as a failure of all pipelines. A keyboard interrupt is not reported. Deliver the messages last.
    """
    before = _newest_publication()
    try:
        yield
    except Exception as error:
        report_days(outcome)
        report_failed_run(pipelines, error, outcome.run_id)
        send_out()
        raise
    _report(pipelines, days, outcome, before, is_replay)
    send_out()


def report_failed_run(pipelines: Sequence[str], error: Exception, run_id: str | None = None) -> None:
    """Report that a run of these pipelines failed before their days. Without `run_id`, it gets a new one."""
    run_id = run_id or new_run_id()
    for name in pipelines:
        alerts.report_failure(name, None, run_id, error)


def send_out(seconds: float = outbox.SECONDS_A_CALL) -> None:
    """Deliver the outbox within `seconds`, then write the metrics file and the report. Never raises."""
    outbox.deliver(seconds)
    write_metrics_file(DATASETS)
    _write_report()


@dataclass
class Upkeep:
    """The result of `keep_up`. `error`: why the warehouse could not be read; all messages are kept then."""

    delivery: outbox.Delivery = field(default_factory=outbox.Delivery)
    reminders: int = 0
    pruned: Pruned = field(default_factory=Pruned)
    undelivered: Mapping[str, outbox.Undelivered] = field(default_factory=dict)
    error: DaybreakError | None = None


def keep_up() -> Upkeep:
    """Close incidents that are over, remind of the others, deliver the outbox, and prune old rows. Never raises.

    A scheduler calls it every 15 minutes or so, independent of runs.
    """
    done = Upkeep()
    alerts.store_kept()
    try:
        with connect() as connection:
            create_schemas(connection)
        for name, dataset in DATASETS.items():
            if dataset:  # days that `dbt build` has published since they failed
                alerts.report_published(name, dataset, [], new_run_id())
        with connect() as connection:
            done.reminders = incidents.remind(connection)
        done.delivery = outbox.deliver(SECONDS_BETWEEN_RUNS)
        with connect() as connection:
            done.pruned = prune(connection)
            done.undelivered = outbox.undelivered(connection)
        done.pruned = replace(done.pruned, loads=prune_superseded(BY_DATASET))
    except DaybreakError as error:
        done.error = error
    except Exception as failure:
        done.error = DaybreakError(first_line(failure), "The next call tries again.")
    if done.error:
        logger.error("Messages are kept: %s", done.error)
        spool.send_again()
    write_metrics_file(DATASETS)
    return done


def _write_report() -> None:
    """Write the report. A failure is logged; it never fails the run."""
    try:
        from monitoring.report.site import write_report

        write_report(DATASETS)
    except Exception as failure:
        logger.warning("The report was not written: %s", first_line(failure))


def _report(pipelines: Sequence[str], days: Sequence[date], outcome: RunOutcome, before: int, is_replay: bool) -> None:
    report_days(outcome)
    try:
        _report_builds(pipelines, days, outcome, _published_since(before), is_replay)
    except Exception as failure:  # monitoring never fails the pipeline
        logger.error("The builds of run %s were not reported: %s", outcome.run_id, failure)


def report_days(outcome: RunOutcome) -> None:
    """Report the failed days, except busy ones: the run that holds such a day reports it.

    A build that waited in vain for another build is reported, because its days are not published.
    """
    for result in outcome.days:
        if result.error and not isinstance(result.error, DayBusyError):
            alerts.report_failure(BY_DATASET[result.dataset].name, result.day, outcome.run_id, result.error)


def _report_builds(
    pipelines: Sequence[str], days: Sequence[date], outcome: RunOutcome, published: set[str], is_replay: bool
) -> None:
    reported_before = [id(result.error) for result in outcome.days if result.error]
    error = next((error for error in outcome.errors if id(error) not in reported_before), None)
    stuck = _stuck([name for name in pipelines if name not in published], days, is_replay) if error else {}
    for name, day in stuck.items():
        own = error.of(name) if isinstance(error, ModelError) else error
        alerts.report_failure(name, day, outcome.run_id, own or error)
    for name in pipelines:
        dataset = BY_NAME[name].dataset
        if name not in stuck and (dataset or name in published):
            good = [result.day for result in outcome.days if result.dataset == dataset and result.error is None]
            alerts.report_published(name, dataset, good, outcome.run_id)


def _stuck(unpublished: Sequence[str], days: Sequence[date], is_replay: bool) -> dict[str, date]:
    """Return the pipelines that a failed build kept from publishing, each with its newest pending day.

    customer_health depends on the others: it is included only if it is the only one that failed.
    """
    stuck = {}
    with connect() as connection:
        for name in unpublished:
            dataset = BY_NAME[name].dataset
            waiting = day_ledger.pending_days(connection, dataset) if dataset else []
            if waiting or (dataset and is_replay):
                stuck[name] = waiting[-1] if waiting else days[-1]
    return stuck or {name: days[-1] for name in unpublished if name == HEALTH.name}


def _newest_publication() -> int:
    with suppress(Exception), connect() as connection:
        return day_ledger.newest_publication(connection)
    return 0  # before the first run the table does not exist


def _published_since(publication_id: int) -> set[str]:
    with connect() as connection:
        query = "select distinct pipeline from ops.publications where publication_id > %s"
        return {row["pipeline"] for row in connection.execute(query, [publication_id])}
