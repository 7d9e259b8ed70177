"""Amounts as a shop writes them, read as the staging views read them (dbt_project/macros/staging/parse_amount.sql).

A format is an example, 1234.56 as the shop would write it: `1.234,56 €`. Signs are part of it, so that an amount in
another currency is not taken for one in the shop's.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

PLAIN = "1234.56"  # and what else a decimal literal may be: 1e2
SPACES = " \u00a0\u202f\u2009"
GROUP_SIGNS = {"": "", ",": ",", ".": ".", "'": "'’", " ": SPACES}
EXAMPLE = re.compile(r"(?P<before>\D*?)1(?P<group>[,.'’ \u00a0\u202f\u2009]?)234(?P<decimal>[.,])56(?P<after>\D*)")

AmountReader = Callable[[str], str | None]


@dataclass(frozen=True)
class AmountPattern:
    """`pattern`: a regular expression to Python and to Postgres, with sign, sign and digits as its groups.

    `signs`: the one before cents, and those between thousands.
    """

    pattern: str
    signs: str


def amount_pattern(amount_format: str) -> AmountPattern | None:
    """The pattern of amounts that are written like this example; None for plain numbers.

    Raises ValueError if it is no example.
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
    """What gives the decimal literal of an amount in this format, or None if it is in another.

    Of plain numbers it is the text itself. It may still be no number, as `+-5` is none.
    """
    if (format_ := amount_pattern(amount_format)) is None:
        return lambda text: text
    pattern = re.compile(format_.pattern)
    signs = {ord(sign): "." if sign == format_.signs[0] else None for sign in format_.signs}

    def read(text: str) -> str | None:
        match = pattern.fullmatch(text.strip())
        return "".join(match.groups()).translate(signs) if match else None

    return read


def _literal(text: str) -> str:
    """A pattern for what stands beside the digits, with any white space at its ends and within."""
    space = f"[{SPACES}]*"
    words = [re.escape(word) for word in text.split()]
    return space.join(["", *words, ""]) if words else ""
