"""https://docs.medusajs.com/api/admin#orders_getorders; its pages may be smaller than requested."""

from datetime import datetime

from werkzeug import Request, Response

from tests.ingestion.imitation import Imitation, json_response, orders

MEDUSA_ITEM = {"id": "ordli_1", "product_id": "prod_1", "quantity": 1, "unit_price": 30, "total": 30.5}


def answer(request: Request) -> Response:
    if request.headers.get("Authorization") != "Basic sk_secret":
        return json_response({"message": "Unauthorized"}, status=401)
    low, high = (datetime.fromisoformat(request.args[f"created_at[{bound}]"]) for bound in ("$gte", "$lt"))
    found = [
        {"id": f"order_{number:03}", "customer_id": f"cus_{number}", "total": 30.4951, "status": "completed"}
        | {
            "currency_code": "eur",
            "discount_total": 0,
            "tax_total": 4.8691,
            "shipping_total": 10,
            "email": "a@b.example",
        }
        | {"created_at": moment.isoformat().replace("+00:00", ".000Z")}
        | ({"items": [MEDUSA_ITEM]} if "*items" in request.args.get("fields", "*items").split(",") else {})
        for number, moment in orders("UTC")
        if low <= moment < high
    ]
    begin, limit = int(request.args["offset"]), min(int(request.args["limit"]), 2)
    return json_response({"orders": found[begin : begin + limit], "count": len(found), "offset": begin, "limit": limit})


IMITATION = Imitation(
    "/admin/orders",
    answer,
    {"SHOP_API_TOKEN": "Basic sk_secret"},
    ["order_002", "cus_2", "30.4951", "2026-03-01T00:00:00.000Z", "completed"],
    items=[("prod_1", 1, "30.50")],
    money=["EUR", "0.00", "4.87", "10.00", False, None],
)
