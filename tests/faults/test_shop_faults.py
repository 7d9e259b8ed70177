"""Odd answers of the shop, through a whole run."""

from collections.abc import Callable

import pytest
import redis
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from local.demo_shop.shop_contract import ListedShop
from orchestration.day_run import run_days
from pipeline_settings import Settings, settings
from tests.dbt_project.loads import FIRST, orders, reviews
from tests.laws.conftest import World, rows_of
from warehouse.connection import connect

ORDERS, REVIEWS = "ecommerce_order_pipeline", "customer_feedback_pipeline"

TEXTS = [
    "'; drop schema marts cascade; --",
    '=cmd|"/c calc"!A1',
    "{{ env_var('PGPASSWORD') }} {% raw %}",
    "<script>alert(1)</script> &amp;",
    "😀 e\u0301 é \u202e right to left",
    "\\N \\x00 %s %(day)s ${HOME} `id`",
    ' "quoted", \t and\r\nbroken ',
]


@pytest.mark.fault(10)
@pytest.mark.parametrize(("health", "data"), [(503, 200), (200, 503)])
def test_health_and_data_disagree(
    warehouse: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, health: int, data: int
) -> None:
    asked: list[str] = []

    def answer(request: Request) -> Response:
        asked.append(request.path)
        return Response('{"orders": [], "next": null}', data, headers={"Retry-After": "999999"})

    httpserver.expect_request("/health").respond_with_data("", status=health)
    httpserver.expect_request("/api/v1/orders").respond_with_handler(answer)
    monkeypatch.setenv("SHOP_API_URL", httpserver.url_for(""))
    settings.cache_clear()
    outcome = run_days([FIRST], [ORDERS])
    assert outcome.exit_code == 3
    assert str(outcome.errors[0]).startswith(f"{FIRST} {'wait_for_shop' if health == 503 else 'extract_load'}: ")
    assert len(asked) == (0 if health == 503 else 1)
    with connect() as connection:
        assert connection.execute("select from ops.loads").fetchall() == []
        assert connection.execute("select from raw.orders").fetchall() == []


@pytest.mark.slow
@pytest.mark.fault(14, 46)
def test_texts_that_look_like_code_stay_texts(world: Callable[[ListedShop], World], cache: "redis.Redis") -> None:
    shop_orders = [
        {**row, "customer_id": text, "status": text} for row, text in zip(orders(FIRST, 7), TEXTS, strict=True)
    ]
    shop_reviews = [
        {**row, "customer_id": text, "review_text": text} for row, text in zip(reviews(FIRST, 7), TEXTS, strict=True)
    ]
    here = world(ListedShop({("orders", FIRST): shop_orders, ("reviews", FIRST): shop_reviews}))
    here.run([FIRST])
    assert {row["status"] for row in rows_of("fct_orders")} == set(TEXTS)
    assert {row["review_text"] for row in rows_of("fct_reviews")} == set(TEXTS)
    assert {row["customer_id"] for row in rows_of("customer_health")} == set(TEXTS)
    here.assert_marts_are_right()
    with connect() as connection:
        raw = connection.execute("select status from raw.orders order by _row_number").fetchall()
    assert [row["status"] for row in raw] == TEXTS
