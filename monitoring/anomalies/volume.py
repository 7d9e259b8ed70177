"""A day's volume compared with the same weekday of the weeks before, from the gate's counts and the calendar.

Volume is the rows from the shop without identical copies: a page sent twice must not hide a missing one. It is counted
in the load that counts for a day, so days that were never admitted are not part of the history.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from monitoring.anomalies.limits import AnomalyLimits
from warehouse.connection import Connection, connect
from warehouse.roles import LOADER, acting_as

VOLUMES = """
    select ledger.day, results.accepted + results.rejected as volume
    from ops.day_ledger as ledger
    inner join ops.gate_results as results on ledger.admitted_load_id = results.load_id
    where ledger.dataset = %(dataset)s and ledger.day = any(%(days)s)
"""
EVENTS = "select day, event, expected_share from staging.calendar_events where day = any(%(days)s)"


@dataclass(frozen=True)
class DayVolume:
    """A dataset's day in rows, and the history it is compared with, which leaves out days with a calendar event."""

    dataset: str
    day: date
    observed: int | None  # None: no load counts for the day
    history: Collection[int]
    event: str | None = None
    expected_share: Fraction = Fraction(1)  # of a normal day's rows, because of the event

    @property
    def baseline(self) -> Fraction | None:
        """The mean of the history; None without a history."""
        return Fraction(sum(self.history), len(self.history)) if self.history else None

    def expected(self, limits: AnomalyLimits) -> Fraction | None:
        """Return the expected rows; None if there is too little history."""
        if self.baseline is None or len(self.history) < limits.minimum_weeks:
            return None
        return self.baseline * self.expected_share


def day_volume(connection: Connection, dataset: str, day: date, limits: AnomalyLimits) -> DayVolume:
    """Read a day and the same weekday of the `history_weeks` weeks before it, by key."""
    before = [
        day - timedelta(weeks=number)
        for number in range(1, limits.history_weeks + 1)
        if day.toordinal() > timedelta(weeks=number).days
    ]
    values = {"dataset": dataset, "days": [day, *before]}
    volumes = {row["day"]: row["volume"] for row in connection.execute(VOLUMES, values)}
    with acting_as(LOADER), connect() as loader:  # a member of the transformer may put functions into a view of staging
        events = {row["day"]: row for row in loader.execute(EVENTS, values)}
    return DayVolume(
        dataset=dataset,
        day=day,
        observed=volumes.get(day),
        history=[volumes[other] for other in before if other in volumes and other not in events],
        event=events[day]["event"] if day in events else None,
        expected_share=Fraction(events[day]["expected_share"]) if day in events else Fraction(1),
    )


def rounded(number: Fraction, digits: int = 2) -> Decimal:
    """Return the number as a rounded decimal, for columns and messages."""
    return round(Decimal(number.numerator) / Decimal(number.denominator), digits)
