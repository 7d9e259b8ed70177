"""The second page of a day, requested to find out how a shop pages."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from ingestion.declaration.pages import path_of
from ingestion.drafting.draft_dataset import Guess, find_rows
from ingestion.values.json_text import ABSENT, get_path
from pipeline_errors import ShopError

Fetch = Callable[[str], Any]  # requests a URL and returns the parsed body


def check_paging(guess: Guess, url: str, body: Any, headers: Mapping[str, str], fetch: Fetch) -> Guess:
    """Return the guess with the first candidate that leads to other rows, or to none; unchanged if none does.

    A shop that ignores a parameter answers with its first page again. `body`, `headers`: the response of that page,
    from `url`. A total that counts only its page is dropped.
    """
    if guess.paging.is_certain or not guess.rows:
        return guess
    empty = None
    for paginator in guess.paging.candidates:
        second = _second_url(url, paginator, body, headers, len(guess.rows))
        rows = _rows_at(second, fetch) if second else None
        if rows and rows[0] not in guess.rows:
            checked = _with_paginator(guess, paginator)
            if guess.total == len(guess.rows):
                checked.declared.pop("total_selector", None)
            return checked
        if rows == [] and empty is None:
            empty = paginator
    return _with_paginator(guess, empty) if empty else guess


def _with_paginator(guess: Guess, paginator: Mapping[str, Any]) -> Guess:
    return replace(guess, declared=guess.declared | {"paginator": paginator}, is_checked=True)


def _second_url(url: str, paginator: Mapping[str, Any], body: Any, headers: Mapping[str, str], rows: int) -> str | None:
    """Return the URL of the second page; None if the first one names no cursor, or its link is followed anyway."""
    value: Any = None
    if paginator["type"] == "page_number":
        name, value = paginator.get("page_param", "page"), str(paginator.get("base_page", 1) + 1)
    elif paginator["type"] == "offset":
        name, value = paginator.get("offset_param", "offset"), str(rows)
    elif paginator["type"] == "cursor":
        name, value = paginator["cursor_param"], get_path(body, path_of(paginator["cursor_path"]))
    elif paginator["type"] == "header_cursor":
        name, value = paginator["cursor_param"], headers.get(paginator["cursor_key"])
    if value is ABSENT or not value:
        return None
    parts = urlsplit(url)
    pairs = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != name]
    return parts._replace(query=urlencode([*pairs, (name, value)])).geturl()


def _rows_at(url: str, fetch: Fetch) -> list[Any] | None:
    """Return the rows of a page, None if it cannot be read."""
    try:
        return find_rows(fetch(url))[0]
    except (ShopError, ValueError, RecursionError):
        return None
