"""Guesses of the path of a field in a shop's JSON, from the names of keys."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

KEY = re.compile(r"[^\s.\[\]*'\"\\]+")  # what a path in shop.toml can name
LOOKED_AT = 20  # rows
ANYTHING = re.compile("")
LOOKS = {
    "amount": re.compile(r"\D{0,4}-?[\d.,' ]+\D{0,4}$"),
    "rating": re.compile(r"\d+([.,]\d+)?$"),
    "date": re.compile(r"\d{4}-\d|\d{1,4}[/.]\d{1,2}[/.]|\d{8,}$|[A-Za-z]{3}, \d"),
}
DEEPEST = 3  # keys on the way to a value

# Names that shops use, without case and punctuation, most likely first.
NAMES = {
    "order_id": (
        "orderid", "ordernumber", "incrementid", "orderno", "ordercode", "receiptid", "amazonorderid", "id", "number",
        "code", "reference", "guid", "uuid",
    ),
    "customer_id": (
        "customerid", "userid", "buyerid", "buyeruserid", "clientid", "memberid", "contactid", "accountid",
        "customernumber", "customerno", "customerguid", "customer", "user", "buyer", "client", "email", "customeremail",
        "useremail", "buyeremail", "emailaddress",
    ),
    "total_amount": (
        "totalamount", "grandtotal", "basegrandtotal", "totalwithtax", "totalincltax", "totalinctax",
        "totalinclusivetax", "totalgross", "grosstotal", "grossamount", "totalpriceset", "totalprice", "amounttotal",
        "ordertotal", "orderamount", "ordervalue", "totalvalue", "totalsum", "totalpaid", "total", "totalcents",
        "totalincents", "totalpricecents", "totalamountcents",
        "totalamountincents", "amountcents", "amountincents", "amount", "price", "sum",
    ),
    "order_date": (
        "orderdate", "orderedat", "orderedon", "orderplacedat", "placedat", "dateplaced", "dateordered",
        "orderdatetime", "purchasedate", "purchasedat", "createdat", "datecreated", "created", "createdon",
        "createdtime", "createdtimestamp", "createtimestamp", "creationdate", "creationtime", "createdate", "dateadd",
        "date", "datetime", "day", "timestamp",
    ),
    "status": (
        "status", "orderstatus", "orderstate", "financialstatus", "state", "currentstate", "paymentstatus",
        "paymentstate", "statusname", "fulfillmentstatus",
    ),
    "review_id": ("reviewid", "productreviewid", "id", "guid", "uuid"),
    "product_id": (
        "productid", "productexternalid", "externalproductid", "product", "productguid", "listingid", "sku", "itemid",
        "asin",
    ),
    "rating": ("rating", "stars", "score", "starrating", "reviewrating", "overallrating", "grade"),
    "review_text": (
        "reviewtext", "reviewbody", "reviewcontent", "review", "text", "body", "content", "comment", "message",
    ),
    "review_date": (
        "reviewdate", "createdat", "datecreated", "created", "createdon", "createdtimestamp", "submittedat",
        "submissiontime", "publishedat", "date", "datetime", "day",
    ),
}  # fmt: skip
# Names within an order's item. A total is preferred to a price.
ITEM_NAMES = {
    "product_id": (
        "productid", "product", "sku", "productsku", "variantid", "productvariantid", "variant", "listingid", "itemid",
        "articleid", "articlenumber", "productcode", "offerid", "asin", "item",
    ),
    "quantity": (
        "quantity", "qty", "qtyordered", "quantityordered", "amountordered", "quantitypurchased", "count", "units",
    ),
    "total": (
        "linetotal", "rowtotal", "linepricewithtax", "linepriceincltax", "linepriceinctax", "linetotalincltax",
        "rowtotalincltax", "totalprice", "pricetotal", "totalinctax", "totalincltax", "total", "totalamount",
        "lineprice", "lineamount", "subtotal",
    ),
    "price": (
        "unitprice", "unitpricewithtax", "unitpriceincltax", "unitpricegross", "price", "priceincltax", "priceinctax",
        "unitpricepaid", "itemprice",
    ),
}  # fmt: skip
# Keys within an object of an amount, whose own key says what it is: `grand_total = { amount, divisor }`.
OF_AN_AMOUNT = {"amount", "value", "centamount", "shopmoney", "gross"}


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
    paths = paths_of(rows)
    for name_in in (plain, _name_of_amount, _last_name):
        for name in known[field]:
            matching = [path for path in paths if name_in(path) == name]
            if matching and (name_in is plain or name != "id"):  # a nested id is not the row's
                return min(matching, key=lambda path: path.count("."))
    if field in ("order_id", "review_id"):
        return next((path for path in paths if path.rpartition(".")[2] == "id"), None)
    return None


def paths_of(rows: Sequence[Any]) -> list[str]:
    """Return the paths of strings and numbers in the first rows."""
    return list(dict.fromkeys(path for row in rows[:LOOKED_AT] for path, _ in leaves(row)))


def candidates(field: str, rows: Sequence[Any]) -> list[str]:
    """Return the paths whose values may be the field's: numbers for an amount or a rating, dates for a date."""
    looks = next((looks for kind, looks in LOOKS.items() if kind in field), ANYTHING)
    samples = {path: str(value) for row in rows[:LOOKED_AT] for path, value in leaves(row)}
    return [path for path, text in samples.items() if looks.match(text)]


def _last_name(path: str) -> str:
    return plain(path.rpartition(".")[2])


def _name_of_amount(path: str) -> str:
    """Return the last name of a path, or the one before `amount`, `value` and the like."""
    names = [plain(step) for step in path.split(".")]
    while len(names) > 1 and names[-1] in OF_AN_AMOUNT:
        names.pop()
    return names[-1]


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
