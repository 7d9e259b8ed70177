"""Conversion of a page of parsed JSON items into Arrow columns of exact texts."""

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import pyarrow as pa

from ingestion.declaration.field_path import Source, entered_keys, values_of, whole_keys
from ingestion.values.json_text import field_text, json_text, storable

Column: TypeAlias = Any  # pa.StringArray: pyarrow has no types
NO_FIELDS: dict[str, Any] = {}


class PageColumns(NamedTuple):
    """The columns of a page, one text or null per item, and the names of its undeclared fields."""

    fields: list[Column]
    extra: Column
    escaped: Column
    undeclared: set[str]


def page_columns(items: Sequence[Any], fields: Sequence[str], sources: Sequence[Source]) -> PageColumns:
    """Take the declared `fields` from each item by their sources, and keep the rest in `extra`.

    An item that is not an object only has constants; the whole item goes to extra, as does an object that holds a
    field further down. A declared text that Postgres cannot store is escaped, and `escaped` names its field.
    Raises RecursionError if a value nests too deep.
    """
    objects = items
    if not set(map(type, items)) <= {dict}:
        objects = [item if type(item) is dict else NO_FIELDS for item in items]
    keys = set().union(*objects)
    is_plain = objects is items and whole_keys(sources).issuperset(keys)  # nearly always
    extra, undeclared = (_nulls(len(items)), set()) if is_plain else _extra(items, whole_keys(sources))
    columns = []
    escaped: list[str | None] = [None] * len(items)
    for field, source in zip(fields, sources, strict=True):
        if isinstance(source, tuple) and source[0] not in keys:
            columns.append(_nulls(len(items)))
            continue
        values = values_of(objects, source)
        column = _plain_column(values)
        if column is None:
            column = _escaped_column(values, field, escaped)
        columns.append(column)
    return PageColumns(columns, extra, pa.array(escaped, pa.string()), undeclared - entered_keys(sources))


def _plain_column(values: list[Any]) -> Column | None:
    """Return the column if all values are strings, numbers and nulls that Postgres can store (the usual case)."""
    try:
        column = pa.array(values, pa.string())
    except (pa.ArrowTypeError, pa.ArrowInvalid, UnicodeEncodeError):  # a bool, object or list; a lone surrogate
        return None
    texts = column.buffers()[2]
    return None if texts is not None and b"\0" in texts.to_pybytes() else column


def _escaped_column(values: list[Any], field: str, escaped: list[str | None]) -> Column:
    texts = [field_text(value) for value in values]
    for row, text in enumerate(texts):
        if text is not None and (held := storable(text)) != text:
            texts[row] = held
            escaped[row] = field if escaped[row] is None else f"{escaped[row]},{field}"
    return pa.array(texts, pa.string())


def _nulls(size: int) -> Column:
    return pa.array([None] * size, pa.string())  # pa.nulls() has a buffer of zeros, which would be hashed


def _extra(items: Sequence[Any], known: frozenset[str]) -> tuple[Column, set[str]]:
    undeclared: set[str] = set()
    texts: list[str | None] = [None] * len(items)
    for row, item in enumerate(items):
        if type(item) is not dict:
            texts[row] = json_text(item)
        elif not known.issuperset(item):
            rest = {key: value for key, value in item.items() if key not in known}
            texts[row] = json_text(rest)
            undeclared.update(rest)
    return pa.array(texts, pa.string()), undeclared
