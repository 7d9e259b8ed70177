"""Metrics of a run in ops.pipeline_metrics: records, data quality, volume and duration."""

import hashlib
from datetime import date
from typing import Any

from monitoring.alerting.outbox import enqueue
from monitoring.alerting.receivers import METRICS
from monitoring.anomalies.limits import anomaly_limits
from monitoring.anomalies.volume import day_volume, rounded
from monitoring.runs.run_figures import ROWS_PUBLISHED
from warehouse.connection import Connection

# The gate's last judgement of the day. If a shop goes back to rows that were judged before, their judgement counts.
JUDGED = """
    select results.*
    from ops.gate_results as results
    inner join ops.loads as loads on results.load_id = loads.load_id
    where results.dataset = %(dataset)s and results.day = %(day)s
    order by
        loads.fingerprint = (
            select newest.fingerprint from ops.loads as newest
            where newest.dataset = %(dataset)s and newest.day = %(day)s order by newest.landed_at desc limit 1
        ) desc,
        results.decided_at desc
    limit 1
"""
STEPS = """
    steps as (
        select
            coalesce(sum(seconds) / 60, 0) as minutes, min(started_at) as started_at,
            jsonb_object_agg(step, seconds) filter (where step is not null) as step_seconds
        from ops.pipeline_runs
        where pipeline = %(pipeline)s and logical_date = %(day)s and run_id = %(run_id)s and step <> 'measure'
    )
"""
RECORD = f"""
    with judged as ({JUDGED}),
    {STEPS},
    cache as (  -- a range updates the cache once, on its last day
        select sum(records) as writes from ops.pipeline_runs
        where pipeline = %(pipeline)s and step = 'update_cache' and run_id = %(run_id)s
    ),
    freshness as (
        select
            extract(epoch from ledger.published_at - (ledger.day + 1)::timestamp at time zone in_force.time_zone) / 3600
                as hours
        from ops.day_ledger as ledger
        inner join ops.dataset_settings as in_force on ledger.dataset = in_force.dataset
        where ledger.dataset = %(dataset)s and ledger.day = %(day)s
    ),
    measured as (
        select
            judged.row_count as records, judged.accepted, judged.rejected, 1 - judged.bad_rate as quality,
            judged.rejected_by_reason, coalesce(({ROWS_PUBLISHED}), 0) as rows_published, cache.writes, freshness.hours
        from judged cross join cache left join freshness on true
    )
"""
# For a pipeline without a gate, published rows count as processed. No row if it took no step.
RECORD_UNJUDGED = f"""
    with {STEPS},
    measured as (
        select
            coalesce(published.rows, 0) as records, coalesce(published.rows, 0) as accepted, 0 as rejected,
            null::numeric as quality, null::jsonb as rejected_by_reason, coalesce(published.rows, 0) as rows_published,
            null::integer as writes, null::numeric as hours
        from steps cross join lateral (select ({ROWS_PUBLISHED}) as rows) as published
        where steps.started_at is not null
    )
"""
WRITE = """
    insert into ops.pipeline_metrics (
        pipeline, logical_date, run_id, records_processed, records_accepted, records_rejected, data_quality_score,
        processing_duration_minutes, rejected_by_reason, expected_volume, rows_published, step_seconds, cache_writes,
        freshness_hours
    )
    select
        %(pipeline)s, %(day)s, %(run_id)s, measured.records, measured.accepted, measured.rejected, measured.quality,
        steps.minutes, measured.rejected_by_reason, %(expected_volume)s::numeric, measured.rows_published,
        steps.step_seconds, measured.writes, measured.hours
    from measured cross join steps
    on conflict (pipeline, logical_date, run_id) do update set
        records_processed = excluded.records_processed, records_accepted = excluded.records_accepted,
        records_rejected = excluded.records_rejected, data_quality_score = excluded.data_quality_score,
        processing_duration_minutes = excluded.processing_duration_minutes,
        rejected_by_reason = excluded.rejected_by_reason, expected_volume = excluded.expected_volume,
        rows_published = excluded.rows_published, step_seconds = excluded.step_seconds,
        cache_writes = excluded.cache_writes, freshness_hours = excluded.freshness_hours,
        measured_at = clock_timestamp()
    returning *
"""


def record_metrics(connection: Connection, pipeline: str, dataset: str | None, day: date, run_id: str) -> None:
    """Write the metrics of a run of a pipeline's day, from the gate's result and the log of steps.

    data_quality_score is 1 − bad rate (1 for an empty day), processing_duration_minutes the sum of this run's steps,
    expected_volume that of anomalies.volume (null with too little history), rows_published the rows that the run wrote
    to the pipeline's marts for all its days, cache_writes the products that it wrote to Redis (null without that step),
    freshness_hours the time from the end of the day, in the shop's zone, to the publish that readers see. A day that no
    gate has judged gets no metrics. Equal figures of a run are one message in the outbox.

    Without a dataset, the records are the published rows, and there is no quality.
    """
    values: dict[str, Any] = {
        "pipeline": pipeline,
        "dataset": dataset,
        "day": day,
        "run_id": run_id,
        "expected_volume": None,
    }
    values["expected_volume"] = None
    if dataset:
        limits = anomaly_limits()
        expected = day_volume(connection, dataset, day, limits).expected(limits)
        values["expected_volume"] = None if expected is None else rounded(expected)
    query = (RECORD if dataset else RECORD_UNJUDGED) + WRITE
    row = connection.execute(query.encode(), values).fetchone()
    if row:
        figures = repr([value for name, value in row.items() if name != "measured_at"])
        event = f"{pipeline}/{day}/{run_id}/metrics/{hashlib.sha256(figures.encode()).hexdigest()[:12]}"
        enqueue(connection, METRICS, event, row)
