"""In which format a value of JSON is written, as a few words: a contract is learnt from these, without any value.

Formats are named for people, since differences are told by them: `decimal comma`, `timestamp with offset`, `A9-9`.
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from ingestion.declaration.field_path import Path
from ingestion.values.json_text import ABSENT, Number, found

NUMBER = re.compile(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{1,4})?")
GROUPED = re.compile(r"[+-]?[0-9]{1,3}((,[0-9]{3})+(\.[0-9]+)?|([. '’\u00a0\u202f][0-9]{3})+(,[0-9]+)?)")
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"([tT ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?( ?([zZ]|[+-][0-9]{2}(:?[0-9]{2})?))?)?"
)
EPOCH = re.compile(r"[0-9]{10}([.][0-9]+)?|[0-9]{13}|[0-9]{16}|[0-9]{19}")
UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
RUN = re.compile(r"[0-9]+|[a-z]+|[A-Z]+|\s+|[^\x00-\x7f]+|.", re.DOTALL)
LONGEST_SHAPE = 64  # characters of a value that are looked at
MIXED_FROM = 4  # runs of letters and digits without a sign between them: an id drawn by chance

STRUCTURES = {bool: "boolean", dict: "object", list: "list"}
MOST_AN_AMOUNT = Decimal(10) ** 16


def structure(value: Any) -> str | None:
    """`boolean`, `object` or `list`; None for a text or a number."""
    return STRUCTURES.get(type(value))


def items_structure(product_id: Path, value: Any) -> str | None:
    """As `structure`; a list of items none of which has a product is told apart, since nothing else would say so."""
    is_nameless = type(value) is list and value and all(found(item, product_id) in (ABSENT, None, "") for item in value)
    return "list without products" if is_nameless else structure(value)


def number_value(text: str) -> Decimal | None:
    """The value of a plain decimal literal, as staging reads it."""
    stripped = text.strip()
    return Decimal(stripped) if len(stripped) < 400 and NUMBER.fullmatch(stripped) else None


def amount_format(text: str) -> str:
    """`number` for an amount that staging takes; any other says why it would not."""
    value = number_value(text)
    if value is None:
        return no_number(text)
    if value.copy_abs() >= MOST_AN_AMOUNT:
        return "number too large"
    return "negative number" if value < 0 else "number" if _has_cents_at_most(value) else "more than two decimals"


def rating_format(text: str) -> str:
    """`1 to 5` for a rating that staging takes."""
    value = number_value(text)
    if value is None:
        return no_number(text)
    if value > 5 or value < 1:
        return "above 5" if value > 5 else "below 1"
    return "1 to 5" if value == value.to_integral_value() else "part of a star"


def date_format(text: str) -> str:
    """`date`, `timestamp` or `timestamp with offset` where it is ISO 8601 as staging takes it."""
    stripped = text.strip()
    if (match := MOMENT.fullmatch(stripped)) and _is_day(match[1]):
        return "date" if not match[2] else "timestamp with offset" if match[5] else "timestamp"
    if EPOCH.fullmatch(stripped):
        return "epoch"
    return "date without dashes" if re.fullmatch(r"[0-9]{8}", stripped) else shape(stripped)


def id_format(text: str) -> str:
    """`uuid`, `email`, `url`, or the shape of the id."""
    return "uuid" if UUID.fullmatch(text) and text == text.lower() else "UUID" if UUID.fullmatch(text) else shape(text)


def text_format(value: str) -> str:
    """A text is a text, in any language; a number is none."""
    return "number" if isinstance(value, Number) else "text"


def word_format(_: str) -> str:
    """A word or a code: its values tell more than its format."""
    return "word"


def items_format(text: str) -> str:
    """`list` for one that is written as text."""
    return "list" if text.lstrip().startswith("[") else "text"


def any_format(text: str) -> str:
    """Of a field that we know nothing of."""
    if number_value(text) is not None:
        return "number"
    if MOMENT.fullmatch(text.strip()):
        return date_format(text)
    return "uuid" if UUID.fullmatch(text) else "email" if _is_email(text) else "url" if "://" in text else "text"


def shape(text: str) -> str:
    """Runs of digits as 9, of letters as a or A, signs as they are: `O20260301-000012` is `A9-9`, however long it is.

    What mixes letters and digits by chance is x or X; a number that begins with a zero 09.
    """
    if _is_email(text):
        return "email"
    if "://" in text:
        return "url"
    runs: list[str] = []
    token: list[str] = []
    for run in RUN.findall(text[:LONGEST_SHAPE]):
        if run[0].isascii() and run[0].isalnum():
            token.append("9" if run.isdecimal() else "a" if run.islower() else "A")
            continue
        runs += [*_drawn(token), " " if run.isspace() else run if run.isascii() and run.isprintable() else "?"]
        token = []
    runs += _drawn(token)
    if runs == ["9"] and text[0] == "0" and len(text) > 1:
        return "09"
    return "".join(runs) if len(runs) <= LONGEST_SHAPE // 4 else "text"


def _drawn(token: list[str]) -> list[str]:
    """The runs of a token, or one sign for many of them."""
    if len(token) < MIXED_FROM:
        return token
    return ["xX" if {"a", "A"} <= set(token) else "X" if "A" in token else "x"]


def no_number(text: str) -> str:
    """How a number is written that is not written as declared."""
    stripped = text.strip()
    if number_value(stripped) is not None:
        return "plain number"
    if GROUPED.fullmatch(stripped):
        return "digits in groups"
    if DECIMAL_COMMA.fullmatch(stripped):
        return "decimal comma"
    return "number with other signs" if any(map(str.isdecimal, stripped)) else "word"


def _has_cents_at_most(value: Decimal) -> bool:
    return value == value.quantize(Decimal("0.01"))


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_email(text: str) -> bool:
    return "@" in text and " " not in text


FORMATS: dict[str, Callable[[str], str]] = {
    "id": id_format,
    "amount": amount_format,
    "rating": rating_format,
    "date": date_format,
    "word": word_format,
    "text": text_format,
    "items": items_format,
    "other": any_format,
}
