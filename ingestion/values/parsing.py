"""Parsers for the amounts and dates of a dataset, in the formats and time zone of shop.toml."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Self
from zoneinfo import ZoneInfo

from ingestion.declaration.dataset_config import DatasetConfig
from ingestion.values.amounts import AmountReader, amount_reader, nearest_cent
from ingestion.values.dates import DateReader, date_reader
from ingestion.values.formats import FORMATS, amount_format, date_format, no_number, number_value

UNREADABLE = "unreadable"  # prefix of the format of a date that is not in the declared format


@dataclass(frozen=True)
class ValueReading:
    """The parsers of a dataset, for one logical day."""

    day: date
    zone: ZoneInfo
    minor_units: int
    rounds: bool
    plain_amount: AmountReader
    date_of: DateReader
    is_iso: bool

    @classmethod
    def of(cls, declared: DatasetConfig, day: date) -> Self:
        """Create the parsers that shop.toml declares."""
        return cls(
            day=day,
            zone=ZoneInfo(declared.time_zone),
            minor_units=declared.minor_units,
            rounds=declared.amount_decimals == "round",
            plain_amount=amount_reader(declared.amount_format),
            date_of=date_reader(declared.date_format, declared.time_zone),
            is_iso=declared.date_format == "iso",
        )

    def amount(self, text: str) -> Decimal | None:
        """Parse an amount into major units of the currency; None if it cannot be parsed."""
        plain = self.plain_amount(text)
        value = None if plain is None else number_value(plain)
        return None if value is None else nearest_cent(value / self.minor_units, rounds=self.rounds)

    def format_of(self, role: str) -> Callable[[str], str]:
        """Return the function that names a value's format. A value in the declared format gets a plain value's name."""
        return {"amount": self._amount_format, "date": self._date_format}.get(role, FORMATS[role])

    def _amount_format(self, text: str) -> str:
        plain = self.plain_amount(text)
        if plain is None:
            return no_number(text)
        value = number_value(plain)
        return amount_format(plain if value is None else format(nearest_cent(value, rounds=self.rounds), "f"))

    def _date_format(self, text: str) -> str:
        is_read = self.is_iso or self.date_of(text) is not None
        return date_format(text) if is_read else f"{UNREADABLE} {date_format(text)}"
