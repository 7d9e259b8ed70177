"""`daybreak doctor --day` with a new shop, and the run after it."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner
from werkzeug import Response

from cli.main import app
from pipeline_settings import Settings, settings
from tests.ingestion.imitation import DAY
from tests.ingestion.test_other_shops import IMITATIONS, SHOPS
from warehouse.connection import connect


@pytest.fixture
def shop(warehouse: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> HTTPServer:
    """An imitation of Shopify, which has no reviews."""
    httpserver.expect_request("/admin/api/2025-07/shop.json").respond_with_data("{}")
    IMITATIONS["shopify"].serve(httpserver)
    monkeypatch.setenv("SHOP_API_URL", httpserver.url_for("").rstrip("/"))
    monkeypatch.setenv("SHOP_API_TOKEN", "secret")
    config = tmp_path / "shop.toml"
    config.write_text((SHOPS / "shopify.toml").read_text().replace('"America/New_York"', '"Asia/Tokyo"'))
    monkeypatch.setenv("SHOP_CONFIG", str(config))
    monkeypatch.setenv("COLUMNS", "160")
    settings.cache_clear()
    return httpserver


def daybreak(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def test_the_doctor_shows_a_day_and_stores_nothing(shop: HTTPServer, tmp_path: Path) -> None:
    code, output = daybreak("doctor", "--day", str(DAY))
    assert code == 0
    assert "created_at_min=2026-03-01T00:00:00+09:00&created_at_max=2026-03-01T23:59:59+09:00&limit=250" in unquote(
        output
    )
    assert '"customer":{"email":"bob@example.org","id":10' in output
    assert re.search(r"customer_id +customer\.id or email +10", output)
    assert "0 of 5 rows would be rejected (0.0%; a day is refused above 5.0%)." in output
    assert "secret" not in output
    with connect() as connection:
        assert connection.execute("select from raw.orders").fetchall() == []
        assert connection.execute("select from ops.loads").fetchall() == []


def test_a_key_in_the_url_is_not_shown(shop: HTTPServer, tmp_path: Path) -> None:
    config = tmp_path / "shop.toml"
    config.write_text(config.read_text().replace('"X-Shopify-Access-Token"', '"key", location = "query"'))
    shop.clear()
    shop.expect_request("/admin/api/2025-07/shop.json").respond_with_data("{}")
    shop.expect_request("/admin/api/2025-07/orders.json").respond_with_json({"orders": []})
    code, output = daybreak("doctor", "--day", str(DAY))
    assert code == 0
    assert "&key=…" in output
    assert "secret" not in output
    assert "The page has no rows" in output


def test_a_missing_field_is_shown(shop: HTTPServer, tmp_path: Path) -> None:
    config = tmp_path / "shop.toml"
    config.write_text(
        (SHOPS / "shopify.toml").read_text().replace('order_date = "created_at"', 'order_date = "placed_at"')
    )
    code, output = daybreak("doctor", "--day", str(DAY))
    assert code == 5
    assert re.search(r"placed_at +missing but required", output)
    assert "A day of such rows would be refused" in output
    assert "7 of 7 rows would be rejected (100.0%; a day is refused above 5.0%): missing_order_date 7" in output


def test_a_field_that_never_landed_and_statuses_are_shown(shop: HTTPServer, tmp_path: Path) -> None:
    text = (SHOPS / "shopify.toml").read_text().replace('"America/New_York"', '"Asia/Tokyo"')
    (tmp_path / "shop.toml").write_text(
        text.replace('"status", "items",', '"status", "items", "note_from_the_buyer",', 1)
    )
    code, output = daybreak("doctor", "--day", str(DAY))
    assert code == 0, output
    assert re.search(r"note_from_the_buyer +note_from_the_buyer +missing", output)
    assert "Statuses: paid " in output
    with connect() as connection:
        columns = "select from information_schema.columns where column_name = 'note_from_the_buyer'"
        assert connection.execute(columns).fetchall() == []


@pytest.mark.fault(63)
def test_amounts_of_three_digits_are_a_warning(shop: HTTPServer, tmp_path: Path) -> None:
    order = {"id": 1, "customer": {"id": 2}, "total_price": "125.000", "created_at": f"{DAY}T12:00:00+09:00"}
    shop.clear()
    shop.expect_request("/admin/api/2025-07/shop.json").respond_with_data("{}")
    orders = {"orders": [order | {"financial_status": "paid"}]}
    shop.expect_request("/admin/api/2025-07/orders.json").respond_with_json(orders)
    warning = "Warning: all amounts have exactly three digits after their sign, such as 125.000"
    code, output = daybreak("doctor", "--day", str(DAY))
    assert (code, warning in output) == (0, True), output
    config = tmp_path / "shop.toml"
    config.write_text(config.read_text().replace("max_bad_rate", 'amount_format = "1.234,56"\nmax_bad_rate', 1))
    code, output = daybreak("doctor", "--day", str(DAY))
    assert (code, warning in output) == (0, False), output


def test_an_error_of_the_shop_is_shown(shop: HTTPServer) -> None:
    shop.clear()
    shop.expect_request("/admin/api/2025-07/shop.json").respond_with_data("{}")
    shop.expect_request("/admin/api/2025-07/orders.json").respond_with_response(Response('{"error": "Not found"}'))
    code, output = daybreak("doctor", "--day", str(DAY))
    assert code == 3
    assert "answered with an error, so its rows may not be all: Not found" in " ".join(output.split())


def test_a_shop_without_reviews_runs(shop: HTTPServer, tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text((SHOPS / "shopify.toml").read_text())
    code, output = daybreak("run", str(DAY))
    assert code == 0, output
    with connect() as connection:
        (sold,) = connection.execute("select count(*), sum(total_amount) from marts.fct_orders").fetchall()
        (customers,) = connection.execute("select count(*) from marts.customer_ltv").fetchall()
    assert (sold["count"], str(sold["sum"]), customers["count"]) == (7, "4192.58", 6)  # one is a test order
