"""Parsing of amounts, with the same results as the staging views (dbt_project/macros/staging/parse_amount.sql).

A format is an example: 1234.56 as the shop would write it, `1.234,56 €`. The currency sign is part of it, so an amount
in another currency does not match.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

PLAIN = "1234.56"  # any decimal literal, such as 1e2
SPACES = " \u00a0\u202f\u2009"
GROUP_SIGNS = {"": "", ",": ",", ".": ".", "'": "'’", " ": SPACES}
EXAMPLE = re.compile(r"(?P<before>\D*?)1(?P<group>[,.'’ \u00a0\u202f\u2009]?)234(?P<decimal>[.,])56(?P<after>\D*)")

CENT = Decimal("0.01")
MOST_ROUNDED = Decimal(10) ** 16  # a larger amount is rejected, and is too long for Python's default precision
NOISE_DIGITS = 15  # of a floating-point number: fewer were written on purpose

AmountReader = Callable[[str], str | None]


@dataclass(frozen=True)
class AmountPattern:
    """`pattern`: a regular expression for Python and Postgres, with the groups sign, sign and digits.

    `signs`: the decimal separator, followed by the separators of thousands.
    """

    pattern: str
    signs: str


def amount_pattern(amount_format: str) -> AmountPattern | None:
    """Return the pattern of amounts in the format of this example; None for plain numbers.

    Raises ValueError if it is not an example.
    """
    if amount_format == PLAIN:
        return None
    example = EXAMPLE.fullmatch(amount_format.strip())
    if example is None or example["group"] == example["decimal"]:
        raise ValueError(f"{amount_format!r} is not 1234.56 as the shop writes it, such as '1.234,56 €' or '$1,234.56'")
    group = " " if example["group"] in SPACES and example["group"] else example["group"].replace("’", "'")
    between, cents = GROUP_SIGNS[group], f"[{example['decimal']}]"
    digits = "[0-9]+"
    if between:
        digits = f"(?:[0-9]+|[0-9][0-9]?[0-9]?(?:[{between}][0-9][0-9][0-9]?)*[{between}][0-9][0-9][0-9])"
    number = f"(?:{digits}(?:{cents}[0-9]*)?|{cents}[0-9]+)"
    before, after = (_literal(example[name]) for name in ("before", "after"))
    return AmountPattern(f"^([+-]?){before}([+-]?)({number}){after}$", example["decimal"] + between)


def amount_reader(amount_format: str) -> AmountReader:
    """Return a function that converts an amount in this format to a decimal literal; None for any other text.

    For plain numbers it returns the text itself. The result need not be a number: `+-5`.
    """
    if (format_ := amount_pattern(amount_format)) is None:
        return lambda text: text
    pattern = re.compile(format_.pattern)
    signs = {ord(sign): "." if sign == format_.signs[0] else None for sign in format_.signs}

    def read(text: str) -> str | None:
        match = pattern.fullmatch(text.strip())
        return "".join(match.groups()).translate(signs) if match else None

    return read


def nearest_cent(amount: Decimal, *, rounds: bool) -> Decimal:
    """Return an amount as its nearest cent if it `rounds`, or if its further digits are noise, else unchanged.

    A floating-point number has up to 17 digits, and differs from the amount in the last of them.
    """
    if abs(amount) >= MOST_ROUNDED or (cents := amount.quantize(CENT, ROUND_HALF_UP)) == amount:
        return amount
    digits = "".join(map(str, amount.as_tuple().digits)).strip("0")
    closeness = min(Decimal("0.0005"), Decimal("1e-9") + abs(amount) * Decimal("1e-14"))
    is_noise = abs(amount - cents) < closeness and len(digits) >= NOISE_DIGITS
    return cents if rounds or is_noise else amount


def _literal(text: str) -> str:
    """Return a pattern for the text beside the digits, with any white space around its words."""
    space = f"[{SPACES}]*"
    words = [re.escape(word) for word in text.split()]
    return space.join(["", *words, ""]) if words else ""
