"""Anomalies of days whose steps all succeeded: stored in ops.anomalies, and reported as messages.

A finding depends on the day, the days before it and the limits, never on the clock. Measuring a day again replaces its
findings. Monitoring never breaks the pipeline: an error in here becomes one log line.
"""

import logging
from collections.abc import Sequence
from datetime import date

from monitoring.alerting import alerts
from monitoring.anomalies.findings import Anomaly, duration_finding, quality_finding, volume_finding
from monitoring.anomalies.limits import anomaly_limits
from monitoring.anomalies.rating_drops import new_rating_drops, rating_finding
from monitoring.anomalies.volume import day_volume
from monitoring.drift.store import drift_finding, forget_profiles
from monitoring.plain_text import first_line
from monitoring.runs.metrics import JUDGED
from warehouse.connection import Connection, connect

logger = logging.getLogger(__name__)

RATED_DATASET = "reviews"  # its pipeline publishes product_metrics

FIGURES = f"""
    with judged as ({JUDGED})
    select
        judged.accepted, judged.rejected, judged.rejected_by_reason, judged.decision = 'refused' as is_refused,
        metrics.processing_duration_minutes as minutes
    from judged
    left join ops.pipeline_metrics as metrics
        on metrics.pipeline = %(pipeline)s and metrics.logical_date = judged.day and metrics.run_id = %(run_id)s
"""
FORGET = """
    delete from ops.anomalies
    where pipeline = %(pipeline)s and logical_date = %(day)s and kind <> all(%(kept)s)
"""
SAVE = """
    insert into ops.anomalies (pipeline, logical_date, kind, severity, observed, expected, message, run_id)
    values (%(pipeline)s, %(day)s, %(kind)s, %(severity)s, %(observed)s, %(expected)s, %(message)s, %(run_id)s)
    on conflict (pipeline, logical_date, kind) do update set
        severity = excluded.severity, observed = excluded.observed, expected = excluded.expected,
        message = excluded.message, run_id = excluded.run_id, found_at = clock_timestamp()
"""
REMEDIES = {
    "zero_rows": "Run the day again once the shop has its rows. If the shop was closed, add the day to "
    "dbt_project/seeds/calendar_events.csv with share 0.",
    "volume_drop": "Run the day again once the shop has the missing rows. If the day really was so, add it to "
    "dbt_project/seeds/calendar_events.csv.",
    "volume_jump": "Look for rows that came twice under other ids. If the day really was so, add it to "
    "dbt_project/seeds/calendar_events.csv.",
    "data_quality": "See the rows in quarantine, and run the day again once the shop has corrected them.",
    "run_duration": "Look in ops.pipeline_runs for the slow step.",
    "schema_drift": "See daybreak contract for the affected models. Correct shop.toml and run the day again, or accept "
    "an intended change: daybreak contract --accept DATASET.",
    "rating_drop": "Read the newest reviews of these products in marts.fct_reviews.",
}


def record_anomalies(pipeline: str, dataset: str, day: date, run_id: str) -> Sequence[Anomaly]:
    """Find the day's anomalies, replace the stored ones, and report each kind once."""
    try:
        with connect() as connection:
            found = find_anomalies(connection, pipeline, dataset, day, run_id)
            drops = new_rating_drops(connection, pipeline, day) if dataset == RATED_DATASET else None
            if drops is not None and (dropped := rating_finding(drops)):
                found.append(dropped)
            skipped = [] if drops is not None else ["rating_drop"]
            try:
                with connection.transaction():
                    found += [drift] if (drift := drift_finding(connection, dataset, day)) else []
            except Exception as failure:
                logger.error("%s of %s could not be compared with its contract: %s", day, pipeline, first_line(failure))
                skipped.append("schema_drift")
            _save(connection, pipeline, day, run_id, found, skipped)
    except Exception as failure:
        logger.error("%s of %s could not be searched for anomalies: %s", day, pipeline, first_line(failure))
        return []
    for anomaly in found:
        if anomaly.is_reported and anomaly.severity != "info":
            alerts.report_anomaly(
                pipeline, day, run_id, anomaly.kind, anomaly.severity, anomaly.message, REMEDIES[anomaly.kind],
                figures={"observed": anomaly.observed, "expected": anomaly.expected},
            )  # fmt: skip
    return found


def find_anomalies(connection: Connection, pipeline: str, dataset: str, day: date, run_id: str) -> list[Anomaly]:
    """Return the anomalies of a day's volume, quality and duration; none for a day that no gate has judged.

    Quality is from the load judged last, volume from the load that counts, duration from this run's metrics, written
    by `record_metrics`. Changes nothing. Raises ConfigurationError if a limit is invalid.
    """
    limits = anomaly_limits()
    values = {"pipeline": pipeline, "dataset": dataset, "day": day, "run_id": run_id}
    figures = connection.execute(FIGURES.encode(), values).fetchone()
    if figures is None:
        return []
    minutes = figures.pop("minutes")
    by_reason = figures.pop("rejected_by_reason")
    findings = [
        volume_finding(day_volume(connection, dataset, day, limits), limits),
        quality_finding(**figures, by_reason=by_reason, limits=limits),
        duration_finding(minutes, limits),
    ]
    return [finding for finding in findings if finding]


def forget_day(connection: Connection, pipeline: str, dataset: str, day: date) -> None:
    """Delete the findings and profiles of a day that was taken out: nothing is learned from it."""
    connection.execute(FORGET, {"pipeline": pipeline, "day": day, "kept": []})
    forget_profiles(connection, dataset, day)


def _save(
    connection: Connection, pipeline: str, day: date, run_id: str, found: Sequence[Anomaly], skipped: list[str]
) -> None:
    place = {"pipeline": pipeline, "day": day, "run_id": run_id}
    connection.execute(FORGET, {**place, "kept": [*skipped, *(anomaly.kind for anomaly in found)]})
    connection.cursor().executemany(SAVE, [{**place, **vars(anomaly)} for anomaly in found])
