"""The day ledger: the landed loads, the load that counts for each day, and the load that readers see."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from warehouse.connection import Connection
from warehouse.locks import require_day

if TYPE_CHECKING:  # keep dlt out of imports: it takes a second
    from warehouse.load_receipt import LoadReceipt


NUMBERS_OF_SETTINGS = ["max_bad_rate", "amount_unit"]  # stored as text in gate results; compared by value


@dataclass(frozen=True)
class LedgerDay:
    """A dataset's day in the ledger."""

    dataset: str
    day: date
    admitted_load_id: str | None
    published_load_id: str | None

    @property
    def is_pending(self) -> bool:
        """Whether readers do not see the admitted load yet."""
        return self.admitted_load_id != self.published_load_id


def record_load(connection: Connection, receipt: "LoadReceipt") -> None:
    """Record a load as landed, which makes it visible.

    Raises DayBusyError if another run has taken the day over.
    """
    require_day(connection, receipt.dataset, receipt.day)
    connection.execute(
        """
        insert into ops.loads (load_id, dataset, day, row_count, page_count, seconds, fingerprint, skipped_count)
        values (%s, %s, %s, %s, %s, %s, %s, %s)
        """,
        [
            receipt.load_id,
            receipt.dataset,
            receipt.day,
            receipt.rows,
            receipt.pages,
            round(receipt.seconds, 3),
            receipt.fingerprint,
            receipt.skipped,
        ],
    )


def day_state(connection: Connection, dataset: str, day: date) -> LedgerDay:
    """Return the ledger's entry of a day, without loads if there is none yet."""
    row = connection.execute(
        "select admitted_load_id, published_load_id from ops.day_ledger where dataset = %s and day = %s", [dataset, day]
    ).fetchone()
    return LedgerDay(dataset, day, **(row or {"admitted_load_id": None, "published_load_id": None}))


def unpublish(connection: Connection, dataset: str, day: date) -> bool:
    """Make a day count as if it had never been admitted; the next publish takes its rows out of the marts.

    Its loads stay in raw. Returns whether it was admitted or published. Raises DayBusyError if another run has taken
    the day over.
    """
    require_day(connection, dataset, day)
    before = day_state(connection, dataset, day)
    connection.execute(
        """
        insert into ops.day_ledger (dataset, day, unpublished_at) values (%s, %s, clock_timestamp())
        on conflict (dataset, day) do update set
            admitted_load_id = null, admitted_at = null, unpublished_at = clock_timestamp()
        """,
        [dataset, day],
    )
    return (before.admitted_load_id or before.published_load_id) is not None


def unpublished_days(connection: Connection, dataset: str) -> set[date]:
    """Return the days that were taken out, and of which no load has been judged since."""
    rows = connection.execute(
        """
        select ledger.day
        from ops.day_ledger as ledger
        where
            ledger.dataset = %s and ledger.unpublished_at is not null
            and not exists (
                select from ops.gate_results as results
                where
                    results.dataset = ledger.dataset and results.day = ledger.day
                    and results.decided_at > ledger.unpublished_at
            )
        """,
        [dataset],
    )
    return {row["day"] for row in rows}


def loaded_days(connection: Connection, dataset: str, days: Sequence[date]) -> set[date]:
    """Return those of these days that have a load, without unpublished ones."""
    query = "select distinct day from ops.loads where dataset = %s and day = any(%s)"
    loaded = {row["day"] for row in connection.execute(query, [dataset, list(days)])}
    return loaded - unpublished_days(connection, dataset)


def newest_load(connection: Connection, dataset: str, day: date) -> str | None:
    """Return the newest load of a day that is still in raw."""
    row = connection.execute(
        """
        select load_id from ops.loads
        where dataset = %s and day = %s and pruned_at is null
        order by landed_at desc limit 1
        """,
        [dataset, day],
    ).fetchone()
    return row["load_id"] if row else None


def admitted_twin(connection: Connection, receipt: "LoadReceipt") -> str | None:
    """Return the day's admitted load if it has the same rows and was judged by the current settings."""
    row = connection.execute(
        """
        select loads.load_id
        from ops.day_ledger as ledger
        inner join ops.loads as loads on ledger.admitted_load_id = loads.load_id
        inner join ops.gate_results as results on loads.load_id = results.load_id
        inner join ops.dataset_settings as in_force on ledger.dataset = in_force.dataset
        where
            ledger.dataset = %s and ledger.day = %s and loads.fingerprint = %s
            and results.settings - %s::text[] = to_jsonb(in_force) - %s::text[]
            and (results.settings ->> 'max_bad_rate')::numeric = in_force.max_bad_rate
            and (results.settings ->> 'amount_unit')::numeric = in_force.amount_unit
        """,
        [receipt.dataset, receipt.day, receipt.fingerprint, NUMBERS_OF_SETTINGS, NUMBERS_OF_SETTINGS],
    ).fetchone()
    return row["load_id"] if row else None


def admitted_rows(connection: Connection, dataset: str, day: date) -> int:
    """Return the number of rows in a day's admitted load; 0 without one."""
    query = "select row_count from ops.loads where load_id = %s"
    row = connection.execute(query, [day_state(connection, dataset, day).admitted_load_id]).fetchone()
    return int(row["row_count"]) if row else 0


def is_scored(connection: Connection, load_id: str) -> bool:
    """Return whether the sentiment of a load's texts has been scored."""
    row = connection.execute("select scored_at from ops.loads where load_id = %s", [load_id]).fetchone()
    return row is not None and row["scored_at"] is not None


def unscored_days(connection: Connection, dataset: str) -> list[tuple[date, str]]:
    """Return the days whose admitted load is not scored yet, as a killed run leaves them, with that load."""
    rows = connection.execute(
        """
        select ledger.day, loads.load_id
        from ops.day_ledger as ledger
        inner join ops.loads as loads on ledger.admitted_load_id = loads.load_id
        where
            ledger.dataset = %s and ledger.admitted_load_id is distinct from ledger.published_load_id
            and loads.scored_at is null
        order by ledger.day
        """,
        [dataset],
    )
    return [(row["day"], row["load_id"]) for row in rows]


def is_health_behind(connection: Connection) -> bool:
    """Return whether customer_health lacks published customers, or is not as of the newest day of both datasets."""
    row = connection.execute(
        """
        select
            exists (select from ops.customer_changes)
            or (
                select max(orders.day)
                from ops.day_ledger as orders
                inner join ops.day_ledger as reviews on orders.day = reviews.day and reviews.dataset = 'reviews'
                where
                    orders.dataset = 'orders'
                    and orders.published_load_id is not null
                    and reviews.published_load_id is not null
            ) is distinct from (
                select as_of_date from ops.publications
                where pipeline = 'customer_health_pipeline'
                order by publication_id desc limit 1
            ) as is_behind
        """
    ).fetchone()
    return bool(row and row["is_behind"])


def pending_days(connection: Connection, dataset: str) -> list[date]:
    """Return the days whose admitted load is not published yet, in order."""
    rows = connection.execute(
        """
        select day from ops.day_ledger
        where dataset = %s and admitted_load_id is distinct from published_load_id
        order by day
        """,
        [dataset],
    )
    return [row["day"] for row in rows]


def pending_rows(connection: Connection, dataset: str) -> int:
    """Return the number of rows in loads that are admitted and not published yet."""
    row = connection.execute(
        """
        select coalesce(sum(loads.row_count), 0) as rows
        from ops.day_ledger as ledger
        inner join ops.loads as loads on ledger.admitted_load_id = loads.load_id
        where ledger.dataset = %s and ledger.admitted_load_id is distinct from ledger.published_load_id
        """,
        [dataset],
    ).fetchone()
    return int(row["rows"]) if row else 0


def newest_publication(connection: Connection) -> int:
    """Return the number of the newest publication of any pipeline; 0 before the first."""
    row = connection.execute("select coalesce(max(publication_id), 0) as newest from ops.publications").fetchone()
    return int(row["newest"]) if row else 0


def has_published(connection: Connection, pipeline: str) -> bool:
    """Return whether this pipeline has published anything yet."""
    row = connection.execute("select from ops.publications where pipeline = %s limit 1", [pipeline]).fetchone()
    return row is not None


def rows_published_since(connection: Connection, publication_id: int, pipelines: Sequence[str]) -> dict[str, int]:
    """Return the rows written per mart by these pipelines' publications after this one."""
    rows = connection.execute(
        "select rows_published from ops.publications where publication_id > %s and pipeline = any(%s)",
        [publication_id, list(pipelines)],
    )
    written: dict[str, int] = {}
    for row in rows:
        for mart, count in row["rows_published"].items():
            written[mart] = written.get(mart, 0) + count
    return written
