"""CDNOW's customers: 2,357 who first bought CDs there in early 1997, and all their orders up to June 1998.

The data set of the papers, taken from a library that fits the same models.
"""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path

CALIBRATED_ON = date(1997, 9, 30)  # 39 weeks after the first day
PUBLISHED = {"r": 0.2426, "alpha": 4.4135, "a": 0.7929, "b": 2.4258}  # Fader, Hardie, Lee 2005, table 2; weeks
PUBLISHED_SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}  # Fader, Hardie 2013; dollars


def orders() -> Iterator[tuple[str, date, float]]:
    """Yield customer, day and dollars of each order."""
    spec = find_spec("lifetimes")  # not imported: it is old and raises warnings
    assert spec
    assert spec.origin
    for line in (Path(spec.origin).parent / "datasets" / "CDNOW_sample.txt").read_text().splitlines():
        if line.strip():
            _, customer, day, _, dollars = line.split()
            yield customer, datetime.strptime(day, "%Y%m%d").date(), float(dollars)


def days_bought() -> dict[str, dict[date, float]]:
    """Return dollars by customer and day, up to the end of the calibration."""
    bought: dict[str, dict[date, float]] = defaultdict(lambda: defaultdict(float))
    for customer, day, dollars in orders():
        if day <= CALIBRATED_ON:
            bought[customer][day] += dollars
    return bought
