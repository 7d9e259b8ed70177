"""Days that are typed on the command line, held against the shop's calendar. Steps never look at the clock."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import typer

from pipeline_errors import ConfigurationError


def days_of(first: date, last: date) -> list[date]:
    """Return the days from the first to the last. Raises ConfigurationError if the last one is earlier."""
    from orchestration.day_run import days_between

    if last < first:
        raise ConfigurationError(f"{last} is before {first}", "Give the first day first.")
    return days_between(first, last)


def check_has_begun(day: date, pipelines: Sequence[str]) -> None:
    """Raise ConfigurationError if the day has not begun where the shop is; warn if it is not over.

    A shop answers a day of the future like an empty one, and that day would make every customer inactive.
    """
    if day < datetime.now(UTC).date() - timedelta(days=1):  # over in every time zone
        return
    for zone in _zones(pipelines):
        today = datetime.now(ZoneInfo(zone)).date()
        if day > today:
            raise ConfigurationError(
                f"{day} has not begun in {zone}, the shop's time zone", f"Name a day up to {today}."
            )
        if day == today:
            typer.echo(
                f"daybreak: {day} is not over in {zone}: later orders are missing until it is run again.", err=True
            )


def _zones(pipelines: Sequence[str]) -> list[str]:
    """Return the time zones of these pipelines' datasets."""
    from ingestion.declaration.shop_config import shop_config
    from transformation.pipelines import BY_NAME

    try:
        config = shop_config()
    except ConfigurationError:  # the run reports it, with its messages
        return []
    datasets = [dataset for name in pipelines if (dataset := BY_NAME[name].dataset) in config.datasets]
    return list(dict.fromkeys(config.dataset(dataset).time_zone for dataset in datasets if dataset))
