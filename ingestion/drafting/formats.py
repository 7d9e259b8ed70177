"""Guesses of a shop's date and amount formats from one page of values."""

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

from ingestion.values.amounts import amount_reader
from ingestion.values.dates import NAMED_FORMATS, date_reader
from ingestion.values.formats import number_value

PARTS = re.compile(
    r"(?P<first>\d{1,4})(?P<sign>[/.-])\d{1,2}(?P=sign)(?P<year>\d{1,4})"
    r"(?:(?P<before>,? |T)\d{1,2}:\d\d(?P<second>:\d\d)?(?P<part>[.]\d+)?(?P<half> ?[AaPp][.]?[Mm][.]?)?)?"
    r"(?P<offset> ?(?:[zZ]|GMT|UTC|[+-]\d\d:?\d\d))?"
)
AMOUNT = re.compile(r"(?P<before>\D*?)[.,]?\d[\d.,'’ \u00a0\u202f\u2009]*?(?P<after>[^\d.,'’]*)")
# Separators of thousands and decimals, most likely first.
SIGNS = ((",", "."), (".", ","), (" ", ","), ("'", "."), (" ", "."), ("", "."), ("", ","))


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
