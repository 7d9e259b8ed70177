"""Judged days, reduced to their counts, and the results of the measure step."""

from collections.abc import Sequence
from datetime import date
from itertools import count
from typing import Any

from monitoring.anomalies.find_anomalies import record_anomalies
from monitoring.anomalies.findings import Anomaly
from monitoring.runs.metrics import record_metrics
from warehouse.connection import connect

PIPELINES = {"orders": "ecommerce_order_pipeline", "reviews": "customer_feedback_pipeline"}
_numbers = count(1)


def execute(statement: str, *values: object) -> None:
    with connect() as connection:
        connection.execute(statement.encode(), values)


def select(query: str, *values: object) -> list[dict[str, Any]]:
    with connect() as connection:
        return connection.execute(query.encode(), values).fetchall()


def judge(
    day: date,
    accepted: int,
    rejected: int = 0,
    *,
    copies: int = 0,
    dataset: str = "orders",
    is_refused: bool = False,
    fingerprint: str = "",
    load_id: str = "",
) -> None:
    """Land a load of a day, judge it, and admit it unless it is refused."""
    load_id = load_id or f"load-{next(_numbers):06}"
    rows = accepted + rejected + copies
    decision = "refused" if is_refused else "passed" if rows else "empty"
    bad_rate = rejected / (accepted + rejected) if accepted + rejected else 0
    with connect() as connection:
        connection.execute(
            """
            insert into ops.loads (load_id, dataset, day, row_count, page_count, seconds, fingerprint)
            values (%s, %s, %s, %s, 1, 0, %s)
            """,
            [load_id, dataset, day, rows, fingerprint],
        )
        connection.execute(
            """
            insert into ops.gate_results (
                load_id, dataset, day, row_count, identical_copies, accepted, rejected, rejected_by_reason, bad_rate,
                max_bad_rate, decision, settings
            )
            values (%s, %s, %s, %s, %s, %s, %s, jsonb_build_object('amount_negative', %s::int), %s, 1, %s, '{}')
            """,
            [load_id, dataset, day, rows, copies, accepted, rejected, rejected, bad_rate, decision],
        )
        if not is_refused:
            connection.execute(
                """
                insert into ops.day_ledger (dataset, day, admitted_load_id) values (%s, %s, %s)
                on conflict (dataset, day) do update set admitted_load_id = excluded.admitted_load_id
                """,
                [dataset, day, load_id],
            )


def measure(day: date, run_id: str = "run-1", *, dataset: str = "orders") -> Sequence[Anomaly]:
    """Run the measure step for a day; return its findings."""
    with connect() as connection:
        record_metrics(connection, PIPELINES[dataset], dataset, day, run_id)
    return record_anomalies(PIPELINES[dataset], dataset, day, run_id)


def explain(day: date, event: str, expected_share: float) -> None:
    """Add a day to the calendar."""
    execute("insert into staging.calendar_events values (%s, %s, %s)", day, event, expected_share)


def kinds(anomalies: Sequence[Anomaly]) -> dict[str, str]:
    """Return the severity of each kind found."""
    return {anomaly.kind: anomaly.severity for anomaly in anomalies}


def stored() -> dict[tuple[date, str], str]:
    """Return the severities in ops.anomalies by day and kind."""
    rows = select("select logical_date, kind, severity from ops.anomalies order by logical_date, kind")
    return {(row["logical_date"], row["kind"]): row["severity"] for row in rows}


def anomaly_alerts() -> list[tuple[date, str, str]]:
    """Return day, severity and the end of the title of each anomaly's alert."""
    rows = select("select * from ops.alerts where kind = 'anomaly' order by alert_id")
    return [(row["logical_date"], row["severity"], row["title"].split(": ")[1]) for row in rows]
