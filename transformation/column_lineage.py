"""Column lineage of a query, from its SQL by sqlglot, without a database.

Values are followed through expressions, windows, subqueries and unions. Of the conditions on rows, only flags of a
single field (`where is_revenue`) are followed. Other conditions, joins and row numbers of windows are not, since a
rejected row is missing everywhere. Each column of an unreadable query may come from any of its sources.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

Origins: TypeAlias = frozenset[str]  # names of the columns at the start of the lineage
Columns: TypeAlias = dict[str, Origins]
Relations: TypeAlias = Mapping[str, Columns]  # by `schema.name`

NOTHING: Origins = frozenset()


def parsed(sql: str, schema: MappingSchema) -> Sequence[Scope] | None:
    """Return the scopes of a query, innermost first, with qualified names; None if the query is unreadable."""
    try:
        tree = qualify(
            parse_one(sql, dialect="postgres"),
            dialect="postgres",
            schema=schema,
            allow_partial_qualification=True,
            validate_qualify_columns=False,
            quote_identifiers=False,
        )
    except SqlglotError:
        return None
    return traverse_scope(tree) or None


def columns_of(scopes: Sequence[Scope], relations: Relations) -> Columns:
    """Return the query's columns by name, each with its origins. Unknown relations have no columns."""
    columns: dict[int, Columns] = {}  # by the scope's expression
    for scope in scopes:
        query = scope.expression
        if scope.set_operation_scopes:
            left, right = (columns[id(each.expression)] for each in scope.set_operation_scopes)
            found = {name: left[name] | origins for name, origins in zip(left, right.values(), strict=True)}
        elif isinstance(query, exp.Select):
            found = _selected(query, scope, columns, relations)
        elif isinstance(query.this, exp.Expression):
            found = columns.get(id(query.this.unnest()), {})
        else:  # unnest() in `from`: its rows are values of the query around it
            found = {}
        columns[id(query)] = found
    return columns[id(scopes[-1].expression)]


def _selected(select: exp.Select, scope: Scope, columns: Mapping[int, Columns], relations: Relations) -> Columns:
    def origins_of(column: exp.Column) -> Origins:
        within: Scope | None = scope
        while within and column.table not in within.sources:
            within = within.parent
        source = within.sources[column.table] if within else None
        if isinstance(source, Scope):
            return columns.get(id(source.expression), {}).get(column.name, NOTHING)
        return relations.get(f"{source.db}.{source.name}", {}).get(column.name, NOTHING) if source else NOTHING

    where = select.args.get("where")
    conditions = where.this.flatten() if where and isinstance(where.this, exp.And) else [where and where.this]
    flags = [origins_of(flag) for flag in conditions if isinstance(flag, exp.Column)]
    of_rows = NOTHING.union(*(origins for origins in flags if len(origins) == 1))  # is_valid stands for all fields
    found = {}
    for projection in select.selects:
        queries = [columns.get(id(query), {}) for query in projection.find_all(exp.Query)]
        inner = [origins for query in queries for origins in query.values()]
        values = [origins_of(column) for column in projection.find_all(exp.Column) if not _numbers_rows(column)]
        found[projection.alias_or_name] = of_rows.union(*inner, *values)
    return found


def _numbers_rows(column: exp.Column) -> bool:
    """Return whether a column only orders the rows of a window, as for `row_number`, and yields no value."""
    window = column.find_ancestor(exp.Window, exp.Query)
    return isinstance(window, exp.Window) and window.this.find(exp.Column) is None
