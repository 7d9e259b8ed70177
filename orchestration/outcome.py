"""The outcome of a run: rows and verdict per day, rows written per mart, seconds per step."""

import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from pipeline_errors import DaybreakError, GateRefusedError

if TYPE_CHECKING:
    from monitoring.anomalies.findings import Anomaly
    from serving.product_cache import CacheReceipt

OUT_OF_THE_MARTS = ("unpublished", "not published")  # states of a day after unpublish_day


@dataclass
class DayOutcome:
    """The outcome of one day of a dataset. `state`: admitted, unchanged, empty, refused, failed, unpublished or not
    published.

    `figures`: GateDecision.figures, if the gate judged the day. `is_look_back`: a former day that the run asked for
    again; its error does not fail the run.
    """

    dataset: str
    day: date
    state: str
    row_count: int | None = None
    figures: Mapping[str, Any] | None = None
    error: DaybreakError | None = None
    anomalies: "Sequence[Anomaly]" = ()
    is_look_back: bool = False

    @property
    def is_measured(self) -> bool:
        """Whether the run gets metrics of this day: not if it is out of the marts, or was asked again in vain."""
        return self.state not in OUT_OF_THE_MARTS and not (self.is_look_back and self.figures is None)


@dataclass
class RunOutcome:
    """The outcome of a run. `rows_published`: rows written per mart; `seconds` per step, summed over days.

    `models`: a line about the fit of the customer models, if one was due.
    """

    run_id: str
    days: list[DayOutcome] = field(default_factory=list)
    rows_published: dict[str, int] = field(default_factory=dict)
    cache: "CacheReceipt | None" = None
    seconds: dict[str, float] = field(default_factory=dict)
    errors: list[DaybreakError] = field(default_factory=list)
    models: str | None = None

    @property
    def exit_code(self) -> int:
        """0, or the code of the most important error: a refused day counts only if nothing else failed."""
        codes = [error.exit_code for error in self.errors]
        return next((code for code in codes if code != GateRefusedError.exit_code), codes[0] if codes else 0)

    @property
    def look_back_errors(self) -> list[DaybreakError]:
        """The errors of former days that were asked for again. They do not fail the run."""
        return [result.error for result in self.days if result.is_look_back and result.error]

    def datasets_loaded(self, day: date) -> list[str]:
        """Return the datasets whose day is loaded, neither refused nor failed."""
        return [result.dataset for result in self.days if result.day == day and result.error is None]

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Add the duration of the block to a step's seconds."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - started


def new_run_id() -> str:
    """Return a new id for a run of the command line: its start time (UTC) and a random suffix."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
