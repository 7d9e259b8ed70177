"""The one family of errors: each knows its exit code, and says what was wrong and what to do.

    DaybreakError               1  unexpected
    ├── ConfigurationError      2  settings, shop.toml or arguments are wrong
    ├── ShopError               3  the shop's API is down, slow, or says something we must not believe
    ├── WarehouseError          4  Postgres cannot be reached, is too old, or refuses us
    ├── GateRefusedError        5  the day's error rate is above its threshold
    ├── DayBusyError            6  another run holds this day
    └── ModelError              7  a dbt model or data test failed, nothing was published

An error is one line: day, step, cause, remedy. It never carries a secret or a customer's data.
"""


class DaybreakError(Exception):
    """What went wrong, and the remedy.

    `str()` gives "cause. remedy"; the step that raised it and the logical day are added by whoever runs the step.
    """

    exit_code = 1

    def __init__(self, cause: str, remedy: str = "") -> None:
        self.cause = " ".join(cause.split())
        self.remedy = " ".join(remedy.split())
        super().__init__(f"{self.cause.rstrip('.')}. {self.remedy}".strip())


class ConfigurationError(DaybreakError):
    """Settings, shop.toml or arguments are wrong."""

    exit_code = 2


class ShopError(DaybreakError):
    """The shop's API is down, slow, or says something we must not believe."""

    exit_code = 3


class WarehouseError(DaybreakError):
    """Postgres cannot be reached, is too old, or refuses us."""

    exit_code = 4


class GateRefusedError(DaybreakError):
    """The day's error rate is above its threshold; readers see nothing of it."""

    exit_code = 5


class DayBusyError(DaybreakError):
    """Another run holds this day."""

    exit_code = 6


class ModelError(DaybreakError):
    """A dbt model or data test failed; nothing was published."""

    exit_code = 7
