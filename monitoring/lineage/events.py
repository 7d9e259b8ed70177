"""OpenLineage events of runs and steps. Imported only if lineage is configured.

Times are UTC; the nominal time of a run is its logical days in the shop's time zone. A foreign error is reported by its
type alone, since its message could hold a row.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from importlib.metadata import version
from typing import Any
from zoneinfo import ZoneInfo

from openlineage.client.event_v2 import InputDataset, Job, OutputDataset, Run, RunEvent, RunState
from openlineage.client.facet_v2 import (
    data_quality_assertions_dataset,
    data_quality_metrics_input_dataset,
    dataset_version_dataset,
    error_message_run,
    job_type_job,
    nominal_time_run,
    output_statistics_output_dataset,
    parent_run,
)
from openlineage.client.uuid import generate_new_uuid

from ingestion.declaration.shop_config import shop_config
from monitoring.lineage.model import DatasetsUsed, DatasetUse, LineageRun
from pipeline_errors import public_text
from pipeline_settings import settings

PRODUCER = f"urn:daybreak:{version('daybreak')}"


def new_run_id() -> str:
    """Return a new UUID for a run."""
    return str(generate_new_uuid())


def start_event(run: LineageRun, days: Sequence[date]) -> RunEvent:
    """Return the start event of a run."""
    return _event(RunState.START, run, _run_facets(run, days), DatasetsUsed())


def end_event(
    run: LineageRun, days: Sequence[date], used: DatasetsUsed, failure: BaseException | None = None
) -> RunEvent:
    """Return the end event of a run: complete, failed or aborted."""
    facets = _run_facets(run, days)
    if failure is None:
        return _event(RunState.COMPLETE, run, facets, used)
    facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(public_text(failure), programmingLanguage="PYTHON")
    return _event(RunState.FAIL if isinstance(failure, Exception) else RunState.ABORT, run, facets, used)


def parent_facet(parent: LineageRun) -> parent_run.ParentRunFacet:
    """Return the facet that names a run's parent and root."""
    root = parent.root
    return parent_run.ParentRunFacet(
        run=parent_run.Run(runId=parent.run_id),
        job=parent_run.Job(namespace=parent.namespace, name=parent.job),
        root=parent_run.Root(
            run=parent_run.RootRun(runId=root.run_id), job=parent_run.RootJob(namespace=root.namespace, name=root.job)
        ),
    )


def warehouse_namespace() -> str:
    """Return the namespace of the warehouse's tables, by OpenLineage's rules for Postgres."""
    return f"postgres://{settings().pghost}:{settings().pgport}"


def _event(state: RunState, run: LineageRun, facets: dict[str, Any], used: DatasetsUsed) -> RunEvent:
    job_type = job_type_job.JobTypeJobFacet(processingType="BATCH", integration="DAYBREAK", jobType=run.kind)
    return RunEvent(
        eventType=state,
        eventTime=datetime.now(UTC).isoformat(),
        run=Run(runId=run.run_id, facets=facets),
        job=Job(namespace=run.namespace, name=run.job, facets={"jobType": job_type}),
        inputs=[_input(use) for use in used.reads],
        outputs=[_output(use) for use in used.writes],
        producer=PRODUCER,
    )


def _run_facets(run: LineageRun, days: Sequence[date]) -> dict[str, Any]:
    facets: dict[str, Any] = {"parent": parent_facet(run.parent)} if run.parent else {}
    if days:
        zone = ZoneInfo(shop_config().time_zone)
        first, end = (datetime.combine(day, time(), zone) for day in (min(days), max(days) + timedelta(days=1)))
        facets["nominalTime"] = nominal_time_run.NominalTimeRunFacet(first.isoformat(), end.isoformat())
    return facets


def _input(use: DatasetUse) -> InputDataset:
    facets: dict[str, Any] = {}
    if use.rows is not None:
        facets["dataQualityMetrics"] = data_quality_metrics_input_dataset.DataQualityMetricsInputDatasetFacet(
            columnMetrics={}, rowCount=use.rows
        )
    if use.checks:
        facets["dataQualityAssertions"] = data_quality_assertions_dataset.DataQualityAssertionsDatasetFacet(
            assertions=[
                data_quality_assertions_dataset.Assertion(
                    assertion=check.name, success=check.is_passed, actual=check.actual, expected=check.expected
                )
                for check in use.checks
            ]
        )
    namespace, name = _identity(use)
    return InputDataset(namespace=namespace, name=name, facets=_version(use), inputFacets=facets)


def _output(use: DatasetUse) -> OutputDataset:
    facets: dict[str, Any] = {}
    if use.rows is not None:
        facets["outputStatistics"] = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
            rowCount=use.rows
        )
    namespace, name = _identity(use)
    return OutputDataset(namespace=namespace, name=name, facets=_version(use), outputFacets=facets)


def _version(use: DatasetUse) -> dict[str, Any]:
    if use.version is None:
        return {}
    return {"version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=use.version)}


def _identity(use: DatasetUse) -> tuple[str, str]:
    if use.namespace:
        return use.namespace, use.name
    return warehouse_namespace(), f"{settings().pgdatabase}.{use.name}"
