"""`daybreak init`: a draft of shop.toml from the URL of a day, which lands that day."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner
from werkzeug import Request, Response

from cli.main import app
from ingestion.declaration.shop_config import load_shop_config
from ingestion.drafting.draft_dataset import draft_dataset
from ingestion.landing.land_days import land
from ingestion.values.json_text import parse_json
from local.demo_shop.shop_server import ShopServer
from local.demo_shop.simulated_shop import SimulatedShop
from pipeline_settings import Settings, settings
from tests.ingestion.imitation import DAY, ORDERS
from tests.ingestion.test_landing import landed
from tests.ingestion.test_other_shops import FIELDS, IMITATIONS

# By imitation: the query of DAY's orders, and options of `daybreak init`.
TYPED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "woocommerce": (
        {"after": "2026-02-28T23:59:59", "before": "2026-03-02T00:00:00", "per_page": "3", "page": "1"},
        ["--auth", "http_basic", "--time-zone", "Europe/Berlin"],
    ),
    "shopify": (
        {
            "status": "any",
            "created_at_min": "2026-03-01T00:00:00-05:00",
            "created_at_max": "2026-03-01T23:59:59-05:00",
            "limit": "3",
        },
        ["--auth", "header:X-Shopify-Access-Token", "--time-zone", "America/New_York"],
    ),
    "medusa": (
        {
            "created_at[$gte]": "2026-03-01T00:00:00.000Z",
            "created_at[$lt]": "2026-03-02T00:00:00.000Z",
            "limit": "3",
            "offset": "0",
        },
        ["--auth", "header:Authorization"],
    ),
    "magento": (
        {
            "searchCriteria[filter_groups][0][filters][0][field]": "created_at",
            "searchCriteria[filter_groups][0][filters][0][condition_type]": "gteq",
            "searchCriteria[filter_groups][0][filters][0][value]": "2026-03-01 00:00:00",
            "searchCriteria[filter_groups][1][filters][0][field]": "created_at",
            "searchCriteria[filter_groups][1][filters][0][condition_type]": "lt",
            "searchCriteria[filter_groups][1][filters][0][value]": "2026-03-02 00:00:00",
            "searchCriteria[pageSize]": "3",
            "searchCriteria[currentPage]": "1",
        },
        [],
    ),
    "postgrest": (
        {"ordered_at": ["gte.2026-03-01T00:00:00Z", "lt.2026-03-02T00:00:00Z"], "limit": "3", "offset": "0"},
        [],
    ),
    "json_server": ({"day": "2026-03-01", "_page": "1", "_limit": "3"}, []),
}
NOT_FOUND = {"json_server": "No key of orders was recognised as total_amount or status among"}


def daybreak(*arguments: str, typed: str | None = None) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments, input=typed)
    return result.exit_code, result.output


@pytest.mark.parametrize("name", TYPED)
def test_a_draft_lands_its_day(
    name: str, warehouse: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    imitation = IMITATIONS[name]
    imitation.serve(httpserver)
    for variable, value in imitation.environment.items():
        monkeypatch.setenv(variable, value)
    settings.cache_clear()
    query, options = TYPED[name]
    out = tmp_path / "mine.toml"
    url = httpserver.url_for(imitation.path)
    code, output = daybreak("init", f"{url}?{urlencode(query, doseq=True)}", *options, "--out", str(out))
    if name in NOT_FOUND:
        assert (code, NOT_FOUND[name] in output, out.exists()) == (2, True, False)
        return
    assert code == 0, output
    assert f"daybreak doctor --day {DAY}" in output
    assert "secret" not in output + out.read_text()
    assert load_shop_config(out).page_size == 3
    monkeypatch.setenv("SHOP_CONFIG", str(out))
    monkeypatch.setenv("SHOP_API_URL", url.removesuffix(imitation.path))
    settings.cache_clear()
    receipt = land("orders", DAY)
    rows = landed(load_id=receipt.load_id)
    assert (receipt.rows, len({row["order_id"] for row in rows}), receipt.pages > 2) == (ORDERS, ORDERS, True)
    assert [rows[0][field] for field in FIELDS] == imitation.first_row


def test_init_prompts_for_keys_that_it_did_not_find(
    warehouse: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    IMITATIONS["json_server"].serve(httpserver)
    monkeypatch.setattr("cli.init.command.is_interactive", lambda: True)
    out = tmp_path / "mine.toml"
    url = httpserver.url_for("/orders?day=2026-03-01&_page=1&_limit=3")
    code, output = daybreak("init", url, "--out", str(out), "--yes")
    assert (code, NOT_FOUND["json_server"] in output) == (2, True)
    typed = "\n\namounts.0\n\n{}\n"  # there is no default for the third and the fifth
    code, output = daybreak("init", url, "--out", str(out), typed=typed.format("day"))
    assert (code, out.exists()) == (2, False)
    assert "keys maps two fields to the same JSON key" in output
    code, output = daybreak("init", url, "--out", str(out), typed=typed.format("amounts.1"))
    assert code == 0, output
    assert "orders: JSON key of order_id? (2) [id]: " in output
    assert "orders: JSON key of total_amount?: " in output
    assert load_shop_config(out).dataset("orders").sources() == (
        ("id",), ("customer", "id"), ("amounts", 0), ("day",), ("amounts", 1),
    )  # fmt: skip


def test_a_draft_of_our_own_shop_is_our_own_file(warehouse: Settings, tmp_path: Path) -> None:
    out = tmp_path / "mine.toml"
    with ShopServer(SimulatedShop()) as server:
        urls = [f"{server.url}/api/v1/{dataset}?date=2026-03-02&limit=5000" for dataset in ("orders", "reviews")]
        assert daybreak("init", *urls, "--out", str(out))[0] == 0
    ours, draft = (load_shop_config(file) for file in (Path("ingestion/shop.toml").absolute(), out))
    for dataset in ("orders", "reviews"):
        kept = {"path", "params", "page_size_param", "data_selector", "paginator", "total_selector", "fields", "keys"}
        assert draft.dataset(dataset).model_dump(include=kept) == ours.dataset(dataset).model_dump(include=kept)
    assert (draft.page_size, draft.auth) == (5000, ours.auth)


@pytest.mark.parametrize(
    ("url", "body", "message"),
    [
        ("/orders?limit=5", "[]", "names no day, as in …?date=2026-03-01, and its rows have no date"),
        ("/orders?date=2026-03-01", '{"error": "none"}', "has no list of objects"),
        ("/orders?date=2026-03-01", "<html>", "cannot be used"),
        ("/missing?date=2026-03-01", "[]", "answered 500"),
    ],
)
def test_an_unusable_page_is_a_clear_error(
    httpserver: HTTPServer, tmp_path: Path, url: str, body: str, message: str
) -> None:
    httpserver.expect_request("/orders").respond_with_response(Response(body))
    out = tmp_path / "mine.toml"
    code, output = daybreak("init", httpserver.url_for("/").rstrip("/") + url, "--out", str(out))
    assert code in (2, 3)
    assert message in output
    assert not out.exists()


def test_the_token_is_sent_as_auth_declares(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    keys = []

    def answer(request: Request) -> Response:
        keys.append(request.args.get("key"))
        return IMITATIONS["datasette"].answer(request)

    httpserver.expect_request("/shop/orders.json").respond_with_handler(answer)
    monkeypatch.setenv("SHOP_API_TOKEN", "secret")
    settings.cache_clear()
    url, out = httpserver.url_for("/shop/orders.json?order_date=2026-03-01&_size=3"), tmp_path / "mine.toml"
    assert daybreak("init", url, "--auth", "query:key", "--out", str(out))[0] == 0
    assert set(keys) == {"secret"}
    assert load_shop_config(out).auth.model_dump() == {"type": "api_key", "name": "key", "location": "query"}
    for auth in ("magic", "header:"):
        code, output = daybreak("init", url, "--auth", auth, "--out", str(tmp_path / "other.toml"))
        assert (code, f"--auth {auth} is unknown" in output) == (2, True)


def test_a_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text("mine")
    code, output = daybreak("init", "http://127.0.0.1:1/?d=2026-03-01", "--out", str(tmp_path / "shop.toml"))
    assert (code, "exists already" in output) == (2, True)


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("date=2026-03-01", {"date": "{day}"}),
        ("from=2026-03-01&to=2026-03-02", {"from": "{day}", "to": "{next_day}"}),
        ("from=2026-03-01T00:00:00Z&to=2026-03-02T00:00:00Z", {"from": "{start:%Y-%m-%dT%H:%M:%SZ}"}),
        ("from=2026-03-01+00:00:00", {"from": "{start:%Y-%m-%d %H:%M:%S}"}),
        ("q={x}&date=2026-03-01", {"q": "{{x}}"}),
        ("since=2025-01-01&date=2025-01-01", {"since": "{day}"}),
    ],
)
def test_moments_of_the_day_become_templates(query: str, params: dict[str, str]) -> None:
    guess = draft_dataset("orders", f"https://shop.example/api?{query}", parse_json(b'[{"id": 1}]'), {})
    assert params.items() <= guess.declared["params"].items()


@pytest.mark.parametrize(
    ("body", "headers", "query", "paginator", "selector"),
    [
        ('{"data": [{"id": 1}], "links": {"next": null, "prev": null}}', {}, "", "json_link", "data"),
        ('{"a": {"list": [{"id": 1}]}}', {}, "", "single_page", "a.list"),
        ("[]", {"Link": '<https://x/?p=2>; rel="next"'}, "", "header_link", "$"),
        ("[]", {}, "&skip=0&take=10", "offset", "$"),
        ("[]", {}, "&p=0", "page_number", "$"),
    ],
)
def test_the_paginator_is_guessed(
    body: str, headers: dict[str, str], query: str, paginator: str, selector: str
) -> None:
    declared: Any = draft_dataset(
        "orders", f"https://shop.example/api?d=2026-03-01{query}", parse_json(body.encode()), headers
    ).declared
    assert (declared["paginator"]["type"], declared["data_selector"]) == (paginator, selector)
    assert set(declared["params"]) == {"d"}


def drafted(body: str, query: str = "?d=2026-03-01", dataset: str = "orders", zone: str = "UTC") -> dict[str, Any]:
    return draft_dataset(dataset, f"https://shop.example/api{query}", parse_json(body.encode()), {}, zone).declared


@pytest.mark.parametrize(
    ("dates", "date_format"),
    [
        (["2026-03-01", "2026-03-01T10:00:00Z"], None),
        ([1772323200, 1772326800], "epoch_seconds"),
        ([1772323200000], "epoch_milliseconds"),
        (["Sun, 01 Mar 2026 10:00:00 +0000"], "rfc_2822"),
        (["20260301"], "%Y%m%d"),
        (["2026/03/01"], "%Y/%m/%d"),
        (["01.03.26 10:00"], "%d.%m.%y %H:%M"),
        (["01/03/2026, 9:05:01"], "%d/%m/%Y, %H:%M:%S"),
        (["3/1/2026 10:05 PM"], "%m/%d/%Y %I:%M %p"),
        (["01-03-2026 10:00:00.5 +0000"], "%d-%m-%Y %H:%M:%S.%f %z"),
        (["01/03/2026", "yesterday"], None),
        ([], None),
    ],
)
def test_the_date_format_is_guessed(dates: list[Any], date_format: str | None) -> None:
    rows = [{"id": number, "created_at": written} for number, written in enumerate(dates)] or [{"id": 1}]
    declared = drafted(json.dumps(rows))
    assert declared.get("date_format") == date_format
    assert "skip_other_days" not in declared


@pytest.mark.parametrize(
    ("amounts", "amount_format"),
    [
        ([12.5, "3"], None),
        (["1.234,56 €", "5,00 €"], "1.234,56 €"),
        (["$5.00", "$1,000.00"], "$1,234.56"),
        (["1\u00a0000,00 kr"], "1 234,56 kr"),
        (["EUR 12.50"], "EUR 1,234.56"),
        (["12,50 €", "12.50 $"], None),
        (["free"], None),
    ],
)
def test_the_amount_format_is_guessed(amounts: list[Any], amount_format: str | None) -> None:
    rows = [{"id": number, "total": written} for number, written in enumerate(amounts)]
    assert drafted(json.dumps(rows)).get("amount_format") == amount_format


@pytest.mark.parametrize(
    ("body", "selector"),
    [
        ('{"o1": {"total": 1, "items": [{"id": 5}, {}, {}]}, "o2": {"total": 2, "items": []}}', "$"),
        ('{"orders": {"7": {"total": 1}, "8": {"total": 2}}, "count": 2}', "orders"),
    ],
)
def test_rows_keyed_by_id(body: str, selector: str) -> None:
    declared = drafted(body)
    assert (declared["data_selector"], declared["row_key"], declared["keys"]["order_id"]) == (selector, "id", "id")
    assert "row_key" not in drafted('{"orders": {"list": [{"id": 1}]}, "paging": {"next": "x"}}')


@pytest.mark.parametrize(("query", "is_day"), [("?d=2026-03-01", False), ("?since=2026-02-20", True), ("", True)])
def test_rows_of_other_days_are_skipped(query: str, is_day: bool) -> None:
    dates = ["2026-03-01", "2026-03-02" if query == "?d=2026-03-01" else "2026-03-09"]
    rows = json.dumps([{"id": number, "created_at": at} for number, at in enumerate(dates)])
    assert drafted(rows, query).get("skip_other_days") == ("order_date" if is_day else None)
    assert drafted(rows, query, "reviews").get("skip_other_days") == ("review_date" if is_day else None)
    assert ("review_date" in drafted(rows, query, "reviews")["required"]) == is_day


def test_a_draft_of_a_shop_without_days_in_its_url_lands_a_day(
    warehouse: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    row = {"user": {"id": 3}, "total": "$1,200.00", "status": "paid"}
    rows = {f"o{number}": row | {"date": f"3/{number}/2026 10:05 PM"} for number in range(1, 31)}
    httpserver.expect_request("/orders.json").respond_with_json({"orders": rows})
    out = tmp_path / "mine.toml"
    code, output = daybreak("init", httpserver.url_for("/orders.json"), "--out", str(out), "--yes")
    assert (code, "doctor --day 2026-03-01" in output) == (0, True), output
    monkeypatch.setenv("SHOP_CONFIG", str(out))
    monkeypatch.setenv("SHOP_API_URL", httpserver.url_for("").rstrip("/"))
    settings.cache_clear()
    receipt = land("orders", DAY)
    assert (receipt.rows, receipt.skipped) == (1, 29)
    assert [landed()[0][field] for field in ("order_id", "customer_id", "total_amount")] == ["o1", "3", "$1,200.00"]


ITEM = {"product": {"id": "p1"}, "quantity": 2, "unit_price": "5.00", "weight": 3}
ORDER = {"id": 1, "customer": "c", "total": 12.5, "created_at": str(DAY), "status": "paid"}


@pytest.mark.parametrize(
    ("body", "drafted"),
    [
        (
            {"line_items": [ITEM]},
            ("line_items", {"product_id": "product.id", "quantity": "quantity", "price": "unit_price"}),
        ),
        (
            {"lines": {"data": [{"sku": "s", "row_total": 1, "price": 2}]}},
            ("lines.data", {"product_id": "sku", "total": "row_total"}),
        ),
        ({"tags": ["new"], "notes": [{"product": "p"}], "items": []}, (None, None)),
    ],
)
def test_the_items_of_an_order_are_drafted(
    body: dict[str, Any], drafted: tuple[str | None, dict[str, str] | None]
) -> None:
    answer = parse_json(json.dumps({"orders": [ORDER, ORDER | body]}).encode())
    declared = draft_dataset("orders", f"https://shop.example/orders?day={DAY}", answer, {}).declared
    assert (declared["keys"].get("items"), declared.get("items")) == drafted
    assert ("items" in declared["fields"]) == (drafted[0] is not None)


@pytest.mark.parametrize(
    ("query", "more", "is_warned"),
    [
        ("limit=2", {}, True),
        ("limit=9", {"filter_count": 7}, True),
        ("limit=9", {"total": 2}, False),
        ("limit=2&page=1", {}, False),
    ],
)
def test_a_page_that_may_not_be_the_only_one_is_a_warning(
    query: str, more: dict[str, int], is_warned: bool, warehouse: Settings, httpserver: HTTPServer, tmp_path: Path
) -> None:
    httpserver.expect_request("/orders").respond_with_json({"orders": [ORDER, ORDER], **more})
    code, output = daybreak(
        "init", httpserver.url_for(f"/orders?day={DAY}&{query}"), "--yes", "--out", str(tmp_path / "s.toml")
    )
    assert (code, "Warning: the page of orders is full" in output) == (0, is_warned), output
