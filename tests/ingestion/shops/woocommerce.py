"""https://woocommerce.github.io/woocommerce-rest-api-docs/#list-all-orders; its bounds are exclusive."""

from datetime import datetime

from werkzeug import Request, Response

from tests.ingestion.imitation import Imitation, basic, json_response, orders


def answer(request: Request) -> Response:
    if request.headers.get("Authorization") != basic("ck_user", "secret"):
        return json_response({"code": "woocommerce_rest_cannot_view"}, status=401)
    prefix = "modified_" if "modified_after" in request.args else ""
    after, before = (datetime.fromisoformat(request.args[prefix + name]) for name in ("after", "before"))
    found = [
        {
            "id": number,
            "customer_id": number % 3,
            "total": "29.35",
            "status": "completed",
            "billing": {"email": f"Guest{number}@Shop.example"},
            "currency": "EUR",
            "discount_total": "1.00",
            "total_tax": "4.69",
            "shipping_total": "10.00",
            "date_created": at.isoformat(),
            "refunds": [{"id": 726, "reason": "", "total": "-10.00"}] if number == 2 else [],
            "line_items": [{"id": 315, "product_id": 93, "quantity": 2, "total": "6.00", "price": 3}],
        }
        for number, moment in orders("Europe/Berlin")
        if after < (at := moment.replace(tzinfo=None)) < before
    ]
    page, size = int(request.args["page"]), int(request.args["per_page"])
    if size > 100:
        return json_response({"code": "rest_invalid_param"}, status=400)
    return json_response(found[(page - 1) * size : page * size], {"X-WP-Total": str(len(found))})


IMITATION = Imitation(
    "/wp-json/wc/v3/orders",
    answer,
    {"SHOP_API_USER": "ck_user", "SHOP_API_TOKEN": "secret"},
    ["2", "2", "29.35", "2026-03-01T00:00:00", "completed"],
    items=[("93", 2, "6.00")],
    money=["EUR", "1.00", "4.69", "10.00", False, None],
    refunds=[("726", None, "10.00")],
)
