"""Dates as a shop writes them, read as the staging views read them (dbt_project/macros/staging/parse_date.sql).

A format of the shop's own is rewritten by a pattern that Python and Postgres read alike, so that the two agree.
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

# What a directive of strptime stands for; those that a date is made of are groups.
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
FIRST_SECOND, LAST_SECOND = -62135596800, 253402214400  # that staging takes for a date, as Unix time
UNITS = {"epoch_seconds": 1, "epoch_milliseconds": 1000}
NAMED_FORMATS = ("iso", *UNITS, "rfc_2822")
MOST_OFFSET_HOURS = 15  # of Postgres

DateReader = Callable[[str], date | None]


@dataclass(frozen=True)
class DatePattern:
    r"""`pattern`: a regular expression to Python and to Postgres; `rewritten`: the date of its groups, `\3-\2-\1`.

    Of a format with an offset it is a timestamp: `\3-\2-\1 \4:\5:\6 \7`.
    """

    pattern: str
    rewritten: str


def date_pattern(date_format: str) -> DatePattern | None:
    """The pattern of a format as strptime knows them, `%d/%m/%Y`; None for those that have names.

    Raises ValueError if a day cannot be read by it.
    """
    if date_format == "rfc_2822":
        plain = _pattern(RFC_2822)
        return DatePattern(plain.pattern.replace("^", f"^{WEEKDAY}", 1), plain.rewritten)
    return None if date_format == "iso" or date_format in UNITS else _pattern(date_format)


def date_reader(date_format: str, zone: str) -> DateReader:
    """What gives the date of a text in a time zone, or None if it cannot be read.

    A moment whose date no calendar of Python has is read as 1 January of the year 1.
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
            raise ValueError(f"{date_format!r} has %{directive}; there are %{', %'.join(DIRECTIVES)}")
        part = re.escape(literal) if literal else DIRECTIVES[directive]
        if part.startswith("(") and not part.startswith("(?:"):
            if directive in groups:
                raise ValueError(f"{date_format!r} has %{directive} twice")
            groups[directive] = len(groups) + 1
        pattern += part
    month = [name for name in ("m", "b", "B") if name in groups]
    year = [name for name in ("Y", "y") if name in groups]
    if "d" not in groups or len(month) != 1 or len(year) != 1:
        raise ValueError(f"{date_format!r} names no day: %d, one of %m, %b and %B, one of %Y and %y")
    rewritten = f"{'20' if year == ['y'] else ''}\\{groups[year[0]]}-\\{groups[month[0]]}-\\{groups['d']}"
    if "z" in groups:
        if not {"H", "M"} <= groups.keys():
            raise ValueError(f"{date_format!r} has an offset, %z, and no %H and %M that it could move")
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
