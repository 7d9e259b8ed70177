"""The figures of a run of a day for its message, read from the ops tables."""

from datetime import date
from typing import Any

from warehouse.connection import Connection

# Only publications after `steps` began. int_* are for the next build, not for readers.
ROWS_PUBLISHED = """
    select sum(mart.value::bigint)
    from ops.publications as publications, jsonb_each_text(publications.rows_published) as mart
    where
        publications.pipeline = %(pipeline)s and publications.published_at >= (select started_at from steps)
        and starts_with(mart.key, 'int_') is false
"""
FIGURES = f"""
    with steps as (
        select
            round(extract(epoch from max(finished_at) - min(started_at)), 3) as seconds, min(started_at) as started_at
        from ops.pipeline_runs
        where pipeline = %(pipeline)s and logical_date = %(day)s::date and run_id = %(run_id)s
    ),
    metrics as (
        select * from ops.pipeline_metrics
        where pipeline = %(pipeline)s and logical_date = %(day)s::date and run_id = %(run_id)s
    )
    select jsonb_strip_nulls(jsonb_build_object(
        'rows', metrics.records_processed, 'accepted', metrics.records_accepted, 'rejected', metrics.records_rejected,
        'bad_rate', 1 - metrics.data_quality_score, 'rows_published', ({ROWS_PUBLISHED}), 'seconds', steps.seconds
    )) as figures
    from steps left join metrics on true
"""


def run_figures(connection: Connection, pipeline: str, day: date | None, run_id: str) -> dict[str, Any]:
    """Return a run's known rows, accepted, rejected, bad_rate (0–1), rows_published and seconds, with waits."""
    values = {"pipeline": pipeline, "day": day, "run_id": run_id}
    row = connection.execute(FIGURES.encode(), values).fetchone()
    return dict(row["figures"]) if row else {}
