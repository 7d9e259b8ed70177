"""A published day can be taken out again: the marts are then as if it had never been loaded."""

from datetime import date, timedelta
from typing import Any

import pytest
import redis

from cli.status.day import events_of
from monitoring.runs.day_history import read_stories
from monitoring.runs.overview import read_overview
from orchestration.customer_models import due, fit_if_due
from orchestration.day_run import publish_pending, replay_days, unpublish_day
from orchestration.outcome import RunOutcome
from orchestration.steps import prepare
from pipeline_errors import ConfigurationError
from tests.dbt_project.conftest import dbt_state, loads
from tests.dbt_project.loads import FIRST, SECOND, Loads, order, orders, reviews
from tests.dbt_project.readers import assert_marts_are_right, contents, pending
from transformation.pipelines import BY_NAME, HEALTH, ORDERS, PIPELINES, REVIEWS
from warehouse.connection import connect

__all__ = ["dbt_state", "loads"]  # fixtures

ALL = [pipeline.name for pipeline in PIPELINES]
MISTYPED = date(2062, 3, 2)


def read(query: str, *values: Any) -> list[dict[str, Any]]:
    with connect() as connection:
        return connection.execute(query.encode(), values).fetchall()


def published(loads: Loads, *days: date) -> RunOutcome:
    """Publish orders and reviews of the days, and fit if due."""
    for day in days:
        loads.admit("orders", day, [*orders(day, 12), order(day, 1, total_amount=f"{day.day}.00")])
        loads.admit("reviews", day, reviews(day))
    outcome = publish_pending()
    fit_if_due(outcome, ALL, lambda _: None)
    assert outcome.exit_code == 0, outcome.errors
    return outcome


def unpublished(loads: Loads, day: date, pipelines: list[str] = ALL) -> RunOutcome:
    outcome = unpublish_day(day, pipelines)
    fit_if_due(outcome, pipelines, lambda _: None)
    assert outcome.exit_code == 0, outcome.errors
    for name in pipelines:
        if dataset := BY_NAME[name].dataset:
            loads.admitted.pop((dataset, day), None)
    return outcome


def states(outcome: RunOutcome) -> list[str]:
    return [day.state for day in outcome.days]


@pytest.mark.fault(67)
def test_a_mistyped_day_is_taken_out_and_nothing_of_it_is_left(loads: Loads, cache: "redis.Redis") -> None:
    published(loads, FIRST, SECOND)
    before, models = contents(), read("select as_of_date, customers from marts.customer_models")
    published(loads, MISTYPED)
    assert contents() != before
    assert cache.get("products:as_of") == str(MISTYPED)

    assert states(unpublished(loads, MISTYPED)) == ["unpublished"] * 2
    assert contents() == before
    assert_marts_are_right(loads)
    assert read("select as_of_date, customers from marts.customer_models") == models
    for table in ("customer_segments_history", "product_metrics_history"):
        assert read(f"select * from marts.{table} where greatest(valid_from, valid_to) > %s", SECOND) == []
    assert cache.get("products:as_of") == str(SECOND)
    assert (pending(), due()) == ([], None)

    # raw stays, and the day's story says what happened; the overview shows the weeks of the shop
    assert read("select count(distinct _load_id) as loads from raw.orders where _day = %s", MISTYPED) == [{"loads": 1}]
    with connect() as connection:
        datasets = {pipeline.name: pipeline.dataset for pipeline in PIPELINES}
        story = read_stories(connection, datasets, MISTYPED, MISTYPED)[ORDERS.name, MISTYPED]
        overview = read_overview(connection, datasets)
    assert story.state == "unpublished"
    assert [row["load_id"] is None for row in story.publications] == [False, True]
    assert [row["action"] for row in story.actions] == ["unpublish"]
    assert any(event.kind == "action" and str(story.actions[0]["os_user"]) in event.text for event in events_of(story))
    assert "unpublish" in {step["step"] for run in story.runs for step in run.steps}
    assert overview.first_day is not None
    assert overview.first_day < FIRST
    assert overview.troubled_days == []

    # again, it changes nothing; a replay does not bring it back
    assert states(unpublished(loads, MISTYPED)) == ["not published"] * 2
    replayed = replay_days([MISTYPED], ALL)
    assert (replayed.exit_code, replayed.days) == (0, [])
    replays = read("select subjects, first_day from ops.operator_actions where action = 'replay'")
    assert replays == [{"subjects": ALL, "first_day": MISTYPED}]
    assert contents() == before


@pytest.mark.slow
def test_a_day_in_the_middle_gives_back_what_it_changed(loads: Loads) -> None:
    """Orders of the day before are superseded on it, and return. Health follows each dataset back."""
    third = SECOND + timedelta(days=1)
    published(loads, FIRST, SECOND, third)
    unpublished(loads, SECOND)
    assert_marts_are_right(loads)
    unpublished(loads, third, [REVIEWS.name])  # the common day goes back to the first
    publish_health()
    assert_marts_are_right(loads)
    unpublished(loads, third, [ORDERS.name, HEALTH.name])
    unpublished(loads, FIRST)
    assert {name: len(rows) for name, rows in contents().items() if rows} == {}
    published(loads, SECOND)  # a newer load brings a day back
    assert_marts_are_right(loads)


def publish_health() -> None:
    from orchestration.day_run import _build_and_publish
    from orchestration.outcome import new_run_id

    _build_and_publish([HEALTH.name], [SECOND], RunOutcome(new_run_id()), lambda _: None)


def test_a_refused_day_is_no_longer_an_open_incident(loads: Loads) -> None:
    prepare()
    published(loads, FIRST)
    with connect() as connection:
        connection.execute(
            """
            insert into ops.alerts (event_key, pipeline, logical_date, run_id, kind, severity, title)
            values ('refused', %s, %s, 'run', 'refusal', 'critical', 'was refused')
            """,
            [ORDERS.name, MISTYPED],
        )
    assert states(unpublished(loads, MISTYPED, [ORDERS.name])) == ["not published"]
    assert read("select * from ops.open_alerts") == []


def test_a_pipeline_without_days_cannot_lose_one(loads: Loads) -> None:
    with pytest.raises(ConfigurationError, match="customer_health_pipeline has no days of its own"):
        unpublish_day(FIRST, [HEALTH.name])
