"""https://dev.socrata.com/docs/queries: SoQL in a parameter, timestamps without an offset, no total."""

import re

from werkzeug import Request, Response

from tests.ingestion.imitation import Imitation, json_response, orders


def answer(request: Request) -> Response:
    if request.headers.get("X-App-Token") != "secret":
        return json_response({"code": "permission_denied", "message": "Invalid app_token specified"}, status=403)
    bounds = re.fullmatch(r"order_date >= '(.+)' AND order_date < '(.+)'", request.args["$where"])
    assert bounds is not None
    assert request.args["$order"] == ":id"
    found = [
        {"order_id": str(number), "customer_id": "7", "total_amount": "12.5", "order_date": at, "status": "paid"}
        for number, moment in orders("America/Chicago")
        if bounds[1] <= (at := moment.replace(tzinfo=None).isoformat("T", "milliseconds")) < bounds[2]
    ]
    begin, size = int(request.args["$offset"]), int(request.args["$limit"])
    return json_response(found[begin : begin + size])


IMITATION = Imitation(
    "/resource/abcd-1234.json",
    answer,
    {"SHOP_API_TOKEN": "secret"},
    ["2", "7", "12.5", "2026-03-01T00:00:00.000", "paid"],
)
