"""dlt's Postgres destination with our connection, large COPY blocks and a count of the copied rows.

dlt feeds COPY 8 KB at a time and takes the GIL each time: beside a thread that parses pages, a load of 100 MB would
wait for it 13,000 times. dlt also drops the row count that Postgres reports. It has a setting for neither. It connects
by a URL, which cannot name a socket folder.
"""

from collections.abc import Mapping
from typing import IO, Any

import psycopg2
from dlt.common.destination import DestinationCapabilitiesContext
from dlt.common.schema import Schema
from dlt.destinations import postgres
from dlt.destinations.impl.postgres.configuration import PostgresClientConfiguration, PostgresCredentials
from dlt.destinations.impl.postgres.postgres import PostgresClient
from dlt.destinations.impl.postgres.sql_client import Psycopg2SqlClient
from psycopg2.extensions import connection, cursor

BLOCK_BYTES = 1 << 20
UNUSED = {"host": "warehouse", "database": "warehouse", "username": "daybreak", "password": ""}  # dlt requires them


def open_connection(parameters: Mapping[str, Any], schema: str, **more: Any) -> connection:
    """Open dlt's connection with libpq's parameters."""
    options = f"{parameters['options']} -csearch_path={schema},public"
    return psycopg2.connect(**{**parameters, "options": options}, **more)


class CopyDestination(postgres):
    """The destination of a pipeline. `copied` holds the row count of each completed COPY."""

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        """`parameters`: libpq's, for the connection."""
        super().__init__(PostgresCredentials(UNUSED))
        self.copied: list[int] = []
        self._parameters = parameters

    @property
    def client_class(self) -> type[PostgresClient]:
        """dlt's client, with our COPY on its connections."""
        return _client_class(self._parameters, self.copied)


def _client_class(parameters: Mapping[str, Any], copied: list[int]) -> type[PostgresClient]:
    class Cursor(cursor):  # type: ignore[misc]  # psycopg2 has no types
        def copy_expert(self, sql: Any, file: IO[bytes], size: int = BLOCK_BYTES) -> None:
            super().copy_expert(sql, file, BLOCK_BYTES)
            copied.append(self.rowcount)

    class SqlClient(Psycopg2SqlClient):
        def open_connection(self) -> connection:
            self._conn = open_connection(parameters, self.fully_qualified_dataset_name(), cursor_factory=Cursor)
            self._reset_connection()
            return self._conn

    class Client(PostgresClient):
        def __init__(
            self, schema: Schema, config: PostgresClientConfiguration, capabilities: DestinationCapabilitiesContext
        ) -> None:
            super().__init__(schema, config, capabilities)
            names = self.create_dataset_names(schema, config)
            self.sql_client = SqlClient(*names, config.credentials, capabilities)

    return Client
