"""Two causes have two texts, each with the remedy that mends it, and no text quotes a secret or a customer."""

import base64
from typing import Any

import pytest
import requests

from ingestion.http.clean_text import clean
from ingestion.http.session import ShopSession
from ingestion.http.urls import with_tls_of
from pipeline_errors import ShopError
from pipeline_settings import settings
from tests.ingestion.http.conftest import DeclaredShop, ids

BASIC = 'auth = { type = "http_basic" }\n'
KEY = 'auth = { type = "api_key", name = "X-Key" }\n'
CHALLENGE = "<html><head><title>Just a moment...</title></head></html>"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (
            400,
            {
                "code": "rest_invalid_param",
                "message": "Invalid parameter(s): limit",
                "data": {"params": {"limit": "at most 100"}},
            },
            "and says: Invalid parameter(s): limit; limit: at most 100. Set page_size in shop.toml to what",
        ),
        (
            422,
            {"errors": [{"detail": "date is no date"}]},
            "and says: date is no date. Correct path and the parameters",
        ),
        (404, {"message": "No route"}, "and says: No route. Check SHOP_API_URL, and path"),
        (405, {}, "Check method and path"),
        (406, {}, 'Set headers = { Accept = "application/json" }'),
        (500, {"message": "division by zero"}, "and says: division by zero. Run again"),
    ],
)
@pytest.mark.fault(60)
def test_a_refused_request(declared: DeclaredShop, status: int, body: object, expected: str) -> None:
    declared.declare('page_size_param = "limit"\n')
    declared.answer(body, status=status)
    assert expected in declared.refusal()


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (403, {"Server": "cloudflare", "cf-mitigated": "challenge"}, CHALLENGE),
        (503, {"Server": "cloudflare"}, CHALLENGE),
        (200, {}, CHALLENGE),
        (403, {"Server": "AkamaiGHost"}, "<HTML><HEAD><TITLE>Access Denied</TITLE></HEAD></HTML>"),
        (406, {}, "<html><body>This was blocked by Mod_Security.</body></html>"),
        (405, {"x-amzn-waf-action": "captcha"}, "<!DOCTYPE html><html></html>"),
    ],
)
@pytest.mark.fault(60)
def test_a_firewall_answers(declared: DeclaredShop, status: int, headers: dict[str, str], body: str) -> None:
    declared.declare("", max_attempts=1)
    declared.answer(body.encode(), headers=[headers], status=status)
    message = declared.refusal()
    assert f"answered {status} with a page of a firewall" in message
    assert "set a User-Agent that it accepts" in message


@pytest.mark.parametrize(
    ("top", "token", "challenge", "expected"),
    [
        (
            "",
            "secret-1",
            'Basic realm="shop"',
            'asking for Basic. The scheme is wrong, whatever the token: set auth = { type = "http_basic" }',
        ),
        (
            BASIC,
            "secret-1",
            "Bearer",
            'asking for Bearer. The scheme is wrong, whatever the token: set auth = { type = "bearer" }',
        ),
        (
            "",
            "secret-1",
            "Token",
            'auth = { type = "api_key", name = "…" } in shop.toml (daybreak init: --auth header:NAME)',
        ),
        (
            "",
            "secret-1",
            'Bearer realm="x", error="invalid_token", error_description="it has expired"',
            "(it has expired), asking for Bearer. Set SHOP_API_TOKEN to",
        ),
        ("", "", "Bearer", "Set SHOP_API_TOKEN: no token was sent"),
        ("", "", 'Basic realm="shop"', 'No token was sent: set auth = { type = "http_basic" }'),
        (BASIC, "secret-1", 'Basic realm="shop"', "Set SHOP_API_USER and SHOP_API_TOKEN to a user and password"),
        (KEY, "secret-1", "", "Set SHOP_API_TOKEN to a token that may read this. It is sent as X-Key, in the header"),
        (KEY.replace("X-Key", "Authorization"), "secret-1", "", 'SHOP_API_TOKEN="Bearer …"'),
        ("", "secret-1", "", "Set SHOP_API_TOKEN to a token that may read this."),
    ],
)
@pytest.mark.fault(60)
def test_a_wrong_token_and_a_wrong_scheme(
    declared: DeclaredShop, monkeypatch: pytest.MonkeyPatch, top: str, token: str, challenge: str, expected: str
) -> None:
    monkeypatch.setenv("SHOP_API_USER", "reader")
    monkeypatch.setenv("SHOP_API_TOKEN", token)
    settings.cache_clear()
    declared.shop.token = token or declared.shop.token
    declared.declare("", top)
    declared.answer(
        {"message": f"bad {token}"}, headers=[{"WWW-Authenticate": challenge} if challenge else {}], status=401
    )
    assert expected in declared.refusal()


@pytest.mark.fault(60)
def test_an_absent_key_is_named_with_the_lists_that_are_there(declared: DeclaredShop) -> None:
    declared.declare("")
    declared.answer({"result": ids(2), "page": 1})
    message = declared.refusal()
    assert (
        "has no list 'orders', only: result, page. Correct data_selector in shop.toml: the lists of the page are result"
        in message
    )


CUSTOMER = '"email": "anna.example@mail.example", "phone": "+49 30 1234567"'


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f'q[{{"name": "Anna", {CUSTOMER}}}]', "that are not JSON, beginning 'q', before what looks like JSON"),
        (f'[{{"name": "Anna", {CUSTOMER}}}', "of truncated JSON"),
        (f'[{{"name": "Anna", {CUSTOMER}}},,]', "of invalid JSON"),
        ("Anna;anna.example@mail.example;+49 30 1234567", "bytes that are not JSON"),
        ("Anna\t+49 30 1234567", "bytes that are not JSON"),
        ("<p>Notice of anna.example@mail.example</p>", "HTML or XML, not JSON, beginning 'Notice of …'"),
        ("upstream connect error", "beginning 'upstream connect error'"),
    ],
)
@pytest.mark.fault(62)
def test_a_body_that_is_no_json_is_not_quoted(declared: DeclaredShop, body: str, expected: str) -> None:
    declared.declare("")
    declared.answer(body.encode())
    message = declared.refusal()
    assert expected in message
    assert not {"Anna", "anna", "1234567", "mail.example"} & set(message.replace('"', " ").replace(";", " ").split())
    assert "1234567" not in message
    assert "mail.example" not in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("not readable by canary-4f1c at all", "not readable by … at all"),
        (f"{'x' * 155} anna@example.com", f"{'x' * 155} …"),
        (f"{'x' * 158}anna@example.com", "…"),
        ("see https://u:p@shop.example/a/b?key=1#c for it", "see https://shop.example/a/b for it"),
        ("GET /orders?date=2026-11-02&api_key=abcdef failed", "GET /orders?… failed"),
        ("order of anna%40example.com", "order of …"),
        ('{"token": "abcdefgh", "page": 1}', '{"token": "…", "page": 1}'),
        ("Bearer abcdef123456 is no token", "Bearer … is no token"),
        ("session 1f8a9c0d2b3e4f5a6b7c8d9e0f1a2b3c ended", "session … ended"),
        ("call +49 30 123 45 67 or 030/1234567-8", "call … or …"),
        ("between 2026-11-02 00:00:00 and 2026-11-03", "between 2026-11-02 00:00:00 and 2026-11-03"),
        ("Ungültig\x1b[31m\u202e\nzwei\tdrei", "Ungültig [31m zwei drei"),
        ("no more than 5000 of 61250 rows", "no more than 5000 of 61250 rows"),
    ],
)
@pytest.mark.fault(62)
def test_a_text_is_cleaned_whole_before_it_is_cut(monkeypatch: pytest.MonkeyPatch, text: str, expected: str) -> None:
    monkeypatch.setenv("SHOP_API_TOKEN", "canary-4f1c")
    settings.cache_clear()
    assert clean(text) == expected


def test_credentials_of_the_request_are_cleaned() -> None:
    basic = base64.b64encode(b"reader:passw0rd").decode()
    headers = {"Authorization": f"Basic {basic}", "X-Key": "abcdefg", "User-Agent": "Daybreak"}
    request = requests.Request("GET", "http://shop.example", headers=headers).prepare()
    assert clean(f"Daybreak as reader with passw0rd, {basic}, abcdefg", request) == "Daybreak as … with …, …, …"


@pytest.mark.parametrize(
    "following",
    [
        "http://",
        "http:///x",
        "http://.example/x",
        "http://a b/",
        "https://shop.example:99999/",
        "//[x",
        "http://%zz/x",
        "\u0000",
    ],
)
@pytest.mark.fault(61)
def test_a_broken_next_url(declared: DeclaredShop, following: str) -> None:
    declared.declare('paginator = { type = "json_link", next_url_path = "next" }\n')
    declared.answer({"orders": ids(1), "next": following})
    declared.refusal()


@pytest.mark.parametrize(
    ("base", "url", "expected"),
    [
        ("https://shop.example/api", "http://shop.example/api/x?page=2", "https://shop.example/api/x?page=2"),
        ("https://shop.example:8443", "http://shop.example:8443/x", "https://shop.example:8443/x"),
        ("https://u:p@shop.example:8443", "http://shop.example/x", "https://shop.example:8443/x"),
        ("https://shop.example", "http://shop.example:8080/x", "http://shop.example:8080/x"),
        ("https://shop.example", "http://other.example/x", "http://other.example/x"),
        ("http://shop.example", "http://shop.example/x", "http://shop.example/x"),
        ("https://shop.example", "http://[", "http://["),
    ],
)
@pytest.mark.fault(61)
def test_a_link_without_tls_is_followed_with_it(base: str, url: str, expected: str) -> None:
    assert with_tls_of(base, url) == expected


@pytest.mark.fault(61)
def test_no_remedy_leads_to_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """The token would be sent without TLS."""
    session: Any = ShopSession.__new__(ShopSession)
    session._base_url = "https://shop.example"
    with pytest.raises(ShopError) as error:
        session._refuse_elsewhere("http://shop.example:8080/x?token=abc")
    assert str(error.value) == (
        "The shop's next page is on another server: http://shop.example:8080/x. Nothing was sent there, to protect the "
        "token: the shop must link its pages with https."
    )
