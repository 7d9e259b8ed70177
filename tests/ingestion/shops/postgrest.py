"""https://docs.postgrest.org/en/stable/references/api/pagination_count.html; no range beyond the last row."""

from datetime import datetime

from werkzeug import Request, Response

from tests.ingestion.imitation import Imitation, json_response, orders


def answer(request: Request) -> Response:
    low, high = sorted(request.args.getlist("ordered_at"))
    found = [
        {"order_id": number, "customer_id": 7, "total_amount": 12.50, "ordered_at": str(moment), "status": "paid"}
        for number, moment in orders("UTC")
        if datetime.fromisoformat(low.removeprefix("gte.")) <= moment < datetime.fromisoformat(high.removeprefix("lt."))
    ]
    begin, size = int(request.args["offset"]), int(request.args["limit"])
    is_counted = request.headers.get("Prefer") == "count=exact"
    if begin and begin >= len(found) and is_counted:
        return json_response({"message": "Requested range not satisfiable"}, status=416)
    page = found[begin : begin + size]
    shown = f"{begin}-{begin + len(page) - 1}" if page else "*"
    return json_response(page, {"Content-Range": f"{shown}/{len(found) if is_counted else '*'}"})


IMITATION = Imitation("/orders", answer, {}, ["2", "7", "12.5", "2026-03-01 00:00:00+00:00", "paid"])
