"""Metrics of a run in ops.pipeline_metrics: records, data quality and duration."""

import hashlib
from datetime import date

from monitoring.outbox import enqueue
from monitoring.receivers import METRICS
from warehouse.connection import Connection


def record_metrics(connection: Connection, pipeline: str, dataset: str, day: date, run_id: str) -> None:
    """Write what a run of a dataset's day amounts to, from the gate's result and the log of steps.

    data_quality_score is 1 − bad rate (1 for an empty day), processing_duration_minutes the sum of this run's steps.
    Nothing is written for a day that no gate has judged. The same figures of a run are one message in the outbox.
    """
    row = connection.execute(
        """
        insert into ops.pipeline_metrics (
            pipeline, logical_date, run_id, records_processed, records_accepted, records_rejected,
            data_quality_score, processing_duration_minutes
        )
        select
            %(pipeline)s, results.day, %(run_id)s, results.row_count, results.accepted, results.rejected,
            1 - results.bad_rate,
            coalesce((
                select sum(runs.seconds) / 60
                from ops.pipeline_runs as runs
                where runs.pipeline = %(pipeline)s and runs.logical_date = results.day and runs.run_id = %(run_id)s
            ), 0)
        from ops.gate_results as results
        where results.dataset = %(dataset)s and results.day = %(day)s
        order by results.decided_at desc
        limit 1
        on conflict (pipeline, logical_date, run_id) do update set
            records_processed = excluded.records_processed, records_accepted = excluded.records_accepted,
            records_rejected = excluded.records_rejected, data_quality_score = excluded.data_quality_score,
            processing_duration_minutes = excluded.processing_duration_minutes, measured_at = clock_timestamp()
        returning *
        """,
        {"pipeline": pipeline, "dataset": dataset, "day": day, "run_id": run_id},
    ).fetchone()
    if row:
        figures = repr([value for name, value in row.items() if name != "measured_at"])
        event = f"{pipeline}/{day}/{run_id}/metrics/{hashlib.sha256(figures.encode()).hexdigest()[:12]}"
        enqueue(connection, METRICS, event, row)
