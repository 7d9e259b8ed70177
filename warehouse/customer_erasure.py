"""Erasure of a customer: delete the rows, and mark the id so that later loads leave its rows out.

The marker is a SHA-256 hash; the id itself is not stored. An id that can be guessed can be checked against the marker.
"""

from collections.abc import Sequence
from datetime import date

from psycopg import sql

from warehouse.connection import Connection

RAW_TABLES = {"orders": "raw.orders", "reviews": "raw.reviews"}  # by dataset
OURS = ("raw", "marts", "ops", "build")  # schemas whose tables have a customer column
OF_DBT = "_(staging|quarantine|build|marts|ops|published)$"  # schemas of the target dev and of `daybreak diff`
LEARNT_TABLES = ["marts.customer_predictions", "marts.customer_segments_history"]
HASH = "encode(sha256(convert_to({}, 'UTF8')), 'hex')"
# One spelling of an id: an e-mail address is the same customer in any case, and no id begins or ends with white space.
TRIMMED = r"regexp_replace({0}, '^\s+|\s+$', '', 'g')"
ONE_SPELLING = f"(case when {{0}} like '%%@%%' then lower({TRIMMED}) else {TRIMMED} end)"
# Serializes loads and markers: a load that lands meanwhile either sees the marker or is seen by the erasure.
LOCK = "select pg_advisory_xact_lock(hashtextextended('forget', 0))"

SAME_CUSTOMER = f"({ONE_SPELLING} = {ONE_SPELLING.format('%(customer)s::text')})"

MARK = f"""
    insert into ops.forgotten_customers (customer_hash)
    select distinct {HASH.format("spelling")}
    from unnest(array[%(customer)s::text, {ONE_SPELLING.format("%(customer)s::text")}]) as spelling
    on conflict (customer_hash) do nothing
"""
HOLDING = """
    select columns.table_schema as schema, columns.table_name as name, columns.column_name as column
    from information_schema.columns as columns
    inner join information_schema.tables as tables
        on columns.table_schema = tables.table_schema and columns.table_name = tables.table_name
    where
        tables.table_type = 'BASE TABLE'
        and columns.column_name in ('customer_id', 'former_customer_id')
        and columns.table_schema = any(%(schemas)s)
"""
AGAIN = """
    update ops.day_ledger set published_load_id = null
    where dataset = %(dataset)s and day = any(%(days)s) and admitted_load_id is not null
"""
# Update the counts; keep the rate and the decision as they were recorded.
COUNT_AGAIN = """
    with judged as (
        select * from staging.stg_shop__{dataset} where _day = any(%(days)s) and _load_id = any(%(loads)s)
    ),
    counted as (
        select
            load_id, count(judged._load_id) as row_count,
            count(*) filter (where is_identical_copy) as copies,
            count(*) filter (where is_valid) as accepted
        from unnest(%(loads)s::text[]) as load_id
        left join judged on load_id = judged._load_id
        group by load_id
    ),
    reasons as (
        select load_id, jsonb_object_agg(reason, row_count) as by_reason
        from (
            select _load_id as load_id, reason, count(*) as row_count
            from judged, unnest(rejection_reasons) as reason
            group by 1, 2
        ) as by_load
        group by load_id
    )
    update ops.gate_results as results
    set
        row_count = counted.row_count, identical_copies = counted.copies, accepted = counted.accepted,
        rejected = counted.row_count - counted.copies - counted.accepted,
        rejected_by_reason = coalesce(reasons.by_reason, '{{}}')
    from counted
    left join reasons on counted.load_id = reasons.load_id
    where results.load_id = counted.load_id
"""


def mark_forgotten(connection: Connection, customer_id: str) -> None:
    """Leave this customer's rows out of later loads; runs in the caller's transaction."""
    connection.execute(LOCK)
    connection.execute(MARK.encode(), {"customer": customer_id})


def drop_forgotten(connection: Connection, dataset: str, day: date, load_id: str) -> int:
    """Delete the rows of forgotten customers from a load that is not visible yet; return how many were deleted.

    Call it in the transaction that makes the load visible. Costs next to nothing while no customer is forgotten.
    """
    connection.execute(LOCK)
    if connection.execute("select from ops.forgotten_customers limit 1").fetchone() is None:
        return 0
    return connection.execute(
        f"""
        delete from {RAW_TABLES[dataset]} as landed
        using ops.forgotten_customers as forgotten
        where
            landed._day = %s and landed._load_id = %s
            and forgotten.customer_hash in (
                {HASH.format("landed.customer_id")}, {HASH.format(ONE_SPELLING.format("landed.customer_id"))}
            )
        """.encode(),
        [day, load_id],
    ).rowcount


def delete_raw_rows(connection: Connection, customer_id: str) -> dict[str, int]:
    """Delete a customer's rows from raw and make their days pending again; return the deleted rows by dataset.

    Scans all of raw. Updates the counts of loads and gate results; keeps recorded rates and decisions.
    """
    deleted: dict[str, int] = {}
    for dataset, table in RAW_TABLES.items():
        rows = connection.execute(
            f"""
            with gone as (
                delete from {table} where {SAME_CUSTOMER.format("customer_id")}
                returning _day, _load_id, _row_number
            ),
            scores as (
                delete from staging.review_sentiment as scores using gone
                where
                    %(dataset)s = 'reviews'
                    and scores._load_id = gone._load_id and scores._row_number = gone._row_number
            ),
            counted as (select _load_id, _day, count(*) as row_count from gone group by _load_id, _day),
            loads as (
                update ops.loads as loads set row_count = loads.row_count - counted.row_count
                from counted where loads.load_id = counted._load_id
            )
            select _day as day, _load_id as load_id, row_count from counted
            """.encode(),
            {"customer": customer_id, "dataset": dataset},
        ).fetchall()
        deleted[dataset] = sum(row["row_count"] for row in rows)
        affected = {"days": [row["day"] for row in rows], "loads": [row["load_id"] for row in rows]}
        connection.execute(COUNT_AGAIN.format(dataset=dataset).encode(), affected)
        connection.execute(AGAIN, {**affected, "dataset": dataset})
    return deleted


def rows_left(connection: Connection, customer_id: str, schemas: Sequence[str] = OURS) -> dict[str, int]:
    """Return the customer's rows by table, in every table of the schemas with a customer column."""
    found = {}
    for table, columns in _tables_with_customers(connection, list(schemas)).items():
        condition = " or ".join(SAME_CUSTOMER.format(column) for column in columns)
        query = f"select count(*) as row_count from {_quoted(table)} where {condition}"
        row = connection.execute(query.encode(), {"customer": customer_id}).fetchone()
        if row and row["row_count"]:
            found[".".join(table)] = row["row_count"]
    return found


def clear_build(connection: Connection, customer_id: str) -> None:
    """Delete the customer's rows from the tables of the last build, which are published or obsolete by now."""
    for table, columns in _tables_with_customers(connection, ["build"]).items():
        for column in columns:
            statement = f"delete from {_quoted(table)} where {SAME_CUSTOMER.format(column)}"
            connection.execute(statement.encode(), {"customer": customer_id})


def delete_learnt_rows(connection: Connection, customer_id: str) -> None:
    """Delete the customer's rows outside of builds: the prediction and the dated history."""
    for table in LEARNT_TABLES:
        if connection.execute("select where to_regclass(%s) is not null", [table]).fetchone() is not None:
            statement = f"delete from {table} where {SAME_CUSTOMER.format('customer_id')}"
            connection.execute(statement.encode(), {"customer": customer_id})


def copies_in_other_schemas(connection: Connection, customer_id: str) -> list[str]:
    """Return the schemas of dbt's dev target and of `daybreak diff` with tables that hold the customer."""
    rows = connection.execute("select nspname from pg_namespace where nspname ~ %s", [OF_DBT]).fetchall()
    left = rows_left(connection, customer_id, [row["nspname"] for row in rows])
    return sorted({table.partition(".")[0] for table in left})


def _quoted(table: tuple[str, str]) -> str:
    return sql.Identifier(*table).as_string()


def _tables_with_customers(connection: Connection, schemas: list[str]) -> dict[tuple[str, str], list[str]]:
    tables: dict[tuple[str, str], list[str]] = {}
    for row in connection.execute(HOLDING, {"schemas": schemas}).fetchall():
        tables.setdefault((row["schema"], row["name"]), []).append(row["column"])
    return tables
