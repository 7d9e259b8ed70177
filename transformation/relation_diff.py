"""Comparison of two versions of a table or view by key in Postgres: added, removed and changed rows, by column."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import sql

from transformation.new_columns import NewColumn, describe_columns
from transformation.row_key import guess_key, require_columns
from warehouse.connection import Connection

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
    """A mart to compare: (schema, name) of the published and the built relation, declared key, personal columns.

    `is_view`: a published view, which is created again if it loses or changes columns. `ours`: the published views.
    """

    name: str
    published: tuple[str, str]
    built: tuple[str, str]
    key: Sequence[str]
    personal: set[str]
    is_view: bool = False
    ours: frozenset[str] = frozenset()


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
    text by kind of difference, empty if the key is personal data (`is_key_personal`). With a new key all rows count as
    removed and added. `readers_in_the_way`: commands that drop what keeps a view from its columns."""

    mart: str
    key: list[str]
    is_key_declared: bool
    is_key_personal: bool
    is_key_new: bool
    published_rows: int | None
    built_rows: int
    counts: dict[str, int]
    columns_added: list[NewColumn]
    columns_removed: list[str]
    types_changed: dict[str, tuple[str, str]]
    columns: list[ColumnChange]
    examples: dict[str, list[list[str]]]
    readers_in_the_way: list[str]

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
    removed = [column for column in before if column not in after]
    added = {name: type_ for name, type_ in after.items() if before and name not in before}
    require_columns(side.name, key, before, after)
    versions = [side.built, *([side.published] if before else [])]
    columns = list(key or side.key) or guess_key(connection, side.name, versions, shared or list(after))
    is_key_new = bool(before) and not set(columns) <= before.keys()
    built_rows, published_rows = _count(connection, side.built), _count(connection, side.published) if before else None
    counts = {"added": built_rows, "removed": published_rows or 0, "changed": 0}
    changes: list[ColumnChange] = []
    keys: dict[str, list[list[str]]] = {}
    if before and not is_key_new:
        counts, changes, keys = _compare_rows(connection, side, columns, shared, set(retyped), examples)
    return Comparison(
        mart=side.name,
        key=columns,
        is_key_declared=bool(key or side.key),
        is_key_personal=bool(side.personal & set(columns)),
        is_key_new=is_key_new,
        published_rows=published_rows,
        built_rows=built_rows,
        counts=counts,
        columns_added=describe_columns(connection, side.built, added, side.personal, examples),
        columns_removed=removed,
        types_changed=retyped,
        columns=changes,
        examples=keys,
        readers_in_the_way=_readers_of(connection, side) if side.is_view and (removed or retyped) else [],
    )


def _compare_rows(
    connection: Connection, side: Side, key: list[str], shared: list[str], retyped: set[str], examples: int
) -> tuple[dict[str, int], list[ColumnChange], dict[str, list[list[str]]]]:
    """Return the counts by kind of difference, the changes by column, and example keys by kind."""
    _write_differences(connection, side, key, shared, retyped)
    counts = _counts(connection)
    changes = [_change(connection, side, key, *change) for change in _changed_columns(connection).items()]
    keys = {}
    if not side.personal & set(key):
        keys = {kind: _keys(connection, kind, examples) for kind, count in counts.items() if count}
    connection.execute("drop table pg_temp.differences")
    return counts, changes, keys


def _types(connection: Connection, relation: tuple[str, str]) -> dict[str, str]:
    rows = connection.execute(
        """
        select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
        where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped order by attnum
        """,
        [sql.Identifier(*relation).as_string(connection)],
    )
    return {row["name"]: row["type"] for row in rows}


def _readers_of(connection: Connection, side: Side) -> list[str]:
    """Return the commands that drop what reads a published view, except for published views of the project."""
    rows = connection.execute(
        "select kind, name from ops.dependents(to_regclass(%s)) order by name",
        [sql.Identifier(*side.published).as_string(connection)],
    )
    return [f"drop {row['kind']} {row['name']};" for row in rows if row["name"] not in side.ours]


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
