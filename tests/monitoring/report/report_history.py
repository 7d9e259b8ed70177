"""The history for the tests of the report: five days of orders, one of each state."""

import re
from datetime import date, timedelta

from pipeline_settings import PROJECT_ROOT
from tests.dbt_project.loads import FIRST
from warehouse.connection import connect

ORDERS, REVIEWS, HEALTH = "ecommerce_order_pipeline", "customer_feedback_pipeline", "customer_health_pipeline"
DATASETS = {ORDERS: "orders", REVIEWS: "reviews", HEALTH: None}
EVIL = "<script>alert(1)</script>"
LAST = FIRST + timedelta(4)
SALES = (
    "insert into marts.daily_sales (order_date, orders, customers, revenue, average_order_value, refunds,"
    " orders_refunded, net_revenue) values (%s, 3, 2, %s, %s, 0, 0, %s)"
)
CONTRACTS = {"product_metrics": "reviews", "customer_health": "health"}


def execute(query: str, *rows: tuple[object, ...]) -> None:
    with connect() as connection:
        connection.cursor().executemany(query.encode(), rows or [()])


def judged(load_id: str, dataset: str, day: date, accepted: int, rejected: int, decision: str = "passed") -> None:
    """Insert a load with two identical copies, and the gate's decision on it."""
    rows = accepted + rejected + 2
    execute(
        "insert into ops.loads (load_id, dataset, day, row_count, page_count, seconds, fingerprint)"
        " values (%s, %s, %s, %s, 1, 1, '')",
        (load_id, dataset, day, rows),
    )
    execute(
        "insert into ops.gate_results (load_id, dataset, day, row_count, identical_copies, accepted, rejected,"
        " rejected_by_reason, bad_rate, max_bad_rate, decision, settings)"
        """ values (%s, %s, %s, %s, 2, %s, %s, '{"amount_negative": 2, "missing_order_id": 3}', %s, 0.05, %s, '{}')""",
        (load_id, dataset, day, rows, accepted, rejected, rejected / (accepted + rejected), decision),
    )


def ledger(dataset: str, day: date, admitted: str, published: str | None) -> None:
    execute("insert into ops.day_ledger values (%s, %s, %s, now(), %s, now())", (dataset, day, admitted, published))


def create_marts() -> None:
    """Create the marts by their contracts, so that a renamed column fails here."""
    for mart, folder in CONTRACTS.items():
        contract = (PROJECT_ROOT / f"dbt_project/models/marts/{folder}/{mart}.yml").read_text()
        columns = re.findall(r"- name: (\w+)\n\s+data_type: (.+)", contract)
        execute(f"create table if not exists marts.{mart} ({', '.join(' '.join(column) for column in columns)})")


def step(name: str, day: date, status: str, records: int | None, seconds: float, error: str | None = None) -> None:
    execute(
        "insert into ops.step_runs (pipeline, step, logical_date, run_id, status, records, seconds, error, started_at,"
        " finished_at) values (%s, %s, %s, 'r', %s, %s, %s, %s, now() - interval '1 minute', now() + interval '1 min')",
        (ORDERS, name, day, status, records, seconds, error),
    )


def create_history() -> None:
    """Insert five days of orders, one of each state, and reviews of the first day only."""
    judged("o1", "orders", FIRST, 1200, 5)
    ledger("orders", FIRST, "o1", "o1")
    judged("o2", "orders", FIRST + timedelta(1), 95, 5)
    ledger("orders", FIRST + timedelta(1), "o2", "o2")
    judged("o2-refused", "orders", FIRST + timedelta(1), 1, 5, "refused")
    judged("o3", "orders", FIRST + timedelta(2), 70, 0)
    ledger("orders", FIRST + timedelta(2), "o3", None)
    judged("o5", "orders", LAST, 7, 5, "refused")
    judged("r1", "reviews", FIRST, 10, 0, "empty")
    ledger("reviews", FIRST, "r1", "r1")
    execute(
        "insert into ops.publications (pipeline, build_id, as_of_date, day_count, rows_published, published_by)"
        " values (%s, %s, %s, %s, %s, 'nora')",
        (ORDERS, "b1", FIRST, 1, '{"fct_orders": 1200, "daily_sales": 1, "int_orders": 9}'),
        (ORDERS, "b2", FIRST + timedelta(1), 2, '{"fct_orders": 4321, "daily_sales": 2, "int_orders": 9}'),
    )
    execute(
        "insert into ops.publication_days select publication_id, 'orders', %s, %s from ops.publications"
        " where build_id = %s",
        (FIRST, "o1", "b1"),
        (FIRST + timedelta(1), "o2", "b2"),
    )
    for name, records, seconds in (("wait_for_shop", None, 0.5), ("extract_load", 102, 1.25), ("gate", 102, 0.125)):
        step(name, FIRST + timedelta(1), "success", records, seconds)
    step("publish", FIRST + timedelta(1), "success", 4323, 2)
    step("extract_load", LAST, "success", 1234, 1.5)
    step("gate", LAST, "failed", None, 0.25, f"It is bad: {EVIL}")
    execute(
        "insert into ops.pipeline_metrics (pipeline, logical_date, run_id, records_processed, records_accepted,"
        " records_rejected, data_quality_score, processing_duration_minutes, measured_at, expected_volume,"
        " step_seconds) values (%s, %s, %s, 1, 1, 0, %s, 1, now() + %s * interval '1 second', %s, %s)",
        (ORDERS, FIRST, "r1", 0.5, 0, 7, None),
        (ORDERS, FIRST, "r2", 0.995851, 1, 1234.5, '{"gate": 1.5, "publish": 2}'),
    )
    execute(
        "insert into ops.alerts (event_key, pipeline, logical_date, run_id, kind, severity, title, cause, remedy)"
        " values (%s, %s, %s, 'r', 'refusal', 'critical', 'T', %s, 'Call the shop.')",
        ("1", ORDERS, LAST - timedelta(1), "Older"),
        ("2", ORDERS, LAST, f"5 of 12 are bad {EVIL}"),
    )
    execute(
        "insert into ops.anomalies (pipeline, logical_date, kind, severity, message, run_id)"
        " values (%s, %s, %s, %s, %s, 'r')",
        (ORDERS, FIRST, "volume_drop", "critical", "1205 orders where 5000 were expected"),
        (ORDERS, FIRST, "volume_history", "info", "Not on the front page"),
    )
    create_marts()
    execute(SALES, (FIRST, 1234567.50, 4.50, 1234567.50))
    execute(SALES, (FIRST + timedelta(1), 0, 0, 0))
    execute(SALES, (FIRST - timedelta(1), 666, 0, 666))
    execute(
        "insert into marts.product_metrics (product_id, prior_average, prior_count, recent_average, recent_count,"
        " rating_delta, is_rating_drop) values (%s, 4.5, 20, 2.25, 1000, %s, %s)",
        (EVIL, -2.25, True),
        ("rises", 1, False),
    )
    execute(
        "insert into marts.customer_health (customer_id, is_at_risk, lifetime_value, last_rating) values"
        " ('a', true, 10.25, 1), ('b', true, 1000, 2), ('c', false, 7, 1)"
    )


def create_long_history(days: int) -> None:
    """Insert days of orders and reviews, each with two loads, all steps of a run, its metrics and a message."""
    execute(LONG_HISTORY, (days,))
    create_marts()


LONG_HISTORY = """
    with days as (
        select date '2025-01-01' + n as day, dataset, pipeline
        from generate_series(0, %s - 1) as n,
            (values ('orders', 'ecommerce_order_pipeline'), ('reviews', 'customer_feedback_pipeline'))
                as datasets (dataset, pipeline)
    ),
    loads as (
        insert into ops.loads (load_id, dataset, day, row_count, page_count, seconds, fingerprint)
        select to_char(day, 'YYYYMMDD') || 'T021500.123456Z-' || left(dataset, 1) || n, dataset, day, 1000, 3, 1, ''
        from days, generate_series(1, 2) as n
        returning *
    ),
    results as (
        insert into ops.gate_results (
            load_id, dataset, day, row_count, identical_copies, accepted, rejected, rejected_by_reason, bad_rate,
            max_bad_rate, decision, settings
        )
        select
            load_id, dataset, day, 1000, 3, 990, 7, '{"amount_negative": 4, "missing_order_id": 3, "superseded": 1}',
            0.007, 0.05, 'passed', '{}'
        from loads
        returning *
    ),
    ledger as (
        insert into ops.day_ledger
        select dataset, day, max(load_id), now(), max(load_id), now() from results group by dataset, day
    ),
    steps as (
        insert into ops.step_runs
            (pipeline, step, logical_date, run_id, status, records, seconds, started_at, finished_at)
        select
            pipeline, step, day, to_char(day, 'YYYYMMDD') || 'T021500Z-abc123', 'success', 1000, 1.5, now(), now()
        from days, unnest(array[
            'wait_for_shop', 'extract_load', 'gate', 'transform', 'publish', 'update_cache', 'measure'
        ]) as step
    ),
    metrics as (
        insert into ops.pipeline_metrics (
            pipeline, logical_date, run_id, records_processed, records_accepted, records_rejected, data_quality_score,
            processing_duration_minutes, expected_volume, step_seconds
        )
        select pipeline, day, 'r', 1000, 990, 7, 0.993, 0.1, 1001.25, '{"gate": 1.5}' from days
    ),
    publications as (
        insert into ops.publications (pipeline, build_id, as_of_date, day_count, rows_published)
        select pipeline, day::text, day, 1, '{"fct_orders": 990, "daily_sales": 1}' from days
        returning *
    ),
    publication_days as (
        insert into ops.publication_days
        select publication_id, dataset, day, to_char(day, 'YYYYMMDD') || 'T021500.123456Z-' || left(dataset, 1) || 2
        from publications
        inner join days on publications.pipeline = days.pipeline and publications.as_of_date = days.day
    )
    insert into ops.alerts (event_key, pipeline, logical_date, run_id, kind, severity, title)
    select pipeline || day, pipeline, day, 'r', 'success', 'info', pipeline || ' ' || day || ' succeeded' from days
"""
