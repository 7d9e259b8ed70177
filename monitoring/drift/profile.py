"""Profiles of a load's fields: how often a field is present, in which formats, of which magnitude.

A profile holds counts and formats, and no personal value: no id, no text, no date. Only statuses and ratings, which are
the shop's vocabulary, are kept as values. It is computed from a sample of the rows before they become text.
"""

import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from statistics import median
from typing import Any, Self

from ingestion.declaration.field_path import Constant, EachOf, FirstOf, Path
from ingestion.declaration.shop_config import ShopConfig
from ingestion.values.formats import items_structure, number_value, structure
from ingestion.values.json_text import ABSENT, Number, get_path
from ingestion.values.parsing import ValueReading
from ingestion.values.undeclared_fields import undeclared_types

logger = logging.getLogger(__name__)

MOST_FORMATS = 20  # of a field, and statuses: the others are counted together
REST = "(others)"
WORD = re.compile(r"\w[\w .:/+-]{0,39}")  # longer texts, or with other characters, are not statuses
PREFIX = re.compile(r"[A-Za-z]{1,8}(?=[-_]?[0-9])")

ROLES = {
    "order_id": "id", "customer_id": "id", "review_id": "id", "product_id": "id", "total_amount": "amount",
    "rating": "rating", "order_date": "date", "review_date": "date", "status": "word", "review_text": "text",
    "items": "items",
}  # fmt: skip


@dataclass(frozen=True)
class FieldProfile:
    """A declared field in the sampled rows, as counts of rows. `formats` cover the values that are not blank.

    `median` is in whole units of money; `whole` counts amounts without cents; `most_frequent` counts rows with the most
    frequent value; `offsets` are those of timestamps, `in_zone` those of the shop's zone; `off_day` counts dates other
    than the logical day; `off_pattern` counts values that product_id_pattern does not match.
    """

    absent: int = 0
    null: int = 0
    blank: int = 0
    formats: Mapping[str, int] = field(default_factory=dict)
    distinct: int = 0
    most_frequent: int = 0
    values: Mapping[str, int] = field(default_factory=dict)
    prefixes: Mapping[str, int] = field(default_factory=dict)
    median: float | None = None
    whole: int = 0
    offsets: Mapping[str, int] = field(default_factory=dict)
    in_zone: int = 0
    off_day: int = 0
    off_pattern: int = 0

    @property
    def missing(self) -> int:
        """Rows without a value for the field."""
        return self.absent + self.null + self.blank

    @property
    def present(self) -> int:
        """Rows with a value for the field."""
        return sum(self.formats.values())


@dataclass(frozen=True)
class Profile:
    """A load's sample of `rows` objects. `undeclared`: rows by JSON type for each undeclared path.

    `others`: items that are not objects.
    """

    rows: int
    fields: Mapping[str, FieldProfile]
    undeclared: Mapping[str, Mapping[str, int]]
    others: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return the stored form."""
        return {**asdict(self), "fields": {name: _compact(asdict(one)) for name, one in self.fields.items()}}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the profile from its stored form."""
        fields = {name: FieldProfile(**one) for name, one in stored["fields"].items()}
        return cls(stored["rows"], fields, stored["undeclared"], stored["others"])


def profile_of(rows: Sequence[Any], config: ShopConfig, dataset: str, day: date) -> Profile:
    """Return the profile of a day's sampled items, as json_text parses them."""
    declared = config.dataset(dataset)
    items = [row for row in rows if type(row) is dict]
    reading = ValueReading.of(declared, day)
    pattern = re.compile(declared.product_id_pattern or "")
    fields, taken = {}, set[Path]()
    for name, source in zip(declared.fields, declared.sources(), strict=True):
        if isinstance(source, Constant):
            continue
        taken.update(source.paths if isinstance(source, FirstOf | EachOf) else (source,))
        role = ROLES.get(name, "other")
        structure_of = (
            partial(items_structure, declared.items.product_id) if name == "items" and declared.items else structure
        )
        texts, counted = _counted([_value_in(item, source) for item in items], reading.format_of(role), structure_of)
        counted |= OF_ROLE[role](texts, reading) if role in OF_ROLE else {}
        if name == "product_id":
            counted["off_pattern"] = sum(count for text, count in texts.items() if not pattern.search(text))
        fields[name] = FieldProfile(**counted)
    return Profile(len(items), fields, undeclared_types(items, taken), len(rows) - len(items))


def _value_in(item: Any, source: Path | FirstOf | EachOf) -> Any:
    return source.value_in(item) if isinstance(source, FirstOf | EachOf) else get_path(item, source)


def profile_as_json(config: ShopConfig, dataset: str, rows: Sequence[Any], day: date) -> dict[str, Any] | None:
    """Return `profile_of` in its stored form; None if it fails, since no day may fail for lack of a profile."""
    try:
        return profile_of(rows, config, dataset, day).as_json()
    except Exception as failure:
        logger.warning("%s of %s has no profile: %s", dataset, day, type(failure).__name__)
        return None


def _counted(
    values: Sequence[Any], format_of: Callable[[str], str], structure_of: Callable[[Any], str | None]
) -> tuple[Counter[str], dict[str, Any]]:
    """Return the count of each text, and the counts common to every field."""
    formats = Counter[str]()
    scalars = Counter((type(value), value) for value in values if isinstance(value, str))
    texts, blank = Counter[str](), 0
    for (kind, text), count in scalars.items():
        if not text or text.isspace():
            blank += count
        else:
            texts[text] += count
            formats[format_of(Number(text) if kind is Number else text)] += count
    for value in values:
        if name := structure_of(value):
            formats[name] += 1
    return texts, {
        "absent": sum(value is ABSENT for value in values),
        "null": sum(value is None for value in values),
        "blank": blank,
        "formats": _most_common(formats),
        "distinct": len(texts),
        "most_frequent": max(texts.values(), default=0),
    }


def _words(texts: Counter[str], *_: Any) -> dict[str, Any]:
    known = {text: count for text, count in texts.items() if WORD.fullmatch(text)}
    # many different values are not statuses: they may be a person's words
    return {"values": known if len(known) <= min(MOST_FORMATS, max(5, texts.total() / 3)) else {}}


def _stars(texts: Counter[str], *_: Any) -> dict[str, Any]:
    stars: Counter[str] = Counter()
    for text, count in texts.items():
        if (value := number_value(text)) in (1, 2, 3, 4, 5):
            stars[f"{value:.0f}"] += count
    return {"values": dict(stars)}


def _money(texts: Counter[str], reading: ValueReading) -> dict[str, Any]:
    amounts = [value for text in texts.elements() if (value := reading.amount(text)) is not None]
    plain = [amount for amount in amounts if amount.copy_abs() < 10**16]
    return {
        "median": float(median(plain)) if plain else None,
        "whole": sum(amount == amount.to_integral_value() for amount in plain),
    }


def _prefixes(texts: Counter[str], *_: Any) -> dict[str, Any]:
    """Count the letters in front of the numbers of ids, if they are too frequent to identify one."""
    found = Counter(match[0] for text in texts if (match := PREFIX.match(text)))
    least = max(3, len(texts) / 10)
    kept = {prefix: count for prefix, count in found.items() if count >= least}
    rest = sum(found.values()) - sum(kept.values())
    return {"prefixes": kept | ({REST: rest} if rest else {})}


def _moments(texts: Counter[str], reading: ValueReading) -> dict[str, Any]:
    offsets: Counter[str] = Counter()
    in_zone = off_day = 0
    for text, count in texts.items():
        if (local := reading.date_of(text)) is None:
            continue
        off_day += count * (local != reading.day)
        try:
            moment = datetime.fromisoformat(text.strip())
            offset, baseline = moment.utcoffset(), moment.astimezone(reading.zone).utcoffset()
        except (ValueError, OverflowError):
            continue
        if offset is not None:
            offsets[_offset_text(offset)] += count
            in_zone += count * (offset == baseline)
    return {"offsets": _most_common(offsets), "in_zone": in_zone, "off_day": off_day}


OF_ROLE = {"word": _words, "rating": _stars, "amount": _money, "id": _prefixes, "date": _moments}


def _offset_text(offset: timedelta) -> str:
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _most_common(counts: Counter[str]) -> dict[str, int]:
    kept = dict(counts.most_common(MOST_FORMATS))
    rest = counts.total() - sum(kept.values())
    return kept | ({REST: rest} if rest else {})


def _compact(counted: dict[str, Any]) -> dict[str, Any]:
    """Return the counts without empty ones."""
    return {name: value for name, value in counted.items() if value not in (0, None, {})}
