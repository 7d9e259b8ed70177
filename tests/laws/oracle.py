"""The oracle: the expected marts, computed a second time in plain Python from the rows that the shop served.

It shares no code and no SQL with Daybreak, and implements the rules independently. It is slow and simple on purpose.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from statistics import NormalDist
from typing import Any
from zoneinfo import ZoneInfo

NON_REVENUE = {"canceled", "cancelled", "refunded", "returned", "unavailable", "failed"}
ACTIVE_DAYS = 90
HIGH_VALUE = 1000  # money per year
EXPONENT = re.compile(r"[eE][+-]?0*[1-9][0-9]{3}")
FDR = Decimal("0.05")
PARTS = ("discount_amount", "tax_amount", "shipping_amount")
ORDER_FIELDS = ("order_id", "customer_id", "total_amount", "order_date", "status", "items")
OPTIONAL_FIELDS = ("currency", "exchange_rate", *PARTS, "is_test", "cancelled_at", "refunds")
FLAGS = dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True) | dict.fromkeys(
    ("false", "f", "no", "n", "off", "0", ""), False
)
REVIEW_FIELDS = ("review_id", "product_id", "customer_id", "rating", "review_text", "review_date")


PERFORMANCE_RATINGS = (
    "review_count", "average_rating", "bayesian_rating", "wilson_lower_bound", "rating_delta", "is_rating_drop",
)  # fmt: skip


class Literal(str):
    """A JSON number, true or false as it was sent."""

    __slots__ = ()


@dataclass
class Judged:
    """A judged load: accepted rows in API order, ids of rejected rows, and the number of copies."""

    accepted: list[dict[str, Any]] = field(default_factory=list)
    rejected: int = 0
    copies: int = 0

    @property
    def is_refused_above(self) -> Callable[[Decimal], bool]:
        considered = self.rejected + len(self.accepted)
        return lambda limit: considered > 0 and Decimal(self.rejected) > limit * considered


def judge(
    dataset: str,
    day: date,
    items: Iterable[bytes],
    required: set[str],
    zone: str = "UTC",
    *,
    non_revenue: Collection[str] = NON_REVENUE,
    is_day_of_update: bool = False,
    item_keys: Mapping[str, str] | None = None,
    refund_keys: Mapping[str, str] | None = None,
    declared: Collection[str] = (),
    currency: str | None = None,
    no_customer: Collection[str] = (),
) -> Judged:
    """Judge the served items of a day. `declared`: the fields of shop.toml; `currency`: the shop's."""
    fields: tuple[str, ...] = REVIEW_FIELDS
    if dataset == "orders":
        fields = (*ORDER_FIELDS, *(name for name in OPTIONAL_FIELDS if name in declared))
    none = set(map(_comparable, non_revenue))
    parsed = [_read(item) for item in items]
    last_of_content: dict[str, int] = {}
    last_of_id: dict[str, int] = {}
    for number, item in enumerate(parsed):
        last_of_content[_content(item, fields)] = number
        if isinstance(item, dict) and not _is_missing(_text(item.get(fields[0]))):
            last_of_id[str(_text(item[fields[0]]))] = number
    judged = Judged()
    for number, item in enumerate(parsed):
        if last_of_content[_content(item, fields)] != number:
            judged.copies += 1
            continue
        row = _accept(day, _identified(item, no_customer), required, zone, is_day_of_update, fields, currency)
        lines: list[dict[str, Any]] | None = []
        refunds: list[dict[str, Any]] | None = []
        if row is not None and dataset == "orders":
            rate = row.pop("rate")
            lines = _lines(item.get("items"), item_keys or {}, rate)
            refunds = _refunds(item.get("refunds"), refund_keys or {}, rate, zone, row["currency"])
        if row is None or lines is None or refunds is None or last_of_id[row[fields[0]]] != number:
            judged.rejected += 1
        else:
            if dataset == "orders":
                is_sale = not row["is_test"] and row["cancelled_at"] is None
                row |= {"is_revenue": is_sale and _comparable(row["status"]) not in none, "lines": lines}
                row |= {"refund_list": refunds, "refunded_amount": _total(refunds or [])}
                row["net_amount"] = row["total_amount"] - row["refunded_amount"]
                del row["items"]  # replaced by lines
            judged.accepted.append(row)
    return judged


def marts(accepted: Mapping[tuple[str, date], list[dict[str, Any]]]) -> dict[str, dict[Any, Any]]:
    """Compute the marts for the admitted loads: name → key → row."""
    orders = _winners(accepted, "orders", "order_id")
    reviews = _winners(accepted, "reviews", "review_id")
    order_days = [day for dataset, day in accepted if dataset == "orders"]
    review_days = [day for dataset, day in accepted if dataset == "reviews"]
    as_of_orders, as_of_reviews = max(order_days, default=None), max(review_days, default=None)
    common = set(order_days) & set(review_days)
    return {
        "fct_orders": orders,
        "fct_order_items": _order_items(orders),
        "fct_refunds": _order_refunds(orders),
        "daily_sales": _daily_sales(orders),
        "customer_ltv": _customer_ltv(orders, as_of_orders),
        "customer_months": _customer_months(orders),
        "customer_cohorts": _customer_cohorts(orders, as_of_orders),
        "product_months": _product_months(orders),
        "fct_reviews": reviews,
        "product_metrics": _product_metrics(reviews, as_of_reviews),
        "product_performance": _product_performance(orders, reviews, as_of_orders, as_of_reviews),
        "customer_health": _customer_health(orders, reviews, max(common, default=None)),
    }


def cents(value: Decimal) -> Decimal:
    """Round half up to two decimals."""
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)


def _read(item: bytes) -> Any:
    return json.loads(item, parse_float=Literal, parse_int=Literal, parse_constant=Literal)


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, sort_keys=True)


def _is_missing(text: str | None) -> bool:
    return text is None or not text.strip()


def _content(item: Any, fields: tuple[str, ...]) -> str:
    if not isinstance(item, dict):
        return "item " + repr(item) + type(item).__name__
    extra = {key: value for key, value in item.items() if key not in fields}
    return repr([_text(item.get(name)) for name in fields]) + repr(_sorted(extra))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return [(key, _sorted(value[key])) for key in sorted(value)]
    if isinstance(value, list):
        return [_sorted(element) for element in value]
    return (type(value).__name__, value)


def _decimal(text: str) -> Decimal | None:
    if "_" in text or not text.isascii() or len(text.strip()) >= 400 or EXPONENT.search(text):
        return None
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def _is_too_long(identifier: str | None) -> bool:
    return len((identifier or "").encode()) > 1000


def _date(text: str, zone: str) -> date | None:
    text = text.strip()
    try:
        if len(text) == 10:
            return date.fromisoformat(text) if text[4] == text[7] == "-" else None
        moment = datetime.fromisoformat(text.replace("z", "Z").replace(",", "."))
    except ValueError:
        return None
    if text[4:5] != "-" or text[7:8] != "-" or text[10] not in "Tt ":
        return None
    return moment.astimezone(ZoneInfo(zone)).date() if moment.tzinfo else moment.date()


def _accept(
    day: date,
    item: Any,
    required: set[str],
    zone: str,
    is_day_of_update: bool,
    fields: tuple[str, ...],
    currency: str | None,
) -> dict[str, Any] | None:
    if not isinstance(item, dict):
        return None
    row: dict[str, Any] = {name: _text(item.get(name)) for name in fields}
    if any(_is_missing(row[name]) for name in required):
        return None
    for text in row.values():
        if text is not None and (
            "\0" in text
            or any("\ud800" <= character <= "\udfff" for character in text)
            or len(text.encode()) > 1_000_000
        ):
            return None
    if any(_is_too_long(text) for name, text in row.items() if name.endswith("_id")):
        return None
    if fields[0] == "order_id":
        return _accept_order(row, day, zone, is_day_of_update, currency)
    return _accept_review(row, day, zone)


def _accept_order(
    row: dict[str, Any], day: date, zone: str, is_day_of_update: bool, currency: str | None
) -> dict[str, Any] | None:
    code, rate = (row.get("currency") or "").strip().upper() or None, _rate(row, currency)
    amount = _decimal(row["total_amount"])
    if amount is not None and rate not in {None, 1}:
        amount = cents(amount / rate)
    if rate is None or amount is None or amount < 0 or amount >= Decimal(10) ** 16 or amount != cents(amount):
        return None
    ordered = _date(row["order_date"], zone)
    if ordered is None or ordered > day or (ordered < day and not is_day_of_update):
        return None
    ended = row.get("cancelled_at") or ""
    was_cancelled = not _is_missing(ended) and not ended.strip().startswith("0000-00-00")
    cancelled = _date(ended, zone) if was_cancelled else None
    is_test = FLAGS.get((row.get("is_test") or "").strip().lower())
    parts = {name: _part(row.get(name), rate) for name in PARTS}
    if is_test is None or "unreadable" in parts.values() or (was_cancelled and cancelled is None):
        return None
    return {
        **{name: value for name, value in row.items() if name not in OPTIONAL_FIELDS}, **parts,
        "total_amount": cents(amount), "order_date": ordered, "logical_date": day, "is_large": amount > 50_000,
        "currency": code or currency, "is_test": is_test, "cancelled_at": cancelled, "rate": rate,
    }  # fmt: skip


def _part(sent: str | None, rate: Decimal) -> Decimal | str | None:
    if _is_missing(sent):
        return None
    part = _decimal(sent or "")
    return "unreadable" if part is None or abs(part / rate) >= Decimal(10) ** 16 else cents(abs(part / rate))


def _identified(item: Any, no_customer: Collection[str]) -> Any:
    """Return the item with its customer: none for an id that means nobody, an e-mail address in one spelling."""
    if not isinstance(item, dict):
        return item
    sent = _text(item.get("customer_id"))
    bare = (sent or "").strip()
    if not bare or bare in no_customer:
        return {**item, "customer_id": None}
    is_address = re.fullmatch(r"[^@\s]+@[^@\s]+[.][^@\s]+", bare)
    return {**item, "customer_id": bare.lower() if is_address else sent}


def _comparable(status: str) -> str:
    return "".join(status.split()).lower().removeprefix("wc-")


def _rate(row: dict[str, Any], currency: str | None) -> Decimal | None:
    """Return what the order's amounts are divided by; None if it has no usable rate and needs one."""
    code, sent = (row.get("currency") or "").strip().upper(), row.get("exchange_rate")
    if currency and code == currency:
        return Decimal(1)
    if _is_missing(sent):
        return None if currency and code else Decimal(1)
    rate = _decimal(sent or "")
    return rate if rate is not None and Decimal("1e-9") <= rate <= Decimal("1e9") else None


def _list(sent: Any) -> list[Any] | None:
    """Return a list that is sent as JSON or as its text; None if it is neither."""
    if sent is None or (isinstance(sent, str) and not isinstance(sent, Literal) and not sent.strip()):
        return []
    if isinstance(sent, str) and not isinstance(sent, Literal):
        try:
            sent = _read(sent.encode())
        except ValueError:
            return None
    return sent if isinstance(sent, list) else None


def _lines(sent: Any, keys: Mapping[str, str], rate: Decimal) -> list[dict[str, Any]] | None:
    """Parse the items of an order; None if they are malformed."""
    listed = _list(sent if keys else None)
    if listed is None:
        return None
    lines = []
    for item in listed:
        read = {name: _text(item.get(key)) if isinstance(item, dict) else None for name, key in keys.items()}
        quantity = Decimal(1) if read.get("quantity") is None else _decimal(read["quantity"] or "")
        amount = _decimal(read["total" if "total" in keys else "price"] or "")
        product = (read["product_id"] or "").strip() or None
        if quantity is None or amount is None or quantity != _rounded(quantity, "0.001") or _is_too_long(product):
            return None
        line = cents((amount if "total" in keys else amount * quantity) / rate)
        lines.append({"product_id": product, "quantity": quantity, "amount": line})
    return lines


def _refunds(
    sent: Any, keys: Mapping[str, str], rate: Decimal, zone: str, currency: str | None
) -> list[dict[str, Any]] | None:
    """Parse the refunds of an order; None if they are malformed."""
    listed = _list(sent if keys else None)
    if listed is None:
        return None
    found: dict[str, dict[str, Any]] = {}
    for number, refund in enumerate(listed, 1):
        if not isinstance(refund, dict):
            return None
        read = {name: (_text(refund.get(key)) or "").strip() for name, key in keys.items()}
        amount, when = _part(read["amount"], rate), _date(read.get("date", ""), zone)
        tax, shipping = (_part(read.get(name), rate) for name in ("tax", "shipping"))
        is_foreign = read.get("currency") and currency and read["currency"].upper() != currency
        if (
            amount in {None, "unreadable"}
            or "unreadable" in {tax, shipping}
            or is_foreign
            or _is_too_long(read.get("id"))
        ):
            return None
        if "date" in keys and when is None:
            return None
        name = read.get("id") or f"#{number}"
        found.pop(name, None)  # the last of an id stays, at its place
        found[name] = {"id": name, "date": when, "amount": amount, "tax": tax, "shipping": shipping}
    given = [refund for refund in found.values() if refund["amount"]]
    return given if _total(given) < Decimal(10) ** 16 else None


def _total(refunds: list[dict[str, Any]]) -> Decimal:
    return cents(sum((refund["amount"] for refund in refunds), Decimal(0)))


def _order_refunds(orders: dict[str, dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (order["order_id"], refund["id"]): {
            "order_date": order["order_date"],
            "refund_date": refund["date"] or order["order_date"],
            "amount": refund["amount"],
            "tax_amount": refund["tax"],
            "shipping_amount": refund["shipping"],
        }
        for order in orders.values()
        if order["is_revenue"]
        for refund in order["refund_list"]
    }


def _accept_review(row: dict[str, Any], day: date, zone: str) -> dict[str, Any] | None:
    rating = _decimal(row["rating"])
    if rating not in {Decimal(stars) for stars in range(1, 6)}:
        return None
    identifier = row["product_id"]
    if not (
        identifier[0].isalnum() and identifier.isascii() and identifier.replace("_", "a").replace("-", "a").isalnum()
    ):
        return None
    written = _date(row["review_date"], zone) if not _is_missing(row["review_date"]) else None
    return {**row, "rating": int(rating or 0), "review_date": written or day, "day": day}


def _winners(
    accepted: Mapping[tuple[str, date], list[dict[str, Any]]], dataset: str, key: str
) -> dict[str, dict[str, Any]]:
    winners: dict[str, dict[str, Any]] = {}
    for (name, _), rows in sorted(accepted.items(), key=lambda entry: entry[0]):
        if name == dataset:
            winners.update({row[key]: row for row in rows})
    return winners


def _daily_sales(orders: dict[str, dict[str, Any]]) -> dict[date, dict[str, Any]]:
    by_day: dict[date, list[dict[str, Any]]] = defaultdict(list)
    back_by_day: dict[date, dict[tuple[str, str], dict[str, Any]]] = defaultdict(dict)
    for order in orders.values():
        if order["is_revenue"]:
            by_day[order["order_date"]].append(order)
    for key, refund in _order_refunds(orders).items():
        back_by_day[refund["refund_date"]][key] = refund
    return {day: _sales_of(by_day[day], back_by_day[day]) for day in set(by_day) | set(back_by_day)}


def _sales_of(sold: list[dict[str, Any]], back: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    revenue = cents(sum((order["total_amount"] for order in sold), Decimal(0)))
    refunds = _total(list(back.values()))
    discounts, tax, shipping = (_sum_of_known([order[part] for order in sold]) for part in PARTS)
    are_split = [
        all(row["tax_amount"] is not None and row["shipping_amount"] is not None for row in rows)
        for rows in (sold, back.values())
    ]
    gross = revenue + (discounts or 0) - (tax or 0) - (shipping or 0) if are_split[0 if sold else 1] else None
    goods_back = (
        sum(r["amount"] - r["tax_amount"] - r["shipping_amount"] for r in back.values()) if are_split[1] else None
    )
    return {
        "orders": len(sold),
        "customers": len({order["customer_id"] for order in sold} - {None}),
        "revenue": revenue,
        "average_order_value": cents(revenue / len(sold)) if sold else None,
        "discounts": discounts,
        "tax": tax,
        "shipping": shipping,
        "gross_sales": gross,
        "refunds": refunds,
        "orders_refunded": len({order for order, _ in back}),
        "net_revenue": revenue - refunds,
        "net_sales": None if gross is None or goods_back is None else gross - (discounts or 0) - goods_back,
    }


def _sum_of_known(values: list[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) if known else None


def _customer_ltv(orders: dict[str, dict[str, Any]], as_of: date | None) -> dict[str, dict[str, Any]]:
    by_customer: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for order in orders.values():
        if order["is_revenue"] and order["customer_id"] is not None:
            by_customer[order["customer_id"]].append(order)
    result = {}
    for customer, bought in by_customer.items():
        assert as_of is not None
        spent = sum((order["net_amount"] for order in bought), Decimal(0))
        first, last = (end(order["order_date"] for order in bought) for end in (min, max))
        count = len(bought)
        days = (as_of - first).days
        result[customer] = {
            "as_of_date": as_of,
            "first_order_date": first,
            "last_order_date": last,
            "total_orders": count,
            "total_spent": spent,
            "total_refunded": cents(sum((order["refunded_amount"] for order in bought), Decimal(0))),
            "average_order_value": cents(spent / count),
            "lifetime_value": cents(spent * 365 / days) if days > 0 else spent,
            "recency_days": (as_of - last).days,
            "tenure_days": days,
            "average_days_between_orders": cents(Decimal((last - first).days) / (count - 1)) if count > 1 else None,
            "is_active": (as_of - last).days <= ACTIVE_DAYS,
        }
    return result


def _customer_months(orders: dict[str, dict[str, Any]]) -> dict[tuple[date, str], dict[str, Any]]:
    cohorts: dict[str, date] = {}
    result: dict[tuple[date, str], dict[str, Any]] = {}
    for order in sorted(orders.values(), key=lambda order: order["order_date"]):
        if order["is_revenue"] and order["customer_id"] is not None:
            customer, month = order["customer_id"], order["order_date"].replace(day=1)
            row = result.setdefault((month, customer), {"orders": 0, "revenue": Decimal(0)})
            row["cohort_month"] = cohorts.setdefault(customer, month)
            row["orders"] += 1
            row["revenue"] += order["net_amount"]
    return result


def _customer_cohorts(orders: dict[str, dict[str, Any]], as_of: date | None) -> dict[tuple[date, int], dict[str, Any]]:
    months = _customer_months(orders)
    result = {}
    for cohort in {row["cohort_month"] for row in months.values()}:
        assert as_of is not None
        members = {customer for (month, customer), row in months.items() if row["cohort_month"] == cohort}
        month, since, brought = cohort, 0, Decimal(0)
        while month <= as_of:
            following = (month + timedelta(31)).replace(day=1)
            bought = [months[month, customer] for customer in members if (month, customer) in months]
            brought += sum(row["revenue"] for row in bought)
            result[cohort, since] = {
                "order_month": month,
                "as_of_date": as_of,
                "is_complete_month": following - timedelta(1) <= as_of,
                "cohort_size": len(members),
                "active_customers": len(bought),
                "retention_rate": _four(Decimal(len(bought)) / len(members)),
                "orders": sum(row["orders"] for row in bought),
                "revenue": sum(row["revenue"] for row in bought),
                "cumulative_ltv_per_customer": cents(brought / len(members)),
            }
            month, since = following, since + 1
    return result


def _order_items(orders: dict[str, dict[str, Any]]) -> dict[tuple[str, int], dict[str, Any]]:
    return {
        (order["order_id"], number): {**line, "order_date": order["order_date"], "is_revenue": order["is_revenue"]}
        for order in orders.values()
        for number, line in enumerate(order["lines"], 1)
    }


def _product_months(orders: dict[str, dict[str, Any]]) -> dict[tuple[date, str], dict[str, Any]]:
    result: dict[tuple[date, str], dict[str, Any]] = {}
    for order in orders.values():
        month = order["order_date"].replace(day=1)
        sold = [line for line in order["lines"] if line["product_id"] is not None and order["is_revenue"]]
        for product in {line["product_id"] for line in sold}:
            row = result.setdefault((month, product), {"orders": 0, "units": Decimal(0), "revenue": Decimal(0)})
            row["orders"] += any(line["quantity"] for line in sold if line["product_id"] == product)
            row["units"] += sum(line["quantity"] for line in sold if line["product_id"] == product)
            row["revenue"] += sum(line["amount"] for line in sold if line["product_id"] == product)
    return {place: row for place, row in result.items() if row["orders"] or row["revenue"]}


def _product_performance(
    orders: dict[str, dict[str, Any]],
    reviews: dict[str, dict[str, Any]],
    sold_as_of: date | None,
    rated_as_of: date | None,
) -> dict[str, dict[str, Any]]:
    months, ratings = _product_months(orders), _product_metrics(reviews, rated_as_of)
    total = sum((row["revenue"] for row in months.values()), Decimal(0))
    result = {}
    for product in {product for _, product in months} | set(ratings):
        mine = {month: row for (month, of), row in months.items() if of == product}
        revenue = sum((row["revenue"] for row in mine.values()), Decimal(0))
        liked = ratings.get(product, {"review_count": 0, "is_rating_drop": False})
        result[product] = {
            "sold_as_of_date": sold_as_of,
            "rated_as_of_date": rated_as_of,
            "orders": sum(row["orders"] for row in mine.values()),
            "units_sold": sum((row["units"] for row in mine.values()), Decimal(0)),
            "revenue": revenue,
            "revenue_share": _four(revenue / total) if total else None,
            "first_sold_month": min(mine, default=None),
            "last_sold_month": max(mine, default=None),
            **{name: liked.get(name) for name in PERFORMANCE_RATINGS},
        }
    return result


SEGMENTS = {  # by recency and frequency
    "champions": "54 55", "loyal_customers": "34 35 44 45", "potential_loyalists": "42 43 52 53", "new_customers": "51",
    "promising": "41", "need_attention": "33", "about_to_sleep": "31 32", "cannot_lose_them": "15 25",
    "at_risk": "13 14 23 24", "hibernating": "11 12 21 22",
}  # fmt: skip


def rfm_scores(orders: dict[str, dict[str, Any]], fitted_on: date, as_of: date) -> dict[str, dict[str, Any]]:
    """Return scores and segment of each customer on a day, by quintiles of the customers of the day of the fit."""
    learnt = _customer_ltv({key: row for key, row in orders.items() if row["order_date"] <= fitted_on}, fitted_on)
    result = {}
    for customer, now in _customer_ltv(orders, as_of).items():
        scores = {}
        for score, column in (
            ("recency_score", "recency_days"), ("frequency_score", "total_orders"), ("monetary_score", "total_spent"),
        ):  # fmt: skip
            values = sorted(row[column] for row in learnt.values())
            # the quintile boundaries: the smallest values with at least a fifth, two fifths, … of the customers
            limits = [values[-(-len(values) * fifths // 5) - 1] for fifths in range(1, 5)]
            above = sum(now[column] > limit for limit in limits)
            scores[score] = 5 - above if score == "recency_score" else 1 + above
        pair = f"{scores['recency_score']}{scores['frequency_score']}"
        result[customer] = {**scores, "rfm_segment": next(name for name, of in SEGMENTS.items() if pair in of.split())}
    return result


def _product_metrics(reviews: dict[str, dict[str, Any]], as_of: date | None) -> dict[str, dict[str, Any]]:
    by_product: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for review in reviews.values():
        by_product[review["product_id"]].append(review)
    result: dict[str, dict[str, Any]] = {}
    for product, written in by_product.items():
        assert as_of is not None
        stars = Counter(review["rating"] for review in written)
        total = sum(rating * count for rating, count in stars.items())
        recent = [r["rating"] for r in written if as_of - timedelta(30) < r["review_date"] <= as_of]
        prior = [r["rating"] for r in written if as_of - timedelta(120) < r["review_date"] <= as_of - timedelta(30)]
        result[product] = {
            "as_of_date": as_of,
            "review_count": len(written),
            "average_rating": _four(Decimal(total) / len(written)),
            **{f"rating_{rating}": stars[rating] for rating in range(1, 6)},
            "bayesian_rating": _four((total + Decimal("35")) / (len(written) + 10)),
            "recent_count": len(recent),
            "recent_average": _four(Decimal(sum(recent)) / len(recent)) if recent else None,
            "prior_count": len(prior),
            "prior_average": _four(Decimal(sum(prior)) / len(prior)) if prior else None,
            "rating_delta": _four(_mean(recent) - _mean(prior)) if recent and prior else None,
            "wilson_lower_bound": _wilson(stars[4] + stars[5], len(written)),
            "rating_trend": _trend([((r["review_date"] - as_of).days, r["rating"]) for r in written]),
            "drop_p_value": _p_value(recent, prior),
        }
    tested = sorted(row["drop_p_value"] for row in result.values() if row["drop_p_value"] is not None)
    for row in result.values():
        p = row["drop_p_value"]
        scaled = [other * len(tested) / rank for rank, other in enumerate(tested, 1) if p is not None and other >= p]
        row["drop_q_value"] = _rounded(min(scaled), "0.000001") if scaled else None
        row["is_rating_drop"] = bool(scaled) and row["rating_delta"] <= Decimal("-0.5") and row["drop_q_value"] <= FDR
    return result


def _mean(values: list[int]) -> Decimal:
    return Decimal(sum(values)) / len(values)


def _variance(values: list[int]) -> Decimal:
    return sum(((value - _mean(values)) ** 2 for value in values), Decimal(0)) / (len(values) - 1)


def _p_value(recent: list[int], prior: list[int]) -> Decimal | None:
    """Test one-sided by Welch's statistic and the normal distribution."""
    if len(recent) < 5 or len(prior) < 10:
        return None
    error = (_variance(recent) / len(recent) + _variance(prior) / len(prior)).sqrt()
    if not error:
        return Decimal(_mean(prior) <= _mean(recent))
    z = _rounded((_mean(prior) - _mean(recent)) / error, "0.000001")
    return _rounded(Decimal(1 - NormalDist().cdf(float(z)) if z < 0 else NormalDist().cdf(-float(z))), "0.000001")


def _wilson(positive: int, count: int) -> Decimal:
    z, share = Decimal("1.96"), Decimal(positive) / count
    spread = z * ((share * (1 - share) + z * z / (4 * count)) / count).sqrt()
    return _four((share + z * z / (2 * count) - spread) / (1 + z * z / count))


def _trend(rated: list[tuple[int, int]]) -> Decimal | None:
    """Return the slope of the ratings of the last 120 days, in stars per 30 days."""
    seen = [(day, rating) for day, rating in rated if -120 < day <= 0]
    if len(seen) < 10 or len({day for day, _ in seen}) == 1:
        return None
    middle, level = _mean([day for day, _ in seen]), _mean([rating for _, rating in seen])
    rise = sum(((day - middle) * (rating - level) for day, rating in seen), Decimal(0))
    return _four(30 * rise / sum(((day - middle) ** 2 for day, _ in seen), Decimal(0)))


def _customer_health(
    orders: dict[str, dict[str, Any]], reviews: dict[str, dict[str, Any]], as_of: date | None
) -> dict[str, dict[str, Any]]:
    if as_of is None:
        return {}
    reached = {key: order for key, order in orders.items() if order["order_date"] <= as_of}
    result = {}
    for customer, ltv in _customer_ltv(reached, as_of).items():
        mine = [r for r in reviews.values() if r["customer_id"] == customer and r["day"] <= as_of]
        mine.sort(key=lambda r: (r["review_date"], r["day"], r["review_id"]))
        result[customer] = {
            "as_of_date": as_of,
            "lifetime_value": ltv["lifetime_value"],
            "total_orders": ltv["total_orders"],
            "review_count": len(mine),
            "average_rating_given": _four(Decimal(sum(r["rating"] for r in mine)) / len(mine)) if mine else None,
            "last_rating": mine[-1]["rating"] if mine else None,
            "is_at_risk": (
                ltv["lifetime_value"] >= HIGH_VALUE
                and ltv["total_orders"] >= 2
                and bool(mine)
                and mine[-1]["rating"] <= 2
            ),
        }
    return result


def _four(value: Decimal) -> Decimal:
    return _rounded(value, "0.0001")


def _rounded(value: Decimal, unit: str) -> Decimal:
    return value.quantize(Decimal(unit), ROUND_HALF_UP)
