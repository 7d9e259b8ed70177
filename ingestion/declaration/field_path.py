"""Where a field's value comes from in an item of JSON: a path into it, or a constant."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeAlias

from ingestion.values.json_text import ABSENT, found


@dataclass(frozen=True)
class Constant:
    """What a field always is."""

    value: str


Path: TypeAlias = tuple[str | int, ...]  # keys of objects, numbers of list items
Source: TypeAlias = Path | Constant


def values_of(items: Sequence[dict[str, Any]], source: Source) -> list[Any]:
    """What stands there in each item, or None."""
    if isinstance(source, Constant):
        return [source.value] * len(items)
    if len(source) > 1:
        return [_found(item, source) for item in items]
    (key,) = source
    try:
        return list(map(itemgetter(key), items))  # half the time of asking each with get()
    except KeyError:
        return [item.get(str(key)) for item in items]


def whole_keys(sources: Sequence[Source]) -> frozenset[str]:
    """The keys of an item whose values are taken whole."""
    return frozenset(str(source[0]) for source in sources if isinstance(source, tuple) and len(source) == 1)


def entered_keys(sources: Sequence[Source]) -> frozenset[str]:
    """The keys of an item of whose values a part is taken: the rest goes to _extra, and is no surprise there."""
    return frozenset(str(source[0]) for source in sources if isinstance(source, tuple) and len(source) > 1)


def _found(item: Any, path: Path) -> Any:
    value = found(item, path)
    return None if value is ABSENT else value
