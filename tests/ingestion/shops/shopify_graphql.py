"""https://shopify.dev/docs/api/admin-graphql/latest/queries/orders: amounts are text, in the shop's currency."""

import re
from datetime import datetime

from werkzeug import Request, Response

from tests.ingestion.imitation import Imitation, json_response, orders


def money(amount: str) -> dict[str, dict[str, str]]:
    return {"shopMoney": {"amount": amount, "currencyCode": "USD"}}


def answer(request: Request) -> Response:
    if request.headers.get("X-Shopify-Access-Token") != "shpat_secret":
        return json_response({"errors": "[API] Invalid API key or access token"}, status=401)
    if request.path.endswith("shop.json"):
        return json_response({"shop": {}})
    asked = request.get_json()
    assert asked["query"].startswith("query ($updated: String, $first: Int, $after: String) {\n")
    of = asked["variables"]
    bounds = re.fullmatch(r"updated_at:>='(\S+)' AND updated_at:<'(\S+)'", of["updated"])
    assert bounds
    low, high = map(datetime.fromisoformat, bounds.groups())
    refund = {"id": "gid://shopify/Refund/9", "createdAt": "2026-03-01T12:00:00Z", "totalRefundedSet": money("5.00")}
    found = [
        {
            "legacyResourceId": str(number),
            "createdAt": moment.isoformat(),
            "displayFinancialStatus": "PARTIALLY_REFUNDED",
            "cancelledAt": None,
            "test": False,
            "email": f"c{number}@example.org",
            "customer": {"legacyResourceId": f"7{number}"} if number % 2 else None,
            "totalPriceSet": money("29.35"),
            "totalDiscountsSet": money("2.0"),
            "totalTaxSet": money("1.35"),
            "totalShippingPriceSet": money("4.0"),
            "refunds": [refund] if number == 2 else [],
        }
        for number, moment in orders("America/New_York")
        if low <= moment < high
    ]
    begin = int(of.get("after") or 0)
    end = min(begin + of["first"], len(found))
    page = {"endCursor": str(end) if found else None, "hasNextPage": end < len(found)}
    return json_response({"data": {"orders": {"pageInfo": page, "nodes": found[begin:end]}}})


IMITATION = Imitation(
    "/admin/api/2025-07/graphql.json",
    answer,
    {"SHOP_API_TOKEN": "shpat_secret"},
    ["2", "c2@example.org", "29.35", "2026-03-01T00:00:00-05:00", "PARTIALLY_REFUNDED"],
    other_paths=["/admin/api/2025-07/shop.json"],
    money=["USD", "2.00", "1.35", "4.00", False, None],
    refunds=[("gid://shopify/Refund/9", "2026-03-01", "5.00")],
)
