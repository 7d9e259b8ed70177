"""Names and JSON types of the undeclared fields of JSON items, without values."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ingestion.declaration.field_path import Path
from ingestion.values.formats import structure
from ingestion.values.json_text import Number

MOST_UNDECLARED = 100
DEEPEST = 3  # keys on the way to an undeclared field
NAME = re.compile(r"[A-Za-z_][\w-]{0,60}", re.ASCII)  # any other key may be personal data


def undeclared_types(items: Sequence[dict[str, Any]], taken: set[Path]) -> dict[str, dict[str, int]]:
    """Count the JSON types of undeclared fields, by dotted path. `taken` are the paths of declared fields."""
    counts: dict[str, Counter[str]] = {}
    for item in items:
        for path, value in _leaves(item, (), taken):
            if path in counts or len(counts) < MOST_UNDECLARED:
                counts.setdefault(path, Counter())[_type(value)] += 1
    return {path: dict(types) for path, types in sorted(counts.items())}


def _leaves(value: Mapping[str, Any], at: tuple[str, ...], taken: set[Path]) -> Iterable[tuple[str, Any]]:
    for key, inner in value.items():
        path = (*at, key)
        if path in taken or not NAME.fullmatch(key):
            continue
        is_entered = type(inner) is dict and any(one[: len(path)] == path for one in taken)
        if not is_entered:
            yield ".".join(path), inner
        if type(inner) is dict and len(path) < DEEPEST:
            yield from _leaves(inner, path, taken)


def _type(value: Any) -> str:
    return structure(value) or ("null" if value is None else "number" if isinstance(value, Number) else "string")
