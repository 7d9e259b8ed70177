"""Faults of the shop: each is a ShopError with the URL and the cause, never the token."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from typing import Any

import pytest
from werkzeug import Response

from ingestion.declaration.shop_config import shop_config
from ingestion.http.access import shop_access
from ingestion.http.url_secrets import masked
from ingestion.http.urls import NO_ORIGIN, origin, readable
from ingestion.landing.land_days import wait_for_shop
from pipeline_errors import ConfigurationError, ShopError
from pipeline_settings import settings

Shop = Any
PAGE = '{"orders": [{"order_id": "o-1"}], "next": %s}'


def page(shop: Shop, following: str) -> Response:
    """Return a page whose row differs with each request."""
    return Response((PAGE % f'"{following}"').replace("o-1", f"o-1{len(shop.requests)}"))


def refused(shop: Shop) -> str:
    """Land, expect a ShopError without secrets and without leftovers, and return its message."""
    with pytest.raises(ShopError) as error:
        shop.land()
    message = str(error.value)
    assert shop.token not in message
    assert "o-1" not in message
    assert error.value.__cause__ is None
    assert list((settings().daybreak_home / "loads").iterdir()) == []
    return message


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", "an empty body"),
        (" \n", "an empty body"),
        (
            "<html><body>Down\x1b for maintenance</body></html>",
            "HTML or XML, not JSON, beginning 'Down for maintenance'",
        ),
        ('{"orders": [{"order_id": "o-1"}, {"ord', "38 bytes of truncated JSON"),
        ('{"orders": [] NaN}', "18 bytes of invalid JSON"),
        (b"\xff\xfe\x00", "JSON that is neither UTF-8 nor"),
        ("[" * 100_000, "nests too deep"),
        ('{"error": "token expired"}', "answered with an error, so its rows may not be all: token expired"),
        ('{"items": []}', "has no list 'orders', only: items"),
        ('{"orders": null}', "has null as 'orders', not a list"),
        ('{"orders": {"order_id": "o-1"}}', "has an object as 'orders', not a list"),
        ('{"orders": "o-1"}', "has a string as 'orders', not a list"),
        ('{"orders": 12}', "has a number as 'orders', not a list"),
        ("[{}]", "its body is a list"),
        ("null", "its body is null"),
        ('{"orders": [], "next": 2}', "has a number as 'next', not a URL"),
        ('{"orders": [], "next": {"href": "x"}}', "has an object as 'next', not a URL"),
        ('{"orders": [], "total": "many"}', "a total of rows that is not a count"),
        ('{"orders": [], "total": -1}', "a total of rows that is not a count"),
    ],
)
@pytest.mark.fault(5, 6)
def test_a_body_that_is_not_a_page(shop: Shop, body: bytes | str, expected: str) -> None:
    shop.serve(body)
    message = refused(shop)
    assert expected in message
    assert f"{shop.url}/api/v1/orders" in message
    assert len(shop.requests) == 1


def test_a_row_that_nests_too_deep(shop: Shop) -> None:
    shop.serve('{"orders": [{"order_id": ' + '{"a":' * 600 + "1" + "}" * 601 + "]}")
    assert "a row that nests too deep" in refused(shop)


@pytest.mark.parametrize(
    ("status", "requests", "expected"),
    [
        (500, 3, "answered 500 INTERNAL SERVER ERROR"),
        (503, 3, "answered 503"),
        (429, 3, "answered 429"),
        (400, 1, "answered 400"),
        (404, 1, "answered 404"),
        (401, 1, "SHOP_API_TOKEN"),
        (403, 1, "SHOP_API_TOKEN"),
    ],
)
@pytest.mark.fault(2)
def test_an_error_status(shop: Shop, status: int, requests: int, expected: str) -> None:
    shop.serve("o-1", status=status)
    assert expected in refused(shop)
    assert len(shop.requests) == requests


@pytest.mark.fault(3)
def test_retry_after_is_honoured_and_bounded_by_the_deadline(shop: Shop) -> None:
    shop.serve("", status=429, headers={"Retry-After": "999999"})
    started = time.monotonic()
    assert "answered 429 TOO MANY REQUESTS, asking to wait 999999 s" in refused(shop)
    assert time.monotonic() - started < 2
    assert len(shop.requests) == 1


@pytest.mark.parametrize("header", ["1", lambda: formatdate(time.time() + 1.5, usegmt=True)])
@pytest.mark.fault(3)
def test_retry_after_in_seconds_or_as_a_date(shop: Shop, header: str | Callable[[], str]) -> None:
    shop.configure(deadline_seconds=5, max_attempts=2)
    value = header if isinstance(header, str) else header()
    shop.serve_in_turn(Response("", 503, {"Retry-After": value}), Response('{"orders": [], "next": null}'))
    started = time.monotonic()
    assert shop.land().rows == 0
    assert 0.4 < time.monotonic() - started < 4


@pytest.mark.fault(1)
def test_a_failure_that_passes_is_logged_and_forgotten(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    shop.serve_in_turn(Response(status=500), Response(status=502), Response('{"orders": [], "next": ""}'))
    with caplog.at_level(logging.WARNING):
        receipt = shop.land()
    assert (receipt.rows, receipt.pages) == (0, 1)
    assert [record.getMessage()[:10] for record in caplog.records if "answered 50" in record.getMessage()] == [
        "attempt 1:",
        "attempt 2:",
    ]


@pytest.mark.fault(2)
def test_no_server_listens(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("SHOP_API_URL", f"http://u:{shop.token}@127.0.0.1:{unused.getsockname()[1]}")
        settings.cache_clear()
        assert "cannot be read: Connection refused" in refused(shop)


@pytest.mark.fault(2)
def test_an_unknown_host(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_API_URL", "http://shop.invalid")
    settings.cache_clear()
    assert "http://shop.invalid/api/v1/orders cannot be read: unknown host" in refused(shop)


@contextmanager
def server(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that accepts one connection after the other and calls `talk` for each."""

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                try:
                    connection.recv(65_536)
                    talk(connection)
                except OSError:
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def drip(start: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        connection.sendall(start)
        for _ in range(100):
            connection.sendall(b" ")
            time.sleep(0.1)

    return talk


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        (drip(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"), "was not read within 1 s"),
        (drip(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"), "was not read within 1 s"),
        (drip(b"HTTP/1.1 200 OK\r\nX-Long: "), "was not read within 1 s"),
        (lambda _: time.sleep(2), "was not read within 1 s"),
    ],
)
@pytest.mark.fault(4)
def test_a_server_that_never_finishes(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, talk: Callable[[socket.socket], None], expected: str
) -> None:
    shop.configure(deadline_seconds=1, timeout_seconds=10)
    with server(talk) as url:
        monkeypatch.setenv("SHOP_API_URL", url)
        settings.cache_clear()
        started = time.monotonic()
        assert expected in refused(shop)
        assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    ("talk", "expected"),
    [
        (
            lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"),
            "the connection broke (IncompleteRead)",
        ),
        (lambda c: None, "the connection broke (RemoteDisconnected)"),
        (lambda c: c.sendall(b"SSH-2.0-OpenSSH\r\n"), "the connection broke"),
        (lambda c: time.sleep(1), "sent no byte for 0.2 s"),
    ],
)
def test_a_connection_that_breaks(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, talk: Callable[[socket.socket], None], expected: str
) -> None:
    shop.configure(max_attempts=2, timeout_seconds=0.2, deadline_seconds=5, backoff_seconds=0)
    with server(talk) as url:
        monkeypatch.setenv("SHOP_API_URL", url)
        settings.cache_clear()
        assert expected in refused(shop)


@pytest.mark.parametrize("following", ["/api/v1/orders?start=1", "?start=1", "{url}/api/v1/orders?start=1#{n}"])
@pytest.mark.fault(7)
def test_pages_that_never_end(shop: Shop, following: str) -> None:
    shop.answer = lambda _: page(shop, following.format(url=shop.url, n=len(shop.requests)))
    assert "was already read" in refused(shop)
    assert len(shop.requests) <= 3


@pytest.mark.fault(7)
def test_more_pages_than_a_day_may_have(shop: Shop) -> None:
    shop.configure(max_pages=5)
    shop.answer = lambda _: page(shop, f"?start={len(shop.requests)}")
    assert "has more than 5 pages" in refused(shop)


@pytest.mark.parametrize(
    "following",
    [
        "{elsewhere}/api/v1/orders",
        "//{elsewhere_host}/x",
        "https://{host}/x",
        "file:///etc/passwd",
        "ftp://{host}/x",
        "http://{host}@{elsewhere_host}/x",
        "http://{elsewhere_host}\\\\@{host}/",
        "http://[/",
    ],
)
@pytest.mark.fault(8)
def test_the_token_goes_nowhere_else(shop: Shop, following: str) -> None:
    got: list[bytes] = []
    with server(lambda connection: got.append(b"connected")) as elsewhere:
        hosts = {"host": shop.url[7:], "elsewhere_host": elsewhere[7:], "elsewhere": elsewhere}
        shop.serve(PAGE % f'"{following.format(**hosts)}"')
        refused(shop)
    assert got == []
    assert len(shop.requests) <= 2


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.fault(8)
def test_redirects_are_refused(shop: Shop, status: int) -> None:
    got: list[bytes] = []
    with server(lambda connection: got.append(b"connected")) as elsewhere:
        shop.serve("", status=status, headers={"Location": f"{elsewhere}/x?token={shop.token}"})
        message = refused(shop)
    assert f"redirecting to {elsewhere}/x" in message
    assert got == []


def test_a_page_that_is_too_big(shop: Shop) -> None:
    shop.configure(max_page_bytes=100_000)
    shop.serve('{"orders": [' + " " * 200_000 + "]}")
    assert "a page of more than 100,000 bytes" in refused(shop)


@pytest.mark.fault(9)
def test_a_total_that_stays_wrong_is_refused_after_a_second_read(shop: Shop) -> None:
    shop.serve('{"orders": [{"order_id": "o-1"}], "next": null, "total": 2}')
    assert "reports a total of 2 rows, but returned 1 in 1 pages, twice" in refused(shop)
    assert len(shop.requests) == 2


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("SHOP_API_URL", "", "SHOP_API_URL is not set"),
        ("SHOP_API_URL", "ftp://shop", "SHOP_API_URL is not an http or https URL"),
        ("SHOP_API_TOKEN", "canary\nX-Evil: 1", "SHOP_API_TOKEN has characters"),
        ("SHOP_API_TOKEN", "canary€", "SHOP_API_TOKEN has characters"),
    ],
)
def test_settings_that_cannot_be_used(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    monkeypatch.setenv(variable, value)
    settings.cache_clear()
    with pytest.raises(ConfigurationError) as error:
        shop.land()
    assert expected in str(error.value)
    assert "canary" not in str(error.value)


def test_a_token_may_end_with_the_newline_of_its_file(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_API_TOKEN", "abc\n")
    settings.cache_clear()
    assert shop_access(shop_config()).secret == "abc"


@pytest.mark.fault(10)
def test_waiting_for_the_shop(shop: Shop) -> None:
    answers = [Response(status=503), Response(status=503), Response("ok")]
    shop.health = lambda _: answers.pop(0)
    wait_for_shop(5)
    assert answers == []


@pytest.mark.parametrize("status", [200, 301, 401, 404, 503])
def test_waiting_ends(shop: Shop, status: int) -> None:
    shop.health = lambda _: Response(status=status)
    started = time.monotonic()
    if status == 200:
        wait_for_shop(0.5)
        return
    with pytest.raises(ShopError, match=f"/health answered {status}"):
        wait_for_shop(0.5)
    assert 0.3 < time.monotonic() - started < 3


def test_origins_and_readable_urls() -> None:
    assert origin("https://shop.example/x") == origin("https://SHOP.example:443/y?z")
    assert origin("http://[::1") == NO_ORIGIN
    assert readable("https://user:pass@shop.example:8443/a/b?token=x#y") == "https://shop.example:8443/a/b"
    assert readable("http://[::1") == "an unreadable URL"
    place = "@shop.example/a"
    for separator in "/?#":  # unencoded in a password
        assert readable(f"https://user:half{separator}half{place}") == "an unreadable URL"
    assert readable(f"https://user:1/half{place}") == "https://shop.example/a"
    assert masked(f"https://user:half/half{place}?b=1") == "https://shop.example/a?b=1"
