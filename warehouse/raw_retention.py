"""Retention of loads in raw. The rows in ops stay as the history of each day.

The admitted and the published load of a day are never pruned: the marts are computed from them. Neither is its newest
load, which `daybreak replay` and a retry of the gate judge, and which quarantine shows.
"""

from collections.abc import Iterable
from datetime import date

from psycopg import sql

from pipeline_settings import settings
from warehouse.connection import Connection, connect
from warehouse.roles import LOADER, acting_as

BEYOND_THE_NEWEST = """
    with ranked as (
        select load_id, row_number() over (order by landed_at desc) as age
        from ops.loads
        where dataset = %(dataset)s and day = %(day)s and pruned_at is null
    )
    select load_id from ranked
    where
        age > %(kept)s
        and load_id not in (
            select unnest(array_remove(array[admitted_load_id, published_load_id], null))
            from ops.day_ledger where dataset = %(dataset)s and day = %(day)s
        )
"""
# A load is superseded once a newer load of its day has landed.
SUPERSEDED = """
    with loads as (
        select *, lead(landed_at) over (partition by dataset, day order by landed_at) as superseded_at from ops.loads
    )
    select loads.day, array_agg(loads.load_id) as load_ids
    from loads
    left join ops.day_ledger as ledger on loads.dataset = ledger.dataset and loads.day = ledger.day
    where
        loads.dataset = %(dataset)s and loads.pruned_at is null
        and loads.superseded_at < clock_timestamp() - %(days)s * interval '1 day'
        and loads.load_id is distinct from ledger.admitted_load_id
        and loads.load_id is distinct from ledger.published_load_id
    group by loads.day
"""
# Loads of killed runs: not in ops.loads, with an id that begins with the time. A loose index scan goes from load to
# load without reading every row.
HALF_LANDED = """
    with recursive landed as (
        (select _day, _load_id from {table} order by _day, _load_id limit 1)
        union all
        select newer.* from landed cross join lateral (
            select _day, _load_id from {table}
            where (_day, _load_id) > (landed._day, landed._load_id) order by _day, _load_id limit 1
        ) as newer
    )
    select _day as day, array_agg(_load_id) as load_ids
    from landed
    where
        _load_id < to_char((clock_timestamp() - %(days)s * interval '1 day') at time zone 'UTC', 'YYYYMMDD"T"HH24MISS')
        and not exists (select from ops.loads where loads.load_id = landed._load_id)
    group by _day
"""


def prune_day(connection: Connection, dataset: str, day: date) -> int:
    """Delete a day's loads that no longer count, except the newest RAW_LOADS_KEPT; return how many were deleted."""
    values = {"dataset": dataset, "day": day, "kept": settings().raw_loads_kept}
    load_ids = [row["load_id"] for row in connection.execute(BEYOND_THE_NEWEST, values)]
    _remove(connection, dataset, day, load_ids)
    return len(load_ids)


def prune_superseded(datasets: Iterable[str]) -> int:
    """Delete loads superseded or left half-landed more than RAW_SUPERSEDED_DAYS ago; return how many were deleted.

    Runs between two runs. It takes no lock on days, which would turn away a run of that day: runs judge newer loads
    than these. A build that started before its load was superseded that long ago would fail and be built again.
    """
    removed = 0
    with acting_as(LOADER), connect(autocommit=True) as connection:
        for dataset in datasets:
            values = {"dataset": dataset, "days": settings().raw_superseded_days}
            half_landed = sql.SQL(HALF_LANDED).format(table=sql.Identifier("raw", dataset))
            for row in [*connection.execute(SUPERSEDED, values), *connection.execute(half_landed, values)]:
                with connection.transaction():
                    _remove(connection, dataset, row["day"], row["load_ids"])
                removed += len(row["load_ids"])
    return removed


def _remove(connection: Connection, dataset: str, day: date, load_ids: list[str]) -> None:
    """Delete the rows first, then update the ledger: erasures of customers lock in the same order, so no deadlock."""
    if not load_ids:
        return
    tables = [sql.Identifier("raw", dataset)]
    if dataset == "reviews":
        tables.append(sql.Identifier("staging", "review_sentiment"))
    for table in tables:
        statement = sql.SQL("delete from {} where _day = %s and _load_id = any(%s)").format(table)
        connection.execute(statement, [day, load_ids])
    connection.execute("update ops.loads set pruned_at = clock_timestamp() where load_id = any(%s)", [load_ids])
