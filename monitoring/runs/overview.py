"""The overview: days, published state, open incidents, messages and sizes, from the tables.

No query reads the shop's rows: days come from the ledger, sizes from Postgres' catalogue.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from monitoring.alerting.outbox import Undelivered, undelivered
from monitoring.runs.day_history import Row
from warehouse.connection import Connection

WEEKS_SHOWN = 7  # six whole weeks if the newest has just begun
WELL = ("published", "unpublished")  # states that need no attention

# The days to show, and older days whose admitted load is not published.
DAYS = """
    with states as materialized (select * from ops.day_states),  -- read once: the view reads every judged day
    newest as (  -- a day that was tried and never judged is missing
        select max(day) as day
        from (
            select day from states
            union all
            select logical_date from ops.pipeline_runs where pipeline = any(%(pipelines)s)
        ) as known
        where day not in (select day from states group by day having bool_and(state = 'unpublished'))
    ),
    bounds as (select day as newest, date_trunc('week', day)::date - 7 * (%(weeks)s - 1) as first from newest),
    begun as (select dataset, min(day) as oldest from states where state <> 'unpublished' group by dataset),
    wanted as (
        select dataset, day::date as day
        from bounds, begun, generate_series(greatest(begun.oldest, bounds.first), bounds.newest, '1 day') as day
        union
        select dataset, day from states where state not in ('published', 'unpublished')
    )
    select
        wanted.dataset, wanted.day, coalesce(states.state, 'missing') as state, states.accepted, states.rejected,
        states.bad_rate, results.max_bad_rate, results.rejected_by_reason, states.published_at,
        (
            select count(*) from ops.loads as loads
            where loads.dataset = wanted.dataset and loads.day = wanted.day
        ) as loads
    from wanted
    left join states on wanted.dataset = states.dataset and wanted.day = states.day
    left join lateral (
        select * from ops.gate_results as results
        where results.dataset = wanted.dataset and results.day = wanted.day order by decided_at desc limit 1
    ) as results on true
    order by wanted.dataset, wanted.day
"""
READERS = """
    select pipelines.pipeline, newest.as_of_date, newest.published_at
    from unnest(%(pipelines)s::text[]) with ordinality as pipelines (pipeline, place)
    left join lateral (
        select as_of_date, published_at from ops.publications as publications
        where publications.pipeline = pipelines.pipeline order by publication_id desc limit 1
    ) as newest on true
    order by pipelines.place
"""
INCIDENTS = """
    select distinct on (pipeline, kind)
        pipeline, kind, min(raised_at) over incident as open_since, max(logical_date) over incident as newest_day,
        (
            select count(distinct logical_date) from ops.unmended_alerts as days
            where days.pipeline = alerts.pipeline and days.kind = alerts.kind
        ) as days_affected,
        step, cause, remedy
    from ops.unmended_alerts as alerts
    window incident as (partition by pipeline, kind)
    order by pipeline, kind, alert_id desc
"""
SIZES = """
    select
        pg_database_size(current_database()) as database_bytes,
        (
            select jsonb_object_agg(name, bytes)
            from (
                select relnamespace::regnamespace::text as name, sum(pg_total_relation_size(oid))::bigint as bytes
                from pg_class where relkind in ('r', 'm') and relnamespace::regnamespace::text = any(%(schemas)s)
                group by relnamespace
            ) as parts
        ) as schema_bytes,
        (select count(distinct day) from ops.loads where pruned_at is null) as raw_days,
        (select count(*) from ops.loads where pruned_at is null) as raw_loads
"""
SCHEMAS = ["raw", "staging", "build", "marts", "ops"]  # quarantine has views only


@dataclass(frozen=True)
class Overview:
    """The state of all pipelines. Times have their zone, rates are fractions 0–1, sizes bytes.

    `days`: per dataset, WEEKS_SHOWN weeks up to the newest known day, gaps as `missing`, and older days that are not
    published properly. `readers`: as_of_date and published_at of each pipeline, null before its first publication.
    `incidents`: open incidents by pipeline and kind, with cause and remedy of the newest alert.
    """

    days: Sequence[Row]
    readers: Sequence[Row]
    incidents: Sequence[Row]
    messages: dict[str, Undelivered]
    sizes: Row

    @property
    def first_day(self) -> date | None:
        """The Monday of the first week to show; None if there are no days."""
        newest = max((row["day"] for row in self.days), default=None)
        return newest and newest - timedelta(days=newest.weekday() + 7 * (WEEKS_SHOWN - 1))

    @property
    def troubled_days(self) -> list[Row]:
        """The days that need attention, newest first."""
        return sorted((row for row in self.days if row["state"] not in WELL), key=_newest_first)


def read_overview(connection: Connection, pipelines: Mapping[str, str | None]) -> Overview:
    """Read the overview. `pipelines`: the dataset of each. The schema must exist."""

    def rows(query: str, **values: Any) -> list[dict[str, Any]]:
        return connection.execute(query.encode(), values).fetchall()

    return Overview(
        days=rows(DAYS, weeks=WEEKS_SHOWN, pipelines=list(pipelines)),
        readers=rows(READERS, pipelines=list(pipelines)),
        incidents=rows(INCIDENTS),
        messages=undelivered(connection),
        sizes=rows(SIZES, schemas=SCHEMAS)[0],
    )


def _newest_first(row: Row) -> tuple[int, str]:
    return -row["day"].toordinal(), row["dataset"]
