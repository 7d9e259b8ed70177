"""The limits for anomalies: each with its unit, its default and the reason for it.

An environment variable with the prefix ANOMALY_ and the name in capitals replaces a default. The limits of rating drops
are with the models: rating_drop_* in dbt_project.yml.
"""

from decimal import Decimal
from typing import Annotated

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline_errors import ConfigurationError

Share = Annotated[Decimal, Field(ge=0, le=1)]


class AnomalyLimits(BaseSettings):
    """Shares are fractions 0–1. A value exactly at a limit is no anomaly, except for `quality_critical`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_prefix="ANOMALY_", env_ignore_empty=True)

    history_weeks: Annotated[int, Field(ge=1, le=52)] = Field(
        8, description="weeks of history: two months smooth a weekday's noise, and are shorter than a season"
    )
    minimum_weeks: Annotated[int, Field(ge=1, le=52)] = Field(
        4,
        description="weeks of these that must be usable: with four, one without any rows lowers the mean by a quarter, "
        "half of a drop; with fewer, by too much. A day with less history is not judged",
    )
    minimum_volume: Annotated[int, Field(ge=0)] = Field(
        10,
        description="normal rows of the weekday: fewer may halve or double by chance, and are not judged",
    )
    max_drop: Share = Field(
        Decimal("0.5"), description="share of the expected rows that may be missing: a lost source loses more"
    )
    max_jump: Annotated[Decimal, Field(ge=1)] = Field(
        Decimal(2), description="times the expected rows: a day sent twice under new ids, a loop, or a campaign"
    )
    quality_warning: Share = Field(
        Decimal("0.95"), description="data quality score (1 − bad rate) below which the day needs attention"
    )
    quality_critical: Share = Field(
        Decimal("0.90"),
        description="score at or below which a tenth of the rows is lost, and the day's figures mislead",
    )
    max_minutes: Annotated[Decimal, Field(gt=0)] = Field(
        Decimal(120),
        description="minutes that the steps of a run may take together: started at 02:00, it ends by daybreak",
    )

    @field_validator("minimum_weeks")
    @classmethod
    def _within_the_history(cls, minimum: int, others: ValidationInfo) -> int:
        if minimum > others.data.get("history_weeks", minimum):
            raise ValueError("more than ANOMALY_HISTORY_WEEKS: no day would ever be judged")
        return minimum

    @field_validator("quality_critical")
    @classmethod
    def _below_the_warning(cls, critical: Decimal, others: ValidationInfo) -> Decimal:
        if critical > others.data.get("quality_warning", critical):
            raise ValueError("above ANOMALY_QUALITY_WARNING: nothing would ever be a warning")
        return critical


def anomaly_limits() -> AnomalyLimits:
    """Return the current limits. Raises ConfigurationError naming the variable."""
    try:
        return AnomalyLimits()
    except ValidationError as error:
        wrong = "; ".join(f"ANOMALY_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False))
        raise ConfigurationError(f"The anomaly limits are invalid: {wrong}", "Correct or unset it.") from None
