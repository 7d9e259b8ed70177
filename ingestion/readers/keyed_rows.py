"""Rows that stand in an object by their ids, as a list of rows."""

from typing import Any

from ingestion.declaration.field_path import Path
from ingestion.values.json_text import found


def with_rows_listed(body: Any, path: Path, row_key: str) -> Any:
    """A page whose rows, an object of them by id, are a list: each with its id as `row_key`, unless it has one itself.

    Null is no rows. A list is rows by number, which some servers make of ids that are numbers, with null for each that
    there is not.
    """
    rows = found(body, path)
    if isinstance(rows, list):
        rows = {str(number): row for number, row in enumerate(rows) if row is not None}
    if rows is None:
        rows = {}
    if not isinstance(rows, dict):
        return body
    listed = [{row_key: key} | row if isinstance(row, dict) else row for key, row in rows.items()]
    if not path:
        return listed
    found(body, path[:-1])[path[-1]] = listed
    return body
