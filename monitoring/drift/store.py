"""Profiles of loads in the warehouse, and the contract that is learned from them.

A contract is learned from the newest admitted loads of earlier days that kept it, and from the day's previous load.
Nothing is learned from a load that breaks it, until an operator accepts a day's load: from that day on its profile is
the contract, and earlier loads no longer count.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from psycopg.types.json import Jsonb

from ingestion.declaration.shop_config import shop_config
from monitoring.anomalies.findings import Anomaly, Severity
from monitoring.drift.baseline import Difference
from monitoring.drift.contract import Contract
from monitoring.drift.profile import Profile
from monitoring.plain_text import first_line
from warehouse.connection import Connection, connect
from warehouse.load_receipt import LoadReceipt
from warehouse.operator_actions import record_action
from warehouse.roles import acting_as

logger = logging.getLogger(__name__)

LEARNT_FROM = 28  # loads: four of each weekday
MOST = 0.5  # share of rows from which a published difference is critical
WORTH_REPORTING = 0.05  # share of rows with something new and harmless
NAMED = 3  # differences in a message

HISTORY = """
    with accepted as (
        select day, load_id from ops.accepted_contracts
        where dataset = %(dataset)s and day <= %(day)s order by day desc limit 1
    ),
    learnt as (
        select ledger.day, profiles.profile
        from ops.day_ledger as ledger
        inner join ops.field_profiles as profiles on ledger.admitted_load_id = profiles.load_id
        where
            ledger.dataset = %(dataset)s and ledger.day < %(day)s and profiles.breaks_contract is not true
            and ledger.day > coalesce((select day from accepted), date '-infinity')
        order by ledger.day desc
        limit %(loads)s
    ),
    of_the_day as (
        select profiles.day, profiles.profile
        from ops.field_profiles as profiles
        inner join ops.gate_results as results on profiles.load_id = results.load_id
        where
            profiles.dataset = %(dataset)s and profiles.day = %(day)s and profiles.breaks_contract is not true
            and profiles.load_id is distinct from %(load_id)s and results.decision = 'passed'
            and profiles.day > coalesce((select day from accepted), date '-infinity')
        order by results.decided_at desc
        limit 1
    )
    select day, profile from learnt
    union all
    select day, profile from of_the_day
    union all
    select accepted.day, profiles.profile
    from accepted inner join ops.field_profiles as profiles on accepted.load_id = profiles.load_id
    order by day desc
"""
# The day's load judged last; before any was judged, the load that landed last.
OF_DAY = """
    select profiles.load_id, profiles.day, profiles.profile, results.decision = 'refused' as is_refused
    from ops.field_profiles as profiles
    inner join ops.loads as loads on profiles.load_id = loads.load_id
    left join ops.gate_results as results on profiles.load_id = results.load_id
    where loads.dataset = %(dataset)s and loads.day = %(day)s
    order by results.decided_at desc nulls last, loads.landed_at desc limit 1
"""
DAY_BEFORE = """
    select max(day) as day from ops.day_ledger
    where dataset = %(dataset)s and day < %(day)s and admitted_load_id is not null
"""
ACCEPT = (
    """
    insert into ops.accepted_contracts (dataset, day, load_id) values (%(dataset)s, %(day)s, %(load_id)s)
    on conflict (dataset, day) do update set
        load_id = excluded.load_id, accepted_at = clock_timestamp(), accepted_by = session_user
    """,
    """
    update ops.field_profiles set breaks_contract = null
    where dataset = %(dataset)s and day >= %(day)s and breaks_contract
    """,
    """
    delete from ops.anomalies
    where pipeline = %(pipeline)s and logical_date >= %(day)s and kind = 'schema_drift'
    """,
)


@dataclass(frozen=True)
class ProfiledLoad:
    """A load of a day with its profile."""

    load_id: str
    day: date
    profile: Profile
    is_refused: bool


def save_profile(connection: Connection, receipt: LoadReceipt) -> None:
    """Store the profile of a load, in the caller's transaction. A failure is only logged."""
    if receipt.profile is None:
        return
    try:
        with connection.transaction():
            connection.execute(
                "insert into ops.field_profiles (load_id, dataset, day, profile) values (%s, %s, %s, %s)",
                [receipt.load_id, receipt.dataset, receipt.day, Jsonb(receipt.profile)],
            )
    except Exception as failure:
        logger.warning(
            "The profile of %s %s could not be stored: %s", receipt.dataset, receipt.day, first_line(failure)
        )


def contract_for(connection: Connection, dataset: str, day: date, load_id: str | None) -> Contract:
    """Return the contract for a load of a day; `load_id` is None for a load that has not landed.

    Raises ConfigurationError if shop.toml has no such dataset.
    """
    values = {"dataset": dataset, "day": day, "load_id": load_id, "loads": LEARNT_FROM}
    rows = connection.execute(HISTORY, values)
    history = [Profile.from_json(row["profile"]) for row in rows]
    return Contract(dataset, shop_config().dataset(dataset), history)


def load_of_day(connection: Connection, dataset: str, day: date) -> ProfiledLoad | None:
    """Return the day's load to compare with the contract; None if it has no profile."""
    row = connection.execute(OF_DAY, {"dataset": dataset, "day": day}).fetchone()
    if row is None:
        return None
    return ProfiledLoad(row["load_id"], row["day"], Profile.from_json(row["profile"]), bool(row["is_refused"]))


def newest_profiled_day(connection: Connection, dataset: str) -> date | None:
    """Return the newest day with a profile."""
    row = connection.execute("select max(day) as day from ops.field_profiles where dataset = %s", [dataset]).fetchone()
    return row["day"] if row else None


def accept(connection: Connection, pipeline: str, dataset: str, load: ProfiledLoad) -> None:
    """Make a load's profile the contract from its day on; delete the findings of that day and later ones."""
    values = {"dataset": dataset, "day": load.day, "load_id": load.load_id, "pipeline": pipeline}
    for statement in ACCEPT:
        connection.execute(statement, values)
    record_action(connection, "accept contract", [dataset], [load.day])


def forget_profiles(connection: Connection, dataset: str, day: date) -> None:
    """Delete the profiles of a day that was taken out: no contract learns from it."""
    connection.execute("delete from ops.field_profiles where dataset = %s and day = %s", [dataset, day])


def drift_finding(connection: Connection, dataset: str, day: date) -> Anomaly | None:
    """Return the day's breaking differences, reported when they begin; or harmless ones as information.

    Marks the load as breaking or keeping the contract. A refused load is not reported: the refusal is.
    """
    load = load_of_day(connection, dataset, day)
    if load is None:
        return None
    contract = contract_for(connection, dataset, day, load.load_id)
    found = contract.differences(load.profile)
    breaking = [one for one in found if one.is_breaking]
    connection.execute(
        "update ops.field_profiles set breaks_contract = %s where load_id = %s", [bool(breaking), load.load_id]
    )
    if not breaking:
        return _harmless(found)
    is_seen_by_readers = not load.is_refused and max(one.share for one in breaking) >= MOST
    severity: Severity = "critical" if is_seen_by_readers else "warning"
    is_new = _places(breaking) - _places(_of_day_before(connection, contract, day))
    return Anomaly(
        "schema_drift", severity, text_of(breaking), Decimal(len(breaking)), Decimal(0),
        is_reported=bool(is_new) and not load.is_refused,
    )  # fmt: skip


def likely_cause(dataset: str, day: date) -> str:
    """Return the breaking differences of a refused day, to append to its error; '' if there are none."""
    try:
        with acting_as(None), connect() as connection:
            load = load_of_day(connection, dataset, day)
            if load is None:
                return ""
            found = contract_for(connection, dataset, day, load.load_id).differences(load.profile)
    except Exception as failure:
        logger.warning("%s %s could not be compared with its contract: %s", dataset, day, first_line(failure))
        return ""
    breaking = [one for one in found if one.is_breaking]
    return f"; likely cause: {text_of(breaking)}" if breaking else ""


def text_of(differences: Sequence[Difference]) -> str:
    """Return the differences in one line."""
    more = f"; and {len(differences) - NAMED} more" if len(differences) > NAMED else ""
    return "; ".join(map(str, differences[:NAMED])) + more


def _harmless(found: Sequence[Difference]) -> Anomaly | None:
    shown = [one for one in found if one.share >= WORTH_REPORTING]
    return Anomaly("schema_drift", "info", f"harmless: {text_of(shown)}", Decimal(0), Decimal(0)) if shown else None


def _of_day_before(connection: Connection, contract: Contract, day: date) -> Sequence[Difference]:
    """Return the differences of the newest admitted day before from the same contract: these have been reported."""
    row = connection.execute(DAY_BEFORE, {"dataset": contract.dataset, "day": day}).fetchone()
    before = load_of_day(connection, contract.dataset, row["day"]) if row and row["day"] else None
    return contract.differences(before.profile) if before else []


def _places(differences: Sequence[Difference]) -> set[tuple[str, str]]:
    return {(one.field, one.kind) for one in differences if one.is_breaking}
