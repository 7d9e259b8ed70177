"""The figures of the report's front page, read from the warehouse. Days are logical days, times have their zone."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from warehouse.connection import Connection

DROPS_SHOWN = 20

# A day that failed before anything landed is only in the log of steps. A day that was taken out was a mistake: it would
# move the calendar to another year.
KNOWN_DAYS = """
    select min(day) as first_day, max(day) as last_day, now() as written_at
    from (
        select day from ops.day_ledger
        union all select day from ops.gate_results
        union all select logical_date from ops.pipeline_runs where pipeline = any(%(pipelines)s)
    ) as known
    where day not in (select day from ops.day_states group by day having bool_and(state = 'unpublished'))
"""
PUBLICATIONS = """
    select distinct on (pipeline) pipeline, as_of_date, published_at, published_by
    from ops.publications order by pipeline, publication_id desc
"""
# One line per pipeline and kind of alert: since when, how often, and the remedy of the newest.
INCIDENTS = """
    select distinct on (pipeline, kind)
        pipeline, kind, severity, logical_date, cause, remedy,
        min(raised_at) over of_a_kind as since,
        count(*) over of_a_kind as message_count
    from ops.unmended_alerts
    window of_a_kind as (partition by pipeline, kind)
    order by pipeline, kind, alert_id desc
"""
# Only of the newest measured day of each pipeline: older ones have been reported.
ODD = """
    select anomalies.*
    from ops.anomalies as anomalies
    inner join (
        select pipeline, max(logical_date) as logical_date
        from ops.pipeline_metrics
        where
            logical_date not in (select day from ops.day_states group by day having bool_and(state = 'unpublished'))
        group by pipeline
    ) as newest using (pipeline, logical_date)
    where anomalies.severity <> 'info'
    order by anomalies.pipeline, anomalies.kind
"""
REASONS = """
    with newest as (
        select distinct on (dataset, day) dataset, day, rejected_by_reason
        from ops.gate_results
        where day between %(first)s and %(last)s
        order by dataset, day, decided_at desc
    )
    select
        newest.dataset, reasons.key as reason, sum(reasons.value::bigint) as row_count, count(*) as day_count,
        max(newest.day) as newest_day
    from newest, jsonb_each_text(newest.rejected_by_reason) as reasons
    where reasons.value::bigint > 0
    group by 1, 2
    order by newest.dataset, row_count desc, reason
"""
REVENUE = """
    select order_date as day, revenue from marts.daily_sales where order_date between %(first)s and %(last)s
"""
MEASURED = """
    select distinct on (pipeline, logical_date)
        pipeline, logical_date as day, data_quality_score, expected_volume, step_seconds
    from ops.pipeline_metrics
    where logical_date between %(first)s and %(last)s
    order by pipeline, logical_date, measured_at desc
"""
RATING_DROPS = """
    select
        product_id, prior_average, prior_count, recent_average, recent_count, rating_delta,
        count(*) over () as drop_count
    from marts.product_metrics where is_rating_drop order by rating_delta, product_id limit %(drops)s
"""
AT_RISK = """
    select count(*) as customers, coalesce(sum(lifetime_value), 0) as lifetime_value
    from marts.customer_health where is_at_risk
"""
AT_RISK_BY_RATING = """
    select last_rating, count(*) as customers, sum(lifetime_value) as lifetime_value
    from marts.customer_health where is_at_risk group by 1 order by 1
"""


def known_days(connection: Connection, pipelines: Collection[str]) -> dict[str, Any]:
    """Return first_day and last_day with any data of these pipelines, null if none, and written_at."""
    found = select(connection, KNOWN_DAYS, {"pipelines": list(pipelines)})
    return (found or [{"first_day": None, "last_day": None, "written_at": None}])[0]


def index_figures(connection: Connection, reader: Connection, days: Sequence[date]) -> dict[str, Any]:
    """Return the rows of the front page by name; rows by day are limited to `days`, which are in order.

    `reader`: the connection for the marts.
    """
    shown = {"first": days[0], "last": days[-1], "drops": DROPS_SHOWN} if days else {}
    by_day = {"reasons": (connection, REASONS), "revenue": (reader, REVENUE), "measured": (connection, MEASURED)}
    return {
        "publications": select(connection, PUBLICATIONS),
        "incidents": select(connection, INCIDENTS),
        "odd": select(connection, ODD),
        "drops": select(reader, RATING_DROPS, {"drops": DROPS_SHOWN}),
        "at_risk": next(iter(select(reader, AT_RISK)), None),
        "at_risk_by_rating": select(reader, AT_RISK_BY_RATING),
        **{name: select(using, query, shown) if days else [] for name, (using, query) in by_day.items()},
    }


def select(connection: Connection, query: str, values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the rows of a query; none if a relation that it reads does not exist yet."""
    named = {word.strip("(),") for word in query.split() if word.strip("(),").startswith(("ops.", "marts."))}
    all_there = connection.execute(
        "select bool_and(to_regclass(name) is not null) as yes from unnest(%s::text[]) as name", [sorted(named)]
    ).fetchone() == {"yes": True}
    return connection.execute(query.encode(), values).fetchall() if all_there else []


def days_until(last: date, first_known: date, most: int) -> list[date]:
    """Return the newest `most` days up to `last`, in order, starting no earlier than the first known day."""
    first = max(first_known, date.fromordinal(max(1, last.toordinal() - most + 1)))
    return [first + timedelta(number) for number in range((last - first).days + 1)]
