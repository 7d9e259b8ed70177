"""Comparison of two versions of a table or view by key in Postgres: added, removed and changed rows, by column."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from pipeline_errors import ConfigurationError
from warehouse.connection import Connection

LONGEST_GUESS = 3  # columns of a guessed key

DIFFERENCES = sql.SQL(
    """
    create temporary table differences as
    select
        array[{keys}] as key,
        case
            when published.is_there is null then 'added'
            when built.is_there is null then 'removed'
            else 'changed'
        end as kind,
        array_remove(array[{changed}]::text[], null) as columns
    from (select *, true as is_there from {published}) as published
    full join (select *, true as is_there from {built}) as built on {same}
    where published.is_there is null or built.is_there is null or {differs}
    """
)


@dataclass(frozen=True)
class Side:
    """A mart to compare: (schema, name) of the published and the built relation, declared key, personal columns."""

    name: str
    published: tuple[str, str]
    built: tuple[str, str]
    key: Sequence[str]
    personal: set[str]


@dataclass(frozen=True)
class ColumnChange:
    """A column that differs in `rows` rows of both versions, with an example as text unless it is personal data."""

    name: str
    rows: int
    before: str | None
    after: str | None
    is_personal: bool


@dataclass(frozen=True)
class Comparison:
    """The differences between two versions. `published_rows` is None if there is no published one; `examples`: keys as
    text by kind of difference, empty if the key is personal data (`is_key_personal`)."""

    mart: str
    key: list[str]
    is_key_declared: bool
    is_key_personal: bool
    published_rows: int | None
    built_rows: int
    counts: dict[str, int]
    columns_added: list[str]
    columns_removed: list[str]
    types_changed: dict[str, tuple[str, str]]
    columns: list[ColumnChange]
    examples: dict[str, list[list[str]]]

    @property
    def is_same(self) -> bool:
        """Whether the versions have the same columns and rows."""
        is_declared_alike = not (self.columns_added or self.columns_removed or self.types_changed)
        return self.published_rows is not None and is_declared_alike and not any(self.counts.values())


def compare(connection: Connection, side: Side, key: Sequence[str] = (), examples: int = 5) -> Comparison:
    """Compare the published with the built relation, in the connection's transaction.

    `key` replaces the declared key. Without either, the key is the shortest unique prefix of the columns. Raises
    ConfigurationError if there is none, or for an unknown column.
    """
    before, after = _types(connection, side.published), _types(connection, side.built)
    shared = [column for column in after if column in before]
    retyped = {name: (before[name], after[name]) for name in shared if before[name] != after[name]}
    columns = list(key) or list(side.key) or _guessed_key(connection, side, shared or list(after))
    _require_columns(side, columns, before, after)
    is_personal = bool(side.personal & set(columns))
    built_rows = _count(connection, side.built)
    counts = {"added": built_rows, "removed": 0, "changed": 0}
    changes: list[ColumnChange] = []
    keys: dict[str, list[list[str]]] = {}
    if before:
        _write_differences(connection, side, columns, shared, set(retyped))
        counts = _counts(connection)
        changes = [_change(connection, side, columns, *change) for change in _changed_columns(connection).items()]
        if not is_personal:
            keys = {kind: _keys(connection, kind, examples) for kind, count in counts.items() if count}
        connection.execute("drop table pg_temp.differences")
    return Comparison(
        mart=side.name,
        key=columns,
        is_key_declared=bool(key or side.key),
        is_key_personal=is_personal,
        published_rows=_count(connection, side.published) if before else None,
        built_rows=built_rows,
        counts=counts,
        columns_added=[column for column in after if before and column not in before],
        columns_removed=[column for column in before if column not in after],
        types_changed=retyped,
        columns=changes,
        examples=keys,
    )


def _require_columns(side: Side, key: Sequence[str], before: dict[str, str], after: dict[str, str]) -> None:
    for column in key:
        if column not in after:
            raise ConfigurationError(f"{side.name} has no column {column}", "Give columns of the mart as --key.")
        if before and column not in before:
            raise ConfigurationError(f"{side.name} as published has no column {column}", "Give another --key.")


def _types(connection: Connection, relation: tuple[str, str]) -> dict[str, str]:
    rows = connection.execute(
        """
        select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
        where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum
        """,
        [sql.Identifier(*relation).as_string(connection)],
    )
    return {row["name"]: row["type"] for row in rows}


def _guessed_key(connection: Connection, side: Side, columns: list[str]) -> list[str]:
    """Return the shortest prefix of the columns that is unique in both versions."""
    relations = [side.built, *([side.published] if _types(connection, side.published) else [])]
    for length in range(1, min(LONGEST_GUESS, len(columns)) + 1):
        if all(_is_key(connection, relation, columns[:length]) for relation in relations):
            return columns[:length]
    raise ConfigurationError(
        f"{side.name} declares no primary key, and its first columns are not unique", "Set the key with --key."
    )


def _is_key(connection: Connection, relation: tuple[str, str], columns: list[str]) -> bool:
    query = sql.SQL("select from {} group by {} having count(*) > 1 or {} limit 1").format(
        sql.Identifier(*relation),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
        sql.SQL(" or ").join(sql.SQL("{} is null").format(sql.Identifier(column)) for column in columns),
    )
    return connection.execute(query).fetchone() is None


def _count(connection: Connection, relation: tuple[str, str]) -> int:
    row = connection.execute(sql.SQL("select count(*) as rows from {}").format(sql.Identifier(*relation))).fetchone()
    assert row is not None
    return int(row["rows"])


def _write_differences(
    connection: Connection, side: Side, key: list[str], shared: list[str], retyped: set[str]
) -> None:
    """Write a row per key that differs: the key as text, the kind of difference, and the changed columns."""

    def value(version: str, column: str) -> sql.Composed:
        cast = "::text" if column in retyped else ""
        return sql.SQL("{}.{}" + cast).format(sql.Identifier(version), sql.Identifier(column))

    contents = [column for column in shared if column not in key]
    differs = {
        column: sql.SQL("{} is distinct from {}").format(value("published", column), value("built", column))
        for column in contents
    }
    connection.execute(
        DIFFERENCES.format(
            keys=sql.SQL(", ").join(
                sql.SQL("coalesce(built.{0}::text, published.{0}::text)").format(sql.Identifier(column))
                for column in key
            ),
            changed=sql.SQL(", ").join(
                sql.SQL("case when {} and published.is_there and built.is_there then {} end").format(
                    condition, sql.Literal(column)
                )
                for column, condition in differs.items()
            ),
            published=sql.Identifier(*side.published),
            built=sql.Identifier(*side.built),
            same=sql.SQL(" and ").join(
                sql.SQL("{} = {}").format(value("published", column), value("built", column)) for column in key
            ),
            differs=sql.SQL(" or ").join(differs.values()) if differs else sql.SQL("false"),
        )
    )


def _counts(connection: Connection) -> dict[str, int]:
    rows = connection.execute("select kind, count(*) as rows from pg_temp.differences group by kind")
    return {"added": 0, "removed": 0, "changed": 0} | {row["kind"]: row["rows"] for row in rows}


def _changed_columns(connection: Connection) -> dict[str, int]:
    rows = connection.execute(
        """
        select name, count(*) as rows from pg_temp.differences cross join unnest(columns) as name
        group by name order by rows desc, name
        """
    )
    return {row["name"]: row["rows"] for row in rows}


def _change(connection: Connection, side: Side, key: list[str], column: str, rows: int) -> ColumnChange:
    """Return the change of a column, with an example from the row with the smallest key."""
    is_personal = column in side.personal
    example: dict[str, Any] | None = None
    if not is_personal:
        text_key = sql.SQL("array[{}]").format(
            sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in key)
        )
        example = connection.execute(
            sql.SQL(
                """
                with first as (
                    select min(key) as key from pg_temp.differences where %(column)s = any(columns)
                )
                select
                    (select {column}::text from {published}, first where {text_key} = first.key) as before,
                    (select {column}::text from {built}, first where {text_key} = first.key) as after
                """
            ).format(
                column=sql.Identifier(column),
                published=sql.Identifier(*side.published),
                built=sql.Identifier(*side.built),
                text_key=text_key,
            ),
            {"column": column},
        ).fetchone()
    values = example or {"before": None, "after": None}
    return ColumnChange(column, rows, values["before"], values["after"], is_personal)


def _keys(connection: Connection, kind: str, limit: int) -> list[list[str]]:
    rows = connection.execute(
        "select key from pg_temp.differences where kind = %s order by key limit %s", [kind, limit]
    )
    return [row["key"] for row in rows]
