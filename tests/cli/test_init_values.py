"""`daybreak init`: names, amounts, statuses and secrets of shops as they are."""

import json
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner

from cli.main import app
from ingestion.declaration.shop_config import load_shop_config
from ingestion.drafting.draft_dataset import draft_dataset
from ingestion.drafting.formats import find_three_digits
from ingestion.http.url_secrets import masked, secret_params
from ingestion.values.amounts import amount_reader
from ingestion.values.json_text import parse_json
from tests.ingestion.imitation import DAY

ORDER = {"id": 1, "customer": "c", "total": "12.50", "created_at": str(DAY), "status": "paid"}


def drafted(*rows: dict[str, Any]) -> dict[str, Any]:
    body = parse_json(json.dumps({"orders": rows}).encode())
    return draft_dataset("orders", f"https://shop.example/orders?day={DAY}", body, {}).declared


def init(
    httpserver: HTTPServer, out: Path, rows: list[dict[str, Any]], query: str = "", **more: Any
) -> tuple[int, str]:
    httpserver.expect_request("/orders").respond_with_json({"orders": rows, "total": len(rows)})
    url = httpserver.url_for(f"/orders?day={DAY}{query}")
    result = CliRunner().invoke(
        app, ["init", url, "--out", str(out), *more.get("options", ["--yes"])], more.get("typed")
    )
    return result.exit_code, result.output


# Orders as systems answer them: django-oscar, pretix, Vendure, BigCommerce, commercetools, Etsy, Squarespace.
SHOPS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "oscar": (
        {"number": "100010", "user": "u1", "total_incl_tax": "11.90", "total_excl_tax": "10.00",
         "date_placed": f"{DAY}T10:00:00Z", "status": "Complete"},
        {"keys": {"order_id": "number", "customer_id": "user", "total_amount": "total_incl_tax",
                  "order_date": "date_placed"}},
    ),
    "pretix": (
        {"code": "ABC12", "status": "p", "email": "a@example.org", "datetime": f"{DAY}T10:00:00Z", "total": "23.00",
         "positions": [{"id": 7, "item": 3, "price": "23.00"}]},
        {"keys": {"order_id": "code", "customer_id": "email", "total_amount": "total", "order_date": "datetime",
                  "items": "positions"}, "items": {"product_id": "item", "price": "price"}},
    ),
    "vendure": (
        {"code": "T1", "customer": {"id": "9"}, "total": 1000, "totalWithTax": 1190, "state": "Delivered",
         "orderPlacedAt": f"{DAY}T10:00:00Z",
         "lines": [{"productVariant": {"id": "4"}, "quantity": 1, "linePriceWithTax": 1190}]},
        {"keys": {"order_id": "code", "customer_id": "customer.id", "total_amount": "totalWithTax",
                  "order_date": "orderPlacedAt", "status": "state", "items": "lines"},
         "items": {"product_id": "productVariant.id", "quantity": "quantity", "total": "linePriceWithTax"}},
    ),
    "bigcommerce": (
        {"id": 5, "customer_id": 3, "date_created": "Sun, 01 Mar 2026 10:00:00 +0000", "total_ex_tax": "10.0000",
         "total_inc_tax": "11.9000", "status": "Shipped"},
        {"keys": {"order_id": "id", "total_amount": "total_inc_tax", "order_date": "date_created"}},
    ),
    "commercetools": (
        {"id": "x-1", "customerId": "c1", "createdAt": f"{DAY}T10:00:00Z", "orderState": "Open",
         "totalPrice": {"type": "centPrecision", "currencyCode": "EUR", "centAmount": 1190, "fractionDigits": 2}},
        {"minor_units": 100, "keys": {"order_id": "id", "customer_id": "customerId", "status": "orderState",
                                      "total_amount": "totalPrice.centAmount", "order_date": "createdAt"}},
    ),
    "etsy": (
        {"receipt_id": 10, "buyer_user_id": 5, "status": "Paid", "created_timestamp": 1772359200,
         "subtotal": {"amount": 1000, "divisor": 100}, "grandtotal": {"amount": 1234, "divisor": 100}},
        {"minor_units": 100, "keys": {"order_id": "receipt_id", "customer_id": "buyer_user_id",
                                      "total_amount": "grandtotal.amount", "order_date": "created_timestamp"}},
    ),
    "squarespace": (
        {"id": "q", "customerEmail": "a@example.org", "createdOn": f"{DAY}T10:00:00Z", "fulfillmentStatus": "PENDING",
         "subtotal": {"value": "10.00"}, "grandTotal": {"value": "11.90", "currency": "USD"}},
        {"keys": {"order_id": "id", "customer_id": "customerEmail", "total_amount": "grandTotal.value",
                  "order_date": "createdOn", "status": "fulfillmentStatus"}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("shop", SHOPS)
def test_the_fields_of_known_systems_are_found(shop: str) -> None:
    row, expected = SHOPS[shop]
    declared = drafted(row, row)
    assert {key: declared.get(key) for key in expected} == expected
    assert ("minor_units" in declared) == ("minor_units" in expected)


@pytest.mark.parametrize(
    ("money", "units"),
    [
        ({"total": {"amount": 1234, "divisor": 1000}}, 1000),
        ({"total": {"amount": 12, "divisor": 1}}, None),
        ({"total": {"amount": 12, "divisor": 7}}, None),
        ({"total_cents": 1234}, 100),
        ({"totalAmountInCents": 1234}, 100),
        ({"total": {"value": "12.34", "precision": 20}}, None),
    ],
)
@pytest.mark.fault(63)
def test_the_units_of_an_amount_are_found(money: dict[str, Any], units: int | None) -> None:
    row = {name: value for name, value in ORDER.items() if name != "total"} | money
    assert drafted(row).get("minor_units") == units


@pytest.mark.parametrize(
    ("texts", "thousands", "decimals"),
    [
        (["125.000", "1.500"], "1.234,56", "1234.56"),
        (["€ 125.000"], "€ 1.234,56", "€ 1,234.56"),
        (["125,000"], "1,234.56", "1.234,56"),
        (["125.000", "0.125"], None, None),
        (["125.000", "12.5"], None, None),
        (["125.000", "1.250.000"], None, None),
        (["125.000", "125,000"], None, None),
        ([], None, None),
    ],
)
@pytest.mark.fault(63)
def test_amounts_of_three_digits_have_two_meanings(
    texts: list[str], thousands: str | None, decimals: str | None
) -> None:
    doubt = find_three_digits(texts)
    assert (doubt and doubt.thousands, doubt and doubt.decimals) == (thousands, decimals)
    if thousands:
        assert amount_reader(thousands)(texts[0]) == "125000"


@pytest.mark.fault(63)
def test_init_warns_of_three_digits_or_asks(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = [ORDER | {"id": number, "total": "125.000"} for number in range(3)]
    code, output = init(httpserver, tmp_path / "warned.toml", rows)
    assert (code, 'read as decimals. If they are thousands, set amount_format = "1.234,56".' in output) == (0, True)
    monkeypatch.setattr("cli.init.command.is_interactive", lambda: True)
    for typed, amount_format in (("y", "1.234,56"), ("n", "1234.56")):
        out = tmp_path / f"{typed}.toml"
        code, output = init(httpserver, out, rows, options=[], typed="\n" * 5 + f"{typed}\n")
        assert (code, "does the sign in 125.000 separate thousands?" in output) == (0, True), output
        assert load_shop_config(out).dataset("orders").amount_format == amount_format


def test_init_warns_of_whole_amounts(httpserver: HTTPServer, tmp_path: Path) -> None:
    code, output = init(httpserver, tmp_path / "s.toml", [ORDER | {"total": 1250}])
    assert (code, "all amounts are whole numbers, such as 1250." in output) == (0, True)


def test_init_lists_the_statuses(httpserver: HTTPServer, tmp_path: Path) -> None:
    rows = [ORDER | {"id": n, "status": status} for n, status in enumerate(["paid", "paid", "refunded", "Cancelled"])]
    code, output = init(httpserver, tmp_path / "s.toml", rows)
    assert (code, "Statuses of orders: paid 2, refunded 1 (no revenue), Cancelled 1" in output) == (0, True)


def test_init_offers_candidates_and_refuses_a_key_that_no_row_has(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("cli.init.command.is_interactive", lambda: True)
    rows = [{"id": 1, "customer": "c", "worth": "12.50", "weight": "2", "created_at": str(DAY), "status": "paid"}]
    code, output = init(httpserver, tmp_path / "s.toml", rows, options=[], typed="\n\nwoth\nworth\n\n\n")
    assert code == 0, output
    assert "total_amount was not found by name. It may be id, worth, weight" in output
    assert "No row has woth. The rows have id, customer, worth, weight, created_at, status." in output
    assert load_shop_config(tmp_path / "s.toml").dataset("orders").keys["total_amount"] == ("worth",)


def test_a_graphql_address_is_named(tmp_path: Path) -> None:
    for path in ("/graphql/", "/admin/api/2025-07/graphql.json", "/graphql?query=x"):
        result = CliRunner().invoke(app, ["init", f"http://127.0.0.1:1{path}", "--out", str(tmp_path / "s.toml")])
        assert (result.exit_code, "is a GraphQL address" in result.output) == (2, True)


@pytest.mark.fault(61)
def test_secrets_of_a_url_are_neither_written_nor_printed(httpserver: HTTPServer, tmp_path: Path) -> None:
    out = tmp_path / "s.toml"
    code, output = init(httpserver, out, [ORDER], query="&api_key=canary-1")
    assert (code, "Warning: the URL holds api_key" in output) == (0, True)
    assert load_shop_config(out).auth.model_dump() == {"type": "api_key", "name": "api_key", "location": "query"}
    url = httpserver.url_for(f"/orders?day={DAY}").replace("http://", "http://me:canary-2@")
    result = CliRunner().invoke(app, ["init", url, "--yes", "--out", str(tmp_path / "login.toml")])
    assert (result.exit_code, "Warning: the URL holds a user or a password" in result.output) == (0, True)
    assert load_shop_config(tmp_path / "login.toml").auth.type == "http_basic"
    assert "canary" not in output + result.output + out.read_text() + (tmp_path / "login.toml").read_text()


@pytest.mark.fault(61)
def test_a_url_is_shown_without_its_secrets() -> None:
    url = "https://me:pw@shop.example/o?date=2026-03-01&consumer_key=ck&access%5Ftoken=t&X-Api-Key=k&own=o&page=1"
    shown = "https://shop.example/o?date=2026-03-01&consumer_key=…&access%5Ftoken=…&X-Api-Key=…&own=…&page=1"
    assert masked(url, "own") == shown
    assert secret_params(url) == ["consumer_key", "access_token", "X-Api-Key"]
    assert secret_params("https://x/?monkey=1&page_token=a&sort_key=b&keyword=c&author=d") == []
