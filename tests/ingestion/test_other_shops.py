"""Other shops: the files of ingestion/shops against imitations of the shops' APIs."""

import json
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from expectations.dataset_settings import save_settings
from ingestion.declaration.shop_config import shop_config
from ingestion.landing.land_days import land, wait_for_shop
from pipeline_errors import ConfigurationError, ShopError
from pipeline_settings import PROJECT_ROOT, Settings, settings
from tests.expectations.staging import items_of
from tests.ingestion.imitation import DAY, ORDERS, Imitation, basic, json_response
from tests.ingestion.test_landing import landed
from transformation.staging import ensure_staging
from warehouse.connection import connect as connect_to_warehouse

SHOPS = PROJECT_ROOT / "ingestion" / "shops"
IMITATIONS: dict[str, Imitation] = {
    file.stem: import_module(f"tests.ingestion.shops.{file.stem}").IMITATION for file in sorted(SHOPS.glob("*.toml"))
}
FIELDS = ("order_id", "customer_id", "total_amount", "order_date", "status")


def connect(
    file: Path, imitation: Imitation, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Start an imitation, and set the shop's file with a small page size."""
    text, config = file.read_text(), tmp_path / "shop.toml"
    size = next((line for line in text.splitlines() if line.startswith("page_size ")), "no size")
    url = httpserver.url_for("").rstrip("/")
    config.write_text(text.replace(size, "page_size = 3").replace('url = "https://shop.example', f'url = "{url}'))
    imitation.serve(httpserver)
    for name, value in {"SHOP_API_URL": url, "SHOP_CONFIG": str(config), **imitation.environment}.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()


@pytest.fixture(params=IMITATIONS)
def connected(
    request: pytest.FixtureRequest,
    warehouse: Settings,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Imitation:
    """A running imitation of a shop, with the shop's file set."""
    imitation = IMITATIONS[request.param]
    connect(SHOPS / f"{request.param}.toml", imitation, httpserver, monkeypatch, tmp_path)
    return imitation


def assert_a_day_lands_whole(imitation: Imitation) -> None:
    """Check that all rows of the day land, and no rows of other days."""
    receipt = land("orders", DAY)
    rows = landed(load_id=receipt.load_id)
    assert (receipt.rows, len(rows)) == (ORDERS, ORDERS)
    assert [rows[0][field] for field in FIELDS] == imitation.first_row
    assert len({row["order_id"] for row in rows}) == ORDERS
    assert receipt.pages >= 3
    assert receipt.undeclared_fields == ()
    assert land("orders", DAY - timedelta(days=1)).rows == 1
    assert land("orders", DAY - timedelta(days=9)).rows == 0


def test_a_day_lands_whole(connected: Imitation) -> None:
    assert_a_day_lands_whole(connected)


@pytest.mark.parametrize("connected", [name for name, one in IMITATIONS.items() if one.items], indirect=True)
def test_the_items_of_an_order(connected: Imitation) -> None:
    save_settings(shop_config())
    ensure_staging()
    listed = items_of(DAY, land("orders", DAY).load_id)[0]
    assert [(item["product_id"], item["quantity"], f"{item['amount']:.2f}") for item in listed] == connected.items


@pytest.mark.parametrize("connected", [name for name, one in IMITATIONS.items() if one.money], indirect=True)
def test_the_money_of_an_order(connected: Imitation) -> None:
    save_settings(shop_config())
    ensure_staging()
    load_id = land("orders", DAY).load_id
    with connect_to_warehouse() as connection:
        row = connection.execute(
            """
            select
                currency, discount_amount::text, tax_amount::text, shipping_amount::text, is_test, cancelled_at,
                rejection_reasons
            from staging.stg_shop__orders where _load_id = %s order by _row_number limit 1
            """,
            [load_id],
        ).fetchone()
    assert row is not None
    assert row.pop("rejection_reasons") == []
    assert list(row.values()) == connected.money


@pytest.mark.parametrize("connected", [name for name, one in IMITATIONS.items() if one.refunds], indirect=True)
def test_the_refunds_of_an_order(connected: Imitation) -> None:
    save_settings(shop_config())
    ensure_staging()
    load_id = land("orders", DAY).load_id
    with connect_to_warehouse() as connection:
        rows = connection.execute(
            "select refunds::jsonb from staging.stg_shop__orders where _load_id = %s order by _row_number", [load_id]
        ).fetchall()
    first, *others = [row["refunds"] for row in rows]
    read = [(refund["refund_id"], refund["refund_date"], f"{refund['amount']:.2f}") for refund in first]
    assert read == connected.refunds
    assert set(map(str, others)) == {"None"}


@pytest.mark.parametrize("connected", ["woocommerce"], indirect=True)
def test_a_guest_is_known_by_the_address(connected: Imitation) -> None:
    rows = landed(load_id=land("orders", DAY).load_id)
    assert [row["customer_id"] for row in rows[:3]] == ["2", "Guest3@Shop.example", "1"]


@pytest.mark.parametrize("connected", ["shopify"], indirect=True)
def test_an_object_with_a_nested_field_is_kept_as_extra(connected: Imitation) -> None:
    land("orders", DAY)
    extra = json.loads(landed()[0]["_extra"])
    assert extra["customer"] == {"email": "bob@example.org", "id": 102}
    assert set(extra) == {"customer", "total_shipping_price_set"}


@pytest.mark.parametrize("connected", ["woocommerce", "shopify", "medusa", "prestashop", "magento"], indirect=True)
def test_a_wrong_secret_is_reported_without_the_secret(connected: Imitation, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in connected.environment:
        monkeypatch.setenv(variable, "canary")
    settings.cache_clear()
    with pytest.raises(ShopError, match="answered 401 UNAUTHORIZED") as error:
        land("orders", DAY)
    assert "canary" not in str(error.value)


def test_basic_auth_needs_a_user_and_may_have_an_empty_password(
    shop: Any, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(shop, '{ type = "http_basic" }')
    with pytest.raises(ConfigurationError, match=r"SHOP_API_USER is not set, and auth in shop.toml is http_basic"):
        shop.land()
    monkeypatch.setenv("SHOP_API_USER", "key")
    monkeypatch.delenv("SHOP_API_TOKEN")
    settings.cache_clear()
    shop.serve('{"orders": []}')
    shop.land()
    assert shop.requests[0].headers["Authorization"] == basic("key", "")


def test_headers(shop: Any) -> None:
    shop.configure(shop.config_file.read_text().replace("# optional: headers", "headers", 1))
    shop.serve('{"orders": []}')
    shop.land()
    assert shop.requests[0].headers["Accept"] == "application/json"


def test_a_day_begins_in_the_zone_of_its_dataset(shop: Any) -> None:
    shop.configure(shop.config_file.read_text().replace('"{day}" }', '"{start}" }\ntime_zone = "Asia/Tokyo"', 1))
    shop.serve('{"orders": [], "reviews": []}')
    shop.land()
    shop.land("reviews")
    assert [request.args["date"] for request in shop.requests] == ["2024-02-29T00:00:00+09:00", "2024-02-29"]


@pytest.mark.parametrize(("paginator", "asked"), [("offset", ["0", "2", "4"]), ("page_number", ["1", "2", "3"])])
def test_a_day_ends_with_its_total_of_rows(shop: Any, warehouse: Settings, paginator: str, asked: list[str]) -> None:
    """Some shops repeat their last page forever."""
    text = shop.config_file.read_text().replace('"json_link", next_url_path = "next"', f'"{paginator}"', 1)
    shop.configure(text)
    pages = ["ab", "cd", "e"]
    shop.serve_in_turn(
        *(Response(json.dumps({"orders": [{"order_id": name} for name in page], "total": 5})) for page in pages)
    )
    assert (shop.land().rows, len(shop.requests)) == (5, 3)
    param = "offset" if paginator == "offset" else "page"
    assert [request.args[param] for request in shop.requests] == asked


def configure(shop: Any, auth: str) -> None:
    shop.configure(shop.config_file.read_text().replace('# auth = { type = "bearer" }', f"auth = {auth} #", 1))


def test_an_api_key_in_a_parameter(shop: Any, warehouse: Settings) -> None:
    configure(shop, '{ type = "api_key", name = "key", location = "query" }')
    shop.serve_in_turn(Response('{"orders": [{}], "next": "?p=2", "total": 1}'), Response('{"orders": []}'))
    shop.land()
    assert [request.args["key"] for request in shop.requests] == [shop.token] * 2
    assert "Authorization" not in shop.requests[0].headers
    shop.serve("", status=404)
    with pytest.raises(ShopError) as error:
        shop.land()
    assert shop.token not in str(error.value)


def test_the_bearer_token_is_the_default(shop: Any) -> None:
    shop.serve('{"orders": []}')
    shop.land()
    assert shop.requests[0].headers["Authorization"] == f"Bearer {shop.token}"


def test_oauth2(shop: Any, warehouse: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, str]] = []
    tokens = [Response(status=503), json_response({"access_token": "fresh", "expires_in": 60})]

    def give_token(request: Request) -> Response:
        asked.append(request.form.to_dict())
        return tokens.pop(0)

    httpserver.expect_request("/oauth/token", method="POST").respond_with_handler(give_token)
    monkeypatch.setenv("SHOP_API_USER", "client")
    settings.cache_clear()
    configure(shop, f'{{ type = "oauth2_client_credentials", access_token_url = "{shop.url}/oauth/token" }}')
    shop.serve_in_turn(Response('{"orders": [{}], "next": "?p=2", "total": 1}'), Response('{"orders": []}'))
    shop.land()
    wanted = {"client_id": "client", "client_secret": shop.token, "grant_type": "client_credentials"}
    assert asked == [wanted] * 2
    assert {request.headers["Authorization"] for request in shop.requests} == {"Bearer fresh"}
    canary = "canary"
    tokens += [
        json_response({"error": "invalid_client"}),
        json_response([canary]),
        json_response({"access_token": canary, "expires_in": "soon"}),
        Response(f"<html>{canary}"),
    ]
    while tokens:
        with pytest.raises(ShopError, match=r"access_token_url returned no JSON with a token") as error:
            wait_for_shop(0)
        assert canary not in str(error.value)
        with pytest.raises(ShopError, match=r"access_token_url returned no JSON with a token"):
            shop.land()


@pytest.mark.parametrize("paginator", ['{ type = "offset" }', '{ type = "page_number" }'])
def test_a_shop_that_does_not_page_as_declared(shop: Any, paginator: str) -> None:
    text = shop.config_file.read_text().replace('{ type = "json_link", next_url_path = "next" }', paginator, 1)
    shop.configure(text)
    shop.serve('{"orders": [{"order_id": "always the same"}]}')
    with pytest.raises(ShopError, match=r"returned the same page twice \(page 2\).*paginator"):
        shop.land()
    assert len(shop.requests) == 2


@pytest.mark.parametrize(("cursor", "kind"), [("true", "a boolean"), ("{}", ""), ("[1]", "a list"), ("0", "")])
def test_cursors(shop: Any, warehouse: Settings, cursor: str, kind: str) -> None:
    text = shop.config_file.read_text().replace(
        '{ type = "json_link", next_url_path = "next" }',
        '{ type = "cursor", cursor_path = "at.next", cursor_param = "c" }',
        1,
    )
    shop.configure(text)
    shop.serve_in_turn(
        Response('{"orders": [{"order_id": 1}], "at": {"next": 17}, "total": 2}'),
        Response(f'{{"orders": [{{"order_id": 2}}], "at": {{"next": {cursor}}}}}'),
        Response('{"orders": []}'),
    )
    if kind:
        with pytest.raises(ShopError, match=f"has {kind} as 'at.next', not a cursor"):
            shop.land()
    else:
        shop.land()
    assert shop.requests[1].args["c"] == "17"
