"""What a landing hands on. Apart from the landing itself, so that who is handed it imports no dlt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any


@dataclass(frozen=True)
class LoadReceipt:
    """What landed: a load of a dataset's day. It stands in raw whole, and nobody sees it before the ledger says so.

    `fingerprint` is equal for loads with equal rows in equal order; `undeclared_fields` went to _extra. `profile`: what
    the fields look like, as it is stored; none if that could not be told. `skipped`: rows of other days that came too.
    """

    dataset: str
    day: date
    load_id: str
    rows: int
    pages: int
    seconds: float
    fingerprint: str
    undeclared_fields: tuple[str, ...]
    profile: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)
    skipped: int = 0
