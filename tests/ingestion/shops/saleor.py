"""https://docs.saleor.io/api-usage/pagination: the last page has a cursor too; days in UTC."""

from werkzeug import Request, Response

from tests.ingestion.imitation import Imitation, json_response, orders


def answer(request: Request) -> Response:
    if request.headers.get("Authorization") != "Bearer secret":
        return json_response({"errors": [{"message": "You need MANAGE_ORDERS"}], "data": {"orders": None}})
    asked = request.get_json()
    assert request.method == "POST"
    assert asked["query"].startswith("query ($on: DateRangeInput, $first: Int, $after: String) {\n")
    of = asked["variables"]
    found = [
        {
            "number": str(number),
            "userEmail": f"c{number}@example.org",
            "created": moment.isoformat(),
            "status": "FULFILLED",
        }
        | {"total": {"currency": "EUR", "gross": {"amount": 29.35}, "tax": {"amount": 4.69}}}
        | {"shippingPrice": {"gross": {"amount": 3.9}}}
        for number, moment in orders("UTC")
        if of["on"]["gte"] <= str(moment.date()) <= of["on"]["lte"]
    ]
    begin = int(of.get("after") or 0)
    end = min(begin + of["first"], len(found))
    connection = {
        "totalCount": len(found),
        "pageInfo": {"endCursor": str(end) if found else None, "hasNextPage": end < len(found)},
        "edges": [{"node": row} for row in found[begin:end]],
    }
    return json_response({"data": {"orders": connection}})


IMITATION = Imitation(
    "/graphql/",
    answer,
    {"SHOP_API_TOKEN": "secret"},
    ["2", "c2@example.org", "29.35", "2026-03-01T00:00:00+00:00", "FULFILLED"],
    money=["EUR", None, "4.69", "3.90", False, None],
)
