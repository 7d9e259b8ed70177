"""Guesses of the path of a field in a shop's JSON, from the names of keys."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

KEY = re.compile(r"[^\s.\[\]*'\"\\]+")  # what a path in shop.toml can name
LOOKED_AT = 20  # rows
DEEPEST = 3  # keys on the way to a value

# Names that shops use, without case and punctuation, most likely first.
NAMES = {
    "order_id": ("orderid", "ordernumber", "incrementid", "id", "number", "uuid"),
    "customer_id": (
        "customerid",
        "userid",
        "buyerid",
        "clientid",
        "customernumber",
        "customer",
        "user",
        "email",
        "customeremail",
    ),
    "total_amount": ("totalamount", "grandtotal", "basegrandtotal", "totalprice", "total", "amount", "price"),
    "order_date": ("orderdate", "orderedat", "createdat", "datecreated", "created", "date", "day", "placedat"),
    "status": ("status", "orderstatus", "financialstatus", "state", "paymentstatus"),
    "review_id": ("reviewid", "id", "uuid"),
    "product_id": ("productid", "product", "sku", "itemid"),
    "rating": ("rating", "stars", "score"),
    "review_text": ("reviewtext", "review", "text", "body", "content", "comment", "message"),
    "review_date": ("reviewdate", "createdat", "datecreated", "created", "date", "day"),
}
# Names within an order's item. A total is preferred to a price.
ITEM_NAMES = {
    "product_id": ("productid", "product", "sku", "variantid", "itemid", "articleid"),
    "quantity": ("quantity", "qty", "qtyordered", "amountordered", "count", "units"),
    "total": ("linetotal", "rowtotal", "totalprice", "total", "totalamount", "subtotal"),
    "price": ("unitprice", "price", "unitpricepaid"),
}


def values(body: Any, path: str = "", depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Yield the values of nested objects with their selectors."""
    if isinstance(body, dict) and depth < DEEPEST:
        for key, value in body.items():
            if KEY.fullmatch(key):
                here = f"{path}.{key}" if path else key
                yield here, value
                yield from values(value, here, depth + 1)


def leaves(row: Any) -> Iterator[tuple[str, Any]]:
    """Yield the strings and numbers of a row with their selectors."""
    for path, value in values(row):
        if not isinstance(value, dict | list) and value is not None:
            yield path, value


def plain(name: str) -> str:
    """Return a name without case, punctuation and any prefix before a colon."""
    return re.sub(r"[^a-z0-9]", "", name.lower().rpartition(":")[2])


def path_to(field: str, rows: Sequence[Any], known: dict[str, tuple[str, ...]] = NAMES) -> str | None:
    """Return the path of a field: the most likely name, a whole path before the end of one, the shallowest first."""
    paths = list(dict.fromkeys(path for row in rows[:LOOKED_AT] for path, _ in leaves(row)))
    for is_whole in (True, False):
        for name in known[field]:
            matching = [path for path in paths if plain(path if is_whole else path.rpartition(".")[2]) == name]
            if matching and (is_whole or name != "id"):  # a nested id is not the row's
                return min(matching, key=lambda path: path.count("."))
    if field in ("order_id", "review_id"):
        return next((path for path in paths if path.rpartition(".")[2] == "id"), None)
    return None


def draft_items(rows: Sequence[Any]) -> tuple[str, dict[str, str]] | None:
    """Return the path of an order's items and the paths within one; None if no list has products and amounts."""
    lists: dict[str, list[Any]] = {}
    for row in rows[:LOOKED_AT]:
        for path, value in values(row):
            if isinstance(value, list):
                lists.setdefault(path, []).extend(value)
    for path, listed in lists.items():
        keys = {name: place for name in ITEM_NAMES if (place := path_to(name, listed, ITEM_NAMES))}
        if "product_id" in keys and keys.keys() & {"total", "price"}:
            return path, {name: place for name, place in keys.items() if name != "price" or "total" not in keys}
    return None
