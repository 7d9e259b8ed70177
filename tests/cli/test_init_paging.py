"""`daybreak init` with shops that page in their own ways: the draft lands every order of the day, or init warns."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from typer.testing import CliRunner
from werkzeug import Request, Response

from cli.main import app
from ingestion.declaration.shop_config import load_shop_config
from ingestion.landing.land_days import land
from pipeline_settings import Settings, settings
from tests.ingestion.imitation import DAY

ORDERS, PAGE = 50, 20
CUT_OFF = "a day of more than these 20 rows may be cut off"

Rows = list[dict[str, str]]
Answer = tuple[Any, dict[str, str]]  # body, headers


def rows_from(start: int) -> Rows:
    rows = [
        {
            "id": f"o{n}",
            "customer_id": f"c{n % 7}",
            "total": "12.50",
            "created_at": f"{DAY}T10:00:00Z",
            "status": "paid",
        }
        for n in range(ORDERS)
    ]
    return rows[start : start + PAGE]


def by_cursor(*path: str, param: str, more: str | None = None) -> Callable[[Request], Answer]:
    """A shop whose body has a cursor at this path, which it takes as `param`."""

    def answer(request: Request) -> Answer:
        start = int(request.args.get(param, 0))
        value: Any = str(start + PAGE) if start + PAGE < ORDERS else None
        place: dict[str, Any] = {path[-1]: value} | ({more: value is not None} if more else {})
        for step in reversed(path[:-1]):
            place = {step: place}
        return {"orders": rows_from(start)} | place, {}

    return answer


def by_page(param: str, body: dict[str, Any], headers: dict[str, str]) -> Callable[[Request], Answer]:
    """A shop that takes a page's number, and answers this besides the rows."""

    def answer(request: Request) -> Answer:
        page = int(request.args.get(param, 1))
        own = {key: page if value == "PAGE" else page < 3 if value == "MORE" else value for key, value in body.items()}
        next_page = {"X-Next-Page": str(page + 1) if page < 3 else ""} if "X-Next-Page" in headers else {}
        return {"orders": rows_from((page - 1) * PAGE)} | own, headers | next_page

    return answer


def by_offset(request: Request) -> Answer:
    start = int(request.args.get("offset", 0))
    return {"orders": rows_from(start), "limit": PAGE, "offset": start, "count": ORDERS}, {}


def by_links(request: Request) -> Answer:
    page = int(request.args.get("page", 1))
    own = f"{request.base_url}?date={DAY}&page="
    links = [{"rel": "self", "href": f"{own}{page}"}]
    if page < 3:
        links.insert(0, {"rel": "next", "href": f"{own}{page + 1}"})
    return {"orders": rows_from((page - 1) * PAGE), "links": links}, {}


def by_odata(request: Request) -> Answer:
    start = int(request.args.get("$skiptoken", 0))
    more = {"@odata.nextLink": f"{request.base_url}?date={DAY}&$skiptoken={start + PAGE}"}
    return {"value": rows_from(start)} | (more if start + PAGE < ORDERS else {"@odata.nextLink": None}), {}


def by_header(request: Request) -> Answer:
    page = int(request.args.get("page", 1))
    link = {"Link": f"<{request.base_url}?date={DAY}&page={page + 1}>; rel=next"} if page < 3 else {}
    return rows_from((page - 1) * PAGE), link


def of_page(request: Request) -> Answer:
    """A shop whose total is that of the page."""
    page = int(request.args.get("page", 1))
    rows = rows_from((page - 1) * PAGE)
    return {"orders": rows, "total": len(rows)}, {}


KINDS: dict[str, tuple[Callable[[Request], Answer], str]] = {
    "next_cursor": (by_cursor("next_cursor", param="cursor"), "cursor"),
    "NextToken": (by_cursor("payload", "NextToken", param="NextToken"), "cursor"),
    "nextPageToken": (by_cursor("nextPageToken", param="pageToken"), "cursor"),
    "a cursor of another name": (by_cursor("paging", "next", "after", param="after"), "cursor"),
    "pageInfo": (by_cursor("pageInfo", "endCursor", param="after", more="hasNextPage"), "cursor"),
    "has_more and a cursor": (by_cursor("cursor", param="cursor", more="has_more"), "cursor"),
    "total_pages": (by_page("page", {"page": "PAGE", "total_pages": 3}, {}), "page_number"),
    "hasNext": (by_page("pageNumber", {"hasNext": "MORE"}, {}), "page_number"),
    "X-WP-TotalPages": (by_page("page", {}, {"X-WP-TotalPages": "3"}), "page_number"),
    "X-Next-Page": (by_page("page", {}, {"X-Next-Page": ""}), "header_cursor"),
    "limit, offset, count": (by_offset, "offset"),
    "a list of links": (by_links, "json_link"),
    "a key with a dot": (by_odata, "json_link"),
    "an unquoted Link": (by_header, "header_link"),
    "nothing shows it": (by_page("page", {}, {}), "page_number"),
    "a total of the page": (of_page, "page_number"),
}


def serve(httpserver: HTTPServer, answer: Callable[[Request], Answer]) -> str:
    """Serve a shop, and return the URL of its day."""

    def respond(request: Request) -> Response:
        body, headers = answer(request)
        response = Response(json.dumps(body), headers=headers)
        response.content_type = "application/json"
        return response

    httpserver.expect_request("/orders").respond_with_handler(respond)
    return httpserver.url_for(f"/orders?date={DAY}")


def init(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["init", *arguments, "--yes"])
    return result.exit_code, result.output


@pytest.mark.fault(54)
@pytest.mark.parametrize("kind", KINDS)
def test_a_draft_lands_every_page(
    kind: str, warehouse: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer, paginator = KINDS[kind]
    url, out = serve(httpserver, answer), tmp_path / "shop.toml"
    code, output = init(url, "--out", str(out))
    assert (code, "Warning" in output) == (0, False), output
    assert load_shop_config(out).dataset("orders").paginator.type == paginator
    monkeypatch.setenv("SHOP_CONFIG", str(out))
    monkeypatch.setenv("SHOP_API_URL", httpserver.url_for("").rstrip("/"))
    settings.cache_clear()
    assert land("orders", DAY).rows == ORDERS


@pytest.mark.fault(54)
def test_a_shop_that_does_not_show_how_it_pages_is_a_warning(httpserver: HTTPServer, tmp_path: Path) -> None:
    url, out = serve(httpserver, lambda _: ({"orders": rows_from(0)}, {})), tmp_path / "shop.toml"
    code, output = init(url, "--out", str(out))
    assert (code, CUT_OFF in output, CUT_OFF in out.read_text()) == (0, True, True), output


@pytest.mark.fault(54)
def test_a_paginator_that_could_not_be_tried_is_a_warning(httpserver: HTTPServer, tmp_path: Path) -> None:
    body = {"orders": rows_from(0)[:5], "page": 1, "total_pages": 1}
    url, out = serve(httpserver, lambda _: (body, {})), tmp_path / "shop.toml"
    code, output = init(url, "--out", str(out))
    assert (code, "the paginator of orders is a guess from total_pages" in output) == (0, True), output
    assert load_shop_config(out).dataset("orders").paginator.type == "page_number"


@pytest.mark.fault(54)
def test_an_empty_second_page_shows_the_parameter(httpserver: HTTPServer, tmp_path: Path) -> None:
    url = serve(httpserver, lambda request: ({"orders": rows_from(0)[: 0 if "offset" in request.args else 5]}, {}))
    code, output = init(url, "--out", str(tmp_path / "shop.toml"))
    assert (code, "Warning" in output) == (0, False), output
    assert load_shop_config(tmp_path / "shop.toml").dataset("orders").paginator.type == "offset"
