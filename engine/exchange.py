"""Rows between Postgres and an engine, as Parquet: in a folder, or wherever a URL of fsspec leads."""

import hashlib
import io
import json
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from psycopg import sql

from pipeline_errors import ConfigurationError, WarehouseError
from pipeline_settings import settings
from warehouse.connection import Connection

logger = logging.getLogger(__name__)

REMEDY = "SPARK_EXCHANGE names a folder or bucket that both Daybreak and the engine can read and write."

# What the orders' models hold, in both worlds. A numeric without a scale is money that the gate has accepted.
POSTGRES_TYPES = {"text": pa.string(), "date": pa.date32(), "bool": pa.bool_(), "int8": pa.int64()}
MONEY = pa.decimal128(18, 2)


@dataclass(frozen=True)
class Result:
    """The folder, in the job's, of the attempt that came to its end; and how many rows it made, by model."""

    attempt: str
    counts: dict[str, int]


class Folder:
    """The place of one build's exchange: `url` as the engine reads it, and the file system as we do.

    Raises ConfigurationError if fsspec does not know such a URL, or lacks the package for it. What keeps us from the
    place is a WarehouseError that names it.
    """

    def __init__(self, job: str) -> None:
        import fsspec

        self.url = f"{_home_of_jobs()}/{job}"
        try:
            self.files, self.path = fsspec.core.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            remedy = "For s3:// install it: pip install 'daybreak[s3]'; for others the package that fsspec asks for."
            raise ConfigurationError(f"SPARK_EXCHANGE cannot be used: {error}", remedy) from None

    def create(self) -> None:
        """Make the folder. Below DAYBREAK_HOME nobody else may look into it."""
        self.remove_all()
        with self.used("written"):
            if settings().spark_exchange is None:
                Path(_home_of_jobs()).mkdir(mode=0o700, parents=True)
            self.make(self.path)

    def make(self, path: str) -> None:
        """Make a folder of it, where there are folders: fsspec would make a bucket that is not there."""
        if os.path.isabs(path):
            self.files.makedirs(path, exist_ok=True)

    def write_result(self, result: "Result") -> None:
        """Say, as the last thing of a computation, that there is a result and where."""
        with self.used("written"), self.files.open(f"{self.path}/result.json", "w") as file:
            json.dump(asdict(result), file)

    def result(self) -> "Result | None":
        """What was computed; none if nothing has been yet."""
        with self.used("read"):
            self.files.invalidate_cache()
            if not self.files.exists(f"{self.path}/result.json"):
                return None
            with self.files.open(f"{self.path}/result.json") as file:
                return Result(**json.load(file))
        return None

    def remove_all(self) -> None:
        """Take away this job's files and those of killed ones of this warehouse: they hold customers' orders."""
        home = self.path.rpartition("/")[0]
        with self.used("cleared"):
            self.files.invalidate_cache()  # the engine has written files that we have not seen yet
            if self.files.exists(home):
                self.files.rm(home, recursive=True)

    def leave(self) -> None:
        """Take all away when a build has ended, well or not: what is not possible is logged, the next build does it."""
        try:
            self.remove_all()
        except WarehouseError as error:
            logger.warning("%s", error)

    @contextmanager
    def used(self, doing: str) -> Iterator[None]:
        """Tell in a line what keeps the block from the place. Each file system has errors of its own family."""
        try:
            yield
        except Exception as error:
            family = type(error).__module__.partition(".")[0]
            if family in ("psycopg", "pyarrow", "pipeline_errors") or (
                family == "builtins" and not isinstance(error, OSError)
            ):
                raise
            cause = " ".join(str(error).split()) or type(error).__name__
            raise WarehouseError(f"{self.url} cannot be {doing}: {cause}", REMEDY) from None


def load(connection: Connection, folder: Folder, name: str, table: sql.Identifier) -> None:
    """Put what the engine made for a model into a new table; there is none if it made no row.

    Raises WarehouseError if rows are missing, or if nothing was computed.
    """
    rows, result = 0, folder.result()
    if result is None:
        raise WarehouseError(f"{folder.url} has no result of the engine", "Run the same command again.")
    connection.execute(sql.SQL("drop table if exists {}").format(table))
    with folder.used("read"):
        parts = sorted(
            path for path in folder.files.find(f"{folder.path}/{result.attempt}/{name}") if path.endswith(".parquet")
        )
        for number, part in enumerate(parts):
            with folder.files.open(part, "rb") as file:
                source = pq.ParquetFile(file)
                if number == 0:
                    _create(connection, table, source.schema_arrow)
                rows += _copy_in(connection, table, source)
    if rows != (made := result.counts[name]):
        raise WarehouseError(f"The engine has made {made} rows of {name}, {rows} are in {folder.url}", REMEDY)


def _home_of_jobs() -> str:
    """Where this warehouse's jobs are, and those of no other."""
    where = settings()
    if where.spark_exchange is None:
        return str(where.daybreak_home.resolve() / "engine")
    warehouse = hashlib.sha256(f"{where.pghost}:{where.pgport}".encode()).hexdigest()[:12]
    return f"{where.spark_exchange.rstrip('/')}/{where.pgdatabase}-{warehouse}"


def _create(connection: Connection, table: sql.Identifier, schema: pa.Schema) -> None:
    columns = sql.SQL(", ").join(
        sql.SQL("{} {}").format(sql.Identifier(field.name), sql.SQL(_postgres_type(field.type))) for field in schema
    )
    connection.execute(sql.SQL("create unlogged table {} ({})").format(table, columns))


def _postgres_type(arrow: pa.DataType) -> str:
    if pa.types.is_decimal(arrow):
        return f"numeric({arrow.precision}, {arrow.scale})"
    return next(name for name, candidate in POSTGRES_TYPES.items() if candidate == arrow)


def _copy_in(connection: Connection, table: sql.Identifier, source: pq.ParquetFile) -> int:
    rows = 0
    with connection.cursor() as cursor, cursor.copy(sql.SQL("copy {} from stdin (format csv)").format(table)) as copy:
        for batch in source.iter_batches():
            block = io.BytesIO()
            pa_csv.write_csv(batch, block, pa_csv.WriteOptions(include_header=False))
            copy.write(block.getvalue())
            rows += batch.num_rows
    return rows
