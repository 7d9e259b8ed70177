"""The benchmark of a backfill compares equal work, or ends with an error."""

from collections.abc import Iterator

import pytest
import redis

from benchmarks import backfill
from pipeline_settings import Settings
from transformation import dbt_runner
from warehouse.connection import connect

pytestmark = pytest.mark.slow

DAYS = 9  # up to a Sunday after the commands, so that the warm days fit the customer models


@pytest.fixture
def own_databases(warehouse: Settings) -> Iterator[None]:
    yield
    dbt_runner.forget_project()


@pytest.mark.usefixtures("own_databases")
def test_daily_runs_and_a_backfill_leave_the_same_marts(cache: "redis.Redis") -> None:
    found = backfill.run(DAYS)
    assert found.days == DAYS
    with connect() as connection:
        fits = connection.execute("select as_of_date::text from marts.customer_models order by 1").fetchall()
    assert [fit["as_of_date"] for fit in fits] == ["1999-12-26", "2000-01-02", "2000-01-09"]
