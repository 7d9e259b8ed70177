"""The key by which two versions of a table or view are compared: given, declared, or the first unique columns."""

from collections.abc import Mapping, Sequence

from psycopg import sql

from pipeline_errors import ConfigurationError
from warehouse.connection import Connection

LONGEST_GUESS = 3  # columns of a guessed key


def guess_key(connection: Connection, name: str, relations: Sequence[tuple[str, str]], columns: list[str]) -> list[str]:
    """Return the shortest prefix of the columns that is unique in all versions.

    Raises ConfigurationError if none is.
    """
    for length in range(1, min(LONGEST_GUESS, len(columns)) + 1):
        if all(_is_key(connection, relation, columns[:length]) for relation in relations):
            return columns[:length]
    raise ConfigurationError(
        f"{name} declares no primary key, and its first columns are not unique", "Set the key with --key."
    )


def require_columns(name: str, key: Sequence[str], before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Raise ConfigurationError if a version lacks a column of a key that the user gave."""
    for column in key:
        if column not in after:
            raise ConfigurationError(f"{name} has no column {column}", "Give columns of the mart as --key.")
        if before and column not in before:
            raise ConfigurationError(f"{name} as published has no column {column}", "Give another --key.")


def _is_key(connection: Connection, relation: tuple[str, str], columns: list[str]) -> bool:
    query = sql.SQL("select from {} group by {} having count(*) > 1 or {} limit 1").format(
        sql.Identifier(*relation),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(" or ").join(sql.SQL("{} is null").format(sql.Identifier(column)) for column in columns),
    )
    return connection.execute(query).fetchone() is None
