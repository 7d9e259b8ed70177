"""Names of the formats of JSON values. Contracts are learnt from these names, without any value.

The names are readable, since reports of differences quote them: `decimal comma`, `timestamp with offset`, `A9-9`.
"""

import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from ingestion.declaration.field_path import Path
from ingestion.values.json_text import ABSENT, Number, get_path

NUMBER = re.compile(r"[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?0*[0-9]{1,3})?")
GROUPED = re.compile(r"[+-]?[0-9]{1,3}((,[0-9]{3})+(\.[0-9]+)?|([. '’\u00a0\u202f][0-9]{3})+(,[0-9]+)?)")
DECIMAL_COMMA = re.compile(r"[+-]?[0-9]+,[0-9]+")
MOMENT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})"
    r"([tT ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.,][0-9]+)?)?( ?([zZ]|[+-][0-9]{2}(:?[0-9]{2})?))?)?"
)
EPOCH = re.compile(r"[0-9]{10}([.][0-9]+)?|[0-9]{13}|[0-9]{16}|[0-9]{19}")
UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
RUN = re.compile(r"[0-9]+|[a-z]+|[A-Z]+|\s+|[^\x00-\x7f]+|.", re.DOTALL)
LONGEST_SHAPE = 64  # characters of a value that count
MIXED_FROM = 4  # adjacent runs of letters and digits: a random id

STRUCTURES = {bool: "boolean", dict: "object", list: "list"}
MOST_AN_AMOUNT = Decimal(10) ** 16


def structure(value: Any) -> str | None:
    """Return `boolean`, `object` or `list`; None for a string or a number."""
    return STRUCTURES.get(type(value))


def items_structure(product_id: Path, value: Any) -> str | None:
    """Return the structure of items, with a separate name for a list without any product id."""
    is_nameless = (
        type(value) is list and value and all(get_path(item, product_id) in (ABSENT, None, "") for item in value)
    )
    return "list without products" if is_nameless else structure(value)


def number_value(text: str) -> Decimal | None:
    """Parse a plain decimal literal, as staging does; None for any other text."""
    stripped = text.strip()
    return Decimal(stripped) if len(stripped) < 400 and NUMBER.fullmatch(stripped) else None


def amount_format(text: str) -> str:
    """Return `number` for an amount that staging accepts, else the reason why not."""
    value = number_value(text)
    if value is None:
        return no_number(text)
    if value.copy_abs() >= MOST_AN_AMOUNT:
        return "number too large"
    return "negative number" if value < 0 else "number" if _has_cents_at_most(value) else "more than two decimals"


def rating_format(text: str) -> str:
    """Return `1 to 5` for a rating that staging accepts, else the reason why not."""
    value = number_value(text)
    if value is None:
        return no_number(text)
    if value > 5 or value < 1:
        return "above 5" if value > 5 else "below 1"
    return "1 to 5" if value == value.to_integral_value() else "part of a star"


def date_format(text: str) -> str:
    """Return `date`, `timestamp` or `timestamp with offset` for ISO 8601 that staging accepts, else another name."""
    stripped = text.strip()
    if (match := MOMENT.fullmatch(stripped)) and _is_day(match[1]):
        return "date" if not match[2] else "timestamp with offset" if match[5] else "timestamp"
    if EPOCH.fullmatch(stripped):
        return "epoch"
    return "date without dashes" if re.fullmatch(r"[0-9]{8}", stripped) else shape(stripped)


def id_format(text: str) -> str:
    """Return `uuid`, `email`, `url`, or the shape of the id."""
    return "uuid" if UUID.fullmatch(text) and text == text.lower() else "UUID" if UUID.fullmatch(text) else shape(text)


def text_format(value: str) -> str:
    """Return `text`, in any language, or `number`."""
    return "number" if isinstance(value, Number) else "text"


def word_format(_: str) -> str:
    """Return `word` for any word or code, whose values matter more than its format."""
    return "word"


def items_format(text: str) -> str:
    """Return `list` for a list that was sent as a string, else `text`."""
    return "list" if text.lstrip().startswith("[") else "text"


def any_format(text: str) -> str:
    """Return the format of a field without a known role."""
    if number_value(text) is not None:
        return "number"
    if MOMENT.fullmatch(text.strip()):
        return date_format(text)
    return "uuid" if UUID.fullmatch(text) else "email" if _is_email(text) else "url" if "://" in text else "text"


def shape(text: str) -> str:
    """Return the shape of a text: 9 for digits, a or A for letters, other characters unchanged, whatever the lengths.

    `O20260301-000012` is `A9-9`. A random mix of letters and digits is x or X, a number with a leading zero is 09.
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
    """Return the runs of a token, or one symbol for a random id."""
    if len(token) < MIXED_FROM:
        return token
    return ["xX" if {"a", "A"} <= set(token) else "X" if "A" in token else "x"]


def no_number(text: str) -> str:
    """Return the format of a number that is not in the declared format."""
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
