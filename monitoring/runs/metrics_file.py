"""Metrics for Prometheus: the state of every pipeline as a file for node_exporter's textfile collector.

The file is replaced as a whole. Everything is read from the warehouse, so any process may write it.
"""

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from monitoring.alerting.outbox import undelivered
from monitoring.plain_text import first_line
from pipeline_settings import settings
from warehouse.connection import Connection, connect

if TYPE_CHECKING:
    from prometheus_client.metrics_core import GaugeMetricFamily

logger = logging.getLogger(__name__)

FILE_NAME = "metrics/daybreak.prom"  # below DAYBREAK_HOME

# A pipeline with a dataset is described by its newest judged day, one without by its newest publication.
PIPELINES = """
    select
        pipelines.pipeline, newest.row_count, newest.accepted, newest.rejected, newest.rejected_by_reason,
        1 - newest.bad_rate as quality, extract(epoch from days.day) as day, runs.seconds,
        extract(epoch from published.published_at) as published_at, published.row_count as rows_published,
        (select count(distinct kind) from ops.open_alerts as alerts where alerts.pipeline = pipelines.pipeline)
            as incidents
    from unnest(%(pipelines)s::text[], %(datasets)s::text[]) as pipelines (pipeline, dataset)
    left join lateral (
        select * from ops.gate_results as results
        where
            results.dataset = pipelines.dataset
            and not exists (
                select from ops.day_ledger as ledger
                where
                    ledger.dataset = results.dataset and ledger.day = results.day
                    and ledger.unpublished_at > results.decided_at
            )
        order by results.day desc, results.decided_at desc limit 1
    ) as newest on true
    left join lateral (  -- int_* are for the next build, not for readers
        select
            as_of_date, published_at,
            (select sum(value::bigint) from jsonb_each_text(rows_published) where not starts_with(key, 'int_'))
                as row_count
        from ops.publications as publications
        where publications.pipeline = pipelines.pipeline order by publication_id desc limit 1
    ) as published on true
    cross join lateral (select coalesce(newest.day, published.as_of_date)::timestamp as day) as days
    cross join lateral (
        select sum(steps.seconds) as seconds from ops.pipeline_runs as steps
        where steps.pipeline = pipelines.pipeline and steps.logical_date = days.day
    ) as runs
"""
GAUGES = {  # name after daybreak_: column of the query, help
    "records": ("row_count", "Rows of the newest day, as sent by the shop."),
    "records_accepted": ("accepted", "Rows of the newest day that passed every rule."),
    "records_rejected": ("rejected", "Rows of the newest day that broke a rule."),
    "data_quality_score": ("quality", "1 minus the bad rate of the newest day, 0 to 1."),
    "newest_day_timestamp_seconds": ("day", "Midnight (UTC) of the newest day."),
    "run_duration_seconds": ("seconds", "Duration of the newest day's steps in seconds."),
    "rows_published": ("rows_published", "Rows written by the newest publish, over all marts."),
    "last_publish_timestamp_seconds": ("published_at", "Time of the newest publish."),
    "open_incidents": ("incidents", "Number of open incidents."),
}


def write_metrics_file(pipelines: Mapping[str, str | None]) -> None:
    """Write <DAYBREAK_HOME>/metrics/daybreak.prom. Never raises: errors are logged.

    `pipelines`: the dataset of each pipeline, None if it only builds on others.
    """
    try:
        from prometheus_client import CollectorRegistry, write_to_textfile

        with connect() as connection:
            connection.execute("set statement_timeout = '5s'")
            families = list(_families(connection, pipelines))
        file = settings().daybreak_home.resolve() / FILE_NAME
        if not file.parent.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.parent.chmod(0o755)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(_Collected(families))
        write_to_textfile(str(file), registry)
        file.chmod(0o644)  # figures only, for node_exporter, which is another account
    except Exception as failure:
        logger.warning("The metrics file was not written: %s", first_line(failure))


class _Collected:
    """Families read beforehand, so that a failure of the warehouse does not leave half a file."""

    def __init__(self, families: "list[GaugeMetricFamily]") -> None:
        self.families = families

    def collect(self) -> "list[GaugeMetricFamily]":
        """Return the families to the registry."""
        return self.families


def _families(connection: Connection, pipelines: Mapping[str, str | None]) -> "Iterator[GaugeMetricFamily]":
    from prometheus_client.metrics_core import GaugeMetricFamily

    values = {"pipelines": list(pipelines), "datasets": list(pipelines.values())}
    rows = connection.execute(PIPELINES, values).fetchall()
    for name, (column, text) in GAUGES.items():
        family = GaugeMetricFamily(f"daybreak_{name}", text, labels=["pipeline"])
        for row in rows:
            if row[column] is not None:
                family.add_metric([row["pipeline"]], float(row[column]))
        yield family
    rejected = GaugeMetricFamily(
        "daybreak_records_rejected_by_reason",
        "Rows of the newest day by broken rule; a row may break several.",
        labels=["pipeline", "reason"],
    )
    for row in rows:
        for reason, count in (row["rejected_by_reason"] or {}).items():
            rejected.add_metric([row["pipeline"], reason], count)
    yield rejected
    waiting = GaugeMetricFamily(
        "daybreak_undelivered_messages", "Messages not yet delivered to a receiver.", labels=["channel"]
    )
    unsent = GaugeMetricFamily(
        "daybreak_messages_without_receiver", "Messages kept without any receiver.", labels=["channel"]
    )
    for channel, state in sorted(undelivered(connection).items()):
        waiting.add_metric([channel], state.waiting)
        unsent.add_metric([channel], state.without_receiver)
    yield from (waiting, unsent)
