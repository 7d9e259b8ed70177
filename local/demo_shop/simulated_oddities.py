"""The odd rows of the simulated shop: one for each rule of validity, as a table of changed fields.

A row is its fields as JSON literals (`{"total_amount": "1e400"}`), because many problems of real shops are in the
spelling of values. The literals may use `{day}`, `{day_before}`, `{day_after}` and `{id_of_day_before}`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import chain, count, islice
from typing import Final

Fields = Mapping[str, str]
Changes = Mapping[str, str | None]

WITHIN_DAYS = 14
"""Each kind comes round at least once in any so many days, unless a day is too small to hold its share."""
LARGE_ORDER_DAY = date(2026, 3, 17)
"""An order of 61,250 arrives, nearly twice a usual day's revenue at the default size; another one follows each
LARGE_ORDER_EVERY_DAYS."""
LARGE_ORDER_EVERY_DAYS = 42

_ABSENT: Final = None
_OVERLONG_BYTES = 1_000_001


@dataclass(frozen=True)
class Oddity:
    """One kind of odd row.

    `changes` are made to the row (None removes a field), `item` replaces it, and each of `later` is the original row
    with these changes, sent again at the end of the day.
    """

    name: str
    changes: Changes = field(default_factory=dict)
    item: str | None = None
    later: tuple[Changes, ...] = ()
    at_most_once_a_day: bool = False


REJECTED_ORDERS = (
    Oddity("order_id_absent", {"order_id": _ABSENT}),
    Oddity("order_id_blank", {"order_id": '" "'}),
    Oddity("customer_id_null", {"customer_id": "null"}),
    Oddity("status_absent", {"status": _ABSENT}),
    Oddity("status_blank", {"status": r'" \t\n"'}),
    Oddity("amount_null", {"total_amount": "null"}),
    Oddity("amount_word", {"total_amount": '"abc"'}),
    Oddity("amount_negative", {"total_amount": "-1"}),
    Oddity("amount_three_decimals", {"total_amount": "19.999"}),
    Oddity("amount_nan", {"total_amount": '"NaN"'}),
    Oddity("amount_infinite", {"total_amount": "1e400"}),
    Oddity("amount_true", {"total_amount": "true"}),
    Oddity("amount_too_large", {"total_amount": "10000000000000000"}),
    Oddity("amount_underscored", {"total_amount": '"1_000"'}),
    Oddity("amount_hexadecimal", {"total_amount": '"0x10"'}),
    Oddity("amount_list", {"total_amount": "[12.5]"}),
    Oddity("date_absent", {"order_date": _ABSENT}),
    Oddity("date_day_before", {"order_date": '"{day_before}"'}),
    Oddity("date_day_after", {"order_date": '"{day_after}"'}),
    Oddity("date_day_after_by_offset", {"order_date": '"{day}T23:30:00-05:00"'}),
    Oddity("date_word", {"order_date": '"today"'}),
    Oddity("date_with_slashes", {"order_date": '"03/04/2026"'}),
    Oddity("date_impossible", {"order_date": '"2026-02-30"'}),
    Oddity("customer_id_nul", {"customer_id": r'"C000\u0000001"'}),
    Oddity("status_lone_surrogate", {"status": r'"delivered \ud83d"'}),
    Oddity("items_word", {"items": '"two kettles"'}),
    Oddity("item_quantity_word", {"items": '[{"product_id": "P0001", "quantity": "two", "total": 5}]'}),
    Oddity("superseded", later=({"total_amount": "4.99", "status": '"refunded"'},)),
    Oddity("superseded_and_copied", later=({"total_amount": "5.00"}, {})),
    Oddity("superseded_by_invalid", later=({"total_amount": '"abc"'},)),
    Oddity("empty_object", item="{}"),
    Oddity("not_an_object_text", item='"order lost"'),
    Oddity("not_an_object_null", item="null"),
)

ACCEPTED_ORDERS = (
    Oddity("identical_copy", later=({},)),
    Oddity("amount_as_text", {"total_amount": '"129.90"'}),
    Oddity("amount_padded", {"total_amount": '" 12.5 "'}),
    Oddity("amount_trailing_zero", {"total_amount": "12.500"}),
    Oddity("amount_exponent", {"total_amount": "1e2"}),
    Oddity("amount_zero", {"total_amount": "0"}),
    Oddity("timestamp", {"order_date": '"{day}T10:15:00"'}),
    Oddity("timestamp_utc", {"order_date": '"{day} 23:59:59.999999Z"'}),
    Oddity("timestamp_offset", {"order_date": '"{day_after}T01:30:00+05:30"'}),
    Oddity("undeclared_fields", {"coupon_code": '"SPRING"', "gift": '{"wrapped": true, "note": null}'}),
    Oddity("undeclared_nul", {"channel": r'"app\u0000"'}),
    Oddity("items_absent", {"items": _ABSENT}),
    Oddity("items_none", {"items": "[]"}),
    Oddity("item_without_product", {"items": '[{"product_id": null, "total": "5.00"}]'}),
    Oddity("id_of_day_before", {"order_id": '"{id_of_day_before}"'}, at_most_once_a_day=True),
)

LARGE_ORDER = Oddity("amount_large", {"total_amount": "61250.00", "status": '"delivered"'})

REJECTED_REVIEWS = (
    Oddity("review_id_absent", {"review_id": _ABSENT}),
    Oddity("review_id_blank", {"review_id": '""'}),
    Oddity("product_id_null", {"product_id": "null"}),
    Oddity("product_id_malformed", {"product_id": '"#12 / red"'}),
    Oddity("customer_id_absent", {"customer_id": _ABSENT}),
    Oddity("rating_absent", {"rating": _ABSENT}),
    Oddity("rating_zero", {"rating": "0"}),
    Oddity("rating_six", {"rating": "6"}),
    Oddity("rating_half", {"rating": "4.5"}),
    Oddity("rating_word", {"rating": '"five"'}),
    Oddity("rating_true", {"rating": "true"}),
    Oddity("rating_infinite", {"rating": "1e400"}),
    Oddity("text_null", {"review_text": "null"}),
    Oddity("text_blank", {"review_text": r'"  \n"'}),
    Oddity("text_nul", {"review_text": r'"Fine\u0000 so far"'}),
    Oddity("text_lone_surrogate", {"review_text": r'"Nice \ud83d"'}),
    Oddity("text_overlong", {"review_text": f'"{"x" * _OVERLONG_BYTES}"'}, at_most_once_a_day=True),
    Oddity("superseded", later=({"rating": "3", "review_text": '"On second thoughts, it is okay."'},)),
    Oddity("not_an_object_number", item="42"),
    Oddity("not_an_object_list", item='["review", "lost"]'),
)

ACCEPTED_REVIEWS = (
    Oddity("identical_copy", later=({},)),
    Oddity("rating_as_text", {"rating": '"5"'}),
    Oddity("rating_decimal", {"rating": "4.0"}),
    Oddity("date_absent", {"review_date": _ABSENT}),
    Oddity("date_unreadable", {"review_date": '"soon"'}),
    Oddity("timestamp_offset", {"review_date": '"{day_after}T01:30:00+05:30"'}),
    Oddity("undeclared_fields", {"helpful_votes": "3", "title": '"As expected"'}),
)


def item(fields: Changes) -> bytes:
    """Serialise the fields, given as JSON literals, as one JSON object without the fields that are None."""
    pairs = (f'"{name}": {literal}' for name, literal in fields.items() if literal is not None)
    return f"{{{', '.join(pairs)}}}".encode()


def apply(oddity: Oddity, fields: Fields, words: Mapping[str, str]) -> tuple[bytes, list[bytes]]:
    """Return the row in its place, and the rows for the end of the day. `words` fill the literals."""
    if oddity.item is not None:
        return oddity.item.encode(), []
    later = [item({**fields, **_filled(changes, words)}) for changes in oddity.later]
    return item({**fields, **_filled(oddity.changes, words)}), later


def kinds_of_day(kinds: Sequence[Oddity], day: date, wanted: int) -> list[Oddity]:
    """Return `wanted` kinds, starting after those of the day before, so that each occurs within `WITHIN_DAYS`."""
    start = day.toordinal() * stride(kinds) % len(kinds)
    first_lap = [*kinds[start:], *kinds[:start]]
    repeatable = [kind for kind in first_lap if not kind.at_most_once_a_day]
    laps = chain(first_lap, (kind for _ in count() for kind in repeatable))
    return list(islice(laps, wanted))


def stride(kinds: Sequence[Oddity]) -> int:
    """Return the minimum number of kinds per day for each to occur in time."""
    return -(-len(kinds) // WITHIN_DAYS)


def has_large_order(day: date) -> bool:
    """Return whether LARGE_ORDER is due: rarely, on the same days for every seed, and once in the demo."""
    return (day - LARGE_ORDER_DAY).days % LARGE_ORDER_EVERY_DAYS == 0


def words_of_day(day: date, id_of_day_before: str) -> dict[str, str]:
    """Return the values for the literals of this day."""
    one = timedelta(days=1)
    return {
        "{day}": day.isoformat(),
        "{day_before}": (day - one).isoformat(),
        "{day_after}": (day + one).isoformat(),
        "{id_of_day_before}": id_of_day_before,
    }


def _filled(changes: Changes, words: Mapping[str, str]) -> Changes:
    return {name: literal if literal is None else _fill(literal, words) for name, literal in changes.items()}


def _fill(literal: str, words: Mapping[str, str]) -> str:
    for blank, word in words.items():
        literal = literal.replace(blank, word)
    return literal
