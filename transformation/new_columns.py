"""What a new column of a mart holds: nulls, the smallest and largest value, and examples."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from psycopg import sql

from warehouse.connection import Connection

WITHOUT_ORDER = ("json", "xml", "point")  # types without a smallest value: their texts are compared

CONTENTS = """
    with contents as (select {column} as value from {relation} where {column} is not null)
    select
        (select count(*) from {relation} where {column} is null) as nulls,
        (select value::text from contents order by {sorted} limit 1) as lowest,
        (select value::text from contents order by {sorted} desc limit 1) as highest,
        array(
            select value::text from contents group by value::text order by count(*) desc, value::text limit {examples}
        ) as examples
"""


@dataclass(frozen=True)
class NewColumn:
    """A new column: rows with null, smallest and largest value, and the most frequent values, as text.

    The values are missing if all are null, or if they are personal data.
    """

    name: str
    type: str
    nulls: int
    lowest: str | None
    highest: str | None
    examples: list[str]
    is_personal: bool


def describe_columns(
    connection: Connection,
    relation: tuple[str, str],
    types: Mapping[str, str],
    personal: Collection[str],
    examples: int,
) -> list[NewColumn]:
    """Return the contents of columns of a relation. `types` by name; `examples`: the most to return of each."""
    return [
        _describe(connection, relation, name, of_type, examples, is_personal=name in personal)
        for name, of_type in types.items()
    ]


def _describe(
    connection: Connection, relation: tuple[str, str], name: str, of_type: str, examples: int, *, is_personal: bool
) -> NewColumn:
    value = sql.SQL("value::text" if of_type in WITHOUT_ORDER else "value")
    row = connection.execute(
        sql.SQL(CONTENTS).format(
            column=sql.Identifier(name),
            relation=sql.Identifier(*relation),
            sorted=value,
            examples=sql.Literal(examples),
        )
    ).fetchone()
    assert row is not None
    if is_personal:
        row |= {"lowest": None, "highest": None, "examples": []}
    return NewColumn(name, of_type, **row, is_personal=is_personal)
