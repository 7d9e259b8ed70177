"""The receipt of a landing. Separate from the landing itself, so that its users need not import dlt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any


@dataclass(frozen=True)
class LoadReceipt:
    """A landed load of a dataset's day. It is complete in raw, and invisible until the ledger records it.

    `fingerprint` is equal for loads with equal rows in equal order. `undeclared_fields` went to _extra. `profile` is
    the stored field profile, or None if it could not be computed. `skipped` counts rows of other days in the response.
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
