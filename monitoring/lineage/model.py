"""What a step says of the datasets that it read and wrote: names, counts and checks, never what is in a row."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class Check:
    """A check of a dataset's rows. `actual` is a count or a rate, never a value of a row."""

    name: str
    is_passed: bool
    actual: str
    expected: str = "0"


@dataclass(frozen=True)
class DatasetUse:
    """A dataset that a step reads or writes: `schema.table` of the warehouse, or a name in another namespace.

    `rows`: how many were read or written; `version`: the load that they came with; `pipeline`: the only one whose step
    it is, if a step runs for several.
    """

    name: str
    namespace: str | None = None
    rows: int | None = None
    version: str | None = None
    checks: Sequence[Check] = ()
    pipeline: str | None = None


@dataclass
class DatasetsUsed:
    """What a step reads and writes; the step fills it in as it goes. `days`: which it did, if not all it was for."""

    reads: list[DatasetUse] = field(default_factory=list)
    writes: list[DatasetUse] = field(default_factory=list)
    days: Sequence[date] = ()

    def of(self, pipeline: str) -> "DatasetsUsed":
        """What of it concerns a pipeline."""
        reads, writes = (
            [use for use in uses if use.pipeline in (None, pipeline)] for uses in (self.reads, self.writes)
        )
        return DatasetsUsed(reads, writes, self.days)


@dataclass(frozen=True)
class LineageRun:
    """A run of a job, as OpenLineage knows it. `run_id` is a UUID."""

    namespace: str
    job: str
    run_id: str
    parent: "LineageRun | None" = None
    kind: str = "RUN"  # or STEP

    @property
    def root(self) -> "LineageRun":
        """The outermost run, itself if it is that."""
        return self.parent.root if self.parent else self
