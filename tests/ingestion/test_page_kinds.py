"""Common kinds of APIs: filters by day, paginators, and places of rows."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from ingestion.landing.land_days import land
from pipeline_errors import ShopError
from pipeline_settings import Settings, settings
from tests.ingestion.conftest import Shop
from tests.ingestion.imitation import DAY, ORDERS, json_response, orders
from tests.ingestion.test_landing import landed

TOP = """
time_zone = "UTC"
language = "en"
health_path = "/"
max_text_bytes = 1_000_000
page_size = 3

[datasets.orders]
path = "orders"
fields = ["order_id", "customer_id", "total_amount", "order_date", "status"]
required = ["order_id", "customer_id", "total_amount", "order_date", "status"]
max_bad_rate = 0.05
constants = { customer_id = "c", total_amount = "1", status = "paid" }
"""


ONE_PAGE = (
    TOP.replace('path = "orders"', 'path = "api/v1/orders"')
    + """
params = { date = "{day}" }
page_size_param = "limit"
data_selector = "orders"
"""
)


def rows(low: datetime, high: datetime, date_of: Callable[[datetime], Any] = str) -> list[dict[str, Any]]:
    """Return the orders from low to before high."""
    return [{"id": f"o{number}", "at": date_of(at)} for number, at in orders("UTC") if low <= at < high]


def api_platform(request: Request) -> Response:
    """https://api-platform.com/docs/core/pagination: keys with colons, relative links."""
    low, high = (datetime.fromisoformat(request.args[f"createdAt[{bound}]"]) for bound in ("after", "strictly_before"))
    found, page = rows(low, high), int(request.args.get("page", 1))
    view = {"@id": request.full_path}
    if page * 3 < len(found):
        kept = "&".join(f"{key}={value.replace('+', '%2B')}" for key, value in request.args.items() if key != "page")
        view["hydra:next"] = f"/orders?{kept}&page={page + 1}"
    return json_response(
        {"hydra:member": found[(page - 1) * 3 : page * 3], "hydra:totalItems": len(found), "hydra:view": view}
    )


def stripe(request: Request) -> Response:
    """https://docs.stripe.com/api/pagination: the last row's id is the cursor, a flag marks the end; Unix times."""
    low, high = (datetime.fromtimestamp(int(request.args[f"created[{bound}]"]), UTC) for bound in ("gte", "lt"))
    found = rows(low, high, lambda at: int(at.timestamp()))
    after = request.args.get("starting_after")
    begin = [row["id"] for row in found].index(after) + 1 if after else 0
    end = begin + int(request.args["limit"])
    return json_response({"data": found[begin:end], "has_more": end < len(found)})


def graphql(request: Request) -> Response:
    """https://relay.dev/graphql/connections.htm: the cursor goes into the body, and the last page has one too."""
    asked = request.get_json()
    assert asked["query"].startswith("query ($from: DateTime!) { orders")
    of = asked["variables"]
    found = rows(datetime.fromisoformat(of["from"]), datetime.fromisoformat(of["to"]))
    begin = int(of.get("after", 0))
    end = begin + of["first"]
    info = {"endCursor": str(end), "hasNextPage": end < len(found)}
    return json_response({"data": {"orders": {"edges": [{"node": row} for row in found[begin:end]], "pageInfo": info}}})


def header_cursor(request: Request) -> Response:
    """A cursor in a header; Unix times in milliseconds."""
    low, high = (datetime.fromtimestamp(int(request.args[name]) / 1000, UTC) for name in ("from", "to"))
    found, begin = rows(low, high, lambda at: at.timestamp() * 1000), int(request.args.get("cursor", 0))
    end = begin + int(request.args["limit"])
    return json_response(found[begin:end], {"X-Next-Cursor": str(end)} if end < len(found) else {})


def bigcommerce(request: Request) -> Response:
    """https://developer.bigcommerce.com/docs/rest-management/orders: RFC 2822, and 204 without a body for no rows."""
    bounds = (request.args[f"{name}_date_created"] for name in ("min", "max"))
    low, high = map(datetime.fromisoformat, bounds)
    found = rows(low, high + timedelta(seconds=1), format_datetime)
    page, size = int(request.args["page"]), int(request.args["limit"])
    found = found[(page - 1) * size : page * size]
    return json_response(found) if found else Response(status=204)


def parse_server(request: Request) -> Response:
    """https://docs.parseplatform.org/rest/guide/#queries: JSON in a parameter, and a list in a list."""
    where = json.loads(request.args["where"])["createdAt"]
    low, high = (datetime.fromisoformat(where[bound]["iso"]) for bound in ("$gte", "$lt"))
    found, begin = rows(low, high), int(request.args["skip"])
    return json_response([{"results": found[begin : begin + int(request.args["limit"])]}])


KINDS: dict[str, tuple[Callable[[Request], Response], str]] = {
    "api_platform": (
        api_platform,
        """
        params = { "createdAt[after]" = "{start}", "createdAt[strictly_before]" = "{end}" }
        data_selector = "hydra:member"
        total_selector = "hydra:totalItems"
        paginator = { type = "json_link", next_url_path = "hydra:view.hydra:next" }
        """,
    ),
    "stripe": (
        stripe,
        """
        params = { "created[gte]" = "{start:%s}", "created[lt]" = "{end:%s}" }
        page_size_param = "limit"
        data_selector = "data"
        date_format = "epoch_seconds"
        [datasets.orders.paginator]
        type = "cursor"
        cursor_path = "data.-1.id"
        cursor_param = "starting_after"
        has_more_path = "has_more"
        """,
    ),
    "graphql": (
        graphql,
        """
        method = "POST"
        json.query = "query ($from: DateTime!) { orders(first: $first) { edges { node { id } } } }"
        json.variables = { from = "{start}", to = "{end}" }
        page_size_body_path = "variables.first"
        data_selector = "data.orders.edges"
        keys = { order_id = "node.id", order_date = "node.at" }
        [datasets.orders.paginator]
        type = "cursor"
        cursor_path = "data.orders.pageInfo.endCursor"
        cursor_body_path = "variables.after"
        has_more_path = "data.orders.pageInfo.hasNextPage"
        """,
    ),
    "header_cursor": (
        header_cursor,
        """
        params = { from = "{start:%s}000", to = "{end:%s}000" }
        page_size_param = "limit"
        data_selector = "$"
        date_format = "epoch_milliseconds"
        paginator = { type = "header_cursor", cursor_key = "X-Next-Cursor", cursor_param = "cursor" }
        """,
    ),
    "bigcommerce": (
        bigcommerce,
        """
        params = { min_date_created = "{start}", max_date_created = "{last_second}" }
        page_size_param = "limit"
        data_selector = "$"
        date_format = "rfc_2822"
        paginator = { type = "page_number" }
        """,
    ),
    "parse_server": (
        parse_server,
        """
        params = { where = '{{"createdAt": {{"$gte": {{"iso": "{start}"}}, "$lt": {{"iso": "{end}"}}}}}}' }
        page_size_param = "limit"
        data_selector = [0, "results"]
        paginator = { type = "offset", offset_param = "skip" }
        """,
    ),
}


@pytest.fixture
def config(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Path]:
    """Set a shop.toml: the common lines and these."""

    def write(lines: str) -> Path:
        path = tmp_path / "shop.toml"
        keys = "" if "keys =" in lines else 'keys = { order_id = "id", order_date = "at" }\n'
        path.write_text(TOP + keys + lines)
        monkeypatch.setenv("SHOP_CONFIG", str(path))
        monkeypatch.setenv("SHOP_API_URL", httpserver.url_for("").rstrip("/"))
        settings.cache_clear()
        return path

    return write


@pytest.mark.parametrize("name", KINDS)
def test_a_day_of_any_kind_lands_whole(
    name: str, warehouse: Settings, httpserver: HTTPServer, config: Callable[[str], Path]
) -> None:
    answer, lines = KINDS[name]
    config(lines)
    httpserver.expect_request("/orders").respond_with_handler(answer)
    receipt = land("orders", DAY)
    assert (receipt.rows, receipt.pages >= 3) == (ORDERS, True)
    assert [row["order_id"] for row in landed(load_id=receipt.load_id)] == [f"o{n}" for n in range(2, ORDERS + 2)]
    assert land("orders", DAY - timedelta(days=1)).rows == 1
    assert land("orders", DAY - timedelta(days=9)).rows == 0


@pytest.mark.parametrize(
    ("flag", "expected"),
    [
        ("null", "null as 'more', not true or false"),
        ('"maybe"', "a string as 'more', not"),
        (None, "nothing as 'more'"),
    ],
)
def test_a_flag_other_than_true_or_false_is_an_error(shop: Shop, flag: str | None, expected: str) -> None:
    """Treating it as the end would lose rows."""
    paginator = '{ type = "offset", has_more_path = "more" }'
    shop.configure(shop.config_file.read_text().replace('{ type = "json_link", next_url_path = "next" }', paginator, 1))
    shop.serve(f'{{"orders": [{{}}]{"" if flag is None else f", {chr(34)}more{chr(34)}: {flag}"}}}')
    with pytest.raises(ShopError, match=expected):
        shop.land()


@pytest.mark.parametrize(
    ("header", "error"), [("5", "5"), ("items 0-2/5", "5"), ("0-2/*", None), ("five", "not a count")]
)
def test_a_total_in_a_header(shop: Shop, warehouse: Settings, header: str, error: str | None) -> None:
    text = shop.config_file.read_text().replace('total_selector = "total"', 'total_header = "Content-Range"', 1)
    shop.configure(text)
    shop.serve('{"orders": [{"order_id": "a"}], "next": null}', headers={"Content-Range": header})
    if error is None:
        assert shop.land().rows == 1
    else:
        with pytest.raises(ShopError, match=error):
            shop.land()


def test_a_graphql_error_is_reported(shop: Shop) -> None:
    shop.serve('{"data": null, "errors": [{"message": "Access denied for orders"}]}')
    with pytest.raises(ShopError, match="answered with an error, so its rows may not be all: Access denied for orders"):
        shop.land()


def test_a_repeated_post_request_is_refused(
    httpserver: HTTPServer, warehouse: Settings, config: Callable[[str], Path]
) -> None:
    """All pages have one URL, so the check compares the rows, and the bodies of requests."""
    config(KINDS["graphql"][1])
    page = {"edges": [{"node": {"id": "a"}}], "pageInfo": {"endCursor": "same", "hasNextPage": True}}
    httpserver.expect_request("/orders").respond_with_json({"data": {"orders": page}})
    with pytest.raises(ShopError, match=r"returned the same page twice \(page 2\)"):
        land("orders", date(2026, 3, 1))


def test_a_full_page_is_not_taken_for_a_whole_day(shop: Shop, warehouse: Settings) -> None:
    shop.configure(ONE_PAGE)
    shop.serve(json.dumps({"orders": [{}] * 3}))
    with pytest.raises(
        ShopError, match=r"returned a full page of 3 rows, but shop.toml declares no paginator\. Declare"
    ):
        shop.land()
    shop.serve(json.dumps({"orders": [{}] * 2}))
    assert shop.land().rows == 2
