"""Exchange of rows between Postgres and an engine as Parquet, in a folder or at an fsspec URL."""

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

REMEDY = "Set SPARK_EXCHANGE to a folder or bucket that both Daybreak and the engine can read and write."

# Column types of the orders' models in Postgres and Arrow. A numeric without a scale is an accepted amount.
POSTGRES_TYPES = {"text": pa.string(), "date": pa.date32(), "bool": pa.bool_(), "int8": pa.int64()}
MONEY = pa.decimal128(18, 2)


@dataclass(frozen=True)
class Result:
    """The completed attempt of a job: its folder within the job's, and its row counts by model."""

    attempt: str
    counts: dict[str, int]


class Folder:
    """The folder of one build's exchange: `url` for the engine, a file system for Daybreak.

    Raises ConfigurationError if fsspec does not know the URL's scheme, or lacks the package for it. An error of the
    file system becomes a WarehouseError with the URL.
    """

    def __init__(self, job: str) -> None:
        import fsspec

        self.url = f"{_home_of_jobs()}/{job}"
        try:
            self.files, self.path = fsspec.core.url_to_fs(self.url)
        except (ImportError, ValueError) as error:
            remedy = "For s3://: pip install 'daybreak[s3]'. For other schemes, install the package that fsspec names."
            raise ConfigurationError(f"SPARK_EXCHANGE cannot be used: {error}", remedy) from None

    def create(self) -> None:
        """Create the folder. Within DAYBREAK_HOME, only the owner may read it."""
        self.remove_all()
        with self.translated_errors("written"):
            if settings().spark_exchange is None:
                Path(_home_of_jobs()).mkdir(mode=0o700, parents=True)
            self.make(self.path)

    def make(self, path: str) -> None:
        """Create a local folder. Object stores need none, and fsspec would create a missing bucket."""
        if os.path.isabs(path):
            self.files.makedirs(path, exist_ok=True)

    def write_result(self, result: "Result") -> None:
        """Record the result, as the last action of a computation."""
        with self.translated_errors("written"), self.files.open(f"{self.path}/result.json", "w") as file:
            json.dump(asdict(result), file)

    def result(self) -> "Result | None":
        """Return the recorded result; None if there is none yet."""
        with self.translated_errors("read"):
            self.files.invalidate_cache()
            if not self.files.exists(f"{self.path}/result.json"):
                return None
            with self.files.open(f"{self.path}/result.json") as file:
                return Result(**json.load(file))
        return None

    def remove_all(self) -> None:
        """Remove the files of this warehouse's jobs, including killed ones: they hold customers' orders."""
        home = self.path.rpartition("/")[0]
        with self.translated_errors("cleared"):
            self.files.invalidate_cache()  # the engine has written files since the last listing
            if self.files.exists(home):
                self.files.rm(home, recursive=True)

    def cleanup(self) -> None:
        """Remove all files at the end of a build. A failure is logged, and the next build tries again."""
        try:
            self.remove_all()
        except WarehouseError as error:
            logger.warning("%s", error)

    @contextmanager
    def translated_errors(self, doing: str) -> Iterator[None]:
        """Translate the errors of any file system, each with its own exception classes, into a WarehouseError."""
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
    """Load the engine's rows of a model into a new table. Without rows, there is no table.

    Raises WarehouseError if rows are missing, or if there is no result.
    """
    rows, result = 0, folder.result()
    if result is None:
        raise WarehouseError(f"{folder.url} has no result of the engine", "Run the same command again.")
    connection.execute(sql.SQL("drop table if exists {}").format(table))
    with folder.translated_errors("read"):
        parts = sorted(
            path for path in folder.files.find(f"{folder.path}/{result.attempt}/{name}") if path.endswith(".parquet")
        )
        for number, part in enumerate(parts):
            with folder.files.open(part, "rb") as file:
                source = pq.ParquetFile(file)
                if number == 0:
                    _create(connection, table, source.schema_arrow)
                rows += _copy_in(connection, table, source)
    if rows != (computed := result.counts[name]):
        raise WarehouseError(f"The engine computed {computed} rows of {name}, but {folder.url} has {rows}", REMEDY)


def _home_of_jobs() -> str:
    """Return the folder for the jobs of this warehouse only."""
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
