"""Ranges of days that are landed in batches: the effect of one day on the others, and their rows in the step log."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from orchestration import steps
from orchestration.day_loading import load_days
from orchestration.outcome import RunOutcome
from pipeline_errors import DayBusyError, ShopError
from pipeline_settings import Settings, settings
from tests.orchestration.test_run_messages import orders
from warehouse.connection import connect
from warehouse.locks import day_lock

FIRST = date(2026, 3, 1)
DAYS = [FIRST + timedelta(number) for number in range(6)]


@pytest.fixture
def requests(warehouse: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> dict[date, int]:
    """The shop's requests per day. The shop fails for a day whose count is negative."""
    counted = dict.fromkeys(DAYS, 0)

    def answer(request: Request) -> Response:
        day = date.fromisoformat(request.args["date"])
        counted[day] += 1
        if counted[day] <= 0:
            return Response(status=404)
        rows = orders(day, bad=5 if day == DAYS[1] else 0)
        body = {"orders": rows, "next": None, "total": len(rows)}
        return Response(json.dumps(body))

    httpserver.expect_request("/health").respond_with_data("ok")
    httpserver.expect_request("/api/v1/orders").respond_with_handler(answer)
    monkeypatch.setenv("SHOP_API_URL", httpserver.url_for("").rstrip("/"))
    settings.cache_clear()
    steps.prepare()
    return counted


def load() -> tuple[RunOutcome, list[tuple[date, str]]]:
    outcome = RunOutcome("run")
    progress: list[str] = []
    load_days("orders", DAYS, outcome, progress.append, 0)
    assert f"{DAYS[0]} orders: gate" in progress
    return outcome, [(day.day, day.state) for day in outcome.days]


def landings() -> list[dict[str, Any]]:
    with connect() as connection:
        return connection.execute(
            """
            select logical_date, status, records, seconds > 0 as took from ops.pipeline_runs
            where step = 'extract_load' order by logical_date
            """
        ).fetchall()


def test_a_refused_or_busy_day_does_not_stop_the_others(requests: dict[date, int]) -> None:
    with day_lock("orders", DAYS[3]):
        outcome, states = load()
    wanted = ["admitted", "refused", "admitted", "failed", "admitted", "admitted"]
    assert states == list(zip(DAYS, wanted, strict=True))
    assert [type(error).__name__ for error in outcome.errors] == ["GateRefusedError", "DayBusyError"]
    assert list(requests.values()) == [1, 1, 1, 0, 1, 1]
    log = landings()
    assert [row["logical_date"] for row in log] == [*DAYS[:3], *DAYS[4:]]
    assert {(row["status"], row["records"], row["took"]) for row in log} == {("success", 10, True)}


def test_a_failing_shop_ends_the_loading_and_keeps_the_days_before(requests: dict[date, int]) -> None:
    requests[DAYS[4]] = -9
    outcome, states = load()
    assert states == list(zip(DAYS, ["admitted", "refused", "admitted", "admitted", "failed"], strict=False))
    assert isinstance(outcome.errors[-1], ShopError)
    assert str(outcome.errors[-1]).startswith(f"{DAYS[4]} extract_load: ")
    assert requests[DAYS[5]] == 0
    log = landings()
    assert [(row["logical_date"], row["status"]) for row in log] == [
        *((day, "success") for day in DAYS[:4]),
        (DAYS[4], "failed"),
    ]


def test_a_day_taken_over_by_another_run_is_left_to_it(
    requests: dict[date, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def gate(dataset: str, day: date, *rest: str) -> object:
        if day == DAYS[2]:
            raise DayBusyError(f"{dataset} of {day} was taken over")
        return judge(dataset, day, *rest)

    judge = steps.gate
    monkeypatch.setattr(steps, "gate", gate)
    _, states = load()
    wanted = ["admitted", "refused", "failed", "admitted", "admitted", "admitted"]
    assert states == list(zip(DAYS, wanted, strict=True))
    assert set(requests.values()) == {1}
    with connect() as connection:
        admitted = connection.execute("select day from ops.day_ledger where admitted_load_id is not null").fetchall()
    assert {row["day"] for row in admitted} == {DAYS[0], *DAYS[3:]}
