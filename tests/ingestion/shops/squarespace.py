"""https://developers.squarespace.com/commerce-apis/orders-overview: filters by last update, or a cursor."""

import json
from datetime import UTC, datetime, timedelta

from werkzeug import Request, Response

from tests.ingestion.imitation import Imitation, json_response, orders


def answer(request: Request) -> Response:
    if request.headers.get("Authorization") != "Bearer secret" or request.headers["User-Agent"] != "Daybreak":
        return json_response({"type": "AUTHORIZATION_ERROR", "message": "You are not authorized."}, status=401)
    cursor = request.args.get("cursor")
    if cursor and len(request.args) > 1:
        return json_response({"message": "cursor cannot be combined"}, status=400)
    begin, low, high = 0, request.args.get("modifiedAfter", ""), request.args.get("modifiedBefore", "")
    if cursor:
        begin, low, high = json.loads(bytes.fromhex(cursor))
    found = [
        {"id": f"{number:024x}", "customerEmail": "c@example.org", "fulfillmentStatus": "FULFILLED"}
        | {"lineItems": [{"productId": "p1", "quantity": 3, "unitPricePaid": {"value": "1.335", "currency": "USD"}}]}
        | {name: {"value": "5.00", "currency": "USD"} for name in ("discountTotal", "taxTotal", "shippingTotal")}
        | {"testmode": False}
        | {"grandTotal": {"value": "70.77", "currency": "USD"}, "createdOn": ordered.isoformat()}
        for number, changed in orders("America/New_York")
        if datetime.fromisoformat(low) < changed < datetime.fromisoformat(high)
        for ordered in [changed.astimezone(UTC) - timedelta(days=number)]
    ]
    following = json.dumps([begin + 3, low, high]).encode().hex() if begin + 3 < len(found) else None
    url = f"{request.base_url}?cursor={following}" if following else None
    return json_response({"result": found[begin : begin + 3], "pagination": {"nextPageUrl": url}})


IMITATION = Imitation(
    "/1.0/commerce/orders",
    answer,
    {"SHOP_API_TOKEN": "secret"},
    ["000000000000000000000002", "c@example.org", "70.77", "2026-02-27T05:00:00+00:00", "FULFILLED"],
    items=[("p1", 3, "4.01")],
    money=["USD", "5.00", "5.00", "5.00", False, None],
)
