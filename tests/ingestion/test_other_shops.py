"""Other shops are configuration: the files of ingestion/shops against imitations of what those shops' manuals say."""

import json
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from expectations.dataset_settings import save_settings
from ingestion.landing import land, wait_for_shop
from ingestion.shop_config import shop_config
from orchestration.staging import ensure_staging
from pipeline_errors import ConfigurationError, ShopError
from pipeline_settings import PROJECT_ROOT, Settings, settings
from tests.ingestion.test_landing import landed
from warehouse.connection import connect

pytestmark = pytest.mark.integration

SHOPS = PROJECT_ROOT / "ingestion" / "shops"
DAY = date(2026, 3, 1)
ORDERS = 7  # on DAY, the first at midnight, the last in the last second; one on the day before and one after
MEDUSA_ITEM = {"id": "ordli_1", "product_id": "prod_1", "quantity": 1, "unit_price": 30, "total": 30.5}
SHOPWARE_ITEM = {"productId": "0a1b", "quantity": 2, "unitPrice": 4.2, "totalPrice": 8.4, "type": "product"}
Answer = Callable[[Request], Response]


def orders(zone: str) -> list[tuple[int, datetime]]:
    """Ids and moments of orders."""
    midnight = datetime(DAY.year, DAY.month, DAY.day, tzinfo=ZoneInfo(zone))
    last = midnight + timedelta(days=1, seconds=-1)
    on_the_day = [midnight + timedelta(hours=3 * number) for number in range(ORDERS - 1)]
    return list(enumerate([midnight - timedelta(seconds=1), *on_the_day, last, last + timedelta(seconds=1)], start=1))


def json_response(body: object, headers: Mapping[str, str] | None = None) -> Response:
    return Response(json.dumps(body), content_type="application/json", headers=headers)


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def woocommerce(request: Request) -> Response:
    """https://woocommerce.github.io/woocommerce-rest-api-docs/#list-all-orders; its bounds leave themselves out."""
    if request.headers.get("Authorization") != basic("ck_user", "secret"):
        return Response(json.dumps({"code": "woocommerce_rest_cannot_view"}), 401)
    after, before = (datetime.fromisoformat(request.args[name]) for name in ("after", "before"))
    found = [
        {
            "id": number,
            "customer_id": number % 3,
            "total": "29.35",
            "status": "completed",
            "date_created": at.isoformat(),
            "line_items": [{"id": 315, "product_id": 93, "quantity": 2, "total": "6.00", "price": 3}],
        }
        for number, moment in orders("Europe/Berlin")
        if after < (at := moment.replace(tzinfo=None)) < before
    ]
    page, size = int(request.args["page"]), int(request.args["per_page"])
    if size > 100:
        return Response(json.dumps({"code": "rest_invalid_param"}), 400)
    return json_response(found[(page - 1) * size : page * size], {"X-WP-Total": str(len(found))})


def shopify(request: Request) -> Response:
    """https://shopify.dev/docs/api/admin-rest/latest/resources/order; a link allows no parameter but limit."""
    if request.headers.get("X-Shopify-Access-Token") != "secret":
        return Response(json.dumps({"errors": "[API] Invalid API key or access token"}), 401)
    if cursor := request.args.get("page_info"):
        if set(request.args) - {"page_info", "limit"}:
            return Response(json.dumps({"errors": {"page_info": "cannot be combined"}}), 400)
        begin, low, high = json.loads(bytes.fromhex(cursor))
    else:
        begin, low, high = 0, request.args["created_at_min"], request.args["created_at_max"]
    found = [
        {
            "id": number,
            "customer": {"id": 100 + number, "email": "bob@example.org"},
            "total_price": "598.94",
            "created_at": moment.isoformat(),
            "financial_status": "paid",
            "line_items": [
                {"id": 466157049, "product_id": 632910392, "quantity": 2, "price": "199.00"},
                {"id": 518995019, "product_id": None, "quantity": 1, "price": "5.00"},  # typed by hand
            ],
        }
        for number, moment in orders("America/New_York")
        if datetime.fromisoformat(low) <= moment <= datetime.fromisoformat(high)
    ]
    end = begin + int(request.args["limit"])
    headers = {}
    if end < len(found):
        following = json.dumps([end, low, high]).encode().hex()
        headers["Link"] = f'<{request.base_url}?limit={request.args["limit"]}&page_info={following}>; rel="next"'
    return json_response({"orders": found[begin:end]}, headers)


def medusa(request: Request) -> Response:
    """https://docs.medusajs.com/api/admin#orders_getorders; its pages may be smaller than asked."""
    if request.headers.get("Authorization") != "Basic sk_secret":
        return Response(json.dumps({"message": "Unauthorized"}), 401)
    low, high = (datetime.fromisoformat(request.args[f"created_at[{bound}]"]) for bound in ("$gte", "$lt"))
    found = [
        {"id": f"order_{number:03}", "customer_id": f"cus_{number}", "total": 30.5, "status": "completed"}
        | {"created_at": moment.isoformat().replace("+00:00", ".000Z")}
        | ({"items": [MEDUSA_ITEM]} if "*items" in request.args["fields"].split(",") else {})
        for number, moment in orders("UTC")
        if low <= moment < high
    ]
    begin, limit = int(request.args["offset"]), min(int(request.args["limit"]), 2)
    return json_response({"orders": found[begin : begin + limit], "count": len(found), "offset": begin, "limit": limit})


def json_server(request: Request) -> Response:
    """https://github.com/typicode/json-server/tree/v0: filters by equality, pages from one."""
    found = [
        {"id": number, "day": str(moment.date()), "customer": {"id": f"c{number}"}, "amounts": [12.5, 3]}
        for number, moment in orders("UTC")
        if request.args.get("day") in (None, str(moment.date()))
    ]
    size, page = int(request.args.get("_limit", 10)), int(request.args.get("_page", 1))
    return json_response(found[(page - 1) * size : page * size], {"X-Total-Count": str(len(found))})


def datasette(request: Request) -> Response:
    """https://docs.datasette.io/en/stable/json_api.html: a token for the next page."""
    found = [
        {"order_id": number, "customer_id": "c1", "total_amount": 5, "order_date": str(moment.date()), "status": "paid"}
        for number, moment in orders("UTC")
        if str(moment.date()) == request.args["order_date"]
    ]
    begin, size = int(request.args.get("_next", 0)), int(request.args["_size"])
    end = begin + size
    return json_response({"ok": True, "rows": found[begin:end], "next": str(end) if end < len(found) else None})


def prestashop(request: Request) -> Response:
    """https://devdocs.prestashop-project.org/8/webservice/cheat-sheet; no rows are an empty list in place of a page."""
    if request.headers.get("Authorization") != basic("KEY", ""):
        return Response(json.dumps({"errors": [{"code": 18, "message": "Invalid authentication key format"}]}), 401)
    if (request.args["output_format"], request.args["date"]) != ("JSON", "1"):
        return Response(json.dumps({"errors": [{"code": 33, "message": "unknown"}]}), 400)
    low, high = (datetime.fromisoformat(text) for text in request.args["filter[date_add]"].strip("[]").split(","))
    found = [
        {"id": number, "id_customer": str(number), "total_paid": "29.350000", "current_state": "2", "date_add": str(at)}
        for number, moment in orders("Europe/Paris")
        if low <= (at := moment.replace(tzinfo=None)) <= high
    ]
    begin, size = map(int, request.args["limit"].split(","))
    page = found[begin : begin + size]
    return json_response({"orders": page} if page else [])


def magento(request: Request) -> Response:
    """https://developer.adobe.com/commerce/webapi/rest/use-rest/performing-searches; its last page comes for ever."""
    if request.headers.get("Authorization") != "Bearer secret":
        return Response(json.dumps({"message": "The consumer isn't authorized to access %resources."}), 401)
    found = []
    bounds = {}
    for group in "01":
        field, condition, value = (
            request.args[f"searchCriteria[filter_groups][{group}][filters][0][{key}]"]
            for key in ("field", "condition_type", "value")
        )
        assert field == "created_at"
        bounds[condition] = datetime.fromisoformat(value)
    for number, moment in orders("UTC"):
        if bounds["gteq"] <= (at := moment.replace(tzinfo=None)) < bounds["lt"]:
            found.append(
                {"increment_id": f"{number:09}", "customer_email": f"c{number}@example.org", "status": "complete"}
                | {"base_grand_total": 36.39, "created_at": str(at)}
            )
    page, size = (int(request.args[f"searchCriteria[{key}]"]) for key in ("currentPage", "pageSize"))
    page = min(page, -(-len(found) // size))
    return json_response({"items": found[(page - 1) * size : page * size], "total_count": len(found)})


def postgrest(request: Request) -> Response:
    """https://docs.postgrest.org/en/stable/references/api/pagination_count.html; no range beyond the last row."""
    low, high = sorted(request.args.getlist("ordered_at"))
    found = [
        {"order_id": number, "customer_id": 7, "total_amount": 12.50, "ordered_at": str(moment), "status": "paid"}
        for number, moment in orders("UTC")
        if datetime.fromisoformat(low.removeprefix("gte.")) <= moment < datetime.fromisoformat(high.removeprefix("lt."))
    ]
    begin, size = int(request.args["offset"]), int(request.args["limit"])
    is_counted = request.headers.get("Prefer") == "count=exact"
    if begin and begin >= len(found) and is_counted:
        return Response(json.dumps({"message": "Requested range not satisfiable"}), 416)
    page = found[begin : begin + size]
    shown = f"{begin}-{begin + len(page) - 1}" if page else "*"
    return json_response(page, {"Content-Range": f"{shown}/{len(found) if is_counted else '*'}"})


def shopware(request: Request) -> Response:
    """https://developer.shopware.com/docs/guides/integrations-api/general-concepts/search-criteria.html."""
    if request.path == "/api/oauth/token":
        known = (request.form["client_id"], request.form["client_secret"]) == ("key", "secret")
        return json_response({"access_token": "token", "expires_in": 600}) if known else Response("{}", 401)
    if request.headers.get("Authorization") != "Bearer token":
        return Response(json.dumps({"errors": [{"title": "The resource owner denied the request."}]}), 401)
    criteria = request.get_json()
    assert (request.method, criteria["total-count-mode"]) == ("POST", 1)
    (only,) = criteria["filter"]
    low, high = (datetime.fromisoformat(only["parameters"][bound]) for bound in ("gte", "lt"))
    found = [
        {"orderNumber": f"{number:05}", "amountTotal": 29.35, "orderCustomer": {"customerId": f"{number:x}"}}
        | {"orderDateTime": moment.astimezone(UTC).isoformat("T", "milliseconds")}
        | {"stateMachineState": {"technicalName": "completed"}}
        | ({"lineItems": [SHOPWARE_ITEM]} if "lineItems" in criteria["associations"] else {})
        for number, moment in orders("Europe/Berlin")
        if low <= moment < high
    ]
    page, size = criteria["page"], criteria["limit"]
    return json_response({"total": len(found), "data": found[(page - 1) * size : page * size]})


def squarespace(request: Request) -> Response:
    """https://developers.squarespace.com/commerce-apis/orders-overview: by the last change, or a cursor instead."""
    if request.headers.get("Authorization") != "Bearer secret" or request.headers["User-Agent"] != "Daybreak":
        return Response(json.dumps({"type": "AUTHORIZATION_ERROR", "message": "You are not authorized."}), 401)
    cursor = request.args.get("cursor")
    if cursor and len(request.args) > 1:
        return Response(json.dumps({"message": "cursor cannot be combined"}), 400)
    begin, low, high = 0, request.args.get("modifiedAfter", ""), request.args.get("modifiedBefore", "")
    if cursor:
        begin, low, high = json.loads(bytes.fromhex(cursor))
    found = [
        {"id": f"{number:024x}", "customerEmail": "c@example.org", "fulfillmentStatus": "FULFILLED"}
        | {"lineItems": [{"productId": "p1", "quantity": 3, "unitPricePaid": {"value": "1.335", "currency": "USD"}}]}
        | {"grandTotal": {"value": "70.77", "currency": "USD"}, "createdOn": ordered.isoformat()}
        for number, changed in orders("America/New_York")
        if datetime.fromisoformat(low) < changed < datetime.fromisoformat(high)
        for ordered in [changed.astimezone(UTC) - timedelta(days=number)]
    ]
    following = json.dumps([begin + 3, low, high]).encode().hex() if begin + 3 < len(found) else None
    url = f"{request.base_url}?cursor={following}" if following else None
    return json_response({"result": found[begin : begin + 3], "pagination": {"nextPageUrl": url}})


def saleor(request: Request) -> Response:
    """https://docs.saleor.io/api-usage/pagination: a cursor in the last page too; days of UTC."""
    if request.headers.get("Authorization") != "Bearer secret":
        return json_response({"errors": [{"message": "You need MANAGE_ORDERS"}], "data": {"orders": None}})
    asked = request.get_json()
    assert request.method == "POST"
    assert asked["query"].startswith("query ($on: DateRangeInput, $first: Int, $after: String) {\n")
    of = asked["variables"]
    found = [
        {"number": str(number), "userEmail": f"c{number}@example.org", "total": {"gross": {"amount": 29.35}}}
        | {"created": moment.isoformat(), "status": "FULFILLED"}
        for number, moment in orders("UTC")
        if of["on"]["gte"] <= str(moment.date()) <= of["on"]["lte"]
    ]
    begin = int(of.get("after") or 0)
    end = min(begin + of["first"], len(found))
    connection = {
        "totalCount": len(found),
        "pageInfo": {"endCursor": str(end) if found else None, "hasNextPage": end < len(found)},
        "edges": [{"node": row} for row in found[begin:end]],
    }
    return json_response({"data": {"orders": connection}})


def sylius(request: Request) -> Response:
    """https://docs.sylius.com/the-book/api: Hydra as API Platform writes it, links without a host, amounts in cents."""
    if request.headers.get("Authorization") != "Bearer secret":
        return Response(json.dumps({"code": 401, "message": "JWT Token not found"}), 401)
    low, high = (
        datetime.fromisoformat(request.args[f"checkoutCompletedAt[{bound}]"]) for bound in ("after", "strictly_before")
    )
    found = [
        {"number": f"{number:09}", "customer": f"/api/v2/admin/customers/{number}", "total": 2935, "state": "new"}
        | {"checkoutCompletedAt": str(moment.replace(tzinfo=None))}
        for number, moment in orders("UTC")
        if low <= moment < high
    ]
    page, size = int(request.args.get("page", 1)), int(request.args["itemsPerPage"])
    view = {"@id": request.full_path, "@type": "hydra:PartialCollectionView"}
    if page * size < len(found):
        view["hydra:next"] = f"{request.path}?{urlencode(request.args.to_dict() | {'page': page + 1})}"
    rows = found[(page - 1) * size : page * size]
    return json_response({"hydra:member": rows, "hydra:totalItems": len(found), "hydra:view": view})


def spree(request: Request) -> Response:
    """https://spreecommerce.org/docs/api-reference/platform/orders: the last page names itself as the next."""
    if request.path == "/spree_oauth/token":
        asked = [request.form[name] for name in ("client_id", "client_secret", "scope")]
        known = asked == ["key", "secret", "admin"]
        return json_response({"access_token": "token", "expires_in": 600}) if known else Response("{}", 401)
    if request.headers.get("Authorization") != "Bearer token":
        return Response(json.dumps({"error": "The access token is invalid"}), 401)
    low, high = (datetime.fromisoformat(request.args[f"filter[completed_at_{bound}]"]) for bound in ("gteq", "lt"))
    found = [
        {"number": f"R{number:09}", "email": f"c{number}@example.org", "total": "110.0", "state": "complete"}
        | {"completed_at": moment.isoformat().replace("+00:00", ".000Z")}
        for number, moment in orders("UTC")
        if low <= moment < high
    ]
    page, size = int(request.args["page"]), int(request.args["per_page"])
    last = max(1, -(-len(found) // size))
    links = {"next": f"{request.base_url}?page={min(page + 1, last)}"}
    shown = [{"attributes": row} for row in found[(page - 1) * size : page * size]]
    return json_response({"data": shown, "meta": {"count": len(shown), "total_count": len(found)}, "links": links})


def socrata(request: Request) -> Response:
    """https://dev.socrata.com/docs/queries: SoQL in a parameter, timestamps without an offset, no total."""
    if request.headers.get("X-App-Token") != "secret":
        return Response(json.dumps({"code": "permission_denied", "message": "Invalid app_token specified"}), 403)
    bounds = re.fullmatch(r"order_date >= '(.+)' AND order_date < '(.+)'", request.args["$where"])
    assert bounds is not None
    assert request.args["$order"] == ":id"
    found = [
        {"order_id": str(number), "customer_id": "7", "total_amount": "12.5", "order_date": at, "status": "paid"}
        for number, moment in orders("America/Chicago")
        if bounds[1] <= (at := moment.replace(tzinfo=None).isoformat("T", "milliseconds")) < bounds[2]
    ]
    begin, size = int(request.args["$offset"]), int(request.args["$limit"])
    return json_response(found[begin : begin + size])


IMITATIONS: dict[str, tuple[str, Answer, dict[str, str], list[str]]] = {
    "woocommerce": (
        "/wp-json/wc/v3/orders",
        woocommerce,
        {"SHOP_API_USER": "ck_user", "SHOP_API_TOKEN": "secret"},
        ["2", "2", "29.35", "2026-03-01T00:00:00", "completed"],
    ),
    "shopify": (
        "/admin/api/2025-07/orders.json",
        shopify,
        {"SHOP_API_TOKEN": "secret"},
        ["2", "102", "598.94", "2026-03-01T00:00:00-05:00", "paid"],
    ),
    "medusa": (
        "/admin/orders",
        medusa,
        {"SHOP_API_TOKEN": "Basic sk_secret"},
        ["order_002", "cus_2", "30.5", "2026-03-01T00:00:00.000Z", "completed"],
    ),
    "json_server": ("/orders", json_server, {}, ["2", "c2", "12.5", "2026-03-01", "paid"]),
    "datasette": ("/shop/orders.json", datasette, {}, ["2", "c1", "5", "2026-03-01", "paid"]),
    "prestashop": (
        "/api/orders",
        prestashop,
        {"SHOP_API_USER": "KEY"},
        ["2", "2", "29.350000", "2026-03-01 00:00:00", "2"],
    ),
    "magento": (
        "/rest/V1/orders",
        magento,
        {"SHOP_API_TOKEN": "secret"},
        ["000000002", "c2@example.org", "36.39", "2026-03-01 00:00:00", "complete"],
    ),
    "postgrest": ("/orders", postgrest, {}, ["2", "7", "12.5", "2026-03-01 00:00:00+00:00", "paid"]),
    "squarespace": (
        "/1.0/commerce/orders",
        squarespace,
        {"SHOP_API_TOKEN": "secret"},
        ["000000000000000000000002", "c@example.org", "70.77", "2026-02-27T05:00:00+00:00", "FULFILLED"],
    ),
    "shopware": (
        "/api/search/order",
        shopware,
        {"SHOP_API_USER": "key", "SHOP_API_TOKEN": "secret"},
        ["00002", "2", "29.35", "2026-02-28T23:00:00.000+00:00", "completed"],
    ),
    "saleor": (
        "/graphql/",
        saleor,
        {"SHOP_API_TOKEN": "secret"},
        ["2", "c2@example.org", "29.35", "2026-03-01T00:00:00+00:00", "FULFILLED"],
    ),
    "sylius": (
        "/api/v2/admin/orders",
        sylius,
        {"SHOP_API_TOKEN": "secret"},
        ["000000002", "/api/v2/admin/customers/2", "2935", "2026-03-01 00:00:00", "new"],
    ),
    "spree": (
        "/api/v2/platform/orders",
        spree,
        {"SHOP_API_USER": "key", "SHOP_API_TOKEN": "secret"},
        ["R000000002", "c2@example.org", "110.0", "2026-03-01T00:00:00.000Z", "complete"],
    ),
    "socrata": (
        "/resource/abcd-1234.json",
        socrata,
        {"SHOP_API_TOKEN": "secret"},
        ["2", "7", "12.5", "2026-03-01T00:00:00.000", "paid"],
    ),
}


ITEMS = {
    "woocommerce": [("93", 2, "6.00")],
    "shopify": [("632910392", 2, "398.00"), (None, 1, "5.00")],
    "medusa": [("prod_1", 1, "30.50")],
    "shopware": [("0a1b", 2, "8.40")],
    "squarespace": [("p1", 3, "4.01")],
}


@pytest.fixture(params=IMITATIONS)
def connected(
    request: pytest.FixtureRequest,
    warehouse: Settings,
    httpserver: HTTPServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> str:
    """The name of a shop whose imitation runs, with its file in force but for pages that a few rows fill."""
    path, answer, environment, _ = IMITATIONS[request.param]
    text = (SHOPS / f"{request.param}.toml").read_text()
    config = tmp_path / "shop.toml"
    size = next((line for line in text.splitlines() if line.startswith("page_size ")), "no size")
    url = httpserver.url_for("").rstrip("/")
    config.write_text(text.replace(size, "page_size = 3").replace('url = "https://shop.example', f'url = "{url}'))
    httpserver.expect_request(path).respond_with_handler(answer)
    httpserver.expect_request("/api/oauth/token").respond_with_handler(shopware)
    httpserver.expect_request("/spree_oauth/token").respond_with_handler(spree)
    monkeypatch.setenv("SHOP_API_URL", httpserver.url_for("").rstrip("/"))
    monkeypatch.setenv("SHOP_CONFIG", str(config))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    return str(request.param)


def test_a_day_lands_whole_and_no_other(connected: str) -> None:
    receipt = land("orders", DAY)
    rows = landed(load_id=receipt.load_id)
    assert (receipt.rows, len(rows)) == (ORDERS, ORDERS)
    fields = ("order_id", "customer_id", "total_amount", "order_date", "status")
    assert [rows[0][field] for field in fields] == IMITATIONS[connected][3]
    assert len({row["order_id"] for row in rows}) == ORDERS
    assert receipt.pages >= 3
    assert receipt.undeclared_fields == ()
    assert land("orders", DAY - timedelta(days=1)).rows == 1
    assert land("orders", DAY - timedelta(days=9)).rows == 0


@pytest.mark.parametrize("connected", ITEMS, indirect=True)
def test_what_an_order_consists_of(connected: str) -> None:
    save_settings(shop_config())
    ensure_staging()
    receipt = land("orders", DAY)
    with connect() as connection:
        told = connection.execute(
            """
            select rejection_reasons, items::jsonb from staging.stg_shop__orders
            where _day = %s and _load_id = %s and _row_number = 1
            """,
            [DAY, receipt.load_id],
        ).fetchone()
    assert told
    assert not told["rejection_reasons"]
    assert [(item["product_id"], item["quantity"], f"{item['amount']:.2f}") for item in told["items"]] == ITEMS[
        connected
    ]


@pytest.mark.parametrize("connected", ["shopify"], indirect=True)
def test_a_part_of_an_object_is_a_field_and_nothing_of_it_is_lost(warehouse: Settings, connected: str) -> None:
    land("orders", DAY)
    assert json.loads(landed()[0]["_extra"]) == {"customer": {"email": "bob@example.org", "id": 102}}


@pytest.mark.parametrize("name", ["woocommerce", "shopify", "medusa", "prestashop", "magento"])
def test_a_wrong_secret_is_said(
    name: str, warehouse: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, answer, environment, _ = IMITATIONS[name]
    httpserver.expect_request(path).respond_with_handler(answer)
    monkeypatch.setenv("SHOP_API_URL", httpserver.url_for("").rstrip("/"))
    monkeypatch.setenv("SHOP_CONFIG", str(SHOPS / f"{name}.toml"))
    for variable in environment:
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
    """Some shops give their last page again and again."""
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
    shop.serve_in_turn(Response('{"orders": [{}], "next": "?p=2"}'), Response('{"orders": []}'))
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
    shop.serve_in_turn(Response('{"orders": [{}], "next": "?p=2"}'), Response('{"orders": []}'))
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
        with pytest.raises(ShopError, match=r"access_token_url gave no JSON with a token") as error:
            wait_for_shop(0)
        assert canary not in str(error.value)
        with pytest.raises(ShopError, match=r"access_token_url gave no JSON with a token"):
            shop.land()


@pytest.mark.parametrize("paginator", ['{ type = "offset" }', '{ type = "page_number" }'])
def test_a_shop_that_does_not_page_as_declared(shop: Any, paginator: str) -> None:
    text = shop.config_file.read_text().replace('{ type = "json_link", next_url_path = "next" }', paginator, 1)
    shop.configure(text)
    shop.serve('{"orders": [{"order_id": "always the same"}]}')
    with pytest.raises(ShopError, match=r"gave the same page twice \(page 2\).*paginator"):
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
        Response('{"orders": [{}], "at": {"next": 17}}'),
        Response(f'{{"orders": [{{}}], "at": {{"next": {cursor}}}}}'),
        Response('{"orders": []}'),
    )
    if kind:
        with pytest.raises(ShopError, match=f"has {kind} as 'at.next', not a cursor"):
            shop.land()
    else:
        shop.land()
    assert shop.requests[1].args["c"] == "17"
