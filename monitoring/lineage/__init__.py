"""Lineage as OpenLineage events: the datasets that a run and its steps read and write. Off unless configured.

Configure it by the standard variables: OPENLINEAGE_URL, OPENLINEAGE_CONFIG or an openlineage.yml,
OPENLINEAGE__TRANSPORT__…, OPENLINEAGE_DISABLED, OPENLINEAGE_NAMESPACE, OPENLINEAGE_PARENT_ID. Without them, OpenLineage
is not imported. A thread sends events during the run; the rest gets a few seconds at its end.
Nothing in here raises: lineage never breaks a run.
"""

import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from monitoring.lineage.model import DatasetsUsed, LineageRun
from pipeline_errors import public_text

if TYPE_CHECKING:
    from monitoring.lineage.sender import Sender

logger = logging.getLogger(__name__)

T = TypeVar("T")

NAMESPACE = "daybreak"  # of Daybreak's jobs, unless OPENLINEAGE_NAMESPACE is set


@dataclass(frozen=True)
class _Outlet:
    """The destination of a run's events: none if its sender could not be created, which is logged once."""

    sender: "Sender | None"


_parent: ContextVar[LineageRun | None] = ContextVar("parent", default=None)
_steps: ContextVar[Mapping[str, LineageRun] | None] = ContextVar("steps", default=None)  # by pipeline
_outlet: "ContextVar[_Outlet | None]" = ContextVar("outlet", default=None)


def is_configured() -> bool:
    """Return whether lineage is configured, by the rules of OpenLineage's client; imports nothing."""
    if os.environ.get("OPENLINEAGE_DISABLED", "").strip().lower() == "true":
        return False
    if any(value and name.startswith("OPENLINEAGE__TRANSPORT") for name, value in os.environ.items()):
        return True
    if os.environ.get("OPENLINEAGE_URL") or os.environ.get("OPENLINEAGE_CONFIG"):
        return True
    return any((folder / "openlineage.yml").is_file() for folder in (Path(), Path.home() / ".openlineage"))


def namespace() -> str:
    """Return the namespace of Daybreak's jobs."""
    return os.environ.get("OPENLINEAGE_NAMESPACE") or NAMESPACE


@contextmanager
def run(job: str, days: Sequence[date], errors: Sequence[BaseException]) -> Iterator[None]:
    """Report the block as a run of these days, with its steps as children; it failed if there are `errors` at the end.

    At the end unsent events get a few seconds; the rest is dropped, with a line in the log.
    """
    if not is_configured():
        yield
        return
    with _sending(), _reported([job], "", days, DatasetsUsed, errors) as runs:
        token = _parent.set(runs.get(job))
        try:
            yield
        finally:
            _parent.reset(token)


@contextmanager
def step(pipelines: Sequence[str], name: str, days: Sequence[date], used: Callable[[], DatasetsUsed]) -> Iterator[None]:
    """Report the block as a step of each of these pipelines; `used` is called at its end."""
    if not is_configured():
        yield
        return
    with _sending(), _reported(pipelines, name, days, used) as runs:
        token = _steps.set(runs)
        try:
            yield
        finally:
            _steps.reset(token)


@contextmanager
def child_of(find_parents: Callable[[], Sequence[str]]) -> Iterator[None]:
    """Run the block as a child of another program's runs: `namespace/job/UUID` of each, the outermost first."""
    token = None
    if is_configured():
        token = _quietly(lambda: _parent.set(_parse(find_parents())))
    try:
        yield
    finally:
        if token:
            _parent.reset(token)


def parent_of(pipeline: str) -> LineageRun | None:
    """Return the running step of a pipeline, or else the current run."""
    return (_steps.get() or {}).get(pipeline) or _parent.get() or _outer_run()


def send(make_events: Callable[[], Sequence[Any]]) -> None:
    """Send OpenLineage events if lineage is configured and a run or step is open."""
    outlet = _outlet.get()
    if outlet and outlet.sender:
        for event in _quietly(make_events) or ():
            outlet.sender.send(event)


@contextmanager
def _sending() -> Iterator[None]:
    """Share one sender between a run and its steps; a step without a run, as under Airflow, gets one."""
    if _outlet.get():
        yield
        return
    outlet = _Outlet(_quietly(_new_sender))
    token = _outlet.set(outlet)
    try:
        yield
    finally:
        _outlet.reset(token)
        if outlet.sender:
            _quietly(outlet.sender.close)


@contextmanager
def _reported(
    names: Sequence[str],
    step_name: str,
    days: Sequence[date],
    used: Callable[[], DatasetsUsed],
    errors: Sequence[BaseException] = (),
) -> Iterator[dict[str, LineageRun]]:
    """Send the start and the end of a run of each of these jobs; yield the runs by name."""
    runs = _quietly(lambda: _start(names, step_name, days)) or {}
    failure: BaseException | None = None
    try:
        yield runs
        failure = errors[0] if errors else None
    except BaseException as error:
        failure = error
        raise
    finally:
        for name, run in runs.items():
            send(partial(_end, run, days, used().of(name), failure))


def _start(names: Sequence[str], step_name: str, days: Sequence[date]) -> dict[str, LineageRun]:
    from monitoring.lineage.events import new_run_id, start_event

    parent = _parent.get() or _outer_run()
    kind = "STEP" if step_name else "RUN"
    runs = {
        name: LineageRun(namespace(), f"daybreak.{name}.{step_name}" if step_name else name, new_run_id(), parent, kind)
        for name in names
    }
    for started in runs.values():
        send(partial(lambda run: [start_event(run, days)], started))
    return runs


def _end(run: LineageRun, days: Sequence[date], used: DatasetsUsed, failure: BaseException | None) -> Sequence[Any]:
    from monitoring.lineage.events import end_event

    return [end_event(run, used.days or days, used, failure)]


def _outer_run() -> LineageRun | None:
    """Return the run of the calling program, from the standard variables."""
    names = ("OPENLINEAGE_ROOT_PARENT_ID", "OPENLINEAGE_PARENT_ID")
    return _parse([value for name in names if (value := os.environ.get(name))])


def _parse(identities: Sequence[str]) -> LineageRun | None:
    run: LineageRun | None = None
    for identity in identities:
        where, job, run_id = identity.rsplit("/", 2)
        run = LineageRun(where, job, run_id, run)
    return run


def _new_sender() -> "Sender":
    from monitoring.lineage.sender import Sender

    return Sender()


def _quietly(do: Callable[[], T]) -> T | None:
    """Return the result of `do`; None and a log line, without the text of foreign errors, if it fails."""
    try:
        return do()
    except Exception as error:
        logger.warning("Lineage could not be sent: %s", public_text(error))
        return None
