"""How the values of a dataset are read: its amounts and dates as shop.toml declares them, in its time zone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Self
from zoneinfo import ZoneInfo

from ingestion.declaration.dataset_config import DatasetConfig
from ingestion.values.amounts import AmountReader, amount_reader
from ingestion.values.dates import DateReader, date_reader
from ingestion.values.formats import FORMATS, amount_format, date_format, no_number, number_value

UNREADABLE = "unreadable"  # before the format of what is no date as it is declared


@dataclass(frozen=True)
class ValueReading:
    """The readers of a dataset, for its logical day."""

    day: date
    zone: ZoneInfo
    minor_units: int
    plain_amount: AmountReader
    date_of: DateReader
    is_iso: bool

    @classmethod
    def of(cls, declared: DatasetConfig, day: date) -> Self:
        """As shop.toml declares them."""
        return cls(
            day=day,
            zone=ZoneInfo(declared.time_zone),
            minor_units=declared.minor_units,
            plain_amount=amount_reader(declared.amount_format),
            date_of=date_reader(declared.date_format, declared.time_zone),
            is_iso=declared.date_format == "iso",
        )

    def amount(self, text: str) -> Decimal | None:
        """An amount in whole units of money; None if it cannot be read."""
        plain = self.plain_amount(text)
        value = None if plain is None else number_value(plain)
        return None if value is None else value / self.minor_units

    def format_of(self, role: str) -> Callable[[str], str]:
        """What names the format of a value: one that is read as declared has the name of a plain one."""
        return {"amount": self._amount_format, "date": self._date_format}.get(role, FORMATS[role])

    def _amount_format(self, text: str) -> str:
        plain = self.plain_amount(text)
        return no_number(text) if plain is None else amount_format(plain)

    def _date_format(self, text: str) -> str:
        is_read = self.is_iso or self.date_of(text) is not None
        return date_format(text) if is_read else f"{UNREADABLE} {date_format(text)}"
