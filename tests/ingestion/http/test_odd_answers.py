"""What shops do, and a day lands whole nevertheless: empty lists, objects for lists, limits, tokens that end early."""

import gzip
import json
import time
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from ingestion.http.waits import retry_after, wait_of_cost
from ingestion.values.json_text import parse_json
from pipeline_settings import Settings, settings
from tests.ingestion.http.conftest import DeclaredShop, ids
from tests.ingestion.imitation import json_response
from tests.ingestion.test_landing import landed

CURSOR = 'paginator = { type = "cursor", cursor_path = "cursor", cursor_param = "cursor" }\n'
TOTAL = 'total_selector = "total"\n'
NOTHING = [{"orders": None}, {"orders": {}}, {"orders": ""}, {}]


@pytest.mark.parametrize("empty", NOTHING)
@pytest.mark.fault(57)
def test_a_list_that_is_empty_in_another_way(
    declared: DeclaredShop, warehouse: Settings, empty: dict[str, Any]
) -> None:
    declared.declare(CURSOR)
    declared.answer({"orders": ids(2), "cursor": "2"}, {**empty, "cursor": None})
    assert declared.rows() == 2
    declared.answer({**empty, "cursor": None})
    message = declared.refusal()
    assert "'orders'" in message
    assert not empty or "declare total_selector or total_header, which is 0 on such a day" in message
    declared.declare(TOTAL)
    declared.answer({**empty, "total": 0})
    assert declared.rows() == 0


def test_a_list_is_null_with_what_holds_it(declared: DeclaredShop, warehouse: Settings) -> None:
    declared.declare('data_selector = "data.orders"\n' + CURSOR)
    declared.answer({"data": {"orders": ids(2)}, "cursor": "2"}, {"data": None, "cursor": ""})
    assert declared.rows() == 2


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        ({"0": {"id": "a"}, "2": {"id": "b"}}, ["a", "b"]),
        ({"7": {"id": "a"}}, ["a"]),
        ({"id": "a"}, ["a"]),
    ],
)
@pytest.mark.fault(57)
def test_rows_in_an_object(declared: DeclaredShop, warehouse: Settings, orders: object, expected: list[str]) -> None:
    declared.declare("")
    declared.answer({"orders": orders})
    assert declared.rows() == len(expected)
    assert [row["order_id"] for row in landed()] == expected
    declared.declare('data_selector = "$"\n')
    declared.answer(orders)
    assert declared.rows() == len(expected)


def test_an_object_that_is_no_row_is_refused(declared: DeclaredShop) -> None:
    declared.declare("")
    declared.answer({"orders": {"number": "a"}})
    assert "has an object as 'orders', not a list" in declared.refusal()


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "12"}, 12),
        ({"Retry-After": "12.5"}, 12.5),
        ({"Retry-After": "3 seconds"}, 3),
        ({"Retry-After": "0"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, None),
        ({"Retry-After": "Fri, 32 Foo 99999 25:00:00 GMT"}, None),
        ({"Retry-After": "Mon, 02 Nov 2026 10:00:30 GMT"}, 30),
        ({"Retry-After": "2026-11-02T10:00:30Z"}, 30),
        ({"X-RateLimit-Reset": "1793613620"}, 20),
        ({"X-RateLimit-Reset": "1793613620000"}, 20),
        ({"X-RateLimit-Reset": "20"}, 20),
        ({"RateLimit-Reset": "20"}, 20),
        ({"X-Rate-Limit-Reset": "2026-11-02T10:00:20"}, 20),
        ({"X-RateLimit-Reset-After": "1.5"}, 1.5),
        ({"RateLimit": "limit=100, remaining=0, reset=5"}, 5),
        ({"RateLimit": '"default";r=0;t=7'}, 7),
        ({"X-Rate-Limit-Time-Reset-Ms": "1500"}, 1.5),
        ({"Retry-After-Ms": "250"}, 0.25),
        ({}, None),
    ],
)
@pytest.mark.fault(59)
def test_the_time_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after({"Date": "Mon, 02 Nov 2026 10:00:00 GMT", **headers}) == seconds


def test_the_cost_of_a_query() -> None:
    def cost(asked: int, left: int, rate: int) -> Any:
        throttle = {"currentlyAvailable": left, "restoreRate": rate}
        return {"extensions": {"cost": {"requestedQueryCost": asked, "throttleStatus": throttle}}}

    assert wait_of_cost(parse_json(json.dumps(cost(502, 100, 50)).encode())) == 9
    assert wait_of_cost(parse_json(json.dumps(cost(50, 100, 50)).encode())) is None
    assert wait_of_cost({"errors": []}) is None


@pytest.mark.parametrize(
    "limited",
    [
        json_response({"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}),
        json_response({"errors": [{"message": "x", "extensions": {"code": "RATE_LIMITED"}}], "orders": []}),
        json_response({"error": "Too many requests"}),
        json_response({"message": "Too many requests"}, {"Retry-After": "0.2"}, 429),
        json_response(
            {"message": "Rate limit exceeded"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0.2"}, 403
        ),
        json_response({}, {"RateLimit-Reset": "0.2"}, 503),
    ],
)
@pytest.mark.fault(59)
def test_a_limit_of_requests_is_waited_for(declared: DeclaredShop, warehouse: Settings, limited: Response) -> None:
    declared.declare("")
    declared.shop.serve_in_turn(limited, limited, json_response({"orders": ids(2)}))
    assert declared.rows() == 2
    assert declared.requests == 3


def test_a_limit_that_stays_is_named(declared: DeclaredShop) -> None:
    declared.declare("")
    declared.answer({"errors": [{"message": "Throttled"}]})
    assert "answered that there were too many requests: Throttled" in declared.refusal()
    assert declared.requests == 3


class TokenShop:
    """Gives tokens, and ends each of them after some requests."""

    def __init__(self, server: HTTPServer, uses: int) -> None:
        self.tokens, self.left, self.uses = 0, 0, uses
        server.expect_request("/token").respond_with_handler(self.token)

    def token(self, _: Request) -> Response:
        self.tokens += 1
        self.left = self.uses
        return json_response({"access_token": f"token-{self.tokens}", "token_type": "bearer", "expires_in": 600})

    def page(self, request: Request) -> Response:
        if self.left == 0 or request.headers["Authorization"] != f"Bearer token-{self.tokens}":
            return json_response({"error": f"{request.headers['Authorization']} expired"}, status=401)
        self.left -= 1
        number = int(request.args.get("page", 1))
        return json_response({"orders": ids(2, 2 * number) if number < 5 else []})


def with_oauth(declared: DeclaredShop, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{declared.shop.url}/token"
    auth = f'auth = {{ type = "oauth2_client_credentials", access_token_url = "{url}" }}\n'
    monkeypatch.setenv("SHOP_API_USER", "client")
    settings.cache_clear()
    declared.declare('paginator = { type = "page_number" }\n', auth)


@pytest.mark.fault(59)
def test_a_token_that_ends_early_is_renewed(
    declared: DeclaredShop, httpserver: HTTPServer, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = TokenShop(httpserver, uses=2)
    with_oauth(declared, monkeypatch)
    declared.by(tokens.page)
    assert declared.rows() == 8
    assert tokens.tokens == 3


@pytest.mark.fault(59)
def test_a_token_is_renewed_once(
    declared: DeclaredShop, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = TokenShop(httpserver, uses=0)
    with_oauth(declared, monkeypatch)
    declared.by(tokens.page)
    message = declared.refusal()
    assert "answered 401" in message
    assert "token-2" not in message
    assert (tokens.tokens, declared.requests) == (2, 2)


def test_each_attempt_is_signed_anew(
    declared: DeclaredShop, httpserver: HTTPServer, warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The token ends while the request waits to be repeated."""
    httpserver.expect_request("/token").respond_with_handler(
        lambda _: json_response({"access_token": f"t{time.monotonic_ns()}", "expires_in": 0})
    )
    with_oauth(declared, monkeypatch)
    seen = list[str]()

    def answer(request: Request) -> Response:
        seen.append(request.headers["Authorization"])
        return json_response({"orders": []}) if len(seen) == 3 else Response(status=503)

    declared.by(answer)
    assert declared.rows() == 0
    assert len(set(seen)) == 3


@pytest.mark.fault(60)
def test_gzip_without_its_header(declared: DeclaredShop, warehouse: Settings) -> None:
    declared.declare("", max_page_bytes=1_000_000)
    declared.answer(gzip.compress(json.dumps({"orders": ids(2)}).encode()))
    assert declared.rows() == 2
    declared.answer(gzip.compress(b" " * 2_000_000))
    assert "a page of more than 1,000,000 bytes" in declared.refusal()
    declared.answer(gzip.compress(b"{}")[:5])
    assert "of damaged gzip" in declared.refusal()


@pytest.mark.fault(69)
def test_ten_million_empty_rows(declared: DeclaredShop) -> None:
    rows = b'{"orders":[' + b"{}," * 9_999_999 + b"{}]}"
    declared.declare("")
    declared.answer(gzip.compress(rows, 1), headers=[{"Content-Encoding": "gzip"}])
    assert "sent a page of more than 10,000,000 values. Lower page_size" in declared.refusal()


@pytest.mark.fault(60)
def test_another_charset(declared: DeclaredShop, warehouse: Settings) -> None:
    declared.declare("")
    body = '{"orders": [{"id": "é"}]}'.encode("latin-1")
    declared.answer(body, headers=[{"Content-Type": "application/json; charset=ISO-8859-1"}])
    assert declared.rows() == 1
    assert landed()[0]["order_id"] == "é"
    declared.answer(body)
    assert "neither UTF-8 nor in a charset that its header names (byte 20)" in declared.refusal()
    for codec in ("utf-16", "utf-8-sig"):
        declared.answer('{"orders": [{"id": "é"}]}'.encode(codec))
        assert declared.rows() == 1
