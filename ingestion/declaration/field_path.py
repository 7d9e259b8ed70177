"""Sources of a field's value: a path into a JSON item, or a constant."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, TypeAlias

from ingestion.values.json_text import ABSENT, field_text, get_path


@dataclass(frozen=True)
class Constant:
    """A value that every row has."""

    value: str


Path: TypeAlias = tuple[str | int, ...]  # keys of objects, numbers of list items


@dataclass(frozen=True)
class FirstOf:
    """The first of several paths with a value, which is neither null, blank, nor one of those that mean none."""

    paths: tuple[Path, ...]
    none: frozenset[str] = frozenset()

    def value_in(self, item: Any) -> Any:
        """Return the value in a JSON item, None without one."""
        values = (_found(item, path) for path in self.paths)
        return next((value for value in values if (field_text(value) or "").strip() not in {"", *self.none}), None)


@dataclass(frozen=True)
class EachOf:
    """All values at a path, as one list: the elements of each list on the way and at its end are entered."""

    path: Path

    @property
    def paths(self) -> tuple[Path, ...]:
        """The path, as of FirstOf."""
        return (self.path,)

    def value_in(self, item: Any) -> list[Any] | None:
        """Return the values in a JSON item, None without the first key."""
        if _found(item, self.path[:1]) is None:
            return None
        values = [item]
        for step in self.path:
            values = [element for value in values for element in _elements(_found(value, (step,)))]
        return values


Source: TypeAlias = Path | Constant | FirstOf | EachOf


def values_of(items: Sequence[dict[str, Any]], source: Source) -> list[Any]:
    """Return the value at this source in each item, None where it is absent."""
    if isinstance(source, Constant):
        return [source.value] * len(items)
    if isinstance(source, FirstOf | EachOf):
        return list(map(source.value_in, items))
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
    """Return the keys of an item whose values hold fields further down, or may be one; all of them goes to _extra."""
    inner = {str(source[0]) for source in sources if isinstance(source, tuple) and len(source) > 1}
    either = {str(path[0]) for source in sources if isinstance(source, FirstOf | EachOf) for path in source.paths}
    return frozenset(inner | either)


def _elements(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _found(item: Any, path: Path) -> Any:
    value = get_path(item, path)
    return None if value is ABSENT else value
