"""`daybreak forget`: erases a customer from raw, quarantine, marts and Redis, and excludes them from later loads."""

from contextlib import ExitStack
from dataclasses import dataclass, field

from ingestion.landing.load_directory import remove_leftovers
from orchestration import steps
from orchestration.customer_models import FIT_WAIT_SECONDS, NAME
from orchestration.day_loading import OnProgress
from orchestration.day_run import publish_pending
from orchestration.outcome import RunOutcome
from pipeline_errors import ModelError
from pipeline_settings import settings
from transformation.pipelines import PIPELINES
from warehouse.connection import connect
from warehouse.customer_erasure import (
    clear_build,
    copies_in_other_schemas,
    delete_learnt_rows,
    delete_raw_rows,
    mark_forgotten,
    rows_left,
)
from warehouse.locks import pipeline_lock
from warehouse.operator_actions import record_action
from warehouse.roles import TRANSFORMER, acting_as

KILLED_BEFORE_SECONDS = 1.0  # a load that began later may not have locked its files yet


@dataclass(frozen=True)
class Forgotten:
    """The result of an erasure. `rows`: deleted from raw per dataset, over all loads; `outcome`: the build after it.

    `copies`: schemas of dbt's target dev that still hold the customer.
    """

    rows: dict[str, int]
    copies: list[str]
    outcome: RunOutcome = field(repr=False)


def forget_customer(customer_id: str, on_progress: OnProgress = lambda _: None) -> Forgotten:
    """Erase a customer everywhere, and republish the days that had their rows.

    If the process is killed halfway, the rows are gone from raw and their days stay pending: run it again to finish.
    Raises ModelError if rows of the customer are left, DayBusyError if another build does not end in time.
    """
    steps.prepare()
    with pipeline_lock(NAME, FIT_WAIT_SECONDS):
        return _forget(customer_id, on_progress)


def _forget(customer_id: str, on_progress: OnProgress) -> Forgotten:
    """Erase the customer. The caller holds the lock of the customer models."""
    with ExitStack() as held:
        for pipeline in PIPELINES:
            held.enter_context(pipeline_lock(pipeline.name, steps.BUILD_WAIT_SECONDS))
        on_progress("deleting from raw")
        with connect() as connection:
            record_action(connection, "forget", [])
            mark_forgotten(connection, customer_id)
            rows = delete_raw_rows(connection, customer_id)
        _remove_files()
    outcome = publish_pending(on_progress)
    if not outcome.errors:
        with acting_as(TRANSFORMER), connect() as connection:
            delete_learnt_rows(connection, customer_id)
            clear_build(connection, customer_id)
        with connect() as connection:
            left = rows_left(connection, customer_id)
        if left:
            where = ", ".join(f"{table} {count}" for table, count in sorted(left.items()))
            outcome.errors.append(
                ModelError(f"Rows of the customer are left: {where}", "Another build ran meanwhile; run it again.")
            )
    with connect() as connection:
        return Forgotten(rows, copies_in_other_schemas(connection, customer_id), outcome)


def _remove_files() -> None:
    """Remove the files of killed loads and of killed builds on an engine. The caller holds the locks of all builds."""
    home = settings().daybreak_home
    if (home / "loads").exists():
        remove_leftovers(home / "loads", KILLED_BEFORE_SECONDS)
    if settings().spark_exchange or (home / "engine").exists():
        from engine.exchange import Folder

        Folder("forget").remove_all()
