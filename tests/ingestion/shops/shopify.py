"""https://shopify.dev/docs/api/admin-rest/latest/resources/order; a link allows no parameter but limit."""

import json
from datetime import datetime

from werkzeug import Request, Response

from tests.ingestion.imitation import Imitation, json_response, orders


def answer(request: Request) -> Response:
    if request.headers.get("X-Shopify-Access-Token") != "secret":
        return json_response({"errors": "[API] Invalid API key or access token"}, status=401)
    if cursor := request.args.get("page_info"):
        if set(request.args) - {"page_info", "limit"}:
            return json_response({"errors": {"page_info": "cannot be combined"}}, status=400)
        begin, low, high = json.loads(bytes.fromhex(cursor))
    else:
        begin, low, high = 0, request.args["created_at_min"], request.args["created_at_max"]
    found = [
        {
            "id": number,
            "customer": {"id": 100 + number, "email": "bob@example.org"},
            "total_price": "598.94",
            "currency": "USD",
            "total_discounts": "10.00",
            "total_tax": "11.94",
            "total_shipping_price_set": {"shop_money": {"amount": "0.00", "currency_code": "USD"}},
            "test": number == 2,
            "cancelled_at": None,
            "created_at": moment.isoformat(),
            "financial_status": "paid",
            "line_items": [
                {"id": 466157049, "product_id": 632910392, "quantity": 2, "price": "199.00"},
                {"id": 518995019, "product_id": None, "quantity": 1, "price": "5.00"},  # entered manually
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


IMITATION = Imitation(
    "/admin/api/2025-07/orders.json",
    answer,
    {"SHOP_API_TOKEN": "secret"},
    ["2", "102", "598.94", "2026-03-01T00:00:00-05:00", "paid"],
    items=[("632910392", 2, "398.00"), (None, 1, "5.00")],
    money=["USD", "10.00", "11.94", "0.00", True, None],
)
