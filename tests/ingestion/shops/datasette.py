"""https://docs.datasette.io/en/stable/json_api.html: a token for the next page."""

from werkzeug import Request, Response

from tests.ingestion.imitation import Imitation, json_response, orders


def answer(request: Request) -> Response:
    found = [
        {"order_id": number, "customer_id": "c1", "total_amount": 5, "order_date": str(moment.date()), "status": "paid"}
        for number, moment in orders("UTC")
        if str(moment.date()) == request.args["order_date"]
    ]
    begin, size = int(request.args.get("_next", 0)), int(request.args["_size"])
    end = begin + size
    return json_response({"ok": True, "rows": found[begin:end], "next": str(end) if end < len(found) else None})


IMITATION = Imitation("/shop/orders.json", answer, {}, ["2", "c1", "5", "2026-03-01", "paid"])
