"""Great Expectations, set up once per process: its context, its connection and its stores.

GX is imported inside functions, not at the top of a module: it takes seconds, and most commands do not need it.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from expectations.gx_import import import_gx
from pipeline_errors import WarehouseError
from pipeline_settings import settings
from warehouse.connection import tool_parameters
from warehouse.roles import LOADER, acting_as

if TYPE_CHECKING:
    import great_expectations as gx
    import sqlalchemy as sa

# The parameters override this URL, which cannot name a socket folder.
UNUSED_URL = "postgresql+psycopg2://user@host/database"
RESULTS_FOLDER = "results"
DOCS_FOLDER = "docs"
JUDGED_ROWS = "judged_rows"  # temporary table: one load at a time, dropped with its connection

# Only counts leave the database: no list of unexpected values, no personal data.
RESULT_FORMAT = {"result_format": "BASIC", "partial_unexpected_count": 0}


class GxSession:
    """A GX context in memory that stores results and Data Docs below `home`, with one connection to the warehouse."""

    def __init__(self, parameters: Mapping[str, Any], home: Path) -> None:
        """`parameters`: libpq's, for the connection."""
        import_gx()
        import great_expectations as gx
        from great_expectations.datasource.fluent.interfaces import TestConnectionError

        self.home = home
        self.context = gx.get_context(project_config=_project(home), mode="ephemeral")
        try:
            self._datasource = self._warehouse(parameters)
        except TestConnectionError as error:
            raise _unreadable(error) from None
        self._lock = threading.Lock()

    def _warehouse(self, parameters: Mapping[str, Any]) -> Any:
        return self.context.data_sources.add_postgres(
            "warehouse",
            connection_string=UNUSED_URL,
            # Copies the rows once more: otherwise GX runs `select *` over all of them to find their columns.
            create_temp_table=True,
            kwargs={  # type: ignore[call-arg]  # every SQL datasource takes it; missing in the stub
                # A single connection, otherwise GX would not see the temporary table.
                "pool_size": 1,
                "max_overflow": 0,
                "pool_timeout": 30,
                "connect_args": dict(parameters),
            },
        )

    @contextmanager
    def connection(self) -> Iterator["sa.Engine"]:
        """Yield GX's engine to one thread at a time; disconnect at the end, which drops the temporary table."""
        from sqlalchemy.exc import SQLAlchemyError

        engine = self._datasource.get_execution_engine().engine
        with self._lock:
            try:
                yield engine
            except SQLAlchemyError as error:
                raise _unreadable(getattr(error, "orig", None) or error) from None
            finally:
                engine.dispose()
                self._datasource.get_engine().dispose()  # a second engine that GX uses only to test the connection

    def validate(self, suite: "gx.ExpectationSuite") -> Any:
        """Return GX's result for the rows in JUDGED_ROWS. Call it inside `connection`."""
        batch = self._batch_definition(suite.name).get_batch()
        result = batch.validate(suite, result_format=RESULT_FORMAT)
        for expectation in result.results:  # GX turns an exception into "no success"
            if expectation.exception_info.get("raised_exception", True):
                raise _unreadable(expectation.exception_info)
        return result

    def _batch_definition(self, dataset: str) -> Any:
        try:
            return self._datasource.get_asset(dataset).get_batch_definition("load")
        except LookupError:
            asset = self._datasource.add_query_asset(
                dataset, query=f"select * from {JUDGED_ROWS} where not is_identical_copy"
            )
            return asset.add_batch_definition_whole_table("load")


def gx_session() -> GxSession:
    """Return the session for the current settings; its connection has the loader's role.

    Raises WarehouseError if Postgres fails during the setup.
    """
    with acting_as(LOADER):
        return _session(frozenset(tool_parameters().items()), gx_home())


def gx_home() -> Path:
    """Return the folder of GX's files."""
    return settings().daybreak_home / "gx"


@cache
def _session(parameters: frozenset[tuple[str, Any]], home: Path) -> GxSession:
    return GxSession(dict(parameters), home)


def _unreadable(error: object) -> WarehouseError:
    return WarehouseError(f"The gate could not read the load: {error}", "Run the same command again.")


def _project(home: Path) -> Any:
    from great_expectations.data_context.types.base import DataContextConfig, ProgressBarsConfig

    return DataContextConfig(
        config_version=4,
        expectations_store_name="expectations",
        validation_results_store_name="results",
        checkpoint_store_name="checkpoints",
        plugins_directory=None,
        stores={
            "expectations": _store("ExpectationsStore", _in_memory()),
            "checkpoints": _store("CheckpointStore", _in_memory()),
            "validation_definition_store": _store("ValidationDefinitionStore", _in_memory()),
            "results": _store("ValidationResultsStore", _in_files(home / RESULTS_FOLDER)),
        },
        data_docs_sites={
            "gate": {
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": _in_files(home / DOCS_FOLDER),
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
                "site_section_builders": {
                    "validations": {
                        "class_name": "DefaultSiteSectionBuilder",
                        "source_store_name": "results",
                        "renderer": {
                            "module_name": "great_expectations.render.renderer",
                            "class_name": "ValidationResultsPageRenderer",
                        },
                        "view": {"module_name": "expectations.offline_page", "class_name": "OfflinePageView"},
                    },
                    "expectations": "None",
                    "profiling": "None",
                },
            }
        },
        progress_bars=ProgressBarsConfig(globally=False),
        analytics_enabled=False,
    )


def _store(class_name: str, backend: dict[str, Any]) -> dict[str, Any]:
    return {"class_name": class_name, "store_backend": backend}


def _in_memory() -> dict[str, Any]:
    return {"class_name": "InMemoryStoreBackend"}


def _in_files(directory: Path) -> dict[str, Any]:
    return {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(directory)}
