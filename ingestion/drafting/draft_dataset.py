"""A draft of a dataset for shop.toml, from the URL of one day and its response."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ingestion.declaration.pages import path_of
from ingestion.declaration.shop_config import NEEDED_FIELDS, STAGED_FIELDS
from ingestion.drafting.field_names import draft_items, path_to, values
from ingestion.drafting.formats import draft_amount_format, draft_date_format, draft_minor_units
from ingestion.drafting.paging import SIZE_PARAMS, TOTAL_HEADERS, Paging, draft_paging, draft_total, is_number
from ingestion.http.url_secrets import is_secret
from ingestion.values.dates import date_reader
from ingestion.values.json_text import get_path

MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)(?:([T ])(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?)?")
ROW_KEY = "id"

MAX_BAD_RATE = {"orders": 0.05, "reviews": 0.10}


@dataclass(frozen=True)
class Guess:
    """A drafted dataset, with the doubts about it.

    `declared`: the keys of [datasets.…], with the most likely paginator. `rows`: of the response. `page_size`: of the
    URL. `total`: the day's rows, as the shop reports them. `missing`: needed fields that were not found.
    `is_checked`: whether the paginator has read a second page.
    """

    declared: dict[str, Any]
    day: date
    rows: list[Any]
    missing: tuple[str, ...]
    page_size: int | None
    total: int | None
    paging: Paging
    is_checked: bool = False

    def texts(self, field: str) -> list[str]:
        """Return the strings and numbers of a field in the rows."""
        return _texts(self.rows, self.declared.get("keys", {}).get(field, field))

    def is_full(self) -> bool:
        """Return whether the day has more rows than the response, or may have."""
        return len(self.rows) == self.page_size or (self.total or 0) > len(self.rows)


def draft_dataset(dataset: str, url: str, body: Any, headers: Mapping[str, str], zone: str = "UTC") -> Guess:
    """Draft a dataset from the response to a URL. Raises ValueError if it has no rows, or its day is unknown.

    Dates are read in the time zone. If the URL names no day, or the rows are of many days, the draft skips other days.
    Parameters of the URL that hold a secret are left out.
    """
    parts = urlsplit(url)
    pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not is_secret(pair[0])]
    query = {name: [value for other, value in pairs if other == name] for name, _ in pairs}
    asked = _day_of([parts.path, *(value for _, value in pairs)])
    rows, selector, row_key = find_rows(body)
    size = next((name for name in query if is_number(query, name, SIZE_PARAMS)), None)
    page_size = int(query.pop(size)[0]) if size else None
    paging = draft_paging(query, body, headers, selector)
    total = draft_total(body, selector, len(rows))
    places = {field: path for field in STAGED_FIELDS[dataset] if (path := path_to(field, rows))}
    day, of_rows = _declared_of_rows(dataset, rows, places, asked, zone)
    declared = {
        "path": _template(parts.path.lstrip("/"), asked),
        "params": _params(query, asked),
        "page_size_param": size,
        "data_selector": selector,
        "row_key": row_key,
        "paginator": paging.candidates[0] if paging.shown_by else {"type": "single_page"},
        "total_selector": total[0] if total else None,
        "total_header": None if total else next((name for name in TOTAL_HEADERS if name in headers), None),
        **of_rows,
    }
    return Guess(
        declared={key: value for key, value in declared.items() if value not in (None, {})},
        day=day,
        rows=rows,
        missing=tuple(field for field in NEEDED_FIELDS[dataset] if field not in places),
        page_size=page_size,
        total=total[1] if total else None,
        paging=paging,
    )


def _declared_of_rows(
    dataset: str, rows: Sequence[Any], places: Mapping[str, str], asked: date | None, zone: str
) -> tuple[date, dict[str, Any]]:
    """Return the day of the rows, and the keys of a dataset that describe them. `places` are the paths of fields."""
    dated = "order_date" if dataset == "orders" else "review_date"
    dates = _texts(rows, places.get(dated))
    date_format = draft_date_format(dates, asked, zone)
    days = [date_reader(date_format, zone)(text) or date.min for text in dates] if date_format else []
    if (day := asked or next(iter(days), None)) is None:
        raise ValueError("The URL names no day, as in …?date=2026-03-01, and its rows have no date")
    is_of_many = asked is None or any(abs(one - day) > timedelta(days=1) for one in days)
    required = [*NEEDED_FIELDS[dataset]]
    declared: dict[str, Any] = {
        "fields": list(STAGED_FIELDS[dataset]),
        "keys": {field: path for field, path in places.items() if path != field},
        "required": required + [dated] * (is_of_many and dated not in required),
        "skip_other_days": dated if is_of_many else None,
        "date_format": date_format if date_format != "iso" else None,
        "amount_format": draft_amount_format(_texts(rows, places.get("total_amount"))),
        "minor_units": draft_minor_units(rows, places.get("total_amount")),
        "max_bad_rate": MAX_BAD_RATE[dataset],
    }
    if dataset == "orders" and (items := draft_items(rows)):
        declared["fields"].append("items")
        declared["keys"] |= {"items": items[0]} if items[0] != "items" else {}
        declared["items"] = items[1]
    return day, declared


def _params(query: Mapping[str, Sequence[str]], day: date | None) -> dict[str, str | list[str]]:
    """Return the parameters of the URL, with template names in place of the day's timestamps."""
    templates = {name: [_template(value, day) for value in values] for name, values in query.items()}
    return {name: values[0] if len(values) == 1 else values for name, values in templates.items()}


def _day_of(texts: Sequence[str]) -> date | None:
    """Return the day of a URL, if any: that of its first timestamp, or the day after if that is a last second."""
    moments = sorted((match[1], match[3] or "") for text in texts for match in MOMENT.finditer(text))
    if not moments:
        return None
    day, time = moments[0]
    return date.fromisoformat(day) + timedelta(days=time == "23:59:59" and len(moments) > 1)


def _template(text: str, day: date | None) -> str:
    """The text with names in the place of the day's moments."""

    def name(match: re.Match[str]) -> str:
        if day is None:
            return match[0]
        distance, clock = (date.fromisoformat(match[1]) - day).days, match[3]
        if clock is None:
            known = {0: "day", 1: "next_day"}.get(distance)
            return "{" + known + "}" if known else match[0]
        known = {
            (0, "00:00:00"): "start",
            (1, "00:00:00"): "end",
            (0, "23:59:59"): "last_second",
            (-1, "23:59:59"): "second_before",
        }.get((distance, clock))
        if known is None:
            return match[0]
        if match[5] and match[5] != "Z" and not match[4]:
            return "{" + known + "}"
        return "{" + known + ":%Y-%m-%d" + match[2] + "%H:%M:%S" + (match[4] or "") + (match[5] or "") + "}"

    return MOMENT.sub(name, text.replace("{", "{{").replace("}", "}}"))


def _texts(rows: Sequence[Any], path: str | None) -> list[str]:
    """Return the strings and numbers at a path of the rows."""
    values = [get_path(row, path_of(path)) for row in rows] if path else []
    return [value for value in values if isinstance(value, str) and value.strip()]


def find_rows(body: Any) -> tuple[list[Any], str, str | None]:
    """Return the longest list of objects and its path, and a name for the ids if the rows are an object by id.

    Raises ValueError if there is none.
    """
    if isinstance(body, list):
        return body, "$", None
    keyed = [(value, path) for path, value in (("$", body), *values(body)) if _is_rows_by_id(value)]
    if keyed:
        objects, path = keyed[0]
        return [{ROW_KEY: key} | row for key, row in objects.items()], path, ROW_KEY
    lists = [(value, path) for path, value in values(body) if isinstance(value, list)]
    lists = [(value, path) for value, path in lists if not value or isinstance(value[0], dict)]
    if not lists:
        raise ValueError("The response has no list of objects")
    return *max(lists, key=lambda one: len(one[0])), None


def _is_rows_by_id(value: Any) -> bool:
    """Return whether these are two or more objects with the same keys; otherwise their own keys may be names."""
    if (
        not isinstance(value, dict)
        or len(value) < 2
        or not all(isinstance(row, dict) and row for row in value.values())
    ):
        return False
    return len({frozenset(row) for row in value.values()}) == 1
