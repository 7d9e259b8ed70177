"""The gate: decides whether a load may count for its day, from the load and the configuration alone."""

import logging
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal

from psycopg.types.json import Jsonb

from expectations.data_docs import keep_result
from expectations.dataset_settings import DatasetSettings, read_settings
from expectations.gx_session import gx_session
from expectations.judged_rows import RowCounts, materialise
from expectations.rules import rules
from expectations.suites import suite
from pipeline_errors import ConfigurationError, DaybreakError
from warehouse.connection import Connection, connect
from warehouse.locks import require_day

logger = logging.getLogger(__name__)

Verdict = Literal["passed", "empty", "refused"]


@dataclass(frozen=True)
class GateDecision:
    """The gate's decision on a load, with everything it is based on. Rates are fractions 0–1."""

    dataset: str
    day: date
    load_id: str
    row_count: int
    identical_copies: int
    accepted: int
    rejected: int
    rejected_by_reason: dict[str, int]  # only reasons that occur; a row may have several
    bad_rate: Decimal  # rejected / (rows − identical copies), rounded to 28 digits; the decision is exact
    max_bad_rate: Decimal
    decision: Verdict
    settings: dict[str, Any]  # the row of ops.dataset_settings that the load was judged by

    def figures(self) -> dict[str, Any]:
        """Return counts, rates (0–1) and rows per reason, as plain values."""
        return {
            "rows": self.row_count,
            "identical_copies": self.identical_copies,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "bad_rate": float(self.bad_rate),
            "max_bad_rate": float(self.max_bad_rate),
            "rejected_by_reason": self.rejected_by_reason,
        }


def judge(dataset: str, day: date, load_id: str) -> GateDecision:
    """Judge a load of a day: refused if its bad rate is above the threshold; empty if it has no rows.

    Changes nothing in the warehouse. Raises ConfigurationError before `save_settings`, WarehouseError if Postgres
    fails, and DaybreakError if raw does not hold the landed rows or if GX's decision differs from the exact one.
    """
    with connect() as connection:
        judged_by = read_settings(connection, dataset)
        landed = connection.execute(
            "select row_count, landed_at from ops.loads where load_id = %s", [load_id]
        ).fetchone()
    if judged_by is None:
        raise ConfigurationError(f"Dataset {dataset!r} has no settings yet", "Save the settings of shop.toml first.")
    judged_at = landed["landed_at"] if landed else datetime.combine(day, time(), UTC)
    counts, is_accepted_by_gx = _validate(judged_by, day, load_id, judged_at)
    _require_conserved(counts, landed["row_count"] if landed else counts.row_count)
    decision = decide(judged_by, day, load_id, counts)
    if is_accepted_by_gx is (decision.decision == "refused"):
        raise DaybreakError(
            f"Great Expectations {'passed' if is_accepted_by_gx else 'refused'} {counts.rejected} bad rows of "
            f"{counts.judged} at a threshold of {judged_by.max_bad_rate}, which contradicts the exact decision",
            "Nothing was admitted. Report this as a bug of Daybreak.",
        )
    _log(decision)
    return decision


def decide(judged_by: DatasetSettings, day: date, load_id: str, counts: RowCounts) -> GateDecision:
    """Return the decision by exact arithmetic on the counts; Great Expectations' own decision must agree with it."""
    verdict: Verdict = "passed" if counts.judged else "empty"
    if counts.rejected > judged_by.max_bad_rate * counts.judged:
        verdict = "refused"
    return GateDecision(
        dataset=judged_by.dataset,
        day=day,
        load_id=load_id,
        row_count=counts.row_count,
        identical_copies=counts.identical_copies,
        accepted=counts.accepted,
        rejected=counts.rejected,
        rejected_by_reason=counts.rejected_by_reason,
        bad_rate=Decimal(counts.rejected) / counts.judged if counts.judged else Decimal(0),
        max_bad_rate=judged_by.max_bad_rate,
        decision=verdict,
        settings={
            **asdict(judged_by),
            "max_bad_rate": str(judged_by.max_bad_rate),
            "amount_unit": str(judged_by.amount_unit),
        },
    )


def save_decision(connection: Connection, decision: GateDecision) -> None:
    """Store a decision, and admit its load unless it was refused, in the caller's transaction.

    A refused load leaves the ledger unchanged: the load admitted before still counts. Raises DayBusyError if another
    run has taken the day over.
    """
    require_day(connection, decision.dataset, decision.day)
    values = asdict(decision)
    values["rejected_by_reason"] = Jsonb(decision.rejected_by_reason)
    values["settings"] = Jsonb(decision.settings)
    columns = list(values)
    connection.execute(
        f"""
        insert into ops.gate_results ({", ".join(columns)})
        values ({", ".join(f"%({column})s" for column in columns)})
        on conflict (load_id) do update set
            {", ".join(f"{column} = excluded.{column}" for column in columns)},
            decided_at = clock_timestamp()
        """.encode(),
        values,
    )
    if decision.decision != "refused":
        connection.execute(
            """
            insert into ops.day_ledger (dataset, day, admitted_load_id, admitted_at)
            values (%(dataset)s, %(day)s, %(load_id)s, clock_timestamp())
            on conflict (dataset, day) do update set
                admitted_load_id = excluded.admitted_load_id,
                admitted_at = excluded.admitted_at,
                unpublished_at = null
            """,
            values,
        )


def _validate(judged_by: DatasetSettings, day: date, load_id: str, judged_at: datetime) -> tuple[RowCounts, bool]:
    """Return the counts of a load, and whether GX accepts it. GX has no answer on a load without rows."""
    dataset = judged_by.dataset
    required_fields = tuple(judged_by.required_fields)
    session = gx_session()
    with session.connection() as engine:
        counts = materialise(engine, dataset, day, load_id, rules(dataset, required_fields))
        if not counts.judged:
            return counts, True
        result = session.validate(suite(dataset, judged_by.max_bad_rate, required_fields))
    keep_result(session, result, dataset, day, load_id, judged_at)
    return counts, bool(result.results[0].success)


def _require_conserved(counts: RowCounts, landed: int) -> None:
    if counts.row_count != landed or landed != counts.accepted + counts.rejected + counts.identical_copies:
        raise DaybreakError(
            f"{landed} rows landed, and the gate found {counts.row_count}: {counts.accepted} accepted, "
            f"{counts.rejected} rejected, {counts.identical_copies} identical copies",
            "Extract the day again.",
        )
    if sum(counts.rejected_by_reason.values()) != counts.reasons:
        raise DaybreakError(
            f"Staging gave {counts.reasons} reasons for rejections, but expectations/rules.py knows only "
            f"{sum(counts.rejected_by_reason.values())}",
            "Build the staging models again; if that does not help, add the missing rule.",
        )


def _log(decision: GateDecision) -> None:
    level = logging.INFO if decision.decision == "passed" else logging.WARNING
    reasons = ", ".join(f"{count} {code}" for code, count in decision.rejected_by_reason.items())
    logger.log(
        level,
        "%s of %s %s: %d rows, %d accepted, %d rejected (%.2f%%, allowed %g%%), %d identical copies%s",
        decision.dataset,
        decision.day,
        decision.decision,
        decision.row_count,
        decision.accepted,
        decision.rejected,
        decision.bad_rate * 100,
        decision.max_bad_rate * 100,
        decision.identical_copies,
        f": {reasons}" if reasons else "",
    )
