"""The one family of errors: each knows its exit code, and says what was wrong and what to do.

    DaybreakError               1  unexpected
    ├── ConfigurationError      2  settings, shop.toml or arguments are wrong
    ├── ShopError               3  the shop's API is down, slow, or says something we must not believe
    ├── WarehouseError          4  Postgres cannot be reached, is too old, or refuses us
    │   └── LockedError         4  others hold what we need: a lock timeout, a deadlock
    ├── GateRefusedError        5  the day's error rate is above its threshold
    ├── DayBusyError            6  another run holds this day
    ├── ModelError              7  a dbt model or data test failed, its pipeline stays as it was
    └── CacheUnavailableError   –  Redis is down: a warning, the marts are right and the next run heals the cache

An error is one line: day, step, cause, remedy. It never carries a secret or a customer's data.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

LONGEST_CAUSE = 600  # characters: a driver's message can be a page long


class DaybreakError(Exception):
    """What went wrong, and the remedy. `str()` is the one line: "day step: cause. remedy"."""

    exit_code = 1

    def __init__(self, cause: str, remedy: str = "") -> None:
        self.cause = " ".join(cause.split())[:LONGEST_CAUSE]
        self.remedy = " ".join(remedy.split())
        self.day: date | None = None
        self.step: str | None = None
        super().__init__(self.cause, self.remedy)

    def place(self, day: date | None, step: str) -> None:
        """Say where it happened; the innermost place stays."""
        if self.step is None:
            self.day, self.step = day, step

    def __str__(self) -> str:
        place = " ".join(str(part) for part in (self.day, self.step) if part is not None)
        return " ".join(
            part for part in (f"{place}:" if place else "", f"{self.cause.rstrip('.')}.", self.remedy) if part
        )


class ConfigurationError(DaybreakError):
    """Settings, shop.toml or arguments are wrong."""

    exit_code = 2


class ShopError(DaybreakError):
    """The shop's API is down, slow, or says something we must not believe."""

    exit_code = 3


class WarehouseError(DaybreakError):
    """Postgres cannot be reached, is too old, or refuses us."""

    exit_code = 4


class LockedError(WarehouseError):
    """Others hold what we need: we waited as long as we may, or they and we waited for each other."""


class GateRefusedError(DaybreakError):
    """The day's error rate is above its threshold; readers see nothing of it. `figures`: the counts behind it."""

    exit_code = 5

    def __init__(self, cause: str, remedy: str = "", *, figures: Mapping[str, Any] | None = None) -> None:
        super().__init__(cause, remedy)
        self.figures = figures


class DayBusyError(DaybreakError):
    """Another run holds this day."""

    exit_code = 6


class ModelError(DaybreakError):
    """A dbt model or data test failed; its pipeline stays as it was.

    `by_pipeline`: the cause in each pipeline that is not green, where one build was of several.
    """

    exit_code = 7

    def __init__(self, cause: str, remedy: str = "", *, by_pipeline: Mapping[str, str] | None = None) -> None:
        super().__init__(cause, remedy)
        self.by_pipeline = by_pipeline or {}

    def of(self, pipeline: str) -> "ModelError | None":
        """The error as far as it is this pipeline's; None if the pipeline is green."""
        if not self.by_pipeline:
            return self
        if pipeline not in self.by_pipeline:
            return None
        own = ModelError(self.by_pipeline[pipeline], self.remedy)
        own.day, own.step = self.day, self.step
        return own


class CacheUnavailableError(DaybreakError):
    """Redis is down: a warning, since the marts are right and the next run heals the cache."""


def public_text(error: BaseException) -> str:
    """What may be told of an error outside of this process: its line if it is ours, or else its type.

    A foreign error's text can hold a row, a password or a page.
    """
    return str(error) if isinstance(error, DaybreakError) else type(error).__name__
