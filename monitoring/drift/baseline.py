"""Baselines of a field, and tests whether a load has more of something than chance explains."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import exp, lgamma, log
from typing import Self

from monitoring.drift.profile import FieldProfile, Profile

CHANCE = 0.001  # less probable differences are not attributed to chance
LEAST_RATE = 0.01  # of odd rows: every shop has a few
LEAST_ROWS_OF_A_DAY = 20  # shares of fewer rows are not meaningful


@dataclass(frozen=True)
class Difference:
    """A difference of a field from its contract. `share`: affected rows, 0–1. `hint`: a possible cause or remedy."""

    field: str
    kind: str
    is_breaking: bool
    expected: str
    observed: str
    share: float
    hint: str = ""

    def hinted(self, hint: str) -> "Difference":
        """Return a copy with a hint."""
        return replace(self, hint=hint)

    def __str__(self) -> str:
        return f"{self.field} {self.observed}, expected {self.expected}" + (f" ({self.hint})" if self.hint else "")


@dataclass(frozen=True)
class FieldHistory:
    """A field of a load of `rows`, and the same field of earlier loads, each with its rows."""

    field: str
    role: str
    is_iso: bool  # dates are declared as ISO 8601
    is_of_day: bool  # dates are those of the logical day, and not of any day before an update
    is_required: bool
    max_bad_rate: float
    known_words: frozenset[str]
    rows: int
    now: FieldProfile
    before: Sequence[tuple[int, FieldProfile]]

    @classmethod
    def of(cls, history: Sequence[Profile], name: str) -> Self:
        """Return the history of a field for display only."""
        before = [(profile.rows, profile.fields[name]) for profile in history if name in profile.fields]
        return cls(name, "other", True, True, False, 0.0, frozenset(), 0, FieldProfile(), before)

    @property
    def is_known(self) -> bool:
        """Whether earlier loads had the field at all."""
        return bool(self.before)

    @cached_property
    def baseline_missing(self) -> float:
        """The share of rows without the field."""
        return self.baseline(lambda field: field.missing, lambda rows, _: rows)

    @cached_property
    def formats_before(self) -> Counter[str]:
        """Values by format, over all loads."""
        return self.merged(lambda field: field.formats)

    def merged(self, counts: Callable[[FieldProfile], Mapping[str, int]]) -> Counter[str]:
        """Return the sum of the counts of all loads."""
        merged: Counter[str] = Counter()
        for _, field in self.before:
            merged.update(counts(field))
        return merged

    def baseline_formats(self) -> str:
        """Return the most frequent formats as text."""
        total = self.formats_before.total()
        observed = [f"{name} {percent(count / total)}" for name, count in self.formats_before.most_common(3)]
        return ", ".join(observed) + (f", missing {percent(self.baseline_missing)}" if self.baseline_missing else "")

    def baseline(self, count: Callable[[FieldProfile], int], of: Callable[[int, FieldProfile], int]) -> float:
        """Return a share over all loads."""
        return sum(count(field) for _, field in self.before) / max(1, sum(of(*one) for one in self.before))

    def has_more(
        self,
        count: Callable[[FieldProfile], int],
        of: Callable[[int, FieldProfile], int],
        least: float,
        floor: float = 0.0,
    ) -> bool:
        """Return whether the share of `count` in `of` is now greater than ever, by `least` (0–1) and beyond chance.

        Chance is a binomial draw at the greatest of the baseline share, that of a bad earlier day, and `floor`.
        """
        now, total = count(self.now), of(self.rows, self.now)
        if now < 2 or now / total - self.baseline(count, of) < least:
            return False
        odd, rows = sum(count(field) for _, field in self.before), sum(of(*one) for one in self.before)
        shares = sorted(
            count(field) / of(one, field) for one, field in self.before if of(one, field) >= LEAST_ROWS_OF_A_DAY
        )
        bad_day = shares[-1 - len(shares) // 10] if shares else 0.0
        rate = max(LEAST_RATE, floor, (odd + 1) / (rows + 2), bad_day)
        return rate < 1 and at_least(now, total, rate) < CHANCE


def at_least(odd: int, rows: int, rate: float) -> float:
    """Return the probability of `odd` or more of `rows` at this rate: the binomial's upper tail."""
    if odd > rows:
        return 0.0

    def logarithm(k: int) -> float:
        ways = lgamma(rows + 1) - lgamma(k + 1) - lgamma(rows - k + 1)
        return ways + k * log(rate) + (rows - k) * log(1 - rate)

    return min(1.0, sum(exp(logarithm(k)) for k in range(odd, rows + 1)))


def percent(share: float) -> str:
    """Return a share as text: `12%`, `0.4%`."""
    return f"{share:.1%}" if 0 < share < 0.01 else f"{share:.0%}"
