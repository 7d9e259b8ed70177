"""The steps as Airflow tasks: each calls the step function that the command line calls, for the day of its run.

What a task returns is a receipt (XCom, below 2 KB), never rows. Every task can be run again for its day with the same
result. An error that no retry can help fails the task at once.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from airflow.sdk import BaseSensorOperator, Context, get_current_context, task
from airflow.sdk.exceptions import AirflowSensorTimeout, AirflowSkipException

from monitoring.alerting import alerts
from orchestration import customer_models, steps
from orchestration.airflow.connections import take_connections
from orchestration.airflow.schedules import DAY_COMPLETE, MESSAGE_POOL, SHOP_POOL, logical_day
from orchestration.airflow.task_errors import final_errors
from orchestration.run_messages import keep_up, send_out
from pipeline_errors import DaybreakError, GateRefusedError, ModelError, ShopError
from pipeline_settings import settings
from transformation.pipelines import BY_DATASET, BY_NAME
from warehouse import day_ledger
from warehouse.connection import connect
from warehouse.locks import day_lock, pipeline_lock

Receipt = Any  # a dict of JSON values when the task runs, the other task's XComArg when the DAG is wired
REPORTED_FIELDS = 20  # of the undeclared fields, in a receipt


class ShopHealthSensor(BaseSensorOperator):
    """Asks the shop's /health every minute for five minutes, holding no worker between two questions.

    Airflow takes a sensor's timeout for final. Here it is the shop's error, which is retried like any other.
    """

    def __init__(self, *, dataset: str, **kwargs: Any) -> None:
        super().__init__(mode="reschedule", poke_interval=60, timeout=300, pool=SHOP_POOL, **kwargs)
        self.dataset = dataset
        self.reason: ShopError | None = None

    def poke(self, context: Context) -> bool:
        """Whether the shop says that it is well."""
        with final_errors():
            try:
                steps.wait_for_shop(self.dataset, logical_day(context), context["run_id"], 0.0)
            except ShopError as error:
                self.log.warning("%s", error)
                self.reason = error
                return False
        return True

    def execute(self, context: Context) -> Any:
        """Poll until the shop is well. Raises ShopError when the time is over."""
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
    """Let the gate judge the load. A refusal fails the run: trying again would find the same rows."""
    from warehouse.load_receipt import LoadReceipt

    day, run_id = _day_and_run()
    load = LoadReceipt(**(receipt | {"day": day, "undeclared_fields": ()}))
    with final_errors(), _judgement_shown(dataset, day, run_id), day_lock(dataset, day):
        admitted = steps.unchanged_load(load)
        if admitted:
            return {"load_id": admitted, "decision": "unchanged", "rows": load.rows}
        decision = steps.gate(dataset, day, steps.load_to_judge(load), run_id)
    return {
        "load_id": decision.load_id,
        "decision": decision.decision,
        "rows": decision.row_count,
        "rejected": decision.rejected,
        "bad_rate": float(decision.bad_rate),
    }


@task
def score_sentiment(verdict: Receipt) -> int:
    """Score the texts of the admitted load; returns how many."""
    day, run_id = _day_and_run()
    with final_errors():
        return steps.score_sentiment(day, verdict["load_id"], run_id)


@task.branch(pool=MESSAGE_POOL)
def decide_processing_path(pipeline: str, standard: str, high_volume: str) -> str:
    """The way for what this build takes, all pending days together: HIGH_VOLUME_ORDERS at most, or more."""
    with final_errors(), connect() as connection:
        rows = day_ledger.pending_rows(connection, str(BY_NAME[pipeline].dataset))
    return high_volume if rows > settings().high_volume_orders else standard


@task
def publish(pipeline: str) -> dict[str, int]:
    """Publish what the build made ready, and say so with the day's key on the assets of this task.

    Returns rows written per mart; none if another run's publish took this day's build along.
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
    """Update the asset that customer_health waits for, if both datasets have published the day by now."""
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
    """Bring Redis up to the published product metrics. A Redis that is down is a warning, which the next run heals."""
    day, run_id = _day_and_run()
    with final_errors():
        receipt = steps.update_cache(day, run_id)
    return asdict(receipt) if receipt else None


@task
def measure(pipeline: str) -> None:
    """Write the run's metrics."""
    day, run_id = _day_and_run()
    with final_errors():
        steps.measure(pipeline, day, run_id)
    send_out()


@task(pool=MESSAGE_POOL)
def notify_success(pipeline: str) -> None:
    """Tell that the day is published, with its figures. What a receiver does not take is sent by a later task."""
    day, run_id = _day_and_run()
    alerts.report_success(pipeline, day, run_id, link=getattr(get_current_context()["ti"], "log_url", None))
    send_out()


@task
def fit_customer_models() -> dict[str, Any]:
    """Fit the models of the week that has ended, whichever day this run is of; skipped if they are fitted already."""
    _, run_id = _day_and_run()
    with final_errors():
        as_of_date = customer_models.due()
        if as_of_date is None:
            raise AirflowSkipException("No week has ended since the newest customer models.")
        fit = customer_models.fit_customer_models(as_of_date, run_id)
    return {"as_of_date": as_of_date.isoformat(), "customers": fit.customers, "told": str(fit)}


@task
def keep_history(fit: Receipt) -> None:
    """Keep segments and metrics as readers see them now."""
    _, run_id = _day_and_run()
    with final_errors(ModelError):
        customer_models.keep_history(date.fromisoformat(fit["as_of_date"]), run_id)
    alerts.report_published(customer_models.NAME, None, [date.fromisoformat(fit["as_of_date"])], run_id)
    send_out()


@task(pool=MESSAGE_POOL)
def deliver() -> dict[str, Any]:
    """What is due between two runs: see `orchestration.run_messages.keep_up`. Returns what was done."""
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
def _judgement_shown(dataset: str, day: date, run_id: str) -> Iterator[None]:
    """Write what the gate decides in this block as Data Docs: a later task would import Great Expectations for it.

    A day that is refused is measured here: the task that measures is not reached.
    """
    try:
        yield
    except GateRefusedError:
        with suppress(DaybreakError):  # the refusal is what is told
            steps.measure(BY_DATASET[dataset].name, day, run_id)
        raise
    finally:
        steps.write_data_docs()
