"""Export of a query from Postgres: COPY, Arrow, Parquet files that end at whole days.

Rows are streamed: memory holds at most one row group of one model, whatever the size of the build.
"""

from collections.abc import Generator, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import date
from itertools import chain

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from psycopg import errors, generators
from psycopg.abc import PQGen
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.waiting import Wait

from engine.exchange import MONEY, POSTGRES_TYPES, Folder
from warehouse.connection import Connection

BLOCK_BYTES = 1 << 20  # parsed at once; larger blocks cost more page faults than they save
ROWS_OF_A_FILE = 100_000  # a file has at least this many rows before a new day starts the next; also a row group
GROUP_BYTES = 1 << 26  # the limit of a row group: an order may have texts of megabytes

ONLY_FILE = "part-0"

Blocks = Generator[bytearray]


def export(connection: Connection, query: str, folder: Folder, name: str, day: str | None = None) -> None:
    """Stream the rows of a query into Parquet files below the folder.

    There is one file; or, with `day`, a column of dates, one per range of days with ROWS_OF_A_FILE rows, named by its
    first and last day.
    """
    schema = _arrow_schema(connection, query)
    written, writer = None, None
    with folder.translated_errors("written"), closing(_copied(connection, query)) as blocks, ExitStack() as files:
        folder.make(f"{folder.path}/{name}")
        for file_name, rows in _row_groups(_parsed(blocks, schema), schema, day):
            if writer is None or file_name != written:
                files.close()  # complete the file before the next starts
                file = files.enter_context(folder.files.open(f"{folder.path}/{name}/{file_name}.parquet", "wb"))
                writer = files.enter_context(pq.ParquetWriter(file, schema, compression="zstd"))
                written = file_name
            writer.write_table(rows)


def _arrow_schema(connection: Connection, query: str) -> pa.Schema:
    columns = connection.execute(f"select * from ({query}) as rows limit 0".encode()).description or []
    return pa.schema([(column.name, _arrow_type(column)) for column in columns])


def _arrow_type(column: psycopg.Column) -> pa.DataType:
    if column.type_display.startswith("numeric"):
        return pa.decimal128(column.precision, column.scale) if column.precision else MONEY
    return POSTGRES_TYPES[column.type_display]


def _copied(connection: Connection, query: str) -> Blocks:
    """Yield the output of a COPY in blocks of whole rows.

    This calls libpq directly: psycopg's `copy` waits for each row, which takes longer than parsing and writing it. If
    the output is not read to its end, the connection is unusable, and is closed.
    """
    pgconn = connection.pgconn
    pgconn.send_query(f"copy ({query}) to stdout (format csv)".encode())
    try:
        (begun,) = connection.wait(generators.execute(pgconn))
        if begun.status != ExecStatus.COPY_OUT:
            raise errors.error_from_result(begun)
        while block := connection.wait(_next_block(connection)):
            yield block
    except BaseException:
        connection.close()
        raise


def _next_block(connection: Connection) -> PQGen[bytearray]:
    """Return the next rows, or nothing after the last. Each protocol message is one row."""
    pgconn, block = connection.pgconn, bytearray()
    if pgconn.transaction_status != TransactionStatus.ACTIVE:
        return block  # the block before was the last
    while len(block) < BLOCK_BYTES:
        size, row = pgconn.get_copy_data(1)
        if size > 0:
            block += row
        elif size == 0:
            while not (yield Wait.R):
                continue
            pgconn.consume_input()
        else:
            (ended,) = yield from generators.fetch_many(pgconn)
            if ended.status != ExecStatus.COMMAND_OK:
                raise errors.error_from_result(ended)
            break
    return block


def _parsed(blocks: Blocks, schema: pa.Schema) -> Iterator[pa.Table]:
    for block in blocks:
        yield pa_csv.read_csv(
            pa.BufferReader(b"\n" + block),
            read_options=pa_csv.ReadOptions(
                column_names=schema.names,
                skip_rows=1,  # the empty line; without it, Arrow would strip a customer's leading byte order mark
                block_size=len(block) + 1,
                use_threads=False,  # leave the other cores to Postgres and the engine
            ),
            parse_options=pa_csv.ParseOptions(
                newlines_in_values=True,
                ignore_empty_lines=False,  # a row of one null
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=schema,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,  # Postgres quotes empty text, but not null
                true_values=["t"],
                false_values=["f"],
            ),
        )


def _row_groups(parsed: Iterator[pa.Table], schema: pa.Schema, day: str | None) -> Iterator[tuple[str, pa.Table]]:
    """Yield row groups with the names of their files. Without rows, yield an empty group for its columns."""
    kept, files, is_empty = schema.empty_table(), _Files(day), True
    for table in chain(parsed, [None]):
        kept = kept if table is None else pa.concat_tables([kept, table])
        while kept.num_rows if table is None else kept.num_rows >= ROWS_OF_A_FILE or kept.nbytes >= GROUP_BYTES:
            name, count = files.take(kept)
            yield name, kept.slice(0, count)
            kept, is_empty = kept.slice(count), False
    if is_empty:
        yield ONLY_FILE, kept


@dataclass
class _Files:
    """The splitting of rows into files: a file ends at the first change of day after it has enough rows.

    A file starts when enough rows for it are buffered. The day of the last of these is the file's last day.
    """

    day: str | None
    number: int = 0
    name: str = ""
    last: date | None = None

    def take(self, rows: pa.Table) -> tuple[str, int]:
        """Return the name of the file for these rows, and the number of rows that go into it."""
        if self.day is None:
            return ONLY_FILE, rows.num_rows
        days, at_least = rows[self.day], 0
        if not self.name:
            at_least = min(ROWS_OF_A_FILE, rows.num_rows)
            self.last = days[at_least - 1].as_py()
            self.name = f"{days[0]}_{self.last}_{self.number}"
            self.number += 1
        name, others = self.name, pc.index(pc.not_equal(days.slice(at_least), self.last), True).as_py()
        if others < 0:
            return name, rows.num_rows
        self.name = ""
        return name, at_least + others
