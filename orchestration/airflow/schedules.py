"""Shared DAG configuration: schedules, the day of a run, retries, pools and assets."""

from datetime import date, datetime, time, timedelta
from typing import Any

from airflow.configuration import conf
from airflow.sdk import Asset, Context, CronPartitionTimetable, Param
from pendulum import FixedTimezone, timezone

from orchestration.airflow.notifiers import FailureNotifier, RetryNotifier
from pipeline_errors import ConfigurationError
from pipeline_settings import settings
from transformation.pipelines import names_of

# The deploy job creates the pools from orchestration/airflow/pools.json.
SHOP_POOL = "shop_api"
WAREHOUSE_POOL = "warehouse"
HIGH_VOLUME_POOL = "high_volume"
MESSAGE_POOL = "messages"

ORDERS_PUBLISHED = Asset(name="orders_published", uri="daybreak://marts/orders", group="marts")
REVIEWS_PUBLISHED = Asset(name="reviews_published", uri="daybreak://marts/reviews", group="marts")
# Updated with a day's key by the second of the two pipelines to publish that day: see docs/decisions/0006.
DAY_COMPLETE = Asset(name="day_complete", uri="daybreak://marts/day_complete", group="marts")

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "daybreak",
    "retries": 2,
    "retry_delay": timedelta(seconds=conf.getint("core", "default_task_retry_delay")),  # five minutes
    "retry_exponential_backoff": 2.0,
    "max_retry_delay": timedelta(minutes=30),
    "execution_timeout": timedelta(minutes=settings().step_timeout_minutes + 5),  # the step's own timeout comes first
    "on_failure_callback": FailureNotifier(),
    "on_retry_callback": RetryNotifier(),
    "pool": WAREHOUSE_POOL,
}

DAY_FORM = {
    "day": Param(
        None,
        type=["null", "string"],
        format="date",
        title="Day",
        description="The logical day to load, if you trigger a run without a partition key.",
    )
}


def nightly(cron: str, pipeline: str) -> dict[str, Any]:
    """Return the DAG arguments for one run per logical day: the day before the cron tick.

    The time zone is Airflow's default, which is the shop's. A pipeline without a dataset in shop.toml has no schedule.

    With FIRST_DAY, every day from then on gets a run, however long the scheduler was down. Without it, runs start at
    the next tick (after a backfill, at the last tick), and only the latest of several missed ticks is run.

    Ticks are in standard time all year: 02:00 means 03:00 in summer. 02:00 does not exist on the night when summer time
    begins; with local time the timetable would skip that day and run the next one twice.
    """
    if pipeline not in names_of(None):
        return {"schedule": None}
    zone, first_day = _standard_time(), settings().first_day
    return {
        "schedule": CronPartitionTimetable(
            cron,
            timezone=zone,
            run_offset=-1,
            key_format="%Y-%m-%d",
            run_immediately=timedelta(),  # False, in Airflow 3.3, is 2.4 hours
        ),
        "start_date": datetime.combine(first_day + timedelta(days=1), time(), zone) if first_day else None,
        "catchup": first_day is not None,
    }


def logical_day(context: Context) -> date:
    """Return the day of a run: its partition key, or the day of the form. Never today's date.

    Raises ConfigurationError if the day is missing, ambiguous or not a date.
    """
    key, chosen = context["dag_run"].partition_key, context["params"].get("day")
    if key and chosen and key != chosen:
        raise ConfigurationError(f"The run's partition key is {key!r}, its day {chosen!r}", "Give one of them.")
    text = key or chosen
    if not text:
        raise ConfigurationError("The run has no day", "Trigger it with a partition key or a day (YYYY-MM-DD).")
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"The run's day is {text!r}", "Give a day as YYYY-MM-DD.") from None


def _standard_time() -> FixedTimezone:
    zone, any_time = timezone(conf.get_mandatory_value("core", "default_timezone")), datetime(2026, 1, 1)
    offset = (zone.utcoffset(any_time) or timedelta()) - (zone.dst(any_time) or timedelta())
    return FixedTimezone(int(offset.total_seconds()))
