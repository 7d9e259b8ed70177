"""Sources of a field's value: a path into a JSON item, or a constant."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeAlias

from ingestion.values.json_text import ABSENT, get_path


@dataclass(frozen=True)
class Constant:
    """A value that every row has."""

    value: str


Path: TypeAlias = tuple[str | int, ...]  # keys of objects, numbers of list items
Source: TypeAlias = Path | Constant


def values_of(items: Sequence[dict[str, Any]], source: Source) -> list[Any]:
    """Return the value at this source in each item, None where it is absent."""
    if isinstance(source, Constant):
        return [source.value] * len(items)
    if len(source) > 1:
        return [_found(item, source) for item in items]
    (key,) = source
    try:
        return list(map(itemgetter(key), items))  # takes half as long as get()
    except KeyError:
        return [item.get(str(key)) for item in items]


def whole_keys(sources: Sequence[Source]) -> frozenset[str]:
    """Return the keys of an item whose whole values are fields."""
    return frozenset(str(source[0]) for source in sources if isinstance(source, tuple) and len(source) == 1)


def entered_keys(sources: Sequence[Source]) -> frozenset[str]:
    """Return the keys of an item whose values hold fields further down; the rest of those values goes to _extra."""
    return frozenset(str(source[0]) for source in sources if isinstance(source, tuple) and len(source) > 1)


def _found(item: Any, path: Path) -> Any:
    value = get_path(item, path)
    return None if value is ABSENT else value
