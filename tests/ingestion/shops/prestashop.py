"""https://devdocs.prestashop-project.org/8/webservice/cheat-sheet; a page without rows is an empty list."""

from datetime import datetime

from werkzeug import Request, Response

from tests.ingestion.imitation import Imitation, basic, json_response, orders


def answer(request: Request) -> Response:
    if request.headers.get("Authorization") != basic("KEY", ""):
        return json_response({"errors": [{"code": 18, "message": "Invalid authentication key format"}]}, status=401)
    if (request.args["output_format"], request.args["date"]) != ("JSON", "1"):
        return json_response({"errors": [{"code": 33, "message": "unknown"}]}, status=400)
    low, high = (datetime.fromisoformat(text) for text in request.args["filter[date_add]"].strip("[]").split(","))
    found = [
        {"id": number, "id_customer": str(number), "total_paid": "29.350000", "current_state": "2", "date_add": str(at)}
        | {"conversion_rate": "1.250000", "total_discounts": "1.000000", "total_shipping": "7.000000"}
        for number, moment in orders("Europe/Paris")
        if low <= (at := moment.replace(tzinfo=None)) <= high
    ]
    begin, size = map(int, request.args["limit"].split(","))
    page = found[begin : begin + size]
    return json_response({"orders": page} if page else [])


IMITATION = Imitation(
    "/api/orders",
    answer,
    {"SHOP_API_USER": "KEY"},
    ["2", "2", "29.350000", "2026-03-01 00:00:00", "2"],
    money=[None, "0.80", None, "5.60", False, None],
)
