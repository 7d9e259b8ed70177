"""https://github.com/typicode/json-server/tree/v0: filters by equality, pages from one."""

from werkzeug import Request, Response

from tests.ingestion.imitation import Imitation, json_response, orders


def answer(request: Request) -> Response:
    found = [
        {"id": number, "day": str(moment.date()), "customer": {"id": f"c{number}"}, "amounts": [12.5, 3]}
        for number, moment in orders("UTC")
        if request.args.get("day") in (None, str(moment.date()))
    ]
    size, page = int(request.args.get("_limit", 10)), int(request.args.get("_page", 1))
    return json_response(found[(page - 1) * size : page * size], {"X-Total-Count": str(len(found))})


IMITATION = Imitation("/orders", answer, {}, ["2", "c2", "12.5", "2026-03-01", "paid"])
