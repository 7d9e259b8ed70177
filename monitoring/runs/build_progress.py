"""The progress of a build: written by the build about once a second, for live displays.

ops.build_progress holds one row per pipeline and run. A retry of the build replaces the previous attempt's progress.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from psycopg.types.json import Jsonb

from warehouse.connection import Connection, connect

logger = logging.getLogger(__name__)

WRITE_SECONDS = 1.0
ALIVE_SECONDS = 10  # a build that has not written for this long was killed

WRITE = """
    insert into ops.build_progress (pipeline, run_id, nodes, is_over, seen_at)
    values (%s, %s, %s, %s, clock_timestamp())
    on conflict (pipeline, run_id) do update set
        nodes = excluded.nodes, is_over = excluded.is_over, seen_at = excluded.seen_at
"""


@dataclass(frozen=True)
class NodeResult:
    """The result of a node. `status` is dbt's: success, pass, warn, fail, error or skipped; `message` holds no row."""

    status: str
    message: str = ""

    @property
    def is_green(self) -> bool:
        """Whether publish would accept the node."""
        return self.status in ("success", "pass", "warn")


@dataclass(frozen=True)
class Progress:
    """The finished nodes of a build by unique id, and whether the build still writes."""

    nodes: Mapping[str, NodeResult]
    is_running: bool


class ProgressWriter:
    """Collects the results of nodes and writes them from a thread, so that the build never waits."""

    def __init__(self, pipeline: str, run_id: str, nodes: Mapping[str, NodeResult]) -> None:
        self._key = (pipeline, run_id)
        self._nodes = {**nodes}
        self._is_over = threading.Event()

    def record(self, unique_id: str, result: NodeResult) -> None:
        """Record a node's result; the last one counts if it runs again in this attempt."""
        self._nodes[unique_id] = result

    def write_until_over(self) -> None:
        """Write once a second until the build is over, and then once more."""
        while not self._is_over.wait(WRITE_SECONDS):
            self.write()
        self.write(is_over=True)

    def write(self, *, is_over: bool = False) -> None:
        """Write the current progress. Monitoring never breaks the pipeline: a failure is only logged."""
        nodes = {unique_id: {"status": r.status, "message": r.message} for unique_id, r in self._nodes.copy().items()}
        try:
            with connect() as connection:
                connection.execute(WRITE, [*self._key, Jsonb(nodes), is_over])
        except Exception as failure:
            logger.warning("The progress of the build could not be written: %s", failure)

    def end(self) -> None:
        """Make the thread write for the last time."""
        self._is_over.set()


@contextmanager
def progress_of(pipeline: str, run_id: str, *, resumes: bool = False) -> Iterator[ProgressWriter]:
    """Write the progress of the build in the block.

    Earlier progress is deleted when the block begins, unless it `resumes` that build.
    """
    writer = ProgressWriter(pipeline, run_id, _written(pipeline, run_id) if resumes else {})
    writer.write()
    thread = threading.Thread(target=writer.write_until_over, name="build progress", daemon=True)
    thread.start()
    try:
        yield writer
    finally:
        writer.end()
        thread.join()


def _written(pipeline: str, run_id: str) -> Mapping[str, NodeResult]:
    with connect() as connection:
        return read_progress(connection, pipeline, run_id).nodes


def read_progress(connection: Connection, pipeline: str, run_id: str) -> Progress:
    """Return the progress of the run's last build; empty before the first."""
    row = connection.execute(
        """
        select nodes, not is_over and seen_at > clock_timestamp() - %s * interval '1 second' as is_running
        from ops.build_progress
        where pipeline = %s and run_id = %s
        """,
        [ALIVE_SECONDS, pipeline, run_id],
    ).fetchone()
    if row is None:
        return Progress({}, is_running=False)
    nodes = {unique_id: NodeResult(**result) for unique_id, result in row["nodes"].items()}
    return Progress(nodes, row["is_running"])
