"""Conversion of rows in an object by id into a list of rows."""

from typing import Any

from ingestion.declaration.field_path import Path
from ingestion.values.json_text import get_path


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
    if not path:
        return listed
    get_path(body, path[:-1])[path[-1]] = listed
    return body
