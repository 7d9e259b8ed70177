"""The lists of pipelines in Python, dbt's macros and dbt's graph agree."""

import re
from typing import Any

import yaml  # type: ignore[import-untyped]  # comes with dbt

from pipeline_settings import PROJECT_ROOT
from transformation.pipelines import PIPELINES

DBT = PROJECT_ROOT / "dbt_project"


def tags_of(folders: dict[str, Any]) -> set[str]:
    return {folder["+tags"] for folder in folders.values() if isinstance(folder, dict) and "+tags" in folder}


def test_pipelines_are_the_same_in_python_and_in_dbt() -> None:
    macro = (DBT / "macros" / "publish" / "pipelines.sql").read_text()
    listed = re.findall(r"'name': '(\w+)',.*?'dataset': '?(\w+)'?,", macro, re.DOTALL)
    assert listed == [(pipeline.name, pipeline.dataset or "none") for pipeline in PIPELINES]


def test_each_pipeline_tags_models_and_has_a_dag() -> None:
    models = yaml.safe_load((DBT / "dbt_project.yml").read_text())["models"]["daybreak"]
    names = {pipeline.name for pipeline in PIPELINES}
    assert tags_of(models["intermediate"]) == tags_of(models["marts"]) == names
    assert names <= {file.stem for file in (PROJECT_ROOT / "orchestration" / "dags").glob("*.py")}
