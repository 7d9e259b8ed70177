"""Rows in an object by id, as Firebase and OpenCart send them."""

import json
from typing import Any

import pytest
from werkzeug import Request, Response

from pipeline_errors import ShopError
from pipeline_settings import Settings
from tests.ingestion.test_landing import landed

Shop = Any

PAGED = '{ type = "json_link", next_url_path = "next" }'


def by_id(shop: Shop, selector: str = "orders", paginator: str = PAGED) -> None:
    text = shop.config_file.read_text().replace('data_selector = "orders"', f'data_selector = "{selector}"')
    text = text.replace('total_selector = "total" ', "#", 1).replace(PAGED, paginator, 1)
    shop.configure(text.replace('path = "api/v1/orders"', 'path = "api/v1/orders"\nrow_key = "order_id"'))


@pytest.mark.parametrize(
    ("selector", "body", "ids"),
    [
        ("orders", '{"orders": {"o1": {"status": "a"}, "7": {"status": "b"}}}', ["o1", "7"]),
        ("$", '{"o1": {"status": "a"}, "o2": {"status": "b"}}', ["o1", "o2"]),
        ("data.orders", '{"data": {"orders": {"o1": {"status": "a"}}}, "next": ""}', ["o1"]),
        ("orders", '{"orders": {"o1": {"order_id": "its own"}, "o2": {"order_id": 5}}}', ["its own", "5"]),
        ("orders", '{"orders": {"o1": {}, "o2": "no object", "o3": null}}', ["o1", None, None]),
        ("orders", '{"orders": [null, {"status": "a"}, {"status": "b"}]}', ["1", "2"]),
        ("orders", '{"orders": {}}', []),
        ("orders", '{"orders": []}', []),
        ("orders", '{"orders": null}', []),
        ("$", "null", []),
        ("$", "[]", []),
    ],
)
def test_rows_have_their_keys_as_ids(shop: Shop, warehouse: Settings, selector: str, body: str, ids: list[str]) -> None:
    by_id(shop, selector, '{ type = "single_page" }')
    shop.configure(shop.config_file.read_text().replace('page_size_param = "limit"', "#", 1))  # pages of any size
    shop.serve(body)
    assert shop.land().rows == len(ids)
    assert [row["order_id"] for row in landed()] == ids


def test_pages_follow_the_last_key(shop: Shop, warehouse: Settings) -> None:
    by_id(shop, paginator='{ type = "cursor", cursor_path = "orders.-1.order_id", cursor_param = "startAfter" }')
    rows = {f"o{number}": {"status": "paid"} for number in range(7)}

    def page(request: Request) -> Response:
        left = [key for key in rows if key > request.args.get("startAfter", "")][: int(request.args["limit"])]
        return Response(json.dumps({"orders": {key: rows[key] for key in left}}))

    shop.answer = page
    assert shop.land().pages == 4
    assert [row["order_id"] for row in landed()] == list(rows)


def test_neither_list_nor_object_is_refused(shop: Shop) -> None:
    by_id(shop)
    shop.serve('{"orders": "none"}')
    with pytest.raises(ShopError, match="has a string as 'orders', not a list"):
        shop.land()


def test_without_row_key_the_error_suggests_it(shop: Shop) -> None:
    shop.serve('{"orders": {"o1": {"status": "a"}}}')
    with pytest.raises(ShopError, match=r"an object as 'orders', not a list, but an object of objects\. If its keys"):
        shop.land()
