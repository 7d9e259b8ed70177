"""https://developer.adobe.com/commerce/webapi/rest/use-rest/performing-searches; its last page is repeated forever."""

from datetime import datetime

from werkzeug import Request, Response

from tests.ingestion.imitation import Imitation, json_response, orders


def answer(request: Request) -> Response:
    if request.headers.get("Authorization") != "Bearer secret":
        return json_response({"message": "The consumer isn't authorized to access %resources."}, status=401)
    found = []
    bounds = {}
    for group in "01":
        field, condition, value = (
            request.args[f"searchCriteria[filter_groups][{group}][filters][0][{key}]"]
            for key in ("field", "condition_type", "value")
        )
        assert field == "created_at"
        bounds[condition] = datetime.fromisoformat(value)
    for number, moment in orders("UTC"):
        if bounds["gteq"] <= (at := moment.replace(tzinfo=None)) < bounds["lt"]:
            found.append(
                {"increment_id": f"{number:09}", "customer_email": f"c{number}@example.org", "status": "complete"}
                | {"base_grand_total": 36.39, "created_at": str(at), "base_currency_code": "EUR"}
                | {"base_discount_amount": -2, "base_tax_amount": 2.3925, "base_shipping_amount": 5}
            )
    page, size = (int(request.args[f"searchCriteria[{key}]"]) for key in ("currentPage", "pageSize"))
    page = min(page, -(-len(found) // size))
    return json_response({"items": found[(page - 1) * size : page * size], "total_count": len(found)})


IMITATION = Imitation(
    "/rest/V1/orders",
    answer,
    {"SHOP_API_TOKEN": "secret"},
    ["000000002", "c2@example.org", "36.39", "2026-03-01 00:00:00", "complete"],
    money=["EUR", "2.00", "2.39", "5.00", False, None],
)
