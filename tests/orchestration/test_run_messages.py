"""Messages about runs of the command line: one per event, and few for many days."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from local.demo_shop.shop_contract import ListedShop
from local.demo_shop.shop_server import ShopServer
from monitoring.alerting import alerts
from monitoring.runs.overview import read_overview
from orchestration import steps
from orchestration.day_run import days_between, replay_days, run_days
from orchestration.run_messages import keep_up
from pipeline_errors import ModelError, WarehouseError
from pipeline_settings import Settings, settings
from transformation.pipelines import HEALTH, ORDERS, PIPELINES, REVIEWS
from warehouse.connection import connect
from warehouse.locks import day_lock

FIRST = date(2026, 3, 1)
SECOND, THIRD = FIRST + timedelta(1), FIRST + timedelta(2)
ALL = [pipeline.name for pipeline in PIPELINES]

Alert = tuple[str, str, date | None]


def orders(day: date, bad: int = 0) -> list[dict[str, object]]:
    return [
        {
            "order_id": f"{day}-{number}",
            "customer_id": "c1",
            "total_amount": "abc" if number < bad else 10,
            "order_date": str(day),
            "status": "shipped",
        }
        for number in range(10)
    ]


def reviews(day: date) -> list[dict[str, object]]:
    return [{"review_id": f"r{day}", "product_id": "p1", "customer_id": "c1", "rating": 5, "review_text": "good"}]


@pytest.fixture
def shop(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ListedShop]:
    listed = ListedShop()
    for day in (FIRST, SECOND, THIRD):
        listed.put("orders", day, orders(day))
        listed.put("reviews", day, reviews(day))
    with ShopServer(listed) as server:
        monkeypatch.setenv("SHOP_API_URL", server.url)
        settings.cache_clear()
        yield listed


def test_a_day_that_dbt_has_published_since_is_no_open_incident(shop: ListedShop) -> None:
    run_days([FIRST], [ORDERS.name])
    alerts.report_failure(ORDERS.name, FIRST, "run", ModelError("customer_ltv failed"))

    def open_alerts_after_upkeep() -> int:
        assert keep_up().error is None
        with connect() as connection:
            return len(connection.execute("select * from ops.open_alerts").fetchall())

    assert open_alerts_after_upkeep() == 1
    with connect() as connection:
        connection.execute("update ops.day_ledger set published_at = clock_timestamp()")
    assert open_alerts_after_upkeep() == 0


def test_a_failed_build_that_a_person_has_published_since_is_not_shown(shop: ListedShop) -> None:
    def shown() -> list[str]:
        with connect() as connection:
            return [row["kind"] for row in read_overview(connection, {ORDERS.name: "orders"}).incidents]

    failure = ModelError("customer_ltv failed")
    failure.place(FIRST, "transform")
    alerts.report_failure(ORDERS.name, FIRST, "run", failure)
    assert shown() == ["failure"]
    with connect() as connection:
        connection.execute(
            """
            with published as (
                insert into ops.publications (pipeline, build_id, as_of_date, day_count, rows_published)
                values (%s, 'by hand', %s, 1, '{}') returning publication_id
            )
            insert into ops.publication_days (publication_id, dataset, day, load_id)
            select publication_id, 'orders', %s, 'load' from published
            """,
            [ORDERS.name, FIRST, FIRST],
        )
    assert shown() == []


@pytest.fixture
def new_alerts(warehouse: Settings) -> "NewAlerts":
    return NewAlerts()


class NewAlerts:
    """The alerts since the last call."""

    def __init__(self) -> None:
        self.read_to = 0

    def rows(self) -> list[dict[str, Any]]:
        with connect() as connection:
            rows = connection.execute("select * from ops.alerts where alert_id > %s order by alert_id", [self.read_to])
            found = rows.fetchall()
        self.read_to = found[-1]["alert_id"] if found else self.read_to
        return found

    def __call__(self) -> set[Alert]:
        rows = self.rows()
        new_alerts = {(row["pipeline"], row["kind"], row["logical_date"]) for row in rows}
        assert len(new_alerts) == len(rows)
        return new_alerts


@pytest.mark.slow
def test_a_backfill_sends_one_success_and_a_refusal_per_refused_day(shop: ListedShop, new_alerts: NewAlerts) -> None:
    shop.put("orders", SECOND, orders(SECOND, bad=3))
    run_days(days_between(FIRST, THIRD), ALL)
    rows = {(row["pipeline"], row["kind"]): row for row in new_alerts.rows()}
    assert {key: row["logical_date"] for key, row in rows.items()} == {
        (ORDERS.name, "refusal"): SECOND,
        (ORDERS.name, "success"): THIRD,
        (REVIEWS.name, "success"): THIRD,
        (HEALTH.name, "success"): THIRD,
    }
    refused, published = rows[ORDERS.name, "refusal"], rows[ORDERS.name, "success"]
    assert (refused["step"], refused["figures"]["rejected"], refused["figures"]["bad_rate"]) == ("gate", 3, 0.3)
    assert "3 of 10 orders are bad" in refused["cause"]
    figures = published["figures"]
    assert (figures["rows"], figures["accepted"], figures["rejected"], figures["bad_rate"]) == (10, 10, 0, 0)
    assert figures["rows_published"] >= 20
    assert figures["seconds"] > 0

    shop.put("orders", SECOND, orders(SECOND))
    run_days([SECOND], [ORDERS.name])
    assert new_alerts() == {(ORDERS.name, "recovery", SECOND)}
    run_days([SECOND], [ORDERS.name])  # nothing is new, and all is well
    assert new_alerts() == {(ORDERS.name, "success", SECOND)}


@pytest.mark.slow
def test_a_day_with_its_published_rows_again_has_recovered(shop: ListedShop, new_alerts: NewAlerts) -> None:
    run_days([FIRST], [ORDERS.name])
    shop.put("orders", FIRST, orders(FIRST, bad=3))
    run_days([FIRST], [ORDERS.name])
    shop.put("orders", FIRST, orders(FIRST))
    run_days([FIRST], [ORDERS.name])
    assert [row["kind"] for row in new_alerts.rows()] == ["success", "refusal", "recovery"]


def test_a_shop_that_is_down_fails_the_first_day_of_each_dataset(
    shop: ListedShop, new_alerts: NewAlerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setenv("SHOP_API_URL", "http://127.0.0.1:9")
        settings.cache_clear()
        run_days([FIRST, SECOND], [ORDERS.name, REVIEWS.name])
    settings.cache_clear()
    assert new_alerts() == {(ORDERS.name, "failure", FIRST), (REVIEWS.name, "failure", FIRST)}
    run_days([FIRST, SECOND], [ORDERS.name, REVIEWS.name])
    assert new_alerts() == {(name, kind, day) for name in (ORDERS.name, REVIEWS.name)
                      for kind, day in (("recovery", FIRST), ("success", SECOND))}  # fmt: skip


@pytest.mark.slow
def test_a_red_model_fails_only_its_pipeline(
    shop: ListedShop, new_alerts: NewAlerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    judge = steps.gate

    def miscount(dataset: str, day: date, load_id: str, run_id: str) -> object:
        decision = judge(dataset, day, load_id, run_id)
        with connect() as connection:  # dbt's test of conservation finds this
            connection.execute(
                """
                update ops.gate_results set row_count = row_count + 1, accepted = accepted + 1
                where dataset = 'orders' and load_id = %s
                """,
                [load_id],
            )
        return decision

    with monkeypatch.context() as broken:
        broken.setattr(steps, "gate", miscount)
        run_days([FIRST], ALL)
    (failure,) = [row for row in new_alerts.rows() if row["kind"] != "success"]
    assert (failure["pipeline"], failure["logical_date"], failure["step"]) == (ORDERS.name, FIRST, "transform")
    assert "int_orders_accepted_matches_gate_results" in failure["cause"]
    with connect() as connection:
        built = connection.execute("select pipeline, status, error from ops.step_runs where step = 'transform'")
        errors = {row["pipeline"]: (row["status"], row["error"]) for row in built}
        assert errors[REVIEWS.name] == errors[HEALTH.name] == ("success", None)
        assert "int_orders_accepted_matches_gate_results failed: " in errors[ORDERS.name][1]
        connection.execute(
            """
            update ops.gate_results set row_count = row_count - 1, accepted = accepted - 1 where dataset = 'orders'
            """
        )
    run_days([SECOND], ALL)  # the next night publishes both days
    assert new_alerts() >= {(ORDERS.name, "recovery", FIRST), (ORDERS.name, "success", SECOND)}


@pytest.mark.slow
def test_customer_health_is_reported_if_only_it_failed(
    shop: ListedShop, new_alerts: NewAlerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def red(*_: object, **__: object) -> None:
        raise ModelError("customer_health failed")

    run_days([FIRST], [ORDERS.name, REVIEWS.name])
    new_alerts()
    with monkeypatch.context() as broken:
        broken.setattr(steps, "transform", red)
        run_days([FIRST], ALL)
    assert new_alerts() == {
        (HEALTH.name, "failure", FIRST), (ORDERS.name, "success", FIRST), (REVIEWS.name, "success", FIRST)
    }  # fmt: skip
    run_days([FIRST], ALL)
    assert (HEALTH.name, "recovery", FIRST) in new_alerts()


@pytest.mark.slow
def test_a_replay_reports_refusals_recoveries_and_red_builds(
    shop: ListedShop, new_alerts: NewAlerts, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_days([FIRST, SECOND], [ORDERS.name])
    new_alerts()
    replay_days([FIRST, SECOND], [ORDERS.name])
    assert new_alerts() == {(ORDERS.name, "success", SECOND)}

    def red(*_: object, **__: object) -> None:
        raise ModelError("fct_orders failed")

    with monkeypatch.context() as broken:
        broken.setattr(steps, "transform", red)
        broken.setattr(steps, "publish", red)
        replay_days([FIRST, SECOND], [ORDERS.name])
    assert new_alerts() == {(ORDERS.name, "failure", SECOND)}
    replay_days([FIRST, SECOND], [ORDERS.name])
    assert new_alerts() == {(ORDERS.name, "recovery", SECOND)}


def test_a_day_that_another_run_holds_is_not_reported(shop: ListedShop, new_alerts: NewAlerts) -> None:
    with day_lock("orders", FIRST):
        run_days([FIRST], [ORDERS.name])
        assert new_alerts() == set()
        run_days([FIRST, SECOND], [ORDERS.name])
    assert new_alerts() == {(ORDERS.name, "success", SECOND)}


@pytest.mark.slow
@pytest.mark.parametrize("error", [WarehouseError("Postgres gave up on us"), ZeroDivisionError("by zero")])
def test_an_exception_is_reported_as_a_failure_of_each_pipeline(
    shop: ListedShop, new_alerts: NewAlerts, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> None:
        raise error

    with monkeypatch.context() as broken:
        broken.setattr(steps, "prepare", fail)
        with pytest.raises(type(error)):
            run_days([FIRST, SECOND], [ORDERS.name])
    assert new_alerts() == {(ORDERS.name, "failure", None)}
    run_days([FIRST, SECOND], [ORDERS.name])
    assert new_alerts() == {(ORDERS.name, "recovery", SECOND)}


def test_an_interrupt_is_not_reported(shop: ListedShop, new_alerts: NewAlerts, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(steps, "prepare", interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_days([FIRST], [ORDERS.name])
    assert new_alerts() == set()


def test_a_run_succeeds_without_its_messages(shop: ListedShop, warehouse: Settings) -> None:
    with connect() as connection:
        connection.execute(
            """
            drop view ops.open_alerts cascade;
            create view ops.open_alerts as select 1 as nothing;
            create view ops.unmended_alerts as select 1 as nothing;
            """
        )
    outcome = run_days([FIRST], ALL)
    assert (outcome.exit_code, outcome.rows_published["fct_orders"]) == (0, 10)


def test_days_are_measured_whatever_stops_their_build(shop: ListedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise WarehouseError("Postgres gave up on us")

    monkeypatch.setattr(steps, "transform", fail)
    shop.put("orders", SECOND, orders(SECOND, bad=3))
    assert run_days([FIRST, SECOND], [ORDERS.name, HEALTH.name]).exit_code == 4
    with connect() as connection:
        rows = connection.execute("select * from ops.pipeline_metrics order by logical_date").fetchall()
    assert [(row["pipeline"], row["logical_date"], row["records_rejected"]) for row in rows] == [
        (ORDERS.name, FIRST, 0), (ORDERS.name, SECOND, 3)
    ]  # fmt: skip


@pytest.mark.slow
def test_a_run_survives_an_unreadable_ledger_in_its_report(
    shop: ListedShop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise WarehouseError("Postgres gave up on us")

    monkeypatch.setattr("orchestration.run_messages._stuck", fail)
    monkeypatch.setattr(steps, "transform", fail)
    outcome = run_days([FIRST], [ORDERS.name])
    assert outcome.exit_code == 4
    assert "were not reported" in caplog.text


def test_a_run_sends_its_messages_and_writes_the_metrics_file(
    shop: ListedShop, warehouse: Settings, monkeypatch: pytest.MonkeyPatch, httpserver: HTTPServer
) -> None:
    """The receivers are down for the first run, which succeeds. The next run sends them its messages too."""
    monkeypatch.setenv("ALERT_URLS", f"json://127.0.0.1:{httpserver.port}/chat")
    monkeypatch.setenv("METRICS_URL", httpserver.url_for("/metrics"))
    settings.cache_clear()
    httpserver.expect_request("/chat").respond_with_data(status=503)
    httpserver.expect_request("/metrics").respond_with_data(status=503)
    assert run_days([FIRST], [ORDERS.name]).exit_code == 0
    file = warehouse.daybreak_home / "metrics" / "daybreak.prom"
    assert 'daybreak_undelivered_messages{channel="alert"} 1.0' in file.read_text()
    httpserver.clear()
    httpserver.expect_request("/chat").respond_with_data()
    httpserver.expect_request("/metrics").respond_with_data()
    with connect() as connection:
        connection.execute("update ops.outbox_deliveries set next_attempt_at = clock_timestamp()")
    shop.put("orders", SECOND, orders(SECOND, bad=3))
    assert run_days([SECOND], [ORDERS.name]).exit_code == 5
    titles = [request.get_json()["title"] for request, _ in httpserver.log if request.path == "/chat"]
    assert titles == [
        f"(info) {ORDERS.name} {FIRST} succeeded",
        f"(critical) {ORDERS.name} {SECOND} was refused at gate",
    ]
    days = [request.get_json()["logical_date"] for request, _ in httpserver.log if request.path == "/metrics"]
    assert days == [str(FIRST), str(SECOND)]
    assert 'daybreak_undelivered_messages{channel="alert"} 0.0' in file.read_text()
    assert f'daybreak_open_incidents{{pipeline="{ORDERS.name}"}} 1.0' in file.read_text()
