"""Daybreak's plugin of Airflow, found by its entry point in pyproject.toml: listeners of the scheduler."""

from airflow.plugins_manager import AirflowPlugin

from orchestration.airflow import scheduler_listener


class DaybreakPlugin(AirflowPlugin):
    """Makes tasks start sooner, and runs recognizable by their day."""

    name = "daybreak"
    listeners = [scheduler_listener]  # noqa: RUF012 - as Airflow declares it
