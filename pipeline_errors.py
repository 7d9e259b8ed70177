"""The errors of the pipeline. Each has an exit code, a cause and a remedy.

    DaybreakError               1  unexpected
    ├── ConfigurationError      2  settings, shop.toml or arguments are wrong
    ├── ShopError               3  the shop's API is down, slow or inconsistent
    ├── WarehouseError          4  Postgres cannot be reached, is too old, or rejects the login or a statement
    │   └── LockedError         4  another session holds a lock: a lock timeout or a deadlock
    ├── GateRefusedError        5  the day's error rate is above its threshold
    ├── DayBusyError            6  another run holds this day
    ├── ModelError              7  a dbt model or data test failed; its pipeline keeps the published marts
    └── CacheUnavailableError   –  Redis is down: a warning, because the marts are correct and the next run updates it

An error is one line: day, step, cause, remedy. It never contains a secret or customer data.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

LONGEST_CAUSE = 600  # characters: a driver's message can fill a page


def one_line(text: str) -> str:
    """Return a text on one line, without characters that control a terminal or turn the direction of writing."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


class DaybreakError(Exception):
    """A failure with its cause and remedy. `str()` gives one line: "day step: cause. remedy"."""

    exit_code = 1

    def __init__(self, cause: str, remedy: str = "") -> None:
        self.cause = one_line(cause)[:LONGEST_CAUSE]
        self.remedy = one_line(remedy)
        self.day: date | None = None
        self.step: str | None = None
        super().__init__(self.cause, self.remedy)

    def place(self, day: date | None, step: str) -> None:
        """Record where the error happened. The first call, from the innermost step, wins."""
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
    """The shop's API is down, slow or inconsistent."""

    exit_code = 3


class WarehouseError(DaybreakError):
    """Postgres cannot be reached, is too old, or rejects the login or a statement."""

    exit_code = 4


class LockedError(WarehouseError):
    """Another session holds a lock: the wait timed out, or Postgres ended a deadlock."""


class GateRefusedError(DaybreakError):
    """The day's error rate is above its threshold. Readers see none of its rows. `figures`: the gate's counts."""

    exit_code = 5

    def __init__(self, cause: str, remedy: str = "", *, figures: Mapping[str, Any] | None = None) -> None:
        super().__init__(cause, remedy)
        self.figures = figures


class DayBusyError(DaybreakError):
    """Another run holds this day."""

    exit_code = 6


class ModelError(DaybreakError):
    """A dbt model or data test failed. Its pipeline keeps the published marts.

    `by_pipeline`: the cause per failed pipeline, if one build covered several.
    """

    exit_code = 7

    def __init__(self, cause: str, remedy: str = "", *, by_pipeline: Mapping[str, str] | None = None) -> None:
        super().__init__(cause, remedy)
        self.by_pipeline = by_pipeline or {}

    def of(self, pipeline: str) -> "ModelError | None":
        """Return this pipeline's part of the error; None if the pipeline is green."""
        if not self.by_pipeline:
            return self
        if pipeline not in self.by_pipeline:
            return None
        own = ModelError(self.by_pipeline[pipeline], self.remedy)
        own.day, own.step = self.day, self.step
        return own


class CacheUnavailableError(DaybreakError):
    """Redis is down. Only a warning: the marts are correct, and the next run updates the cache."""


def public_text(error: BaseException) -> str:
    """Return text that may leave this process: the line of a DaybreakError, otherwise only the error's type.

    The text of other errors can contain rows or a password.
    """
    return str(error) if isinstance(error, DaybreakError) else type(error).__name__
