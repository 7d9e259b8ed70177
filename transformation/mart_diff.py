"""`daybreak diff`: the effect of a change of models on marts, before it is published.

The current project builds the marts from the published loads into temporary schemas. They are compared with the
published marts by primary key. The diff writes no published table and blocks no publish.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline_errors import ConfigurationError, LockedError
from transformation import dbt_runner
from transformation.dev_schemas import dev_schemas, run_dev, size_of
from transformation.relation_diff import Comparison, Side, compare
from warehouse.connection import Connection, connect
from warehouse.time_limit import time_limit

PREFIX = "diff"


@dataclass(frozen=True)
class Diff:
    """The size of the build (models, days, rows of raw, seconds, bytes), and a comparison per mart."""

    models: int
    days: int
    raw_rows: int
    seconds: float
    size_bytes: int
    marts: list[Comparison]


def diff_marts(
    marts: Sequence[str],
    on_step: Callable[[str], None] = lambda _: None,
    on_plan: Callable[[str], None] = lambda _: None,
    *,
    project: Path | None = None,
    key: Sequence[str] = (),
    examples: int = 5,
    shows_personal_data: bool = False,
) -> Diff:
    """Build these marts, or all, with the current `project`, and compare them with the published ones.

    `on_step` receives each step, `on_plan` the size of the build. `key`: the key columns if the contract declares no
    primary key. Raises ConfigurationError for an unknown mart, ModelError if one cannot be built, LockedError if
    days were published meanwhile.
    """
    began = time.monotonic()
    with dev_schemas(PREFIX):
        on_step("reading the project")
        manifest = dbt_runner.invoke(["parse", "--target", "dev"], state="dbt-diff", project=project)
        nodes = _chosen(manifest, marts)
        models = _ancestors(manifest, [node.unique_id for node in nodes])
        with connect() as connection:
            published_before = _newest_publication(connection)
            days, raw_rows = _count_published(connection)
        on_plan(f"Builds {len(models)} models from {raw_rows:,} rows of {days} published days.")
        run_dev(["run", "--select", *(f"+{node.name}" for node in nodes)], PREFIX, manifest, on_step)
        with time_limit(), connect() as connection:
            connection.execute("set transaction isolation level repeatable read")
            if _newest_publication(connection) != published_before:
                raise LockedError("Days were published during the comparison", "Run the same command again.")
            comparisons = []
            for node in nodes:
                on_step(f"comparing {node.name}")
                comparisons.append(compare(connection, _side(node, manifest, shows_personal_data), key, examples))
            size = size_of(connection, PREFIX)
    return Diff(len(models), days, raw_rows, time.monotonic() - began, size, comparisons)


def _chosen(manifest: Any, names: Sequence[str]) -> list[Any]:
    marts = {
        node.name: node
        for node in manifest.nodes.values()
        if node.resource_type == "model" and node.config.schema == "marts"
    }
    if unknown := [name for name in names if name not in marts]:
        raise ConfigurationError(f"There is no mart {unknown[0]}", f"The marts are {', '.join(sorted(marts))}.")
    return [marts[name] for name in names or sorted(marts)]


def _ancestors(manifest: Any, ids: Sequence[str]) -> set[str]:
    """Return the models upstream of these, and these."""
    models, new = set[str](), set(ids)
    while new:
        models |= new
        new = {parent for child in new for parent in manifest.nodes[child].depends_on.nodes} - models
        new = {name for name in new if name.startswith("model.")}
    return models


def _side(node: Any, manifest: Any, shows_personal_data: bool) -> Side:
    """Return the two relations of a mart, its key, its columns with personal data, and the published views."""
    views = [one for one in manifest.nodes.values() if one.config.materialized == "published_view"]
    keys = [list(constraint.columns) for constraint in node.constraints if constraint.type == "primary_key"]
    personal = {name for name, column in node.columns.items() if column.config.meta.get("contains_personal_data")}
    hidden = set[str]() if shows_personal_data else personal
    return Side(
        node.name,
        (node.config.schema, node.alias),
        (node.schema, node.alias),
        keys[0] if keys else [],
        hidden,
        is_view=node in views,
        ours=frozenset(f"{one.config.schema}.{one.alias}" for one in views),
    )


def _newest_publication(connection: Connection) -> int:
    row = connection.execute("select coalesce(max(publication_id), 0) as id from ops.publications").fetchone()
    assert row is not None
    return int(row["id"])


def _count_published(connection: Connection) -> tuple[int, int]:
    row = connection.execute(
        """
        select count(distinct ledger.day) as days, coalesce(sum(results.row_count), 0) as rows
        from ops.day_ledger as ledger
        inner join ops.gate_results as results on ledger.published_load_id = results.load_id
        """
    ).fetchone()
    assert row is not None
    return int(row["days"]), int(row["rows"])
