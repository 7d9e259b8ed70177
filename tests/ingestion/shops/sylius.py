"""https://docs.sylius.com/the-book/api: Hydra as API Platform writes it, links without a host, amounts in cents."""

from datetime import datetime
from urllib.parse import urlencode

from werkzeug import Request, Response

from tests.ingestion.imitation import Imitation, json_response, orders


def answer(request: Request) -> Response:
    if request.headers.get("Authorization") != "Bearer secret":
        return json_response({"code": 401, "message": "JWT Token not found"}, status=401)
    low, high = (
        datetime.fromisoformat(request.args[f"checkoutCompletedAt[{bound}]"]) for bound in ("after", "strictly_before")
    )
    found = [
        {"number": f"{number:09}", "customer": f"/api/v2/admin/customers/{number}", "total": 2935, "state": "new"}
        | {"currencyCode": "EUR", "orderPromotionTotal": -100, "taxTotal": 0, "shippingTotal": 490}
        | {"checkoutCompletedAt": str(moment.replace(tzinfo=None))}
        for number, moment in orders("UTC")
        if low <= moment < high
    ]
    page, size = int(request.args.get("page", 1)), int(request.args["itemsPerPage"])
    view = {"@id": request.full_path, "@type": "hydra:PartialCollectionView"}
    if page * size < len(found):
        view["hydra:next"] = f"{request.path}?{urlencode(request.args.to_dict() | {'page': page + 1})}"
    rows = found[(page - 1) * size : page * size]
    return json_response({"hydra:member": rows, "hydra:totalItems": len(found), "hydra:view": view})


IMITATION = Imitation(
    "/api/v2/admin/orders",
    answer,
    {"SHOP_API_TOKEN": "secret"},
    ["000000002", "/api/v2/admin/customers/2", "2935", "2026-03-01 00:00:00", "new"],
    money=["EUR", "1.00", "0.00", "4.90", False, None],
)
