"""The validation rules: the smallest row that breaks each one, and rows that nearly do."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date

import pytest

from expectations.dataset_settings import save_settings
from expectations.rules import COMMON_RULES, DATASET_RULES, rules
from ingestion.declaration.order_lists import ItemKeys, RefundKeys
from ingestion.declaration.shop_config import STAGED_FIELDS
from pipeline_errors import ConfigurationError
from pipeline_settings import PROJECT_ROOT, Settings
from tests.expectations.staging import OURS, Row, land_rows, order, reasons, review
from warehouse.connection import connect

DAY = date(2024, 3, 31)  # in Berlin the clocks go forward: it begins at +01:00 and ends at +02:00
BERLIN = OURS.model_copy(update={"time_zone": "Europe/Berlin", "max_text_bytes": 100})

AMOUNTS: list[tuple[str | None, list[str]]] = [
    ("12.500", []),
    ("1e2", []),
    (" 12.5 ", []),
    ("\t7\u00a0", []),
    ("0", []),
    ("-0", []),
    ("+5", []),
    (".5", []),
    ("5.", []),
    ("0012", []),
    ("1e-2", []),
    ("50000.01", []),
    ("9999999999999999.99", []),
    (None, ["missing_total_amount"]),
    ("", ["missing_total_amount"]),
    (" \t\u3000", ["missing_total_amount"]),
    ("1_000", ["amount_not_a_number"]),
    ("0x10", ["amount_not_a_number"]),
    ("true", ["amount_not_a_number"]),
    ("NaN", ["amount_not_a_number"]),
    ("Infinity", ["amount_not_a_number"]),
    ("-inf", ["amount_not_a_number"]),
    ("1,5", ["amount_not_a_number"]),
    ("1 000", ["amount_not_a_number"]),
    ("12.5.1", ["amount_not_a_number"]),
    ("12.5\n13", ["amount_not_a_number"]),
    ("1e", ["amount_not_a_number"]),
    (".", ["amount_not_a_number"]),
    ("\u0663", ["amount_not_a_number"]),  # an Arabic-Indic digit
    ("1e200000", ["amount_not_a_number"]),  # more than Postgres can hold
    ("1e9999", ["amount_not_a_number"]),  # costs too much to compare
    ("0." + "0" * 400 + "1", ["amount_not_a_number", "text_too_long"]),
    ("1e0400", ["amount_too_large"]),
    ("1e400", ["amount_too_large"]),
    ("1e16", ["amount_too_large"]),
    ("-1e16", ["amount_negative", "amount_too_large"]),
    ("19.999", ["amount_too_precise"]),
    ("1e-400", ["amount_too_precise"]),
    ("9999999999999999.995", ["amount_too_precise"]),
    ("-1", ["amount_negative"]),
    ("-0.001", ["amount_negative", "amount_too_precise"]),
]

MANY_ITEMS = "[" + ",".join(['{"product":{"sku":"p"},"prices":["1"],"taxes":[{"of":{"a":1}}]}'] * 2000) + "]"
TOO_DEEP = '[{"a":' * 9000 + "1" + "}]" * 9000
BRACKETS_IN_TEXTS = '{"}":' * 9000 + "1" + "}" * 9000
P = '"amount": {}, "quantity": {}, "product_id": {}'

# The text of the field, reasons, and staging's items.
ITEMS: list[tuple[str | None, list[str], str | None]] = [
    (None, [], None),
    (" ", [], None),
    ("[]", [], None),
    (
        '[{"product":{"sku":"p"},"pieces":2,"prices":["1.335"]}]',
        [],
        f"[{{{P.format('2.67', '2', chr(34) + 'p' + chr(34))}}}]",
    ),
    ('[{"product":{"sku":7},"prices":[0.005]}]', [], f"[{{{P.format('0.01', '1', chr(34) + '7' + chr(34))}}}]"),
    ('[{"product":{"sku":" "},"pieces":null,"prices":["-1"]}]', [], f"[{{{P.format('-1.00', '1', 'null')}}}]"),
    ('[{"pieces":" 0.125 ","prices":[8]}]', [], f"[{{{P.format('1.00', '0.125', 'null')}}}]"),
    ('[{"pieces":0.0125,"prices":[8]}]', ["item_unreadable"], None),
    ('[{"pieces":"two","prices":[8]}]', ["item_unreadable"], None),
    ('[{"pieces":1e9,"prices":[8]}]', ["item_unreadable"], None),
    ('[{"pieces":1e100000,"prices":[1e100000]}]', ["item_unreadable"], None),
    (f'[{{"product":{{"sku":"{"x" * 1001}"}},"prices":[1]}}]', ["item_unreadable"], None),
    ('[{"pieces":1,"prices":[1e13]}]', ["item_unreadable"], None),
    ('[{"pieces":1,"prices":[NaN]}]', ["items_not_a_list"], None),
    ('[{"prices":[]}]', ["item_unreadable"], None),
    ('[{"prices":[1]},{"product":{"sku":"p"}}]', ["item_unreadable"], None),
    ("[null]", ["item_unreadable"], None),
    ('{"product":{"sku":"p"},"prices":[1]}', [], f"[{{{P.format('1.00', '1', chr(34) + 'p' + chr(34))}}}]"),
    (
        '{"21":{"product":{"sku":"p"},"prices":[1]},"3":{"product":{"sku":"q"},"prices":[2]}}',
        [],
        f"[{{{P.format('2.00', '1', chr(34) + 'q' + chr(34))}}}, {{{P.format('1.00', '1', chr(34) + 'p' + chr(34))}}}]",
    ),
    ("{}", [], None),
    ('{"sku":"p","prices":[1]}', ["items_not_a_list"], None),
    ("two kettles", ["items_not_a_list"], None),
    ("7", ["items_not_a_list"], None),
    ('[{"prices":[1]}', ["items_not_a_list"], None),
    ('[{"prices":[1e999999]}]', ["items_not_a_list"], None),
    (
        '[{"product":{"sku":"A1e12345"},"prices":[1]}]',
        [],
        f"[{{{P.format('1.00', '1', chr(34) + 'A1e12345' + chr(34))}}}]",
    ),
    (TOO_DEEP, ["items_not_a_list"], None),
    (BRACKETS_IN_TEXTS, ["items_not_a_list"], None),
    (MANY_ITEMS, [], "[" + ", ".join(["{" + P.format("1.00", "1", '"p"') + "}"] * 2000) + "]"),
]

ORDER_DATES: list[tuple[str | None, list[str]]] = [
    (" 2024-03-31 ", []),
    ("2024-03-31 00:00", []),
    ("2024-03-31T02:30:00", []),  # an hour that Berlin's clocks jump over
    ("2024-03-31T23:59:59", []),
    ("2024-03-31 00:00:00", []),
    ("2024-03-31T00:00:00+01:00", []),
    ("2024-03-31T23:59:59.9999999", []),
    ("2024-03-31T23:59:59,9999999", []),
    ("2024-03-30T23:00:00Z", []),
    ("2024-03-31T21:59:59.9999999Z", []),
    ("2024-03-31t10:00z", []),
    ("2024-03-31 10:00:00 +02", []),
    ("2024-04-01T03:00:00+0530", []),
    ("2024-03-30T18:00:00-05:00", []),
    (None, ["missing_order_date"]),
    ("\u2028", ["missing_order_date"]),
    ("2024-03-30", ["order_date_not_the_day"]),
    ("9999-12-31", ["order_date_not_the_day"]),
    ("2024-03-30T22:59:59Z", ["order_date_not_the_day"]),
    ("2024-03-31T22:00:00Z", ["order_date_not_the_day"]),
    ("2024-03-31T00:30:00+02:00", ["order_date_not_the_day"]),
    ("31/03/2024", ["order_date_unreadable"]),
    ("today", ["order_date_unreadable"]),
    ("epoch", ["order_date_unreadable"]),
    ("infinity", ["order_date_unreadable"]),
    ("2024-02-30", ["order_date_unreadable"]),
    ("2024-3-31", ["order_date_unreadable"]),
    ("20240331", ["order_date_unreadable"]),
    ("0000-01-01", ["order_date_unreadable"]),
    ("1711843200", ["order_date_unreadable"]),
    ("2024-03-31 BC", ["order_date_unreadable"]),
    ("2024-03-31T10", ["order_date_unreadable"]),
    ("2024-03-31T24:00", ["order_date_unreadable"]),
    ("2024-03-31T24:00:00", ["order_date_unreadable"]),
    ("2024-03-31T12:00:60", ["order_date_unreadable"]),
    ("2024-03-31T12:00:00+99:00", ["order_date_unreadable"]),
    ("2024-02-30T12:00:00", ["order_date_unreadable"]),
    ("2024-02-30T12:00:00Z", ["order_date_unreadable"]),
    ("2024-03-30T12:00:00", ["order_date_not_the_day"]),
    ("2024-03-31T00:00:00+02:00", ["order_date_not_the_day"]),
    ("2024-03-31T10:60", ["order_date_unreadable"]),
    ("2024-03-31T10:00+25:00", ["order_date_unreadable"]),
    ("2024-03-31T10:00 Europe/Berlin", ["order_date_unreadable"]),
]

# For other date formats: the last moment of the day before in Berlin, and the first and last of the day.
FORMATTED_DATES: dict[str, list[tuple[str, list[str]]]] = {
    "epoch_seconds": [
        ("1711839599", ["order_date_not_the_day"]),
        ("1711839600", []),
        ("1711922399.9", []),
        ("1.7119e9", []),
        ("1711922400", ["order_date_not_the_day"]),
        ("-62135596801", ["order_date_unreadable"]),
        ("1e30", ["order_date_unreadable"]),
        ("1711839600000", ["order_date_unreadable"]),
        ("2024-03-31", ["order_date_unreadable"]),
    ],
    "epoch_milliseconds": [
        ("1711839599999", ["order_date_not_the_day"]),
        ("1711839600000", []),
        ("1711922399999", []),
        ("1711922400000", ["order_date_not_the_day"]),
        ("now", ["order_date_unreadable"]),
    ],
    "rfc_2822": [
        ("Sat, 30 Mar 2024 22:59:59 +0000", ["order_date_not_the_day"]),
        ("Sat, 30 Mar 2024 23:00:00 +0000", []),
        ("31 Mar 2024 23:59:59 +0200", []),
        ("Sun, 31 Mar 2024 20:00:00 GMT", []),
        ("Sun, 31 Mar 2024 22:00:00 +0000", ["order_date_not_the_day"]),
        ("Sun, 30 Feb 2024 22:00:00 +0000", ["order_date_unreadable"]),
        ("Sun, 31 Xyz 2024 22:00:00 +0000", ["order_date_unreadable"]),
        ("2024-03-31T10:00:00Z", ["order_date_unreadable"]),
    ],
}

# For a shop whose logical day is the day of the last change.
UPDATED_ORDERS: list[tuple[str | None, list[str]]] = [
    ("2024-03-31T23:59:59", []),
    ("2024-03-30T23:59:59", []),
    ("2019-01-01", []),
    ("2024-04-01", ["order_date_after_the_day"]),
    ("2024-03-31T22:00:00Z", ["order_date_after_the_day"]),
    ("today", ["order_date_unreadable"]),
    (None, ["missing_order_date"]),
]

OTHER_ORDERS: list[tuple[Row, list[str]]] = [
    (order(1), []),
    (order(2, _extra='{"channel": "web"}'), []),
    (order(3, _extra='{"note": "\\\\u0000"}'), []),
    (order(4, order_id=None), ["missing_order_id"]),
    (order(5, order_id=" "), ["missing_order_id"]),
    (order(6, customer_id=None), ["missing_customer_id"]),
    (order(7, status="\u0085"), ["missing_status"]),
    (order(8, status="DELIVERED "), []),
    (order(9, _escaped="status"), ["unstorable_text"]),
    (order(10, status="x" * 100), []),
    (order(11, status="é" * 51), ["text_too_long"]),
    (order(12, order_id="é" * 501), ["id_too_long", "text_too_long"]),
    (order(13, customer_id="x" * 1001), ["id_too_long", "text_too_long"]),
    ({"_extra": "[1]"}, ["not_an_object", *(f"missing_{field}" for field in STAGED_FIELDS["orders"])]),
    ({"_extra": '"{"'}, ["not_an_object", *(f"missing_{field}" for field in STAGED_FIELDS["orders"])]),
]

REVIEWS: list[tuple[Row, list[str]]] = [
    (review(1), []),
    (review(2, rating="4.0"), []),
    (review(3, rating=" 1e0 "), []),
    (review(4, rating="0"), ["rating_not_1_to_5"]),
    (review(5, rating="6"), ["rating_not_1_to_5"]),
    (review(6, rating="4.5"), ["rating_not_1_to_5"]),
    (review(7, rating="-1"), ["rating_not_1_to_5"]),
    (review(8, rating="1e400"), ["rating_not_1_to_5"]),
    (review(9, rating="true"), ["rating_not_a_number"]),
    (review(10, rating="NaN"), ["rating_not_a_number"]),
    (review(11, rating="five"), ["rating_not_a_number"]),
    (review(12, rating=""), ["missing_rating"]),
    (review(13, review_id=None), ["missing_review_id"]),
    (review(14, product_id="\n"), ["missing_product_id"]),
    (review(15, product_id="a b"), ["product_id_malformed"]),
    (review(16, product_id="p1\n"), ["product_id_malformed"]),
    (review(17, customer_id=None), ["missing_customer_id"]),
    (review(18, review_text="  "), ["missing_review_text"]),
    (review(19, review_text="é" * 51), ["text_too_long"]),
    (review(24, product_id="x" * 1001), ["id_too_long", "text_too_long"]),
    (review(20, review_date=None), []),
    (review(21, review_date="31/03/2024"), []),
    (review(22, review_date="2023-01-01"), []),
    (review(23, _escaped="review_text"), ["unstorable_text"]),
]


FURTHER: list[tuple[Mapping[str, str | None], list[str]]] = [
    ({"currency": "EUR"}, []),
    ({"currency": "\teur "}, []),
    ({"currency": " "}, []),
    ({"currency": None}, []),
    ({"currency": "USD"}, ["currency_not_the_shops"]),
    ({"currency": "€"}, ["currency_not_the_shops"]),
    ({"currency": "USD", "exchange_rate": "1.1"}, []),
    ({"currency": "USD", "exchange_rate": "0"}, ["exchange_rate_unreadable"]),
    ({"currency": "USD", "exchange_rate": "-1"}, ["exchange_rate_unreadable"]),
    ({"currency": "USD", "exchange_rate": "1e-10"}, ["exchange_rate_unreadable"]),
    ({"currency": "USD", "exchange_rate": "1e400"}, ["exchange_rate_unreadable"]),
    ({"currency": "EUR", "exchange_rate": "0"}, []),  # not needed
    ({"exchange_rate": "1.1"}, []),  # a shop that numbers its currencies
    ({"exchange_rate": "x"}, ["exchange_rate_unreadable"]),
    ({"exchange_rate": "3", "total_amount": "9999999999999999.99"}, []),
    ({"exchange_rate": "0.5", "total_amount": "9999999999999999.99"}, ["amount_too_large"]),
    ({"exchange_rate": "3", "total_amount": "10.005"}, []),  # rounded, as every converted amount
    ({"discount_amount": "-5.00", "tax_amount": "1.5960", "shipping_amount": "0"}, []),
    ({"discount_amount": "", "tax_amount": " ", "shipping_amount": None}, []),
    ({"discount_amount": "10%"}, ["discount_unreadable"]),
    ({"discount_amount": "NaN"}, ["discount_unreadable"]),
    ({"tax_amount": "1e16"}, ["tax_unreadable"]),
    ({"tax_amount": "-1e400"}, ["tax_unreadable"]),
    ({"shipping_amount": "free"}, ["shipping_unreadable"]),
    *[({"is_test": text}, []) for text in ("true", "False", "0", "1", " YES ", "no", "t", "F", "on", "off", "", None)],
    *[({"is_test": text}, ["is_test_unreadable"]) for text in ("2", "maybe", "null", "[]", "1.0")],
    *[({"cancelled_at": text}, []) for text in (None, "", "0000-00-00", "0000-00-00 00:00:00", "2024-03-31T10:00Z")],
    *[({"cancelled_at": text}, ["cancelled_at_unreadable"]) for text in ("true", "false", "0", "2024-02-30", "soon")],
]


UNREADABLE = ["refund_unreadable"]

# The field refunds as the shop sends it, the reasons, and what staging reads.
REFUNDS: list[tuple[str | None, list[str], list[tuple[str, str | None, str]] | None]] = [
    (None, [], None),
    ("", [], None),
    ("[]", [], None),
    ("{}", [], None),
    ('[{"id": 7, "sum": {"amount": "5.00"}, "at": "2024-04-20T23:30:00Z"}]', [], [("7", "2024-04-21", "5.00")]),
    ('{"id": 7, "sum": {"amount": 5}, "at": "2024-04-20"}', [], [("7", "2024-04-20", "5.00")]),  # of one, from XML
    ('{"3": {"id": 7, "sum": {"amount": 5}, "at": "2024-04-20"}}', [], [("7", "2024-04-20", "5.00")]),  # from PHP
    ('[{"id": 7, "sum": {"amount": "-5.005"}, "at": "2024-04-20"}]', [], [("7", "2024-04-20", "5.01")]),  # no sign
    ('[{"id": 7, "sum": {"amount": 29.949999999999999}, "at": "2024-04-20"}]', [], [("7", "2024-04-20", "29.95")]),
    (
        '[{"id": 7, "sum": {"amount": 99999}, "at": "2024-04-20"}]',
        [],
        [("7", "2024-04-20", "99999.00")],
    ),  # above the total
    ('[{"id": 7, "sum": {"amount": 5}, "at": "2001-01-01"}]', [], [("7", "2001-01-01", "5.00")]),  # before the order
    ('[{"id": 7, "sum": {"amount": 5}, "at": "2099-01-01"}]', [], [("7", "2099-01-01", "5.00")]),  # on a day to come
    ('[{"id": 7, "sum": {"amount": 0}, "at": "2024-04-20"}]', [], None),
    # twice: the last of an id stays
    (
        '[{"id": 7, "sum": {"amount": 5}, "at": "2024-04-20"}, {"id": 8, "sum": {"amount": 1}, "at": "2024-04-20"},'
        ' {"id": "7", "sum": {"amount": 6}, "at": "2024-04-21"}]',
        [],
        [("8", "2024-04-20", "1.00"), ("7", "2024-04-21", "6.00")],
    ),
    # without ids, equal refunds are two
    (
        '[{"sum": {"amount": 5}, "at": "2024-04-20"}, {"id": " ", "sum": {"amount": 5}, "at": "2024-04-20"}]',
        [],
        [("#1", "2024-04-20", "5.00"), ("#2", "2024-04-20", "5.00")],
    ),
    ('[{"id": 7, "sum": {"amount": 5, "currency": "eur"}, "at": "2024-04-20"}]', [], [("7", "2024-04-20", "5.00")]),
    ('[{"id": 7, "sum": {"amount": 5, "currency": "USD"}, "at": "2024-04-20"}]', UNREADABLE, None),
    ('[{"id": 7, "sum": {"amount": 5}, "at": "soon"}]', UNREADABLE, None),
    ('[{"id": 7, "sum": {"amount": 5}}]', UNREADABLE, None),
    ('[{"id": 7, "sum": {"amount": null}, "at": "2024-04-20"}]', UNREADABLE, None),
    ('[{"id": 7, "sum": {"amount": "five"}, "at": "2024-04-20"}]', UNREADABLE, None),
    ('[{"id": 7, "sum": {"amount": "1e16"}, "at": "2024-04-20"}]', UNREADABLE, None),
    ('[{"id": 7, "sum": {"amount": 1e9999}, "at": "2024-04-20"}]', UNREADABLE, None),
    (
        '[{"sum": {"amount": 6e15}, "at": "2024-04-20"}, {"sum": {"amount": 6e15}, "at": "2024-04-20"}]',
        UNREADABLE,
        None,
    ),
    ('[{"id": 7, "sum": {"amount": 5}, "at": "2024-04-20", "vat": "x"}]', UNREADABLE, None),
    ('[{"id": 7, "sum": {"amount": 5}, "at": "2024-04-20", "freight": "1e17"}]', UNREADABLE, None),
    ('[{"id": "' + "x" * 1001 + '", "sum": {"amount": 5}, "at": "2024-04-20"}]', UNREADABLE, None),
    ("[5]", UNREADABLE, None),
    ("[null]", UNREADABLE, None),
    ("5.00", UNREADABLE, None),
    ("true", UNREADABLE, None),
    ('"none"', UNREADABLE, None),
    ('{"reason": "broken"}', UNREADABLE, None),
    ("[{]", UNREADABLE, None),
    ("[" * 6000 + "]" * 6000, UNREADABLE, None),
]


def assert_reasons(dataset: str, cases: Sequence[tuple[Row, list[str]]]) -> None:
    """Assert that each row of the load is rejected for exactly these reasons, and that none is a copy."""
    rows = [row for row, _ in cases]
    land_rows(dataset, DAY, "L1", rows)
    found = reasons(dataset, DAY, "L1")
    assert [(row, sorted(codes)) for row, (_, codes) in zip(rows, found, strict=True)] == [
        (row, sorted(codes)) for row, codes in cases
    ]
    assert not any(is_copy for is_copy, _ in found)


@pytest.mark.fault(69)
@pytest.mark.fault(12)
def test_amounts_are_judged_by_value(warehouse: Settings) -> None:
    save_settings(BERLIN)
    cases = [(order(number, total_amount=text), codes) for number, (text, codes) in enumerate(AMOUNTS)]
    assert_reasons("orders", cases)


@pytest.mark.fault(15)
def test_dates_are_in_the_shops_time_zone(warehouse: Settings) -> None:
    save_settings(BERLIN)
    cases = [(order(number, order_date=text), codes) for number, (text, codes) in enumerate(ORDER_DATES)]
    assert_reasons("orders", cases)


@pytest.mark.parametrize("date_format", FORMATTED_DATES)
def test_dates_may_have_other_formats(warehouse: Settings, date_format: str) -> None:
    orders = OURS.datasets["orders"].model_copy(update={"date_format": date_format})
    save_settings(BERLIN.model_copy(update={"datasets": {**OURS.datasets, "orders": orders}}))
    cases = [
        (order(number, order_date=text), codes) for number, (text, codes) in enumerate(FORMATTED_DATES[date_format])
    ]
    assert_reasons("orders", cases)


def test_items_are_judged_and_read(warehouse: Settings) -> None:
    """Items by their paths in shop.toml: here with a unit price and an optional quantity."""
    keys = ItemKeys.model_validate({"product_id": "product.sku", "quantity": "pieces", "price": "prices.0"})
    orders = OURS.datasets["orders"].model_copy(update={"items": keys})
    config = BERLIN.model_copy(update={"max_text_bytes": 1_000_000})
    save_settings(config.model_copy(update={"datasets": {**OURS.datasets, "orders": orders}}))
    cases = [(order(number, items=text), codes) for number, (text, codes, _) in enumerate(ITEMS)]
    assert_reasons("orders", cases)
    with connect() as connection:
        rows = connection.execute(
            "select items from staging.stg_shop__orders where _day = %s order by _row_number", [DAY]
        )
        assert [row["items"] for row in rows] == [items for *_, items in ITEMS]


def test_optional_fields_are_judged_and_read(warehouse: Settings) -> None:
    """In a shop in euros. The values that readers see are in the staging model's unit tests and in the laws."""
    save_settings(BERLIN.model_copy(update={"currency": "EUR"}))
    assert_reasons("orders", [(order(number, **fields), codes) for number, (fields, codes) in enumerate(FURTHER)])


def test_refunds_are_judged_and_read(warehouse: Settings) -> None:
    """Refunds by their paths in shop.toml."""
    paths = {
        "id": "id",
        "amount": "sum.amount",
        "currency": "sum.currency",
        "date": "at",
        "tax": "vat",
        "shipping": "freight",
    }
    orders = OURS.datasets["orders"].model_copy(update={"refunds": RefundKeys.model_validate(paths)})
    config = BERLIN.model_copy(update={"max_text_bytes": 1_000_000, "currency": "EUR"})
    save_settings(config.model_copy(update={"datasets": {**OURS.datasets, "orders": orders}}))
    assert_reasons("orders", [(order(number, refunds=text), codes) for number, (text, codes, _) in enumerate(REFUNDS)])
    with connect() as connection:
        rows = connection.execute(
            "select refunds from staging.stg_shop__orders where _day = %s order by _row_number", [DAY]
        )
        read = [json.loads(row["refunds"], parse_float=str, parse_int=str) if row["refunds"] else None for row in rows]
    names = ("refund_id", "refund_date", "amount")
    assert [refunds and [tuple(refund[name] for name in names) for refund in refunds] for refunds in read] == [
        refunds for *_, refunds in REFUNDS
    ]


def test_an_order_may_be_older_than_its_last_change(warehouse: Settings) -> None:
    orders = OURS.datasets["orders"].model_copy(update={"day_is": "updated"})
    save_settings(BERLIN.model_copy(update={"datasets": {**OURS.datasets, "orders": orders}}))
    cases = [(order(number, order_date=text), codes) for number, (text, codes) in enumerate(UPDATED_ORDERS)]
    assert_reasons("orders", cases)


@pytest.mark.parametrize(("dataset", "cases"), [("orders", OTHER_ORDERS), ("reviews", REVIEWS)])
@pytest.mark.fault(13)
def test_each_rule_has_a_smallest_row_that_breaks_it(
    warehouse: Settings, dataset: str, cases: list[tuple[Row, list[str]]]
) -> None:
    save_settings(BERLIN)
    assert_reasons(dataset, cases)


def test_a_text_that_is_not_required_may_be_missing(warehouse: Settings) -> None:
    reviews = OURS.datasets["reviews"]
    required = tuple(field for field in reviews.required if field != "review_text")
    datasets = {**OURS.datasets, "reviews": reviews.model_copy(update={"required": required})}
    save_settings(OURS.model_copy(update={"datasets": datasets}))
    assert_reasons("reviews", [(review(1, review_text=None), []), (review(2, review_text=" "), [])])


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        # A, A: one counts
        ([order(1), order(1)], [(True, []), (False, [])]),
        # A, B: the last stays, even if it is invalid itself
        (
            [order(1), order(1, total_amount="x")],
            [(False, ["superseded"]), (False, ["amount_not_a_number"])],
        ),
        # A, B, A
        (
            [order(1), order(1, status="new"), order(1)],
            [(True, []), (False, ["superseded"]), (False, [])],
        ),
        # the same declared text, and another undeclared field
        ([order(1), order(1, _extra='{"a": 1}')], [(False, ["superseded"]), (False, [])]),
        # one value in two spellings is two texts
        ([order(1), order(1, total_amount="12.50")], [(False, ["superseded"]), (False, [])]),
        # rows without an id supersede nothing
        (
            [order(1, order_id=None), order(2, order_id=None), order(3, order_id=" "), order(4, order_id=" ")],
            [(False, ["missing_order_id"])] * 4,
        ),
        ([order(1, order_id=None), order(1, order_id=None)], [(True, []), (False, ["missing_order_id"])]),
    ],
)
@pytest.mark.fault(16)
def test_the_last_row_with_an_id_counts(
    warehouse: Settings, rows: list[Row], expected: list[tuple[bool, list[str]]]
) -> None:
    land_rows("orders", DAY, "L0", rows[:1])  # rows of another load are no duplicates
    land_rows("orders", DAY, "L1", rows)
    assert reasons("orders", DAY, "L1") == expected


@pytest.mark.parametrize("dataset", ["orders", "reviews"])
def test_the_rules_match_the_staging_model(dataset: str) -> None:
    model = (PROJECT_ROOT / "dbt_project" / "models" / "staging" / f"stg_shop__{dataset}.sql").read_text()
    common = (PROJECT_ROOT / "dbt_project" / "macros" / "staging" / "common_reasons.sql").read_text()
    codes = r"then\s+'([a-z0-9_]+)'\s+end"
    if dataset == "orders":
        macros = PROJECT_ROOT / "dbt_project" / "macros" / "staging"
        for name in ("parse_items.sql", "parse_refunds.sql"):
            model += re.sub(r"'\"([a-z_]+)\"'::jsonb", r"'\1' end", (macros / name).read_text())
        model += (macros / "order_fields.sql").read_text()
    assert set(re.findall(codes, model)) == {rule.code for rule in DATASET_RULES[dataset]}
    assert set(re.findall(codes, common)) == {rule.code for rule in COMMON_RULES}
    assert "then 'missing_{{ field }}' end" in common


@pytest.mark.parametrize("dataset", ["orders", "reviews"])
def test_every_rule_is_tested(dataset: str) -> None:
    cases = REVIEWS if dataset == "reviews" else OTHER_ORDERS
    tested = {code for _, codes in cases for code in codes} | {"superseded"}
    if dataset == "orders":
        tested |= {code for _, codes in AMOUNTS + ORDER_DATES + UPDATED_ORDERS for code in codes}
        tested |= {code for _, codes, _ in ITEMS for code in codes}
        tested |= {code for _, codes in FURTHER for code in codes} | set(UNREADABLE)
    known = {rule.code for rule in rules(dataset, OURS.datasets[dataset].required)}
    assert known - tested <= {"not_an_object"}  # one rule for all datasets, tested with orders
    assert tested <= known


def test_a_dataset_without_rules_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="orders or reviews"):
        rules("returns", ())
