"""https://spreecommerce.org/docs/api-reference/platform/orders: the last page links to itself."""

from datetime import datetime

from werkzeug import Request, Response

from tests.ingestion.imitation import Imitation, json_response, orders


def answer(request: Request) -> Response:
    if request.path == "/spree_oauth/token":
        asked = [request.form[name] for name in ("client_id", "client_secret", "scope")]
        known = asked == ["key", "secret", "admin"]
        return json_response({"access_token": "token", "expires_in": 600}) if known else Response("{}", 401)
    if request.headers.get("Authorization") != "Bearer token":
        return json_response({"error": "The access token is invalid"}, status=401)
    low, high = (datetime.fromisoformat(request.args[f"filter[completed_at_{bound}]"]) for bound in ("gteq", "lt"))
    found = [
        {"number": f"R{number:09}", "email": f"c{number}@example.org", "total": "110.0", "state": "complete"}
        | {"currency": "USD", "promo_total": "-5.0", "shipment_total": "10.0"}
        | {"completed_at": moment.isoformat().replace("+00:00", ".000Z")}
        for number, moment in orders("UTC")
        if low <= moment < high
    ]
    page, size = int(request.args["page"]), int(request.args["per_page"])
    last = max(1, -(-len(found) // size))
    links = {"next": f"{request.base_url}?page={min(page + 1, last)}"}
    shown = [{"attributes": row} for row in found[(page - 1) * size : page * size]]
    return json_response({"data": shown, "meta": {"count": len(shown), "total_count": len(found)}, "links": links})


IMITATION = Imitation(
    "/api/v2/platform/orders",
    answer,
    {"SHOP_API_USER": "key", "SHOP_API_TOKEN": "secret"},
    ["R000000002", "c2@example.org", "110.0", "2026-03-01T00:00:00.000Z", "complete"],
    other_paths=("/spree_oauth/token",),
    money=["USD", "5.00", None, "10.00", False, None],
)
