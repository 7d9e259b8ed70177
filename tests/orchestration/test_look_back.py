"""Look-back: former days are asked for again, written only if they changed, and never fail the run of a day."""

import json
from datetime import date, timedelta
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner, Result
from werkzeug import Request, Response

from cli import summary
from cli.main import app
from local.demo_shop.shop_contract import ListedShop
from local.demo_shop.shop_server import ShopServer
from monitoring.runs.overview import read_overview
from orchestration import steps
from orchestration.day_run import run_days, unpublish_day
from orchestration.outcome import RunOutcome
from pipeline_settings import PROJECT_ROOT, Settings, settings
from tests.laws.conftest import World, rows_of
from tests.orchestration.test_run_messages import orders, reviews
from transformation.pipelines import BY_NAME, ORDERS
from warehouse.connection import connect
from warehouse.locks import day_lock

DAY = date(2026, 3, 31)
BEFORE, WEEK, MONTH = (DAY - timedelta(days=number) for number in (1, 7, 30))
FORMER = [BEFORE, WEEK, MONTH]
NAMES = [ORDERS.name]
TRACES = {
    "raw.orders": "_day", "ops.loads": "day", "ops.gate_results": "day", "ops.publication_days": "day",
    "ops.step_runs": "logical_date", "ops.pipeline_runs": "logical_date", "ops.pipeline_metrics": "logical_date",
    "ops.alerts": "logical_date", "ops.anomalies": "logical_date",
}  # fmt: skip


class Shop(ListedShop):
    """A shop over HTTP that lists its requests, fails for some days, and goes down at one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[date] = []
        self.broken: set[date] = set()
        self.down_from: date | None = None

    def answer(self, request: Request) -> Response:
        """Answer a request for a day of orders."""
        day = date.fromisoformat(request.args["date"])
        self.asked.append(day)
        if day in {*self.broken, self.down_from}:
            return Response(status=404)
        rows = [json.loads(row) for row in self.rows("orders", day)]
        return Response(json.dumps({"orders": rows, "next": None, "total": len(rows)}))

    def health(self, _: Request) -> Response:
        """Answer the health check."""
        return Response(status=404 if self.down_from in self.asked else 200)


@pytest.fixture
def shop(warehouse: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shop:
    """A shop whose four days are loaded, and then all requests are forgotten."""
    here = Shop()
    for day in (DAY, *FORMER):
        here.put("orders", day, orders(day))
    httpserver.expect_request("/health").respond_with_handler(here.health)
    httpserver.expect_request("/api/v1/orders").respond_with_handler(here.answer)
    text = (PROJECT_ROOT / "ingestion" / "shop.toml").read_text()
    (tmp_path / "shop.toml").write_text(
        text.replace("[datasets.orders]", "[datasets.orders]\nlookback_days = [30, 1, 7]").replace(
            "max_attempts = 5", "max_attempts = 1"
        )
    )
    monkeypatch.setenv("SHOP_CONFIG", str(tmp_path / "shop.toml"))
    monkeypatch.setenv("SHOP_API_URL", httpserver.url_for("").rstrip("/"))
    settings.cache_clear()
    return here


@pytest.fixture
def world(shop: Shop) -> World:
    """The world of the shop, its former days loaded."""
    here = World(shop)
    here.run(list(reversed(FORMER)), NAMES)
    shop.asked.clear()
    return here


def night(world: World) -> RunOutcome:
    """Run the day as the command does, record what must be admitted, and compare the marts."""
    outcome = run_days([DAY], NAMES, looks_back=True)
    for result in outcome.days:
        if result.state != "failed":
            _, is_admitted = world.admit("orders", result.day)
            assert is_admitted == (result.state != "refused")
    world.assert_marts_are_right([ORDERS])
    return outcome


def states(outcome: RunOutcome) -> dict[date, str]:
    return {result.day: result.state for result in outcome.days}


def traces(days: list[date]) -> dict[str, int]:
    """Count the rows of these days in raw and ops."""
    with connect() as connection:
        return {
            table: len(connection.execute(f"select from {table} where {column} = any(%s)".encode(), [days]).fetchall())
            for table, column in TRACES.items()
        }


def alerts_of(kind: str) -> dict[date, str]:
    with connect() as connection:
        rows = connection.execute("select * from ops.alerts where kind = %s order by alert_id", [kind]).fetchall()
    return {row["logical_date"]: row["cause"] for row in rows}


def changed(day: date) -> list[dict[str, object]]:
    return [{**row, "status": "cancelled"} if number == 0 else row for number, row in enumerate(orders(day))]


def test_an_unchanged_day_is_asked_and_writes_nothing(world: World, shop: Shop) -> None:
    before = traces(FORMER)
    outcome = night(world)
    assert shop.asked == [DAY, BEFORE, WEEK, MONTH]
    assert outcome.exit_code == 0
    assert states(outcome) == {DAY: "admitted"} | dict.fromkeys(FORMER, "unchanged")
    assert {result.row_count for result in outcome.days} == {10}
    assert traces(FORMER) == before
    assert {row["is_look_back"] for row in summary.as_data(outcome)["days"][1:]} == {True}


def test_nothing_is_built_if_the_day_is_unchanged_too(world: World) -> None:
    night(world)
    seen = rows_of("fct_orders"), traces(FORMER)
    outcome = night(world)
    assert set(states(outcome).values()) == {"unchanged"}
    assert (outcome.rows_published, "transform" in outcome.seconds) == ({}, False)
    assert (rows_of("fct_orders"), traces(FORMER)) == seen


def test_a_changed_day_is_published_with_the_day(world: World, shop: Shop) -> None:
    shop.put("orders", WEEK, changed(WEEK))
    outcome = night(world)
    assert states(outcome)[WEEK] == "admitted"
    with connect() as connection:
        published = connection.execute(
            "select publication_id, array_agg(day order by day) as days from ops.publication_days"
            " group by 1 order by 1 desc limit 1"
        ).fetchone()
        measured = connection.execute(
            "select logical_date from ops.pipeline_metrics where run_id = %s order by 1", [outcome.run_id]
        ).fetchall()
    assert published
    assert published["days"] == [WEEK, DAY]
    assert [row["logical_date"] for row in measured] == [WEEK, DAY]
    assert alerts_of("failure") == alerts_of("refusal") == {}


def test_a_refused_day_is_an_alert_and_the_night_is_green(world: World, shop: Shop) -> None:
    shop.put("orders", WEEK, orders(WEEK, bad=5))
    shop.put("orders", MONTH, changed(MONTH))
    outcome = night(world)
    assert outcome.exit_code == 0
    assert states(outcome) == {DAY: "admitted", BEFORE: "unchanged", WEEK: "refused", MONTH: "admitted"}
    refusals = alerts_of("refusal")
    assert refusals.keys() == {WEEK}
    assert refusals[WEEK].startswith(f"Asked again by the run of {DAY}: 5 of 10 orders are bad (50.00%")
    assert DAY in alerts_of("success")
    with connect() as connection:
        shown = read_overview(connection, {ORDERS.name: "orders"})
    assert [(row["day"], row["state"]) for row in shown.troubled_days if row["state"] != "missing"] == [
        (WEEK, "published, newer load refused")
    ]
    assert [(row["kind"], row["newest_day"]) for row in shown.incidents] == [("refusal", WEEK)]
    shop.put("orders", WEEK, changed(WEEK))
    assert states(night(world))[WEEK] == "admitted"
    assert WEEK in alerts_of("recovery")


def test_a_shop_that_fails_for_one_day_is_asked_for_the_others(world: World, shop: Shop) -> None:
    shop.broken = {BEFORE}
    shop.put("orders", MONTH, changed(MONTH))
    outcome = night(world)
    assert outcome.exit_code == 0
    assert states(outcome) == {DAY: "admitted", BEFORE: "failed", WEEK: "unchanged", MONTH: "admitted"}
    (cause,) = alerts_of("failure").values()
    assert cause.startswith(f"Asked again by the run of {DAY}: ")
    assert "404" in cause
    assert [str(error).split(" Asked")[0] for error in outcome.look_back_errors] == [f"{BEFORE} extract_load:"]
    shop.broken = set()
    assert set(states(night(world)).values()) == {"unchanged"}
    assert BEFORE in alerts_of("recovery")


def test_a_shop_that_is_down_is_not_asked_for_the_other_days(world: World, shop: Shop) -> None:
    shop.down_from = BEFORE
    outcome = night(world)
    assert outcome.exit_code == 0
    assert shop.asked == [DAY, BEFORE]
    assert states(outcome) == {DAY: "admitted"} | dict.fromkeys(FORMER, "failed")
    assert alerts_of("failure").keys() == set(FORMER)
    causes = [str(error) for error in outcome.look_back_errors]
    assert [cause.count("Asked again") for cause in causes] == [1, 1, 1]
    assert [cause.split()[0] for cause in causes] == [str(day) for day in FORMER]


def test_a_day_that_has_no_rows_any_more_keeps_its_admitted_load(world: World, shop: Shop) -> None:
    shop.put("orders", MONTH, [])
    outcome = night(world)
    assert (outcome.exit_code, states(outcome)[MONTH]) == (0, "failed")
    assert "The shop has no orders of this day any more; it had 10" in alerts_of("failure")[MONTH]
    assert run_days([MONTH], NAMES).days[0].state == "empty"


def test_a_day_of_updates_may_lose_all_its_rows(world: World, shop: Shop, tmp_path: Path) -> None:
    path = tmp_path / "shop.toml"
    path.write_text(path.read_text().replace("lookback_days", 'day_is = "updated"\nlookback_days', 1))
    shop.put("orders", WEEK, [])
    shop.put("orders", DAY, [*orders(DAY), *orders(WEEK)])
    assert states(night(world)) == dict.fromkeys((DAY, BEFORE, MONTH), "admitted") | {WEEK: "empty"}


def test_days_that_nobody_loaded_or_that_were_unpublished_are_not_asked(shop: Shop) -> None:
    run_days([WEEK], NAMES)
    run_days([MONTH], NAMES)
    assert unpublish_day(MONTH, NAMES).exit_code == 0
    shop.asked.clear()
    outcome = run_days([DAY], NAMES, looks_back=True)
    assert shop.asked == [DAY, WEEK]
    assert states(outcome) == {DAY: "admitted", WEEK: "unchanged"}


def test_a_refused_day_does_not_look_back(world: World, shop: Shop) -> None:
    shop.put("orders", DAY, orders(DAY, bad=5))
    shop.put("orders", WEEK, changed(WEEK))
    outcome = night(world)
    assert (outcome.exit_code, shop.asked) == (5, [DAY])


def test_a_busy_day_is_left_to_the_run_that_holds_it(world: World) -> None:
    with day_lock("orders", WEEK):
        outcome = night(world)
    assert (outcome.exit_code, states(outcome)[WEEK]) == (0, "failed")
    assert alerts_of("failure") == {}


def test_an_unexpected_error_of_a_former_day_does_not_end_the_run(
    world: World, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gate(dataset: str, day: date, *rest: str) -> object:
        if day == BEFORE:
            raise ValueError(f"a row of {day}")
        return judge(dataset, day, *rest)

    judge = steps.gate
    monkeypatch.setattr(steps, "gate", gate)
    shop.put("orders", BEFORE, changed(BEFORE))
    shop.put("orders", WEEK, changed(WEEK))
    outcome = run_days([DAY], NAMES, looks_back=True)
    assert outcome.exit_code == 0
    assert states(outcome) == {DAY: "admitted", BEFORE: "failed", WEEK: "admitted", MONTH: "unchanged"}
    assert alerts_of("failure") == {BEFORE: f"Asked again by the run of {DAY}: unexpected ValueError"}


def test_no_former_day_is_asked_once_the_time_of_a_step_is_over(
    world: World, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_hours = count(0, 1801)
    monkeypatch.setattr("orchestration.look_back.time", SimpleNamespace(monotonic=lambda: next(half_hours)))
    outcome = night(world)
    assert shop.asked == [DAY, BEFORE]
    assert states(outcome) == {DAY: "admitted", BEFORE: "unchanged", WEEK: "failed", MONTH: "failed"}
    assert "there was no time left after 60 minutes" in alerts_of("failure")[MONTH]


def test_the_command_looks_back_unless_it_is_a_backfill_or_told_not_to(world: World, shop: Shop) -> None:
    def daybreak(*arguments: str) -> Result:
        shop.asked.clear()
        result = CliRunner().invoke(app, [*arguments, "--pipeline", ORDERS.name, "--json"])
        assert result.exit_code == 0, result.output
        return result

    shop.put("orders", WEEK, orders(WEEK, bad=5))
    daybreak("backfill", str(DAY), str(DAY))
    assert shop.asked == [DAY]
    daybreak("run", str(DAY), "--no-lookback")
    assert shop.asked == [DAY]
    result = daybreak("run", str(DAY))
    assert shop.asked == [DAY, *FORMER]
    refused = f"{WEEK} gate: Asked again by the run of {DAY}: 5 of 10 orders are bad"
    assert f"daybreak: {refused}" in result.stderr
    days = {day["day"]: day for day in json.loads(result.stdout)["days"]}
    assert days[str(WEEK)]["error"].startswith(refused)
    assert [days[str(day)]["state"] for day in (DAY, *FORMER)] == ["unchanged", "unchanged", "refused", "unchanged"]


def test_reviews_look_back_too(
    shop: Shop, cache: "redis.Redis", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "shop.toml"
    path.write_text(path.read_text().replace("[datasets.reviews]", "[datasets.reviews]\nlookback_days = [7]"))
    for day in (DAY, *FORMER):
        shop.put("reviews", day, reviews(day))
    with ShopServer(shop) as server:
        monkeypatch.setenv("SHOP_API_URL", server.url)
        settings.cache_clear()
        here = World(shop)
        here.run([WEEK])
        shop.put("reviews", WEEK, [{**reviews(WEEK)[0], "review_text": "bad", "rating": 1}])
        outcome = run_days([DAY], list(BY_NAME), looks_back=True)
    assert outcome.exit_code == 0
    assert [(one.dataset, one.day, one.state) for one in outcome.days] == [
        ("orders", DAY, "admitted"),
        ("reviews", DAY, "admitted"),
        ("orders", WEEK, "unchanged"),
        ("reviews", WEEK, "admitted"),
    ]
    for result in outcome.days:
        here.admit(result.dataset, result.day)
    here.assert_marts_are_right()
    assert [row["sentiment"] for row in rows_of("fct_reviews")] == ["negative", "positive"]
