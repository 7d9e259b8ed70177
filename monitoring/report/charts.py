"""Charts of figures by day for the templates: heights in percent of the chart, whose top is `high`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import floor, log10

Figures = Mapping[date, Decimal | int]

NICE_STEPS = (Decimal(1), Decimal(2), Decimal("2.5"), Decimal(5), Decimal(10))


@dataclass(frozen=True)
class Series:
    """A named figure per day; `colour` is the name of a style."""

    name: str
    figures: Figures
    colour: str


@dataclass(frozen=True)
class Bar:
    """A segment of a day's bar, in percent of the chart: `foot` from the bottom."""

    foot: float
    height: float
    colour: str


@dataclass(frozen=True)
class Chart:
    """A chart by day. `bars` and `line` have an entry for each day with a figure."""

    title: str
    unit: str
    days: Sequence[date]
    series: Sequence[Series]
    line: Series | None
    low: Decimal
    high: Decimal
    ticks: Sequence[tuple[float, str]]  # position in percent from the bottom, text

    def bars(self, day: date) -> list[Bar]:
        """Return the segments of a day's bar, the lowest first."""
        parts, foot = [], Decimal(0)
        for series in self.series:
            top = foot + series.figures.get(day, 0)
            if day in series.figures:
                seen = self._percent(foot)
                parts.append(Bar(seen, self._percent(top) - seen, series.colour))
            foot = top
        return parts

    def line_points(self) -> list[list[tuple[float, float]]]:
        """Return the line as stretches without a gap: (number of the day + ½, percent from the bottom)."""
        stretches: list[list[tuple[float, float]]] = [[]]
        for number, day in enumerate(self.days):
            if self.line and day in self.line.figures:
                stretches[-1].append((number + 0.5, self._percent(self.line.figures[day])))
            elif stretches[-1]:
                stretches.append([])
        return [stretch for stretch in stretches if stretch]

    def label(self, day: date) -> str:
        """Return a day's figures as text."""
        of_line = [self.line] if self.line else []
        parts = [f"{one.name} {one.figures[day]:,}" for one in [*self.series, *of_line] if day in one.figures]
        return ", ".join(parts) or "no figure"

    def newest(self) -> tuple[date, str] | None:
        """Return the newest day with a bar, and the first series' figure."""
        days = [day for day in self.days if self.series and day in self.series[0].figures]
        return (days[-1], f"{self.series[0].figures[days[-1]]:,}") if days else None

    def _percent(self, figure: Decimal | int) -> float:
        return max(0.0, min(100.0, float(100 * (figure - self.low) / (self.high - self.low))))


def chart(
    title: str, unit: str, days: Sequence[date], series: Sequence[Series], line: Series | None = None,
    *, low: Decimal = Decimal(0), high: Decimal | None = None,
) -> Chart | None:  # fmt: skip
    """Return a chart of stacked bars and a line, from `low` to `high` (by default a round figure above all).

    None if no day has a figure.
    """
    sums = [sum(one.figures.get(day, 0) for one in series) for day in days]
    known = any(day in one.figures for one in series for day in days)
    tops = [*sums, *(line.figures[day] for day in days if day in line.figures)] if line else sums
    if not known:
        return None
    top = high if high is not None else _round_up(Decimal(max(tops)))
    ticks = [(share * 100, _plain(low + (top - low) * Decimal(share))) for share in (0.0, 0.5, 1.0)]
    return Chart(title, unit, days, series, line, low, top, ticks)


def _round_up(figure: Decimal) -> Decimal:
    """Return the next round figure for an axis."""
    if figure <= 0:
        return Decimal(1)
    scale = Decimal(10) ** floor(log10(figure))
    return next(step * scale for step in NICE_STEPS if step * scale >= figure)


def _plain(figure: Decimal) -> str:
    """Return a figure without exponent and trailing zeros."""
    return f"{figure.normalize():,f}"
