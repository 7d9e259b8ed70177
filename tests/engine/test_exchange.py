"""The exchange with an engine: unchanged rows, files of whole days, errors in one line."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from decimal import Context, Decimal
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as how
from hypothesis import strategies as st
from psycopg import sql

from engine import exporting
from engine.exchange import Folder, Result, load
from engine.exporting import export
from pipeline_errors import WarehouseError
from pipeline_settings import Settings, settings
from warehouse.connection import Connection, connect

JOB, ATTEMPT, NAME = "job", "attempt", "rows"
MADE = sql.Identifier("build", "rows__from_engine")
TYPES = {
    "id": "int8", "note": "text", "remark": "text", "amount": "numeric(18, 2)", "total": "numeric(38, 2)",
    "day": "date", "is_large": "bool",
}  # fmt: skip
FIRST = date(2026, 1, 1)
FEWEST = 10  # rows of a file, in these tests
EXACT = Context(prec=38)  # by default, 28 digits are kept, and the largest number is rounded up

SQUEEZED = how(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)

texts = st.one_of(
    st.none(),
    st.sampled_from(["", " ", '"', '""', "\\.", "\\N", "NULL", "a,b", "\n", "\r\n", "\r", "'", "t", "\ufeffö", "1e2"]),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
)
rows_of_any_kind = st.lists(
    st.tuples(
        st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
        texts,
        texts,
        st.one_of(st.none(), st.decimals("-9999999999999999.99", "9999999999999999.99", places=2)),
        st.one_of(st.none(), st.integers(-(10**38) + 1, 10**38 - 1).map(lambda n: Decimal(n).scaleb(-2, EXACT))),
        st.one_of(st.none(), st.dates()),
        st.one_of(st.none(), st.booleans()),
    ),
    max_size=30,
)


@pytest.fixture
def folder(warehouse: Settings) -> Folder:
    made = Folder(JOB)
    made.create()
    return made


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Use blocks of one or two rows, and small files."""
    monkeypatch.setattr(exporting, "BLOCK_BYTES", 40)
    monkeypatch.setattr(exporting, "ROWS_OF_A_FILE", FEWEST)


def there_and_back(connection: Connection, folder: Folder, query: str, count: int) -> list[dict[str, Any]]:
    folder.create()
    export(connection, query, folder, f"{ATTEMPT}/{NAME}")
    folder.write_result(Result(ATTEMPT, {NAME: count}))
    load(connection, folder, NAME, MADE)
    return connection.execute(sql.SQL("select * from {}").format(MADE)).fetchall()


@pytest.mark.usefixtures("small_pieces")
@SQUEEZED
@given(rows_of_any_kind)
@example([(None,) * len(TYPES)])
def test_rows_come_back_unchanged(folder: Folder, rows: list[tuple[Any, ...]]) -> None:
    columns = ", ".join(f"{name} {kind}" for name, kind in TYPES.items())
    with connect() as connection:
        connection.execute(f"create temporary table sent ({columns}) on commit drop".encode())
        places = ", ".join(["%s"] * len(TYPES))
        connection.cursor().executemany(f"insert into sent values ({places})".encode(), rows)
        assert [tuple(row.values()) for row in there_and_back(connection, folder, "select * from sent", len(rows))] == (
            [tuple(row) for row in rows]
        )
        types = connection.execute(
            "select format_type(atttypid, atttypmod) as type from pg_attribute"
            " where attrelid = 'build.rows__from_engine'::regclass and attnum > 0 order by attnum"
        ).fetchall()
    assert [row["type"] for row in types] == [
        "bigint",
        "text",
        "text",
        "numeric(18,2)",
        "numeric(38,2)",
        "date",
        "boolean",
    ]


@pytest.mark.usefixtures("small_pieces")
@SQUEEZED
@given(st.lists(texts, max_size=30))
@example([None, "", None])
def test_a_single_column_comes_back_unchanged(folder: Folder, texts: list[str | None]) -> None:
    with connect() as connection:
        connection.execute("create temporary table sent (note text) on commit drop")
        connection.cursor().executemany("insert into sent values (%s)", [[text] for text in texts])
        found = there_and_back(connection, folder, "select note from sent", len(texts))
    assert [row["note"] for row in found] == texts


def exported_days(folder: Folder, runs: list[tuple[int, int]]) -> dict[str, list[tuple[date, int]]]:
    """Return file, day and number of each row, for runs of days with these numbers of rows."""
    folder.create()
    days = [FIRST + timedelta(day) for day, rows in runs for _ in range(rows)]
    with connect() as connection:
        connection.execute("create temporary table sent (day date, number int8) on commit drop")
        with connection.cursor().copy("copy sent from stdin") as copy:
            for number, day in enumerate(days):
                copy.write_row((day, number))
        export(connection, "select * from sent", folder, NAME, "day")
    files = sorted(folder.files.find(f"{folder.path}/{NAME}"), key=lambda path: int(path.split("_")[-1].split(".")[0]))
    return {
        path.split("/")[-1]: [(row["day"], row["number"]) for row in pq.read_table(path).to_pylist()] for path in files
    }


@pytest.mark.usefixtures("small_pieces")
@SQUEEZED
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3 * FEWEST)), min_size=1, max_size=8))
def test_all_rows_are_exported_whatever_the_order_of_days(folder: Folder, runs: list[tuple[int, int]]) -> None:
    files = exported_days(folder, runs)
    rows = [row for file in files.values() for row in file]
    assert rows == [
        (FIRST + timedelta(day), number) for number, day in enumerate(day for day, count in runs for _ in range(count))
    ]
    assert all(len(file) >= FEWEST for file in list(files.values())[:-1])


@pytest.mark.usefixtures("small_pieces")
@SQUEEZED
@given(st.lists(st.integers(1, 3 * FEWEST), min_size=1, max_size=12))
def test_files_contain_whole_days_and_are_named_after_them(folder: Folder, sizes: list[int]) -> None:
    files = exported_days(folder, list(enumerate(sizes)))
    for number, (name, rows) in enumerate(files.items()):
        assert name == f"{rows[0][0]}_{rows[-1][0]}_{number}.parquet"
        before_its_last_day = sum(day < rows[-1][0] for day, _ in rows)
        assert before_its_last_day < FEWEST, "it might have ended before"
    days = [day for rows in files.values() for day in {day for day, _ in rows}]
    assert len(days) == len(set(days)), "a day is in two files"


def test_an_export_without_rows_has_columns(folder: Folder) -> None:
    with connect() as connection:
        export(connection, "select 1::int8 as number, current_date as day where false", folder, NAME, "day")
    (path,) = folder.files.find(f"{folder.path}/{NAME}")
    assert pq.read_schema(path).names == ["number", "day"]


def test_an_error_during_copy_is_raised(folder: Folder) -> None:
    with pytest.raises(psycopg.errors.DivisionByZero), connect() as connection:
        export(connection, "select 1 / (200000 - n)::int8 as n from generate_series(1, 300000) as n", folder, NAME)


def test_an_error_before_copy_is_raised(folder: Folder) -> None:
    with pytest.raises(psycopg.errors.UndefinedTable), connect() as connection:
        export(connection, "select * from nowhere", folder, NAME)


def test_a_copy_that_takes_too_long_is_reported(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEP_TIMEOUT_MINUTES", "0.005")
    settings.cache_clear()
    with pytest.raises(WarehouseError, match="statement timeout"), connect() as connection:
        export(connection, "select n::text from generate_series(1, 3) as n, pg_sleep(2)", folder, NAME)


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_folder_is_reported_and_the_connection_closed(folder: Folder) -> None:
    query = "select md5(n::text) as note from generate_series(1, 1000000) as n"
    with connect() as connection:
        with pytest.raises(WarehouseError, match="cannot be written"), no_file_larger_than(1 << 20):
            export(connection, query, folder, NAME)
        assert connection.closed
