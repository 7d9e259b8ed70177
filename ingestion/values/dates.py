"""Parsing of dates, with the same results as the staging views (dbt_project/macros/staging/parse_date.sql).

A custom format becomes a regular expression that Python and Postgres read alike, so that the two agree.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_FLOOR
from functools import lru_cache
from zoneinfo import ZoneInfo

from ingestion.values.formats import number_value

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
OFFSET = "z|gmt|utc|[+-][0-9][0-9](?::?[0-9][0-9])?"
RFC_2822 = "%d %b %Y %H:%M:%S %z"
WEEKDAY = "(?:(?:mon|tue|wed|thu|fri|sat|sun), )?"

# Patterns of strptime directives. Those that make up a date are groups.
DIRECTIVES = {
    "d": "([0-9][0-9]?)", "m": "([0-9][0-9]?)", "Y": "([0-9][0-9][0-9][0-9])", "y": "([0-9][0-9])",
    "b": f"({'|'.join(month[:3] for month in MONTHS)})", "B": f"({'|'.join(MONTHS)})",
    "H": "([01]?[0-9]|2[0-3])", "I": "(?:0?[1-9]|1[0-2])", "M": "([0-5][0-9])", "S": "([0-5][0-9])",
    "f": "[0-9]+", "p": "[ap][.]?m[.]?", "a": "[a-z]+", "A": "[a-z]+", "z": f"({OFFSET})", "%": "%",
}  # fmt: skip
DIRECTIVE = re.compile(r"%(.?)|([^%]+)", re.DOTALL)

ISO = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})"
    r"(?:[tT ]([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:[.,][0-9]+)?)?"
    r"(?: ?([zZ]|[+-][0-9]{2}(?::?[0-9]{2})?))?)?"
)
REWRITTEN = re.compile(r"([0-9]+)-([0-9a-z]+)-([0-9]+)(?: ([0-9]+):([0-9]+):([0-9]+) (.+))?", re.IGNORECASE)
FIRST_SECOND, LAST_SECOND = -62135596800, 253402214400  # the range of Unix times that staging accepts as a date
UNITS = {"epoch_seconds": 1, "epoch_milliseconds": 1000}
NAMED_FORMATS = ("iso", *UNITS, "rfc_2822")
MOST_OFFSET_HOURS = 15  # the limit of Postgres

DateReader = Callable[[str], date | None]


@dataclass(frozen=True)
class DatePattern:
    r"""`pattern`: a regular expression for Python and Postgres; `rewritten`: the date from its groups, `\3-\2-\1`.

    For a format with an offset it is a timestamp: `\3-\2-\1 \4:\5:\6 \7`.
    """

    pattern: str
    rewritten: str


def date_pattern(date_format: str) -> DatePattern | None:
    """Return the pattern of a strptime format such as `%d/%m/%Y`; None for a named format.

    Raises ValueError if the format does not define a day.
    """
    if date_format == "rfc_2822":
        plain = _pattern(RFC_2822)
        return DatePattern(plain.pattern.replace("^", f"^{WEEKDAY}", 1), plain.rewritten)
    return None if date_format == "iso" or date_format in UNITS else _pattern(date_format)


def date_reader(date_format: str, zone: str) -> DateReader:
    """Return a function that parses a text into a date in the time zone; None if it cannot be parsed.

    A timestamp outside of Python's calendar becomes 1 January of the year 1.
    """
    place, per_second, pattern = ZoneInfo(zone), UNITS.get(date_format), date_pattern(date_format)
    of_format = re.compile(pattern.pattern, re.ASCII) if pattern else None

    @lru_cache(maxsize=10_000)
    def read(text: str) -> date | None:
        stripped = text.strip()
        if per_second:
            return _of_unix_time(stripped, per_second, place)
        if pattern is None or of_format is None:
            match = ISO.fullmatch(stripped)
        elif of_format.fullmatch(stripped):
            match = REWRITTEN.fullmatch(of_format.sub(pattern.rewritten, stripped))
        else:
            match = None
        return _of_parts(match, place) if match else None

    return read


def _pattern(date_format: str) -> DatePattern:
    pattern, groups = "", dict[str, int]()
    for directive, literal in DIRECTIVE.findall(date_format):
        if not literal and directive not in DIRECTIVES:
            raise ValueError(f"{date_format!r} has %{directive}; the known directives are %{', %'.join(DIRECTIVES)}")
        part = re.escape(literal) if literal else DIRECTIVES[directive]
        if part.startswith("(") and not part.startswith("(?:"):
            if directive in groups:
                raise ValueError(f"{date_format!r} has %{directive} twice")
            groups[directive] = len(groups) + 1
        pattern += part
    month = [name for name in ("m", "b", "B") if name in groups]
    year = [name for name in ("Y", "y") if name in groups]
    if "d" not in groups or len(month) != 1 or len(year) != 1:
        raise ValueError(f"{date_format!r} defines no day: it needs %d, one of %m, %b and %B, one of %Y and %y")
    rewritten = f"{'20' if year == ['y'] else ''}\\{groups[year[0]]}-\\{groups[month[0]]}-\\{groups['d']}"
    if "z" in groups:
        if not {"H", "M"} <= groups.keys():
            raise ValueError(f"{date_format!r} has an offset, %z, so it also needs %H and %M")
        seconds = f"\\{groups['S']}" if "S" in groups else "00"
        rewritten += f" \\{groups['H']}:\\{groups['M']}:{seconds} \\{groups['z']}"
    return DatePattern(f"(?i)^{pattern}$", rewritten)


def _of_unix_time(text: str, per_second: int, place: ZoneInfo) -> date | None:
    value = number_value(text)
    if value is None or not FIRST_SECOND * per_second <= value <= LAST_SECOND * per_second:
        return None
    seconds = int(value.to_integral_value(ROUND_FLOOR)) // per_second
    return _local(datetime(1970, 1, 1, tzinfo=UTC), timedelta(seconds=seconds), place)


def _of_parts(match: re.Match[str], place: ZoneInfo) -> date | None:
    year, month, day, hour, minute, second, offset = match.groups()
    try:
        of_calendar = date(int(year), int(month) if month.isdecimal() else _month(month), int(day))
    except ValueError:
        return None
    if offset is None:
        return of_calendar
    if (zone := _zone(offset)) is None:
        return None
    moment = datetime(*of_calendar.timetuple()[:3], int(hour), int(minute), int(second or 0), tzinfo=zone)
    return _local(moment, timedelta(), place)


def _month(name: str) -> int:
    return [month[:3] for month in MONTHS].index(name[:3].lower()) + 1


def _zone(offset: str) -> timezone | None:
    if offset[0] not in "+-":
        return UTC
    hours, minutes = int(offset[1:3]), int(offset[3:].lstrip(":") or 0)
    if hours > MOST_OFFSET_HOURS or minutes > 59:
        return None
    return timezone(timedelta(hours=hours, minutes=minutes) * (-1 if offset[0] == "-" else 1))


def _local(moment: datetime, later: timedelta, place: ZoneInfo) -> date:
    try:
        return (moment + later).astimezone(place).date()
    except OverflowError:
        return date.min
