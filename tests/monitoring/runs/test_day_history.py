"""The story of a day: its runs, loads, decisions, publications, anomalies and messages, and no other day's."""

from datetime import date, timedelta

import pytest

from monitoring.alerting.alerts import report_failure, report_success
from monitoring.runs.day_history import DayStory, read_stories
from monitoring.runs.run_log import step
from pipeline_errors import ShopError
from pipeline_settings import Settings
from tests.monitoring.anomalies.judged_days import execute, judge, measure
from warehouse.connection import connect

ORDERS, REVIEWS, HEALTH = "ecommerce_order_pipeline", "customer_feedback_pipeline", "customer_health_pipeline"
DATASETS = {ORDERS: "orders", REVIEWS: "reviews", HEALTH: None}
DAY = date(2026, 3, 1)
DOWN = ShopError("It is down", "Wait for it.")


def stories(first: date = DAY, last: date = DAY) -> dict[tuple[str, date], DayStory]:
    with connect() as connection:
        return read_stories(connection, DATASETS, first, last)


def log_step(name: str, run_id: str, day: date = DAY, pipeline: str = ORDERS, *, fails: bool = False) -> None:
    """Log a step."""
    try:
        with step([pipeline], name, [day], run_id):
            if fails:
                raise DOWN
    except ShopError:
        pass


def publish(pipeline: str, day: date, load_id: str | None, build: str, rows: str = '{"fct_orders": 9}') -> None:
    """Insert the rows of a publish; a pipeline without a dataset has no days."""
    execute(
        """
        with publication as (
            insert into ops.publications (pipeline, build_id, as_of_date, day_count, rows_published)
            values (%s, %s, %s, 1, %s::jsonb) returning publication_id
        )
        insert into ops.publication_days (publication_id, dataset, day, load_id)
        select publication_id, 'orders', %s, %s::text from publication where %s::text is not null
        """,
        pipeline, build, day, rows, day, load_id, load_id,
    )  # fmt: skip
    if load_id:
        execute("update ops.day_ledger set published_load_id = admitted_load_id where day = %s", day)


@pytest.fixture
def history(warehouse: Settings) -> None:
    """The first run fails, the second publishes, the third has a refused load. The next day is waiting."""
    log_step("extract_load", "run-1", fails=True)
    report_failure(ORDERS, DAY, "run-1", DOWN)
    log_step("extract_load", "run-2")
    judge(DAY, 9, 1, load_id="good")
    log_step("gate", "run-2")
    publish(ORDERS, DAY, "good", "build-1")
    measure(DAY, "run-2")
    report_success(ORDERS, DAY, "run-2")
    log_step("extract_load", "run-3")
    judge(DAY, 5, 5, is_refused=True, load_id="bad")
    log_step("gate", "run-3", fails=True)
    measure(DAY, "run-3")
    log_step("extract_load", "run-4", DAY + timedelta(1))
    judge(DAY + timedelta(1), 4)


def test_a_day_of_several_runs(history: None) -> None:
    found = stories()
    assert list(found) == [(ORDERS, DAY)]
    story = found[ORDERS, DAY]
    assert (story.dataset, story.state, story.is_blank) == ("orders", "published, newer load refused", False)
    assert [run.run_id for run in story.runs] == ["run-1", "run-2", "run-3"]
    assert [run.status for run in story.runs] == ["failed", "success", "failed"]
    assert [step["step"] for step in story.runs[1].steps] == ["extract_load", "gate"]
    assert "It is down" in story.runs[0].steps[0]["error"]
    assert [run.metrics and run.metrics["records_rejected"] for run in story.runs] == [None, 1, 5]


def test_loads_have_their_decisions_and_states(history: None) -> None:
    good, bad = stories()[ORDERS, DAY].loads
    facts = ("load_id", "decision", "is_admitted", "is_published")
    assert [good[fact] for fact in facts] == ["good", "passed", True, True]
    assert [bad[fact] for fact in facts] == ["bad", "refused", False, False]
    assert (bad["row_count"], bad["accepted"], bad["rejected"], bad["rejected_by_reason"]) == (
        10, 5, 5, {"amount_negative": 5}
    )  # fmt: skip


def test_publications_anomalies_and_messages_are_those_of_the_day(history: None) -> None:
    story = stories()[ORDERS, DAY]
    (publication,) = story.publications
    assert (publication["load_id"], publication["build_id"], publication["rows_published"]) == (
        "good", "build-1", {"fct_orders": 9}
    )  # fmt: skip
    assert publication["published_by"]
    assert {anomaly["kind"] for anomaly in story.anomalies} == {"data_quality", "volume_history"}
    assert [(row["kind"], row["is_open"]) for row in story.messages] == [
        ("failure", False), ("anomaly", False), ("recovery", False)
    ]  # fmt: skip


def test_a_load_without_a_decision_and_an_open_failure(warehouse: Settings) -> None:
    execute(
        "insert into ops.loads (load_id, dataset, day, row_count, page_count, seconds, fingerprint) "
        "values ('alone', 'orders', %s, 3, 1, 0, '')",
        DAY,
    )
    report_failure(ORDERS, DAY, "run-1", DOWN)
    story = stories()[ORDERS, DAY]
    assert story.state == "missing"
    assert (story.loads[0]["decision"], story.loads[0]["is_admitted"]) == (None, None)
    assert [row["is_open"] for row in story.messages] == [True]


def test_the_last_attempt_of_a_step_counts(warehouse: Settings) -> None:
    """As after clearing a task in Airflow; the run with the latest step is the newest."""
    log_step("gate", "night", fails=True)
    log_step("gate", "by hand", fails=True)
    log_step("gate", "night")
    runs = stories()[ORDERS, DAY].runs
    assert [(run.run_id, run.status, len(run.steps)) for run in runs] == [
        ("by hand", "failed", 1),
        ("night", "success", 2),
    ]


def test_health_has_no_state_and_its_publications_belong_to_its_newest_day(warehouse: Settings) -> None:
    log_step("publish", "run-1", pipeline=HEALTH)
    publish(HEALTH, DAY, None, "build-1", '{"customer_health_totals": 3}')
    publish(HEALTH, DAY + timedelta(1), None, "build-2")
    story = stories()[HEALTH, DAY]
    assert (story.dataset, story.state, len(story.runs)) == (None, None, 1)
    assert [row["build_id"] for row in story.publications] == ["build-1"]


def test_days_are_in_order_without_unknown_days(history: None) -> None:
    assert list(stories(DAY - timedelta(9), DAY + timedelta(9))) == [(ORDERS, DAY), (ORDERS, DAY + timedelta(1))]
    assert stories(DAY + timedelta(2), DAY + timedelta(9)) == {}
    assert stories(DAY + timedelta(1), DAY + timedelta(1))[ORDERS, DAY + timedelta(1)].state == "waiting"
