"""The limits from which on a day is an anomaly: each with its unit, its default and the reason for it.

An environment variable of the same name in capitals, with ANOMALY_ before it, replaces a default. What makes a
product's rating a drop stands with the models: rating_drop_* in dbt_project.yml.
"""

from decimal import Decimal
from typing import Annotated

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from pipeline_errors import ConfigurationError

Share = Annotated[Decimal, Field(ge=0, le=1)]


class AnomalyLimits(BaseSettings):
    """Shares are fractions 0–1. A value that is exactly at a limit is still good, but for `quality_critical`."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_prefix="ANOMALY_", env_ignore_empty=True)

    history_weeks: Annotated[int, Field(ge=1, le=52)] = Field(
        8, description="weeks looked back: two months smooth a weekday's noise, and a season is longer than that"
    )
    minimum_weeks: Annotated[int, Field(ge=1, le=52)] = Field(
        4,
        description="weeks of these that must have a normal day: of four, one without any rows moves the mean by a "
        "quarter, half of what makes a drop; of fewer, by too much. A day with less history is not judged",
    )
    minimum_volume: Annotated[int, Field(ge=0)] = Field(
        10,
        description="rows that the weekday usually has: fewer may halve or double by chance, and are not judged",
    )
    max_drop: Share = Field(
        Decimal("0.5"), description="share of the expected rows that may be missing: a source lost loses more"
    )
    max_jump: Annotated[Decimal, Field(ge=1)] = Field(
        Decimal(2), description="times the expected rows: a day sent twice under new ids, a loop, or a campaign"
    )
    quality_warning: Share = Field(
        Decimal("0.95"), description="data quality score (1 − bad rate) below which a person should look"
    )
    quality_critical: Share = Field(
        Decimal("0.90"), description="score at or below which a tenth is lost: the figures of the day mislead"
    )
    max_minutes: Annotated[Decimal, Field(gt=0)] = Field(
        Decimal(120),
        description="minutes that the steps of a run may take together: begun at 02:00, it ends by daybreak",
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
    """The limits in force. Raises ConfigurationError naming the variable."""
    try:
        return AnomalyLimits()
    except ValidationError as error:
        wrong = "; ".join(f"ANOMALY_{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors(include_input=False))
        raise ConfigurationError(f"The limits of anomalies are not usable: {wrong}", "Correct or unset it.") from None
