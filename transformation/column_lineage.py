"""Which columns of a query come from which: read from its SQL, without a database.

Values are followed through expressions, windows, subqueries and unions. Of what decides which rows there are, a flag is
followed that stands for one field (`where is_revenue`); other conditions and joins are not: a rejected row is missing
everywhere. Nor is the number of a row in a window. Where a query cannot be read, each of its columns may come from any
of its sources.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from sqlglot import exp, parse_one
from sqlglot.errors import SqlglotError

Origins: TypeAlias = frozenset[str]  # whatever the columns at the beginning are named by
Columns: TypeAlias = dict[str, Origins]
Relations: TypeAlias = Mapping[str, Columns]  # by `schema.name`

NOTHING: Origins = frozenset()


def parsed(sql: str) -> exp.Query | None:
    """The query's tree; None if it cannot be read."""
    try:
        tree = parse_one(sql, dialect="postgres")
    except SqlglotError:
        return None
    return tree if isinstance(tree, exp.Query) else None


def columns_of(query: exp.Query, relations: Relations) -> Columns:
    """The query's columns by name, each with what it comes from. Relations that are not known have no columns."""
    return _Scope(relations, {}, {}).columns(query)


class _Scope:
    """What names mean in a query: `known` are its CTEs, `outer` the sources of the query around it."""

    def __init__(self, relations: Relations, known: Mapping[str, Columns], outer: Mapping[str, Columns]) -> None:
        self._relations, self._known, self._outer = relations, dict(known), outer

    def columns(self, query: Any) -> Columns:
        if isinstance(query, exp.Subquery):
            return self.columns(query.this)
        for cte in query.ctes if isinstance(query, exp.Query) else ():
            self._known[cte.alias] = self._inner().columns(cte.this)
        if isinstance(query, exp.SetOperation):
            left, right = self._inner().columns(query.left), self._inner().columns(query.right)
            beside = list(right.values())
            return {
                name: origins | (beside[at] if at < len(beside) else NOTHING)
                for at, (name, origins) in enumerate(left.items())
            }
        if isinstance(query, exp.Select):
            return self._selected(query)
        return {}

    def _inner(self, outer: Mapping[str, Columns] | None = None) -> "_Scope":
        return _Scope(self._relations, self._known, self._outer if outer is None else outer)

    def _selected(self, select: exp.Select) -> Columns:
        sources: dict[str, Columns] = {}
        tables = [part.this for part in (select.args.get("from_"), select.args.get("from")) if part]
        tables += [join.this for join in select.args.get("joins") or ()]
        for table in [*tables, *(select.args.get("laterals") or ())]:
            sources[table.alias_or_name] = self._source(table, sources)
        found: Columns = {}
        for projection in select.expressions:
            if isinstance(projection, exp.Star):
                for columns in sources.values():
                    found |= columns
            elif isinstance(projection, exp.Column) and isinstance(projection.this, exp.Star):
                found |= sources.get(projection.table, {})
            else:
                found[projection.alias_or_name] = self._origins(projection, sources)
        flags = self._flags(select, sources)
        return {name: origins | flags for name, origins in found.items()}

    def _flags(self, select: exp.Select, sources: Mapping[str, Columns]) -> Origins:
        """The fields that a flag of the where clause stands for: one each, for is_valid stands for all of them."""
        where = select.args.get("where")
        conditions = [where.this] if where else []
        found = NOTHING
        while conditions:
            condition = conditions.pop()
            if isinstance(condition, exp.And):
                conditions += [condition.left, condition.right]
            elif isinstance(condition, exp.Column):
                origins = self._origins_of_column(condition, sources)
                found |= origins if len(origins) == 1 else NOTHING
        return found

    def _source(self, table: Any, before: Mapping[str, Columns]) -> Columns:
        if isinstance(table, exp.Table):
            if not table.db and table.name in self._known:
                return self._known[table.name]
            return self._relations.get(f"{table.db}.{table.name}", {})
        inner = table.this if isinstance(table, exp.Lateral) else table
        return self._inner({**self._outer, **before}).columns(inner)

    def _origins(self, expression: Any, sources: Mapping[str, Columns]) -> Origins:
        found: set[str] = set()
        inner_queries = [inner for inner in expression.find_all(exp.Subquery, exp.Select) if inner is not expression]
        for inner in inner_queries:
            for origins in self._inner({**self._outer, **sources}).columns(inner).values():
                found |= origins
        for column in expression.find_all(exp.Column):
            if not _numbers_rows(column):
                found |= self._origins_of_column(column, sources)
        return frozenset(found)

    def _origins_of_column(self, column: exp.Column, sources: Mapping[str, Columns]) -> Origins:
        for scope in (sources, self._outer):
            if column.table:
                if column.table in scope:
                    return scope[column.table].get(column.name, NOTHING)
                continue
            named = [columns[column.name] for columns in scope.values() if column.name in columns]
            if named:
                return NOTHING.union(*named)
        return NOTHING


def _numbers_rows(column: exp.Column) -> bool:
    """Whether a column only orders the rows that a window numbers, as for `row_number`: no value of it comes out."""
    window = column.find_ancestor(exp.Window, exp.Query)
    return isinstance(window, exp.Window) and window.this.find(exp.Column) is None
