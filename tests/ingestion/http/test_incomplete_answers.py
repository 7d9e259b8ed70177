"""What says that it is incomplete is not believed: exit code 3, never fewer rows and a success."""

from typing import Any

import pytest
from werkzeug import Request, Response

from pipeline_settings import Settings
from tests.ingestion.http.conftest import DeclaredShop, ids
from tests.ingestion.imitation import json_response

LINK = 'paginator = { type = "json_link", next_url_path = "next" }\n'
CURSOR = 'paginator = { type = "cursor", cursor_path = "cursor", cursor_param = "cursor" }\n'
FLAGGED = CURSOR.replace(" }", ', has_more_path = "more" }')
PAGES = 'paginator = { type = "page_number" }\n'
TOTAL = 'total_selector = "total"\n'
ITEMS = 'items = { product_id = "product", quantity = "qty", total = "sum" }\n'
REFUNDS = 'refunds = { amount = "sum" }\n'


def page(**others: Any) -> dict[str, Any]:
    return {"orders": ids(2), **others}


@pytest.mark.parametrize(
    ("lines", "body", "expected"),
    [
        (LINK, page(), "next_url_path 'next' of shop.toml is on no page"),
        (LINK.replace('"next"', '"@odata.nextLink"'), page(), 'written as a list: ["@odata.nextLink"]'),
        (LINK.replace('"next"', '"links.next"'), page(), "next_url_path 'links.next' of shop.toml is on no page"),
        (CURSOR, page(), "cursor_path 'cursor' of shop.toml is on no page"),
        (CURSOR.replace('h = "cursor"', 'h = "orders.-1.number"'), page(), "cursor_path 'orders.-1.number' of"),
        (FLAGGED, page(cursor=None), "has nothing as 'more'. Correct has_more_path"),
        (LINK + TOTAL, page(next=None), "total_selector 'total' of shop.toml is on no page"),
        (
            LINK + TOTAL.replace('"total"', '"a.total"'),
            {**page(next=None), "a.total": 2},
            'total_selector = ["a.total"]',
        ),
        (LINK + 'total_header = "X-Total"\n', page(next=None), "total_header 'X-Total' of shop.toml is on no page"),
        ('row_key = "id"\n', {"orders": [{"number": 1}]}, "a list of rows without the key 'id' (row_key)"),
        (ITEMS, {"orders": [{"id": 1, "lines": [{"sku": 1, "qty": 1, "sum": 2}]}]}, "items.product_id 'product' of"),
        (ITEMS, {"orders": [{"id": 1, "lines": {"7": {"product": 1, "qty": 1}}}]}, "items.total 'sum' of shop.toml"),
        (ITEMS, {"orders": [{"id": 1, "lines": '[{"product": 1, "sum": 1}]'}]}, "items.quantity 'qty' of shop.toml"),
        (REFUNDS, page(), "No order of the day has the key 'payments', where shop.toml finds refunds"),
    ],
)
@pytest.mark.fault(54)
def test_a_declared_place_on_no_page(
    declared: DeclaredShop, warehouse: Settings, lines: str, body: object, expected: str
) -> None:
    declared.declare(lines)
    declared.answer(body)
    assert expected in declared.refusal()


@pytest.mark.parametrize(
    ("lines", "bodies", "rows"),
    [
        (LINK, [page(next="")], 2),
        (LINK, [{"orders": []}], 0),
        (LINK, [page(next="?page=2"), {"orders": ids(1, 2)}], 3),
        (LINK + TOTAL, [page(total=2)], 2),
        (LINK + 'accept = ["next_url_path"]\n', [page()], 2),
        (LINK.replace('"next"', '"links.next"'), [page(links={"self": "?page=1"})], 2),
        (
            LINK.replace('"next"', '["@odata.nextLink"]'),
            [{**page(), "@odata.nextLink": "?page=2"}, page(orders=ids(1, 2))],
            3,
        ),
        (FLAGGED, [page(more=False)], 2),
        (LINK, [page(done=True, totalSize=2)], 2),
        (ITEMS, [page()], 2),
        (REFUNDS, [{"orders": [{"id": 1}, {"id": 2, "payments": None}]}], 2),
        (REFUNDS + 'accept = ["refunds"]\n', [page()], 2),
        (
            ITEMS + 'accept = ["items.qty", "items.quantity"]\n',
            [{"orders": [{"id": 1, "lines": [{"product": 1, "sum": 1}]}]}],
            1,
        ),
    ],
)
def test_a_place_that_a_last_page_may_leave_out(
    declared: DeclaredShop, warehouse: Settings, lines: str, bodies: list[object], rows: int
) -> None:
    declared.declare(lines)
    declared.answer(*bodies)
    assert declared.rows() == rows


@pytest.mark.fault(54)
def test_more_without_a_cursor(declared: DeclaredShop) -> None:
    declared.declare(FLAGGED)
    for cursor in ({"cursor": None}, {"cursor": ""}, {}):
        declared.answer(page(more=True, **cursor))
        assert "although has_more_path says that more follows" in declared.refusal() or not cursor


@pytest.mark.parametrize(
    ("body", "headers", "sign"),
    [
        (page(next_cursor="abc"), {}, "'next_cursor'"),
        (page(nextToken="abc"), {}, "'nextToken'"),
        (page(hasNext=True), {}, "'hasNext'"),
        (page(has_more="true"), {}, "'has_more'"),
        (page(isLast=False), {}, "'isLast'"),
        (page(pageInfo={"hasNextPage": True}), {}, "'pageInfo.hasNextPage'"),
        (page(meta={"pagination": {"total_pages": 3}}), {}, "'meta.pagination.total_pages'"),
        (page(total="60"), {}, "'total'"),
        (page(count=60, limit=2, offset=0), {}, "'count'"),
        (page(links=[{"rel": "self", "href": "?page=1"}, {"rel": "next", "href": "?page=2"}]), {}, "'links.next'"),
        (page(_links={"next": {"href": "?page=2"}}), {}, "'_links.next'"),
        (page(suivant="/api/v1/orders?date=2024-02-29&page=2"), {}, "'suivant'"),
        (page(), {"Link": '<?page=2>; rel="next"'}, "'Link'"),
        (page(), {"Link": "<?page=2>; rel=next"}, "'Link'"),
        (page(), {"X-WP-TotalPages": "3"}, "'X-WP-TotalPages'"),
        (page(), {"X-Total-Count": "60"}, "'X-Total-Count'"),
        (page(), {"X-Next-Page": "2"}, "'X-Next-Page'"),
        (page(), {"Content-Range": "orders 0-1/60"}, "'Content-Range'"),
        (page(), {"X-Pagination": '{"TotalCount":60,"HasNext":true}'}, "'X-Pagination'"),
        (page(), {"X-Pagination-Page-Count": "3"}, "'X-Pagination-Page-Count'"),
        (page(), {"X-MS-Continuation": "abc"}, "'X-MS-Continuation'"),
        (page(paging={"next": {"after": "20"}}), {}, "'paging.next'"),
        (page(LastEvaluatedKey={"id": "x"}), {}, "'LastEvaluatedKey'"),
        (page(total={"value": 60}), {}, "'total.value'"),
        (page(incomplete_results=True), {}, "'incomplete_results'"),
        (page(timed_out=True), {}, "'timed_out'"),
        (page(after="abc"), {}, "'after'"),
        (page(remaining_items=40), {}, "'remaining_items'"),
    ],
)
@pytest.mark.fault(54)
def test_a_single_page_that_says_there_is_more(
    declared: DeclaredShop, warehouse: Settings, body: object, headers: dict[str, str], sign: str
) -> None:
    declared.declare("")
    declared.answer(body, headers=[headers])
    message = declared.refusal()
    assert f"shows by {sign} that more rows follow, but shop.toml declares no paginator" in message
    key = message.rpartition('accept = ["')[2].partition('"')[0]
    declared.declare(f'accept = ["{key}"]\n')
    assert declared.rows() == 2


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (page(total=2, count=2, pages=1, page=1, limit=5000, per_page=50), {"X-WP-TotalPages": "1", "X-Total": "2"}),
        (page(after="2024-02-29", next={"after": None}, end=True), {"X-RateLimit-Remaining": "40"}),
        (page(next=None, previous=None, has_more=False, next_page_url=""), {"Link": '<?page=1>; rel="last"'}),
        (page(pageInfo={"hasNextPage": False, "endCursor": "x"}, total=60), {}),
        (
            page(meta={"self": "/api/v1/orders?x=1", "first": "/api/v1/orders?page=1", "sum": 1250}),
            {"X-Request-Id": "9"},
        ),
    ],
)
def test_a_single_page_that_is_whole(
    declared: DeclaredShop, warehouse: Settings, body: object, headers: dict[str, str]
) -> None:
    declared.declare("")
    declared.answer(body, headers=[headers])
    assert declared.rows() == 2


@pytest.mark.fault(54)
def test_a_next_page_at_another_place(declared: DeclaredShop) -> None:
    """The declared place is wrong, or null, and the page names the next one elsewhere."""
    for lines, body in (
        (LINK, page(nextLink="?page=2")),
        (LINK, page(next=None, has_more=True)),
        (LINK.replace('"next"', '"meta.nxt"'), page(meta={"weiter": "?page=2", "next_token": "t"})),
        (CURSOR, page(scroll_id="abc")),
        ('paginator = { type = "header_link", links_next_key = "nxt" }\n', page(has_next=True)),
        ('paginator = { type = "header_cursor", cursor_key = "X-Nxt", cursor_param = "c" }\n', page(total_pages=2)),
    ):
        declared.declare(lines)
        declared.answer(body)
        assert "that more rows follow, but the page has no" in declared.refusal()


ERRORS: list[tuple[dict[str, Any], str]] = [
    ({"errors": [{"message": "Access denied for lineItems", "path": ["orders"]}]}, "Access denied for lineItems"),
    ({"error": "backend timeout"}, "backend timeout"),
    ({"error": {"code": 17, "detail": "shard 3 is down"}}, "shard 3 is down"),
    ({"errors": {"limit": ["must be below 100"]}}, "limit: must be below 100"),
    ({"success": False, "message": "partial result"}, "partial result"),
    ({"ok": "false"}, "ok: false"),
    ({"hasErrors": True, "errorMsg": "index is rebuilt"}, "errorMsg: index is rebuilt"),
    ({"ack": "PartialFailure", "message": "shard 3 is down"}, "shard 3 is down"),
    ({"code": 40001, "msg": "invalid session"}, "invalid session"),
    ({"meta": {"status": 503, "message": "try later"}}, "try later"),
    ({"_shards": {"total": 5, "failed": 2}}, "failed"),
    ({"status": "error", "message": "index rebuilding"}, "index rebuilding"),
    ({"errorCode": "E42"}, "errorCode: E42"),
    ({"error": True, "message": "no access of anna@example.com by canary-4f1c"}, "no access of … by …"),
]


@pytest.mark.parametrize(("error", "said"), ERRORS)
@pytest.mark.parametrize("rows", [ids(2), [], None])
@pytest.mark.fault(55)
def test_an_error_beside_rows(declared: DeclaredShop, error: dict[str, Any], said: str, rows: object) -> None:
    declared.declare("")
    declared.answer({"orders": rows, **error})
    message = declared.refusal()
    assert f"answered with an error, so its rows may not be all: {said}" in message
    assert 'accept = ["' in message


@pytest.mark.fault(55)
def test_an_error_in_an_object_around_the_rows(declared: DeclaredShop) -> None:
    declared.declare('data_selector = "response.orders"\n')
    declared.answer({"response": {"orders": ids(2), "success": False, "message": "shard 3 is down"}})
    assert "answered with an error, so its rows may not be all: shard 3 is down" in declared.refusal()


@pytest.mark.fault(55)
def test_a_row_that_failed_is_no_error(declared: DeclaredShop, warehouse: Settings) -> None:
    declared.declare('data_selector = "data"\n')
    declared.answer({"data": ids(1)[0] | {"error": "card declined"}})
    assert declared.rows() == 1


@pytest.mark.fault(54)
def test_partial_content(declared: DeclaredShop, warehouse: Settings) -> None:
    declared.declare("")
    declared.answer(page(), status=206)
    assert "shows by '206 Partial Content' that more rows follow" in declared.refusal()
    declared.declare(TOTAL)
    declared.answer(page(total=2), status=206)
    assert declared.rows() == 2


@pytest.mark.parametrize(
    ("others", "accept"),
    [
        ({"errors": [], "error": None, "success": True, "status": "ok", "errorCode": 0}, ""),
        ({"error": "", "ok": "true", "status": 200, "result": "success"}, ""),
        ({"code": 0, "msg": "success", "hasError": False, "_shards": {"failed": 0}, "failures": []}, ""),
        ({"errors": [{"message": "a field is deprecated"}]}, 'accept = ["errors"]\n'),
    ],
)
def test_no_error_beside_rows(declared: DeclaredShop, warehouse: Settings, others: dict[str, Any], accept: str) -> None:
    declared.declare(accept)
    declared.answer(page(**others))
    assert declared.rows() == 2


def paged(pages: list[list[Any]], total: Any = None, after: Response | None = None) -> Any:
    """Answer by page number with these pages, then with `after` or an empty page; `total` of a page's rows."""

    def answer(request: Request) -> Response:
        number = int(request.args.get("page", 1)) - 1
        if number >= len(pages) and after:
            return after
        rows = pages[number] if number < len(pages) else []
        return json_response({"orders": rows} | ({} if total is None else {"total": total(rows)}))

    return answer


@pytest.mark.fault(56)
def test_a_total_that_is_that_of_a_page(declared: DeclaredShop) -> None:
    declared.declare(PAGES + TOTAL)
    declared.by(paged([ids(3), ids(3, 3), ids(1, 6)], total=len))
    message = declared.refusal()
    assert "reports a total of 3 rows on page 2, after 6 rows: it is that of the page" in message
    assert "Remove total_selector" in message
    assert declared.requests == 2


@pytest.mark.parametrize("after", [None, Response(status=404), Response(status=400), Response('{"orders": null}')])
@pytest.mark.fault(56)
def test_a_total_of_the_day_on_its_only_page(
    declared: DeclaredShop, warehouse: Settings, after: Response | None
) -> None:
    declared.declare(PAGES + TOTAL)
    declared.by(paged([ids(3)], total=lambda _: 3, after=after))
    assert declared.rows() == 3
    assert declared.requests == 2


def test_a_total_is_confirmed_by_the_same_page_again(declared: DeclaredShop, warehouse: Settings) -> None:
    """Magento answers a page after the last with the last."""
    declared.declare(PAGES + TOTAL)
    declared.answer(page(total=2))
    assert declared.rows() == 2
    assert declared.requests == 2


@pytest.mark.parametrize(
    ("lines", "others"),
    [
        (LINK, lambda number: {"next": f"?page={number}"}),
        (CURSOR, lambda number: {"cursor": f"c{number}"}),
        (FLAGGED, lambda number: {"cursor": f"c{number}", "more": True}),
        ('paginator = { type = "offset" }\n', lambda number: {"time": number}),
        (PAGES, lambda number: {"time": number}),
    ],
)
@pytest.mark.fault(58)
def test_a_page_that_repeats_under_another_name(declared: DeclaredShop, lines: str, others: Any) -> None:
    declared.declare(lines)
    declared.by(lambda _: json_response(page(**others(declared.requests))))
    assert "returned the same page twice (page 2)" in declared.refusal()
    assert declared.requests == 2


@pytest.mark.fault(58)
def test_a_last_page_that_repeats_its_cursor(declared: DeclaredShop, warehouse: Settings) -> None:
    declared.declare(CURSOR)
    declared.answer(page(cursor="2"), {"orders": ids(1, 2), "cursor": "3"}, {"orders": [], "cursor": "3"})
    assert declared.rows() == 3
    declared.answer(page(cursor="2"), {"orders": ids(1, 2), "cursor": "2"})
    assert (
        "the cursor that it was asked with (page 2). If that is how the shop ends a day, declare" in declared.refusal()
    )


@pytest.mark.parametrize("status", [400, 404, 416, 422])
@pytest.mark.fault(58)
def test_an_error_after_the_last_page(declared: DeclaredShop, status: int) -> None:
    declared.declare(PAGES)
    declared.by(paged([ids(3), ids(3, 3)], after=json_response({"message": "no such page"}, status=status)))
    message = declared.refusal()
    assert "and says: no such page, for page 3" in message
    assert "declare total_selector, total_header or has_more_path" in message


def test_an_empty_page_with_more_to_come(declared: DeclaredShop, warehouse: Settings) -> None:
    declared.declare('paginator = { type = "page_number", has_more_path = "more" }\n')
    declared.answer({"orders": [], "more": True}, page(more=True), {"orders": ids(1, 2), "more": False})
    assert declared.rows() == 3
    declared.answer({"orders": [], "more": True})
    assert "an empty page 2, although has_more_path says that more follows" in declared.refusal()
    declared.declare(PAGES)
    declared.answer({"orders": [], "total_pages": 3})
    assert "shows by 'total_pages' that more rows follow" in declared.refusal()


@pytest.mark.fault(54)
def test_a_full_page_with_its_total(declared: DeclaredShop) -> None:
    declared.declare('page_size_param = "limit"\n' + TOTAL)
    declared.answer({"orders": ids(3), "total": 3})
    assert "returned a full page of 3 rows, but shop.toml declares no paginator" in declared.refusal()
