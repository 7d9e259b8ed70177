"""Daybreak's Airflow plugin: the scheduler listener. Airflow loads it by the entry point in pyproject.toml."""

from airflow.plugins_manager import AirflowPlugin

from orchestration.airflow import scheduler_listener


class DaybreakPlugin(AirflowPlugin):
    """Registers the scheduler listener."""

    name = "daybreak"
    listeners = [scheduler_listener]  # noqa: RUF012 - as Airflow declares it
