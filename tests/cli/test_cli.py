"""The command line: output and exit codes."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner, Result

from cli.main import app
from local import airflow_home
from local.demo_shop.shop_contract import ListedShop
from local.demo_shop.shop_server import ShopServer
from orchestration import steps
from pipeline_settings import Settings, settings
from warehouse.connection import connect
from warehouse.locks import day_lock

DAY = date(2026, 3, 1)
ORDERS = "ecommerce_order_pipeline"


def order(number: int, **changed: object) -> dict[str, object]:
    return {
        "order_id": f"o{number}",
        "customer_id": "c1",
        "total_amount": 10,
        "order_date": str(DAY),
        "status": "shipped",
        **changed,
    }


def daybreak(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture
def shop(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[ListedShop]:
    listed = ListedShop({("orders", DAY): [order(number) for number in range(20)]})
    with ShopServer(listed) as server:
        monkeypatch.setenv("SHOP_API_URL", server.url)
        settings.cache_clear()
        yield listed


def test_help_shows_commands_and_examples() -> None:
    assert "backfill" in daybreak("--help").output
    assert "daybreak run 2026-03-01" in " ".join(daybreak("run", "--help").output.split())


@pytest.mark.parametrize("arguments", [["run", "yesterday"], ["run", "2026-02-30"], ["run"], ["run", "x'::text"]])
@pytest.mark.fault(46)
def test_a_wrong_argument_is_a_usage_error(arguments: list[str]) -> None:
    assert daybreak(*arguments).exit_code == 2


def test_servers_are_not_stopped_under_an_airflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path))
    settings.cache_clear()
    assert daybreak("down").exit_code == 0
    with airflow_home.only_one(airflow_home.make_directory()):
        result = daybreak("down")
    assert result.exit_code == 2
    assert "python -m local.airflow stop" in result.output


def test_a_reversed_range_is_refused(warehouse: Settings) -> None:
    result = daybreak("backfill", "2026-03-02", "2026-03-01")
    assert result.exit_code == 2
    assert "is before" in result.output


def test_a_run_publishes_and_prints_its_outcome(shop: ListedShop) -> None:
    result = daybreak("run", str(DAY), "--pipeline", ORDERS, "--json")
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout)
    assert summary["days"][0]["accepted"] == 20
    assert summary["rows_published"]["fct_orders"] == 20
    with connect() as connection:
        runs = connection.execute("select step, status from ops.pipeline_runs order by started_at").fetchall()
        metrics = connection.execute("select * from ops.pipeline_metrics").fetchall()
    assert [run["step"] for run in runs] == [
        "wait_for_shop", "extract_load", "gate", "transform", "publish", "measure",
        "fit_customer_models", "keep_history",  # it is a Sunday
    ]  # fmt: skip
    assert summary["customer_models"].startswith(f"customer models fitted on 1 customer as of {DAY}; no predictions: ")
    assert {run["status"] for run in runs} == {"success"}
    assert (metrics[0]["records_processed"], metrics[0]["data_quality_score"]) == (20, 1)


def test_a_refused_day_is_exit_code_5_with_cause_and_remedy(shop: ListedShop) -> None:
    shop.put("orders", DAY, [order(number, total_amount="abc" if number < 2 else 1) for number in range(20)])
    result = daybreak("run", str(DAY), "--pipeline", ORDERS)
    assert result.exit_code == 5, result.output
    assert "2026-03-01 gate: 2 of 20 orders are bad (10.00%, allowed 5.00%): amount_not_a_number 2" in result.stderr
    assert "quarantine.orders" in result.stderr


@pytest.mark.fault(2)
def test_a_shop_that_is_down_is_exit_code_3(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_API_URL", "http://127.0.0.1:9")
    settings.cache_clear()
    result = daybreak("run", str(DAY), "--pipeline", ORDERS, "--wait", "0")
    assert result.exit_code == 3
    assert "2026-03-01 wait_for_shop:" in result.stderr


def test_no_shop_is_a_configuration_error(warehouse: Settings) -> None:
    result = daybreak("run", str(DAY), "--pipeline", ORDERS)
    assert result.exit_code == 2
    assert "SHOP_API_URL" in result.stderr


@pytest.mark.fault(22)
def test_a_wrong_password_is_exit_code_4_and_not_shown(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAYBREAK_EMBEDDED")
    monkeypatch.setenv("PGPASSWORD", "canary-password")
    settings.cache_clear()
    result = daybreak("run", str(DAY), "--pipeline", ORDERS)
    assert result.exit_code == 4
    assert "PGPASSWORD" in result.stderr
    assert "canary-password" not in result.output


def test_a_day_that_is_busy_is_exit_code_6(shop: ListedShop) -> None:
    with day_lock("orders", DAY):
        assert daybreak("run", str(DAY), "--pipeline", ORDERS).exit_code == 6


def test_env_prints_export_lines(warehouse: Settings) -> None:
    printed = daybreak("env").stdout
    assert f"export PGPORT={warehouse.pgport}" in printed
    assert "export REDIS_URL=" in printed
    assert f"export PGUSER={warehouse.pguser}" in printed
    assert "export DAYBREAK_DBT_USER=daybreak_transformer" in printed


def test_doctor_lists_failed_checks_and_remedies(warehouse: Settings) -> None:
    result = daybreak("doctor")
    assert result.exit_code == 2
    assert "SHOP_API_URL" in result.output
    printed = " ".join(result.output.split())
    assert "PostgreSQL 18" in printed
    assert "steps log in as daybreak_loader" in printed


def test_status_lists_days(shop: ListedShop) -> None:
    daybreak("run", str(DAY), "--pipeline", ORDERS)
    printed = daybreak("status").output
    assert "2026-03-01" in printed
    assert "published" in printed


@pytest.mark.fault(28)
def test_a_redis_that_is_down_is_a_warning_and_the_next_run_updates_it(
    shop: ListedShop, cache: "redis.Redis", monkeypatch: pytest.MonkeyPatch
) -> None:
    review = {"review_id": "r1", "product_id": "p1", "customer_id": "c1", "rating": 5, "review_text": "good"}
    shop.put("reviews", DAY, [review])
    with monkeypatch.context() as broken:
        broken.setenv("REDIS_URL", "redis://127.0.0.1:9/0")
        settings.cache_clear()
        assert daybreak("run", str(DAY)).exit_code == 0
    settings.cache_clear()
    with connect() as connection:
        row = connection.execute("select status, error from ops.pipeline_runs where step = 'update_cache'").fetchone()
    assert row is not None
    assert row["status"] == "warning"
    assert "Redis" in row["error"]
    assert cache.keys() == []
    assert daybreak("run", str(DAY)).exit_code == 0
    assert cache.hget("product:p1:metrics", "average_rating") == "5.0000"
    assert cache.ttl("product:p1:metrics") > 0


@pytest.mark.fault(27)
def test_a_red_pipeline_does_not_block_the_others(shop: ListedShop, monkeypatch: pytest.MonkeyPatch) -> None:
    review = {"review_id": "r1", "product_id": "p1", "customer_id": "c1", "rating": 5, "review_text": "good"}
    shop.put("reviews", DAY, [review])
    judge = steps.gate

    def miscount(dataset: str, day: date, load_id: str, run_id: str) -> object:
        decision = judge(dataset, day, load_id, run_id)
        with connect() as connection:  # dbt's test of conservation finds this
            connection.execute(
                """
                update ops.gate_results set row_count = row_count + 1, accepted = accepted + 1
                where dataset = 'orders'
                """
            )
        return decision

    with monkeypatch.context() as broken:
        broken.setattr(steps, "gate", miscount)
        result = daybreak("run", str(DAY))
    assert result.exit_code == 7
    assert "transform: int_orders_accepted_matches_gate_results failed" in result.stderr
    with connect() as connection:
        published = connection.execute("select pipeline from ops.publications").fetchall()
        assert published == [{"pipeline": "customer_feedback_pipeline"}]
        assert connection.execute("select from marts.fct_orders").fetchall() == []
        assert len(connection.execute("select from marts.fct_reviews").fetchall()) == 1
