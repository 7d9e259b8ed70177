"""The dbt docs site: complete descriptions, a connected lineage, and texts that match the code."""

import re
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from expectations.rules import COMMON_RULES, DATASET_RULES
from pipeline_settings import PROJECT_ROOT
from tests.dbt_project.conftest import Dbt
from tests.dbt_project.loads import FIRST, Loads, orders, reviews
from transformation.pipelines import PIPELINES
from warehouse.connection import connect


def ours(nodes: dict[str, Any]) -> list[Any]:
    return [node for node in nodes.values() if node.package_name == "daybreak" and node.resource_type != "operation"]


def ancestors(project: Any, unique_id: str) -> set[str]:
    found, new = set[str](), {unique_id}
    parents = project.parent_map
    while new:
        found |= new
        new = {parent for child in new for parent in parents[child]} - found
    return found


def test_every_node_and_column_has_a_description(project: Any) -> None:
    described = [
        *ours(project.nodes),
        *ours(project.sources),
        *ours(project.macros),
        *ours(project.exposures),
        *ours(project.unit_tests),
    ]
    assert [node.unique_id for node in described if not node.description.strip()] == []
    assert [source.unique_id for source in ours(project.sources) if not source.source_description.strip()] == []
    columns = [(node.unique_id, column) for node in described for column in getattr(node, "columns", {}).values()]
    assert [(owner, column.name) for owner, column in columns if not column.description.strip()] == []
    arguments = [(macro.unique_id, argument) for macro in ours(project.macros) for argument in macro.arguments]
    assert [(owner, argument.name) for owner, argument in arguments if not argument.description.strip()] == []


def test_every_model_has_an_owner_and_a_colour_by_layer(project: Any) -> None:
    models = [node for node in ours(project.nodes) if node.resource_type == "model"]
    assert [node.name for node in models if not (node.config.group and node.config.meta.get("owner"))] == []
    assert {node.fqn[1]: node.config.docs.node_color for node in models}.keys() == {
        "staging", "quarantine", "intermediate", "marts"
    }  # fmt: skip
    assert len({node.config.docs.node_color for node in models}) == 4
    public = {node.name for node in models if node.access == "public"}
    assert {mart for pipeline in PIPELINES for mart in pipeline.marts} <= public
    for node in models:
        for column in ("customer_id", "review_text"):
            if node.fqn[1] in ("marts", "quarantine") and column in node.columns:
                assert node.columns[column].meta["contains_personal_data"], (node.name, column)


def test_the_lineage_is_connected(project: Any) -> None:
    project.build_parent_and_child_maps()
    for mart in (mart for pipeline in PIPELINES for mart in pipeline.marts):
        above = ancestors(project, f"model.daybreak.{mart}")
        assert any(name.startswith("source.daybreak.raw.") for name in above), mart
    for exposure in project.exposures:
        assert any(name.startswith("source.daybreak.raw.") for name in ancestors(project, exposure)), exposure
    roots = [node.name for node in ours(project.nodes) if node.resource_type == "model" and not node.depends_on_nodes]
    assert roots == []
    assert {source.loader for source in ours(project.sources) if source.source_name == "raw"} == {"dlt"}


def test_the_overview_links_to_existing_models(project: Any) -> None:
    overview = project.docs["doc.daybreak.__overview__"].block_contents
    linked = set(re.findall(r"#!/model/([\w.]+)\)", overview))
    assert {f"model.daybreak.{mart}" for pipeline in PIPELINES for mart in pipeline.marts} <= linked
    assert linked <= project.nodes.keys()


def test_the_table_of_reasons_has_exactly_the_rules(project: Any) -> None:
    text = project.docs["doc.daybreak.rejection_reasons"].block_contents
    documented = set(re.findall(r"^\| `(\w+)(?=[`…])", text, re.MULTILINE)) - {"missing_"}
    rules = {rule.code for rule in [*COMMON_RULES, *DATASET_RULES["orders"], *DATASET_RULES["reviews"]]}
    assert documented == rules


def test_the_thresholds_in_the_texts_match_the_vars(project: Any) -> None:
    thresholds = yaml.safe_load((PROJECT_ROOT / "dbt_project" / "dbt_project.yml").read_text())["vars"]
    drop = project.docs["doc.daybreak.formula_rating_drop"].block_contents
    documented = re.findall(r"\| ([\d.]+) \| `(\w+)` \|", drop)
    assert {name: float(value) for value, name in documented} == {
        name: float(value) for name, value in thresholds.items() if name.startswith("rating_drop_")
    }
    bayesian = project.docs["doc.daybreak.formula_bayesian_rating"].block_contents
    for name in ("bayesian_prior_weight", "bayesian_prior_mean"):
        assert f"`{name}` ({thresholds[name]})" in bayesian


@pytest.mark.slow
def test_every_existing_column_is_declared(dbt: Dbt, loads: Loads, project: Any) -> None:
    loads.admit("orders", FIRST, orders(FIRST))
    loads.admit("reviews", FIRST, reviews(FIRST))
    assert dbt("build").succeeded
    assert dbt("snapshot", "--select", "tag:history").succeeded
    nodes = [node for node in ours(project.nodes) if node.resource_type in ("model", "seed", "snapshot")]
    declared = {(node.schema, node.alias, column) for node in nodes for column in node.columns}
    declared |= {(node.schema, node.name, column) for node in ours(project.sources) for column in node.columns}
    with connect() as connection:
        found = connection.execute(
            """
            select table_schema, table_name, column_name from information_schema.columns
            where table_schema in ('build', 'marts', 'quarantine')
                or (table_schema = 'staging' and table_name <> 'review_sentiment')
            """
        ).fetchall()
    assert {tuple(row.values()) for row in found} - declared == set()
