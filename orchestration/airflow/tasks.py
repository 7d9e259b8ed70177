"""The steps as Airflow tasks. Each calls the same step function as the command line, for the day of its run.

A task returns a receipt (XCom, below 2 KB), never rows. Every task is idempotent for its day. Errors that a retry
cannot fix fail the task at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import date
from functools import partial
from typing import Any

from airflow.sdk import BaseSensorOperator, Context, get_current_context, task
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException

from monitoring.alerting import alerts
from orchestration import customer_models, steps
from orchestration.airflow.connections import take_connections
from orchestration.airflow.schedules import DAY_COMPLETE, MESSAGE_POOL, SHOP_POOL, logical_day
from orchestration.airflow.task_errors import final_errors, translate_remedy
from orchestration.load_choice import load_to_judge, unchanged_load
from orchestration.run_messages import keep_up, send_out
from pipeline_errors import DaybreakError, GateRefusedError, ModelError, ShopError
from pipeline_settings import settings
from transformation.pipelines import BY_DATASET, BY_NAME
from warehouse import day_ledger
from warehouse.connection import connect
from warehouse.locks import day_lock, pipeline_lock

Receipt = Any  # a dict of JSON values when the task runs, the other task's XComArg when the DAG is wired
LOOK_BACK_TASKS = "look_back and the tasks after it"  # to clear, if a former day failed
REPORTED_FIELDS = 20  # maximum number of undeclared fields in a receipt


class ShopHealthSensor(BaseSensorOperator):
    """Checks the shop's health every minute for five minutes, without a worker slot in between.

    Airflow does not retry a sensor's timeout. This sensor raises a ShopError instead, which is retried.
    """

    def __init__(self, *, dataset: str, **kwargs: Any) -> None:
        super().__init__(mode="reschedule", poke_interval=60, timeout=300, pool=SHOP_POOL, **kwargs)
        self.dataset = dataset
        self.reason: ShopError | None = None

    def poke(self, context: Context) -> bool:
        """Return whether the shop is healthy."""
        with final_errors():
            try:
                steps.wait_for_shop(self.dataset, logical_day(context), context["run_id"], 0.0)
            except ShopError as error:
                self.log.warning("%s", error)
                self.reason = error
                return False
        return True

    def execute(self, context: Context) -> Any:
        """Poll until the shop is healthy. Raises ShopError after the timeout."""
        try:
            return super().execute(context)
        except AirflowSensorTimeout as timeout:
            raise (self.reason or timeout) from None


@task(pool=SHOP_POOL)
def extract(dataset: str) -> dict[str, Any]:
    """Land the day in raw under a new load id."""
    day, run_id = _day_and_run()
    with final_errors():
        steps.prepare()
        with day_lock(dataset, day):
            receipt = steps.extract_load(dataset, day, run_id)
    fields = [field[:40] for field in receipt.undeclared_fields[:REPORTED_FIELDS]]
    return asdict(replace(receipt, profile=None)) | {"day": day.isoformat(), "undeclared_fields": fields}


@task
def validate(dataset: str, receipt: Receipt) -> dict[str, Any]:
    """Judge the load. A refusal fails the task without a retry, because the rows would be the same."""
    from warehouse.load_receipt import LoadReceipt

    day, run_id = _day_and_run()
    load = LoadReceipt(**(receipt | {"day": day, "undeclared_fields": ()}))
    with final_errors(), _show_judgement(dataset, day, run_id), day_lock(dataset, day):
        admitted = unchanged_load(load)
        if admitted:
            return {"load_id": admitted, "decision": "unchanged", "rows": load.rows}
        decision = steps.gate(dataset, day, load_to_judge(load), run_id)
    return {
        "load_id": decision.load_id,
        "decision": decision.decision,
        "rows": decision.row_count,
        "rejected": decision.rejected,
        "bad_rate": float(decision.bad_rate),
    }


@task
def score_sentiment(verdict: Receipt) -> int:
    """Score the review texts of the admitted load. Return their number."""
    day, run_id = _day_and_run()
    with final_errors():
        return steps.score_sentiment(day, verdict["load_id"], run_id)


@task(pool=SHOP_POOL, retries=0)
def look_back(dataset: str) -> dict[str, str]:
    """Ask again for the days in lookback_days, unless the run is a backfill's. Return the state of each day.

    The build does not depend on its success. A refused or failed day is an alert, and the task stays green.
    """
    from orchestration.look_back import look_back_and_report

    day, run_id = _day_and_run()
    if get_current_context()["dag_run"].run_type == "backfill":  # its other runs ask for these days
        return {}
    with final_errors():
        results = look_back_and_report(dataset, day, run_id, partial(translate_remedy, tasks=LOOK_BACK_TASKS))
    return {result.day.isoformat(): result.state for result in results}


@task.branch(pool=MESSAGE_POOL)
def decide_processing_path(pipeline: str, standard: str, high_volume: str) -> str:
    """Return the task id for this build: high_volume if the pending days have more than HIGH_VOLUME_ORDERS rows."""
    with final_errors(), connect() as connection:
        rows = day_ledger.pending_rows(connection, str(BY_NAME[pipeline].dataset))
    return high_volume if rows > settings().high_volume_orders else standard


@task
def publish(pipeline: str) -> dict[str, int]:
    """Publish the build, and update the task's assets with the day as partition key.

    Return the rows written per mart; empty if another run published this day's build already.
    """
    day, run_id = _day_and_run()
    with final_errors(), pipeline_lock(pipeline, steps.BUILD_WAIT_SECONDS):
        rows = steps.publish([pipeline], [day], run_id)
    events, owner = get_current_context()["outlet_events"], get_current_context()["task"]
    for asset in owner.outlets:
        events[asset].add_partitions(day.isoformat())
        events[asset].extra = {"day": day.isoformat(), "rows_published": {**rows}}
    return rows


@task(outlets=[DAY_COMPLETE], pool=MESSAGE_POOL)
def announce_day() -> None:
    """Update the asset that triggers customer_health, if the day of both datasets is published."""
    day, _ = _day_and_run()
    with final_errors(), connect() as connection:
        missing = [name for name in BY_DATASET if not day_ledger.day_state(connection, name, day).published_load_id]
    if missing:
        raise AirflowSkipException(f"{', '.join(missing)} of {day} are not published yet.")
    event = get_current_context()["outlet_events"][DAY_COMPLETE]
    event.add_partitions(day.isoformat())
    event.extra = {"day": day.isoformat()}


@task
def update_cache() -> dict[str, Any] | None:
    """Copy the published product metrics to Redis. If Redis is down, log a warning; the next run updates it."""
    day, run_id = _day_and_run()
    with final_errors():
        receipt = steps.update_cache(day, run_id)
    return asdict(receipt) if receipt else None


@task
def measure(pipeline: str) -> None:
    """Record the run's metrics and anomalies."""
    day, run_id = _day_and_run()
    with final_errors():
        steps.measure(pipeline, day, run_id)
    send_out()


@task(pool=MESSAGE_POOL)
def notify_success(pipeline: str) -> None:
    """Report the published day with its figures. A later task retries an undelivered message."""
    day, run_id = _day_and_run()
    alerts.report_success(pipeline, day, run_id, link=getattr(get_current_context()["ti"], "log_url", None))
    send_out()


@task
def fit_customer_models() -> dict[str, Any]:
    """Fit the models of the last completed week, whatever the run's day. Skipped if they are up to date."""
    _, run_id = _day_and_run()
    with final_errors():
        as_of_date = customer_models.due()
        if as_of_date is None:
            raise AirflowSkipException("The customer models of the last completed week are up to date.")
        fit = customer_models.fit_customer_models(as_of_date, run_id)
    return {"as_of_date": as_of_date.isoformat(), "customers": fit.customers, "summary": str(fit)}


@task
def keep_history(fit: Receipt) -> None:
    """Snapshot the published segments and metrics."""
    _, run_id = _day_and_run()
    with final_errors(ModelError):
        customer_models.keep_history(date.fromisoformat(fit["as_of_date"]), run_id)
    alerts.report_published(customer_models.NAME, None, [date.fromisoformat(fit["as_of_date"])], run_id)
    send_out()


@task(pool=MESSAGE_POOL)
def deliver() -> dict[str, Any]:
    """Run `orchestration.run_messages.keep_up`. Return its counts."""
    take_connections()
    done = keep_up()
    return {"sent": done.delivery.sent, "failed": done.delivery.failed, "reminders": done.reminders} | asdict(
        done.pruned
    )


def _day_and_run() -> tuple[date, str]:
    context = get_current_context()
    with final_errors():
        return logical_day(context), context["run_id"]


@contextmanager
def _show_judgement(dataset: str, day: date, run_id: str) -> Iterator[None]:
    """Write Data Docs after the block. A separate task would have to import Great Expectations again.

    Record the metrics of a refused day here, because the task that measures does not run for it.
    """
    try:
        yield
    except GateRefusedError:
        with suppress(DaybreakError):  # report the refusal, not this error
            steps.measure(BY_DATASET[dataset].name, day, run_id)
        raise
    finally:
        steps.write_data_docs()
