"""Findings: pure functions of a day's figures and the limits, with the messages for people."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from monitoring.anomalies.limits import AnomalyLimits
from monitoring.anomalies.volume import DayVolume, rounded

Severity = Literal["info", "warning", "critical"]


@dataclass(frozen=True)
class Anomaly:
    """One finding on a day. `observed` and `expected` are rows, a score 0–1, minutes or products, by its kind.

    `info` is not reported: a day that the calendar explains, or one with too little history. Other severities are.
    """

    kind: str
    severity: Severity
    message: str
    observed: Decimal | None = None
    expected: Decimal | None = None
    is_reported: bool = True  # False: reported elsewhere


def volume_finding(volume: DayVolume, limits: AnomalyLimits) -> Anomaly | None:
    """Return zero rows, a drop or a jump; as `info` if the calendar explains it or the history is too short."""
    if volume.observed is None:
        return None
    if volume.observed == 0:
        return _zero_rows(volume, limits)
    if gap := _gap_in_history(volume, limits):
        message = f"{volume.observed:,} {volume.dataset} are not judged: {gap}"
        return Anomaly("volume_history", "info", message, Decimal(volume.observed), _expected(volume, limits))
    baseline, expected = volume.baseline or Fraction(0), volume.expected(limits) or Fraction(0)
    if kind := _deviation(volume.observed, expected, limits):
        severity: Severity = "critical" if kind == "volume_drop" else "warning"
        return _deviating(kind, severity, volume, expected)
    if kind := _deviation(volume.observed, baseline, limits):
        return _deviating(kind, "info", volume, expected)
    return None


def quality_finding(
    accepted: int, rejected: int, by_reason: Mapping[str, int], is_refused: bool, limits: AnomalyLimits
) -> Anomaly | None:
    """Return a data quality score below the limit. For a refused load the refusal is the message."""
    score = Fraction(accepted, accepted + rejected) if accepted + rejected else Fraction(1)
    is_critical = score <= Fraction(limits.quality_critical)
    if score >= Fraction(limits.quality_warning) and not is_critical:
        return None
    limit = limits.quality_critical if is_critical else limits.quality_warning
    return Anomaly(
        "data_quality",
        "critical" if is_critical else "warning",
        f"the data quality score is {rounded(score, 4)}, {'at or ' if is_critical else ''}below {limit}: "
        + ", ".join(f"{code} {count:,}" for code, count in by_reason.items()),
        rounded(score, 6),
        limit,
        is_reported=not is_refused,
    )


def duration_finding(minutes: Decimal | None, limits: AnomalyLimits) -> Anomaly | None:
    """Return a finding on a slow run; None if this run's steps are unknown."""
    if minutes is None or minutes <= limits.max_minutes:
        return None
    message = f"the steps of the run took {minutes:.1f} minutes, more than {limits.max_minutes}"
    return Anomaly("run_duration", "warning", message, minutes, limits.max_minutes)


def _zero_rows(volume: DayVolume, limits: AnomalyLimits) -> Anomaly | None:
    """Return a finding whatever the history, unless no rows are expected: by the calendar, or on this weekday."""
    expected = _expected(volume, limits)
    if volume.event and volume.expected_share == 0:
        return Anomaly("zero_rows", "info", f"no {volume.dataset}, explained by {volume.event}", Decimal(0), Decimal(0))
    if expected == 0:
        return None
    expectation = "" if expected is None else f" where {expected:,} were expected"
    return Anomaly("zero_rows", "critical", f"no {volume.dataset} at all{expectation}", Decimal(0), expected)


def _gap_in_history(volume: DayVolume, limits: AnomalyLimits) -> str | None:
    """Return the reason why the history cannot judge the day."""
    if volume.baseline is None or len(volume.history) < limits.minimum_weeks:
        return (
            f"only {len(volume.history)} of the last {limits.history_weeks} {volume.day:%A}s are usable, "
            f"{limits.minimum_weeks} are needed"
        )
    if volume.baseline < limits.minimum_volume:
        return (
            f"{rounded(volume.baseline):,} rows are normal, and fewer than {limits.minimum_volume} may halve by chance"
        )
    return None


def _deviation(observed: int, expected: Fraction, limits: AnomalyLimits) -> str | None:
    if observed < expected * (1 - Fraction(limits.max_drop)):
        return "volume_drop"
    return "volume_jump" if observed > expected * Fraction(limits.max_jump) else None


def _deviating(kind: str, severity: Severity, volume: DayVolume, expected: Fraction) -> Anomaly:
    observed = volume.observed or 0
    mean = f"the mean of {len(volume.history)} previous {volume.day:%A}s"
    if volume.event:
        mean += f" × {rounded(volume.expected_share)} for {volume.event}"
    message = f"{observed:,} {volume.dataset} where {rounded(expected):,} were expected ({mean})"
    if severity == "info":
        message += "; unusual but explained"
    return Anomaly(kind, severity, message, Decimal(observed), rounded(expected))


def _expected(volume: DayVolume, limits: AnomalyLimits) -> Decimal | None:
    expected = volume.expected(limits)
    return None if expected is None else rounded(expected)
