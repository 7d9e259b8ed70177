"""The reach of a field of the shop: the columns of marts and the exposures that have its values.

dbt compiles the SQL of the models, and `column_lineage` reads it. The result is cached in DAYBREAK_HOME until a file of
the dbt project, or this code, changes.
"""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from sqlglot.schema import MappingSchema

from ingestion.declaration.shop_config import STAGED_FIELDS
from monitoring.plain_text import first_line
from pipeline_settings import PROJECT_ROOT, settings
from transformation import column_lineage, dbt_runner
from transformation.column_lineage import Columns, columns_of, parsed

logger = logging.getLogger(__name__)

STATE = "contract"  # folder in DAYBREAK_HOME
ROUNDS = 3  # passes through the graph, which has cycles: a build continues from the published marts
READ_BY_PEOPLE = ("marts", "quarantine")


@dataclass(frozen=True)
class Reach:
    """The reach of a field: columns by mart, and names of exposures."""

    columns: Mapping[str, Sequence[str]]
    exposures: Sequence[str]


def field_reach() -> dict[str, Reach]:
    """Return the reach by `dataset.field`, compiling the project if it has changed; {} with a log line on failure."""
    cache = settings().daybreak_home / STATE / "reach.json"
    fingerprint = _fingerprint()
    try:
        stored = json.loads(cache.read_text("utf-8"))
        if stored["fingerprint"] == fingerprint:
            return {field: Reach(**reach) for field, reach in stored["reach"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        pass
    try:
        reach = _compute()
        cache.parent.mkdir(parents=True, exist_ok=True)
        content = {"fingerprint": fingerprint, "reach": {field: asdict(one) for field, one in reach.items()}}
        cache.write_text(json.dumps(content), "utf-8")
    except Exception as failure:
        logger.warning("The reach of fields is unknown: %s", first_line(failure))
        return {}
    return reach


def _compute() -> dict[str, Reach]:
    project = dbt_runner.invoke(["parse"], state=STATE)
    compiled = dbt_runner.invoke(["compile", "--select", "resource_type:model"], state=STATE, manifest=project)
    nodes, exposures = [result.node for result in compiled.results], list(project.exposures.values())
    relations = _with_origins(nodes, list(project.sources.values()))
    reach = {}
    for dataset, fields in STAGED_FIELDS.items():
        for field in fields:
            origin = f"{dataset}.{field}"
            reached = {
                node.unique_id: sorted(
                    name for name, origins in relations[_relation(node)].items() if origin in origins
                )
                for node in nodes
                if node.schema in READ_BY_PEOPLE
            }
            columns = {
                f"{node.schema}.{node.alias}": reached[node.unique_id] for node in nodes if reached.get(node.unique_id)
            }
            used = {each for each, names in reached.items() if names}
            content = sorted(exposure.name for exposure in exposures if used & set(exposure.depends_on.nodes))
            reach[origin] = Reach(dict(sorted(columns.items())), content)
    return reach


def _with_origins(nodes: Sequence[Any], sources: Sequence[Any]) -> dict[str, Columns]:
    """Return the columns of raw and of all models, each with its origins among the fields."""
    schema = MappingSchema(dialect="postgres")
    for each in (*sources, *nodes):
        schema.add_table(_relation(each), dict.fromkeys(each.columns, "text"))
    relations: dict[str, Columns] = {
        f"raw.{dataset}": {field: frozenset({f"{dataset}.{field}"}) for field in fields}
        for dataset, fields in STAGED_FIELDS.items()
    }
    by_id = {node.unique_id: node for node in nodes}
    order = TopologicalSorter({node.unique_id: set(node.depends_on.nodes) & set(by_id) for node in nodes})
    queries = []
    for node in map(by_id.__getitem__, order.static_order()):
        queries.append((node, query := parsed(node.compiled_code, schema)))
        if query:
            schema.add_table(_relation(node), dict.fromkeys(columns_of(query, {}), "text"))
    for _ in range(ROUNDS):
        for node, query in queries:
            if query is not None:
                relations[_relation(node)] = columns_of(query, relations)
            else:
                parents = [relations.get(_relation(by_id[each]), {}) for each in node.depends_on.nodes if each in by_id]
                all_of_them = frozenset[str]().union(*(origins for parent in parents for origins in parent.values()))
                relations[_relation(node)] = dict.fromkeys(node.columns, all_of_them)
    return relations


def _relation(node: Any) -> str:
    return f"{node.schema}.{node.identifier}"


def _fingerprint() -> str:
    project = PROJECT_ROOT / "dbt_project"
    readers = [Path(__file__), Path(column_lineage.__file__)]
    read = [project / "dbt_project.yml", *project.glob("models/**/*.*"), *project.glob("macros/**/*.sql")]
    digest = hashlib.sha256()
    for file in (*readers, *sorted(read)):
        digest.update(file.read_bytes())
    return digest.hexdigest()
