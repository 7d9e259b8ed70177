"""Rows that a shop does not send as a list: by id, by number, as a single object, or not at all."""

from collections.abc import Sequence
from typing import Any

from ingestion.declaration.field_path import Path
from ingestion.values.json_text import ABSENT, get_path


def list_rows(body: Any, path: Path, row_key: str) -> Any:
    """Replace a page's object of rows by id with a list; each row gets its id as `row_key`, unless it has that key.

    Null becomes an empty list. In a list, the position is the id: some servers send numeric ids so, with null for gaps.
    """
    rows = get_path(body, path)
    if isinstance(rows, list):
        rows = {str(number): row for number, row in enumerate(rows) if row is not None}
    if rows is None:
        rows = {}
    if not isinstance(rows, dict):
        return body
    listed = [{row_key: key} | row if isinstance(row, dict) else row for key, row in rows.items()]
    return with_rows(body, path, listed)


def is_no_rows(rows: Any) -> bool:
    """Return whether a value is one of those that shops write for an empty list."""
    return rows is ABSENT or rows is None or rows == {} or (isinstance(rows, str) and not rows.strip())


def rows_of_object(rows: Any, needed: Sequence[Path]) -> list[Any] | None:
    """Return the rows of an object with numbers as keys, or the one row that the object is; None for other values.

    `needed`: the places of the required fields, all of which a single row has.
    """
    if not isinstance(rows, dict) or not rows:
        return None
    if all(key.isdecimal() for key in rows) and all(isinstance(row, dict) for row in rows.values()):
        return list(rows.values())
    return [rows] if all(get_path(rows, path) is not ABSENT for path in needed) else None


def with_rows(body: Any, path: Path, rows: list[Any]) -> Any:
    """Return the page with this list of rows at the path. Without the object that would hold it, nothing changes."""
    if not path:
        return rows
    holder, key = get_path(body, path[:-1]), path[-1]
    if isinstance(key, str) and isinstance(holder, dict):
        holder[key] = rows
    if isinstance(key, int) and get_path(holder, (key,)) is not ABSENT:
        holder[key] = rows
    return body
