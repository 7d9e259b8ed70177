"""Guesses of a shop's date and amount formats from one page of rows."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ingestion.declaration.pages import path_of
from ingestion.drafting.field_names import plain
from ingestion.values.amounts import PLAIN, amount_reader
from ingestion.values.dates import NAMED_FORMATS, date_reader
from ingestion.values.formats import number_value
from ingestion.values.json_text import get_path

PARTS = re.compile(
    r"(?P<first>\d{1,4})(?P<sign>[/.-])\d{1,2}(?P=sign)(?P<year>\d{1,4})"
    r"(?:(?P<before>,? |T)\d{1,2}:\d\d(?P<second>:\d\d)?(?P<part>[.]\d+)?(?P<half> ?[AaPp][.]?[Mm][.]?)?)?"
    r"(?P<offset> ?(?:[zZ]|GMT|UTC|[+-]\d\d:?\d\d))?"
)
AMOUNT = re.compile(r"(?P<before>\D*?)[.,]?\d[\d.,'’ \u00a0\u202f\u2009]*?(?P<after>[^\d.,'’]*)")
# Separators of thousands and decimals, most likely first.
SIGNS = ((",", "."), (".", ","), (" ", ","), ("'", "."), (" ", "."), ("", "."), ("", ","))

THREE_DIGITS = re.compile(r"(?P<before>\D*)(?P<whole>\d{1,3})(?P<sign>[.,])(?P<part>\d{3})(?P<after>\D*)")
DIVISORS = ("divisor", "minorunits", "subunittounit")
DIGITS = ("fractiondigits", "decimalplaces", "exponent")  # 2 for cents
IN_CENTS = re.compile(r"(in)?(cents?|pence|minor(units?)?)|centamount")


@dataclass(frozen=True)
class ThreeDigits:
    """Amounts with exactly three digits after their only sign: 125.000 is 125 or 125000.

    `text`: the first one. `thousands`, `decimals`: the amount_format for each meaning.
    """

    text: str
    thousands: str
    decimals: str


def find_three_digits(texts: Sequence[str]) -> ThreeDigits | None:
    """Return the doubt about these amounts; None if any of them shows what its sign means."""
    matches = [THREE_DIGITS.fullmatch(text.strip()) for text in texts]
    if not matches or not all(matches) or len({match["sign"] for match in matches if match}) > 1:
        return None
    if any(match and match["whole"] == "0" and match["part"] != "000" for match in matches):
        return None
    first = matches[0]
    assert first is not None
    point, comma = (f"{first['before']}{example}{first['after']}" for example in ("1,234.56", "1.234,56"))
    if first["sign"] == ",":
        return ThreeDigits(first[0], thousands=point, decimals=comma)
    is_plain = not (first["before"] + first["after"]).strip(" +-")
    return ThreeDigits(first[0], thousands=comma, decimals=PLAIN if is_plain else point)


def amount_doubt(texts: Sequence[str], amount_format: str = PLAIN) -> str | None:
    """Return the doubt about amounts in this format of which all have three digits after their sign."""
    if (doubt := find_three_digits(texts)) is None:
        return None
    is_thousands = amount_format == doubt.thousands
    now, otherwise = ("thousands", "decimals") if is_thousands else ("decimals", "thousands")
    example = doubt.decimals if is_thousands else doubt.thousands
    return (
        f"all amounts have exactly three digits after their sign, such as {doubt.text}, which are read as {now}. "
        f'If they are {otherwise}, set amount_format = "{example}".'
    )


def draft_minor_units(rows: Sequence[Any], path: str | None) -> int | None:
    """Return the units of an amount per whole: 100 for cents. It stands beside the amount, or in its name."""
    if path is None:
        return None
    *parents, name = path_of(path)
    units = {_units_beside(get_path(row, tuple(parents))) for row in rows}
    if units == {None} and IN_CENTS.search(plain(str(name))):
        return 100
    return next(iter(units)) if len(units) == 1 and units <= {10, 100, 1000} else None


def _units_beside(money: Any) -> int | None:
    for key, value in money.items() if isinstance(money, dict) else ():
        if isinstance(value, str) and value.isdecimal() and len(value) < 5:
            if plain(key) in DIVISORS:
                return int(value)
            if plain(key) in DIGITS:
                return int(10 ** int(value)) if len(value) == 1 else None
    return None


def draft_date_format(texts: Sequence[str], day: date | None, zone: str) -> str | None:
    """Return the format that reads all of these dates, and the most of them as the day; None if there is none.

    On a tie, `31/12` is preferred to `12/31`.
    """
    best: tuple[int, str] | None = None
    for candidate in dict.fromkeys((*NAMED_FORMATS, "%Y%m%d", *(form for text in texts[:1] for form in _forms(text)))):
        read = date_reader(candidate, zone)
        dates = [read(text) for text in texts]
        if not texts or None in dates:
            continue
        if candidate == "iso":
            return candidate
        near = sum(abs((one or date.min) - day) <= timedelta(1) for one in dates) if day else 0
        if best is None or near > best[0]:
            best = near, candidate
    return best[1] if best else None


def draft_amount_format(texts: Sequence[str]) -> str | None:
    """Return the example that reads all of these amounts; None if they are plain numbers or no example fits."""
    first = AMOUNT.fullmatch(texts[0].strip()) if texts else None
    if first is None or all(number_value(text) is not None for text in texts):
        return None
    for between, cents in SIGNS:
        example = f"{first['before']}1{between}234{cents}56{first['after']}"
        if all(amount_reader(example)(text) is not None for text in texts):
            return example
    return None


def _forms(text: str) -> Iterator[str]:
    if (match := PARTS.fullmatch(text.strip())) is None:
        return
    clock = ""
    if match["before"]:
        clock = f"{match['before']}{'%I' if match['half'] else '%H'}:%M"
        clock += (":%S" if match["second"] else "") + (".%f" if match["part"] else "")
        clock += match["half"][: -len(match["half"].strip())] + "%p" if match["half"] else ""
    if match["offset"]:
        clock += " %z" if match["offset"][0] == " " else "%z"
    sign, year = match["sign"], "%y" if len(match["year"]) == 2 else "%Y"
    if len(match["first"]) == 4:
        yield f"%Y{sign}%m{sign}%d{clock}"
    else:
        yield f"%d{sign}%m{sign}{year}{clock}"
        yield f"%m{sign}%d{sign}{year}{clock}"
