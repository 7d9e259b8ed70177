"""Lineage of a dbt build, by OpenLineage's processor of dbt artifacts. Imported only if lineage is configured.

It reads the build's results from memory, since the next build overwrites the files in the target path.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from openlineage.client.event_v2 import InputDataset, Job, JobEvent, OutputDataset
from openlineage.common.provider.dbt.local import DbtLocalArtifactProcessor
from openlineage.common.provider.dbt.processor import ModelNode

from monitoring import lineage
from monitoring.lineage.events import PRODUCER, parent_facet
from pipeline_settings import PROJECT_ROOT, settings
from transformation.pipelines import BY_NAME

PROJECT = str(PROJECT_ROOT / "dbt_project")


class _BuildProcessor(DbtLocalArtifactProcessor):  # type: ignore[misc]  # untyped
    def __init__(self, manifest: Any, results: Any) -> None:
        super().__init__(PROJECT, producer=PRODUCER, job_namespace=lineage.namespace(), skip_errors=True)
        self._artifacts = manifest.writable_manifest().to_dict(omit_none=False), _as_artifact(results)

    def get_dbt_metadata(self) -> tuple[Any, Any, Any, None]:
        """Return manifest, results and connection, without a catalog."""
        profile = {"type": "postgres", "host": settings().pghost, "port": settings().pgport}
        return *self._artifacts, profile, None


def build_events(manifest: Any, results: Any) -> Sequence[Any]:
    """Return the events of a build: its models and tested datasets, as children of their pipeline's transform step.

    The views of staging do not run in a build of a day, so they are sent as jobs.
    """
    processor = _BuildProcessor(manifest, results)
    events = processor.parse().events()
    for event in events:
        tags = event.run.facets["tags"].tags if "tags" in event.run.facets else []
        pipeline = next((tag.key for tag in tags if tag.key in BY_NAME), "")
        if parent := lineage.parent_of(pipeline):
            event.run.facets["parent"] = parent_facet(parent)
        for output in event.outputs:
            if output.facets["dbt_model"].config.materialized != "table":
                output.outputFacets.pop("outputStatistics", None)  # the result of `create view`, not a row count
    return [*_staging_views(processor), *events]


def _staging_views(processor: _BuildProcessor) -> list[JobEvent]:
    manifest = processor.manifest
    nodes = {**manifest["nodes"], **manifest["sources"]}
    now = datetime.now(UTC).isoformat()
    events = []
    for unique_id, node in manifest["nodes"].items():
        if node["resource_type"] == "model" and "staging" in node["tags"]:
            namespace, name, facets = _dataset(processor, node)
            parents = [_dataset(processor, nodes[parent]) for parent in manifest["parent_map"][unique_id]]
            events.append(
                JobEvent(
                    eventTime=now,
                    job=Job(namespace=lineage.namespace(), name=f"{name}.view"),
                    inputs=[InputDataset(namespace=where, name=what) for where, what, _ in parents],
                    outputs=[OutputDataset(namespace=namespace, name=name, facets=facets)],
                    producer=PRODUCER,
                )
            )
    return events


def _dataset(processor: _BuildProcessor, node: dict[str, Any]) -> tuple[str, str, dict[str, Any]]:
    """Return namespace, name and facets (schema, description, owner) of a model or source."""
    kind = "source" if node["resource_type"] == "source" else "model"
    namespace, name, facets, _ = processor.extract_dataset_data(ModelNode(kind, node), None, has_facets=True)
    return namespace, name, facets


def _as_artifact(results: Any) -> Any:
    from dbt.artifacts.schemas.run import RunResultsArtifact

    return RunResultsArtifact.from_execution_results(
        results.results, results.elapsed_time, results.generated_at, results.args
    ).to_dict(omit_none=False)
