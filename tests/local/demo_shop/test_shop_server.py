"""The shop over HTTP: every row exactly once, correct totals, clear errors."""

import http.client
import json
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
import requests

from local.demo_shop.shop_contract import ListedShop
from local.demo_shop.shop_server import DEFAULT_LIMIT, MAX_LIMIT, ShopServer
from local.demo_shop.simulated_shop import CORRECTED_DAY, SimulatedShop
from pipeline_errors import ConfigurationError

DAY = date(2026, 3, 1)
ITEMS: list[object] = [{"order_id": f"o{number}"} for number in range(7)]


@pytest.fixture
def server() -> Iterator[ShopServer]:
    shop = ListedShop({("orders", DAY): ITEMS, ("reviews", DAY): [{"review_id": "r1"}]})
    with ShopServer(shop) as running:
        yield running


def get(server: ShopServer, path: str, **params: object) -> requests.Response:
    return requests.get(f"{server.url}{path}", params={k: str(v) for k, v in params.items()}, timeout=10)


def pages(url: str | None) -> Iterator[dict[str, Any]]:
    with requests.Session() as session:
        while url is not None:
            page = session.get(url, timeout=10).json()
            yield page
            url = page["next"]


def test_health(server: ShopServer) -> None:
    answer = get(server, "/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
def test_pages_cover_all_rows_exactly_once_in_order(server: ShopServer, limit: int) -> None:
    served = list(pages(f"{server.url}/api/v1/orders?date={DAY}&limit={limit}"))
    assert [row for page in served for row in page["orders"]] == ITEMS
    assert len(served) == -(-len(ITEMS) // limit)
    assert {page["total"] for page in served} == {len(ITEMS)}


def test_reviews_have_another_key(server: ShopServer) -> None:
    assert get(server, "/api/v1/reviews", date=DAY).json() == {
        "reviews": [{"review_id": "r1"}],
        "next": None,
        "total": 1,
    }


def test_a_day_without_rows_is_an_empty_list(server: ShopServer) -> None:
    assert get(server, "/api/v1/orders", date="2026-03-02").json() == {"orders": [], "next": None, "total": 0}


def test_an_offset_past_the_end_is_the_empty_last_page(server: ShopServer) -> None:
    assert get(server, "/api/v1/orders", date=DAY, offset=99).json() == {"orders": [], "next": None, "total": 7}


def test_the_next_page_is_on_the_requested_host(server: ShopServer) -> None:
    url = f"http://localhost:{server.port}/api/v1/orders?date={DAY}&limit=3"
    following = requests.get(url, timeout=10).json()["next"]
    assert following == f"http://localhost:{server.port}/api/v1/orders?date={DAY}&limit=3&offset=3"


def test_an_odd_host_header_does_not_reach_the_next_url(server: ShopServer) -> None:
    headers = {"Host": 'localhost:1"'}
    answer = requests.get(f"{server.url}/api/v1/orders?date={DAY}&limit=3", headers=headers, timeout=10)
    assert answer.json()["next"].startswith(server.url)


@pytest.mark.parametrize("host", ["shop.example", "shop.example:80", "192.0.2.1", 'evil"/?x'])
@pytest.mark.fault(73)
def test_a_page_of_another_site_is_refused(server: ShopServer, host: str) -> None:
    answer = requests.get(f"{server.url}/api/v1/orders?date={DAY}", headers={"Host": host}, timeout=10)
    assert answer.status_code == 421


def test_limit_has_a_default_and_a_cap() -> None:
    rows = [b"{}"] * (MAX_LIMIT + 1)
    with ShopServer(ListedShop({("orders", DAY): rows})) as server:
        assert len(get(server, "/api/v1/orders", date=DAY).json()["orders"]) == DEFAULT_LIMIT
        assert len(get(server, "/api/v1/orders", date=DAY, limit=10**9).json()["orders"]) == MAX_LIMIT


@pytest.mark.parametrize("day", ["", "2026-02-30", "2026-W10-1", "20260301", "2026-3-1", "today", "2026-03-01T00:00"])
def test_a_bad_date_is_refused(server: ShopServer, day: str) -> None:
    answer = get(server, "/api/v1/orders", date=day)
    assert answer.status_code == 400
    assert "YYYY-MM-DD" in answer.json()["error"]


@pytest.mark.parametrize("params", [{"limit": 0}, {"limit": -1}, {"limit": "x"}, {"offset": -1}, {"offset": "1e3"}])
def test_a_bad_limit_or_offset_is_refused(server: ShopServer, params: dict[str, object]) -> None:
    assert get(server, "/api/v1/orders", date=DAY, **params).status_code == 400


@pytest.mark.parametrize("path", ["/", "/api/v1/customers", "/api/v1/orders/", "/demo/correct"])
def test_an_unknown_path_is_not_found(server: ShopServer, path: str) -> None:
    answer = get(server, path, date=DAY)
    assert answer.status_code == 404
    assert "error" in answer.json()


def test_every_path_but_health_requires_the_token() -> None:
    with ShopServer(SimulatedShop(), token="sésame") as server:
        url = f"{server.url}/api/v1/orders?date={DAY}"
        right = {"Authorization": b"Bearer " + "sésame".encode()}
        assert requests.get(url, headers=right, timeout=10).status_code == 200
        for headers in ({}, {"Authorization": "Bearer no"}, {"Authorization": "Basic sesame"}):
            refused = requests.get(url, headers=headers, timeout=10)
            assert refused.status_code == 401
            assert "token" in refused.json()["error"]
        assert requests.post(f"{server.url}/demo/correct", timeout=10).status_code == 401
        assert get(server, "/health").status_code == 200


def test_a_correction_is_posted_to_a_shop_that_can_correct() -> None:
    with ShopServer(SimulatedShop()) as server:
        before = get(server, "/api/v1/orders", date=CORRECTED_DAY).json()
        posted = requests.post(f"{server.url}/demo/correct", data=b"x" * 10_000, timeout=10)
        assert (posted.status_code, posted.json()) == (200, {"corrected": True})
        assert get(server, "/api/v1/orders", date=CORRECTED_DAY).json() != before


def test_a_listed_shop_cannot_be_corrected(server: ShopServer) -> None:
    assert requests.post(f"{server.url}/demo/correct", timeout=10).status_code == 404


def test_bytes_are_served_unchanged() -> None:
    shop = ListedShop({("orders", DAY): [b'{"total_amount": 1e400}']})
    with ShopServer(shop) as server:
        assert '{"total_amount": 1e400}' in get(server, "/api/v1/orders", date=DAY).text
        shop.put("orders", DAY, [{"total_amount": 2}])
        assert get(server, "/api/v1/orders", date=DAY).json()["orders"] == [{"total_amount": 2}]


def test_a_failing_shop_is_a_server_error_and_the_next_request_is_answered() -> None:
    class Failing(ListedShop):
        def rows(self, dataset: str, day: date) -> list[bytes]:
            raise ConfigurationError("orders.csv is damaged", "Write it again.")

    with ShopServer(Failing()) as server:
        answer = get(server, "/api/v1/orders", date=DAY)
        assert (answer.status_code, answer.json()) == (500, {"error": "orders.csv is damaged. Write it again."})
        assert get(server, "/health").status_code == 200


def test_one_connection_serves_many_requests(server: ShopServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.connect()
    socket_before = connection.sock
    for _ in range(3):
        connection.request("GET", f"/api/v1/orders?date={DAY}")
        assert json.loads(connection.getresponse().read())["total"] == len(ITEMS)
    assert connection.sock is socket_before
    connection.close()


def test_a_stopped_server_closes_kept_alive_connections() -> None:
    server = ShopServer(ListedShop()).start()
    with requests.Session() as session:
        session.get(f"{server.url}/health", timeout=10)
        server.stop()
        server.stop()
        with pytest.raises(requests.ConnectionError):
            session.get(f"{server.url}/health", timeout=10)


def test_a_server_that_never_started_can_be_stopped() -> None:
    ShopServer(ListedShop()).stop()


def test_a_taken_port_and_a_public_address_are_configuration_errors(server: ShopServer) -> None:
    with pytest.raises(ConfigurationError, match="Choose another port"):
        ShopServer(ListedShop(), port=server.port)
    with pytest.raises(ConfigurationError, match="Choose another port"):
        ShopServer(ListedShop(), port=70_000)
    for host in ("0.0.0.0", "localhost", ""):
        with pytest.raises(ConfigurationError, match="127\\.0\\.0\\.1"):
            ShopServer(ListedShop(), host=host)
