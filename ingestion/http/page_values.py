"""Values around the rows of a page: the day's total, the flag for more pages, and how errors name them."""

from typing import Any

import requests

from ingestion.declaration.dataset_config import DatasetConfig
from ingestion.declaration.field_path import Path
from ingestion.http.urls import readable
from ingestion.values.json_text import ABSENT, Number, get_path
from pipeline_errors import ShopError

FLAGS = {True: True, False: False, "true": True, "false": False, "1": True, "0": False}


def reported_total(response: requests.Response, dataset: DatasetConfig) -> int | None:
    """Return the day's total of rows, None if the shop reports none. Raises ShopError if it is not a count."""
    if dataset.total_header:
        header = response.headers.get(dataset.total_header, "*")
        total: Any = header.rpartition("/")[2].strip()  # also for `Content-Range: 0-24/100`
        if total == "*":
            return None
    elif dataset.total_selector:
        total = get_path(response.json(), dataset.total_selector)
    else:
        return None
    if total is ABSENT or total is None:
        return None
    if not (isinstance(total, str) and total.isdecimal() and len(total) < 19):
        key = "total_header" if dataset.total_header else "total_selector"
        raise ShopError(
            f"{readable(response.url)} reports a total of rows that is not a count ({kind(total)})",
            f"Correct {key} in shop.toml.",
        )
    return int(total)


def more_flag(response: requests.Response, path: Path | None, *, has_rows: bool) -> bool | None:
    """Return the flag for more pages; None if none is declared. Raises ShopError if a page with rows has none."""
    if path is None:
        return None
    flag = get_path(response.json(), path)
    if flag is ABSENT and not has_rows:
        return False
    if not isinstance(flag, bool | str) or (has_more := FLAGS.get(flag)) is None:
        raise unusable(response, flag, "has_more_path", path, "true or false")
    return has_more


def unusable(response: requests.Response, value: Any, key: str, path: Path, wanted: str) -> ShopError:
    """Return the error for a value that is not what its declaration in shop.toml, under this key, promises."""
    named = ".".join(map(str, path))
    what = f"nothing as {named!r}" if value is ABSENT else f"{kind(value)} as {named!r}, not {wanted}"
    dotted = f'; a key that contains a dot is written as a list: ["{named}"]' if len(path) > 1 else ""
    return ShopError(f"{readable(response.url)} has {what}", f"Correct {key} in shop.toml{dotted}.")


def kind(value: Any) -> str:
    """Name the type of a parsed JSON value, for a message that must not quote it."""
    if isinstance(value, Number):
        return "a number"
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}
    return names[type(value)]
