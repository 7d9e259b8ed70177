"""https://developer.shopware.com/docs/guides/integrations-api/general-concepts/search-criteria.html."""

from datetime import UTC, datetime

from werkzeug import Request, Response

from tests.ingestion.imitation import Imitation, json_response, orders

SHOPWARE_ITEM = {"productId": "0a1b", "quantity": 2, "unitPrice": 4.2, "totalPrice": 8.4, "type": "product"}


def answer(request: Request) -> Response:
    if request.path == "/api/oauth/token":
        known = (request.form["client_id"], request.form["client_secret"]) == ("key", "secret")
        return json_response({"access_token": "token", "expires_in": 600}) if known else Response("{}", 401)
    if request.headers.get("Authorization") != "Bearer token":
        return json_response({"errors": [{"title": "The resource owner denied the request."}]}, status=401)
    criteria = request.get_json()
    assert (request.method, criteria["total-count-mode"]) == ("POST", 1)
    (only,) = criteria["filter"]
    low, high = (datetime.fromisoformat(only["parameters"][bound]) for bound in ("gte", "lt"))
    found = [
        {"orderNumber": f"{number:05}", "amountTotal": 29.35, "orderCustomer": {"customerId": f"{number:x}"}}
        | {"orderDateTime": moment.astimezone(UTC).isoformat("T", "milliseconds")}
        | {"currency": {"isoCode": "USD"}, "currencyFactor": 1.1, "shippingTotal": 4.95}
        | {"stateMachineState": {"technicalName": "completed"}}
        | ({"lineItems": [SHOPWARE_ITEM]} if "lineItems" in criteria["associations"] else {})
        for number, moment in orders("Europe/Berlin")
        if low <= moment < high
    ]
    page, size = criteria["page"], criteria["limit"]
    return json_response({"total": len(found), "data": found[(page - 1) * size : page * size]})


IMITATION = Imitation(
    "/api/search/order",
    answer,
    {"SHOP_API_USER": "key", "SHOP_API_TOKEN": "secret"},
    ["00002", "2", "29.35", "2026-02-28T23:00:00.000+00:00", "completed"],
    other_paths=("/api/oauth/token",),
    items=[("0a1b", 2, "7.64")],
    money=["USD", None, None, "4.50", False, None],
)
