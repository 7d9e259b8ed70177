"""The datasets that a step reads and writes: names, counts and checks, never values of rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class Check:
    """A check of a dataset. `actual` is a count or a rate, never a value of a row."""

    name: str
    is_passed: bool
    actual: str
    expected: str = "0"


@dataclass(frozen=True)
class DatasetUse:
    """A dataset that a step reads or writes: `schema.table` of the warehouse, or a name in another namespace.

    `rows`: number of rows read or written; `version`: the load they belong to; `pipeline`: the pipeline that uses it,
    if a step runs for several.
    """

    name: str
    namespace: str | None = None
    rows: int | None = None
    version: str | None = None
    checks: Sequence[Check] = ()
    pipeline: str | None = None


@dataclass
class DatasetsUsed:
    """The datasets that a step reads and writes, filled in as it runs. `days`: the finished days, if not all."""

    reads: list[DatasetUse] = field(default_factory=list)
    writes: list[DatasetUse] = field(default_factory=list)
    days: Sequence[date] = ()

    def of(self, pipeline: str) -> "DatasetsUsed":
        """Return the datasets of one pipeline."""
        reads, writes = (
            [use for use in uses if use.pipeline in (None, pipeline)] for uses in (self.reads, self.writes)
        )
        return DatasetsUsed(reads, writes, self.days)


@dataclass(frozen=True)
class LineageRun:
    """A run of a job in OpenLineage's terms. `run_id` is a UUID."""

    namespace: str
    job: str
    run_id: str
    parent: "LineageRun | None" = None
    kind: str = "RUN"  # or STEP

    @property
    def root(self) -> "LineageRun":
        """The outermost run; the run itself if it has no parent."""
        return self.parent.root if self.parent else self
