"""The history of a pipeline's day: loads, decisions, runs, publications, anomalies and messages, from the tables.

Reads many days at once in a few statements: `daybreak status DAY` shows one day, the report all of them.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from warehouse.connection import Connection

Row = Mapping[str, Any]  # a row of a table by column; times with their zone

STATES = """
    select * from ops.day_states where dataset = any(%(datasets)s) and day between %(first)s and %(last)s
"""
LOADS = """
    select
        loads.dataset, loads.day, loads.load_id, loads.landed_at, loads.row_count, loads.page_count, loads.seconds,
        loads.pruned_at, loads.skipped_count, loads.load_id = ledger.admitted_load_id as is_admitted,
        loads.load_id = ledger.published_load_id as is_published, results.decision, results.accepted, results.rejected,
        results.identical_copies, results.rejected_by_reason, results.bad_rate, results.max_bad_rate, results.decided_at
    from ops.loads as loads
    left join ops.day_ledger as ledger on loads.dataset = ledger.dataset and loads.day = ledger.day
    left join ops.gate_results as results on loads.load_id = results.load_id
    where loads.dataset = any(%(datasets)s) and loads.day between %(first)s and %(last)s
    order by loads.landed_at
"""
STEPS = """
    select * from ops.step_runs
    where pipeline = any(%(pipelines)s) and logical_date between %(first)s and %(last)s
    order by step_run_id
"""
PUBLICATIONS = """
    select
        publications.pipeline, days.day, days.load_id, publications.publication_id, publications.build_id,
        publications.day_count, publications.rows_published, publications.published_at, publications.published_by
    from ops.publication_days as days
    inner join ops.publications as publications on days.publication_id = publications.publication_id
    where publications.pipeline = any(%(pipelines)s) and days.day between %(first)s and %(last)s
    union all
    select pipeline, as_of_date, null, publication_id, build_id, day_count, rows_published, published_at, published_by
    from ops.publications as publications
    where
        pipeline = any(%(undated)s) and as_of_date between %(first)s and %(last)s
    order by publication_id
"""
METRICS = """
    select * from ops.pipeline_metrics
    where pipeline = any(%(pipelines)s) and logical_date between %(first)s and %(last)s
    order by measured_at
"""
ANOMALIES = """
    select * from ops.anomalies
    where pipeline = any(%(pipelines)s) and logical_date between %(first)s and %(last)s
    order by found_at, kind
"""
ACTIONS = """
    select * from ops.operator_actions
    where first_day <= %(last)s and last_day >= %(first)s
    order by action_id
"""
MESSAGES = """
    select alerts.*, unanswered.alert_id is not null as is_open
    from ops.alerts as alerts
    left join ops.open_alerts as unanswered on alerts.alert_id = unanswered.alert_id
    where alerts.pipeline = any(%(pipelines)s) and alerts.logical_date between %(first)s and %(last)s
    order by alerts.alert_id
"""


@dataclass
class Run:
    """One run of a day: its steps in order, and its metrics (a row of ops.pipeline_metrics)."""

    run_id: str
    steps: list[Row] = field(default_factory=list)
    metrics: Row | None = None

    @property
    def status(self) -> str:
        """`failed` if the last run of any step failed, else `warning` if one warned, else `success`."""
        last = {step["step"]: step["status"] for step in self.steps}.values()
        return next((status for status in ("failed", "warning") if status in last), "success")


@dataclass
class DayStory:
    """A pipeline's day. The lists hold rows in chronological order; `runs` has the newest run last.

    `state` is that of ops.day_states, `missing` before any judgement; None for a pipeline without a dataset.
    """

    pipeline: str
    dataset: str | None
    day: date
    state: str | None
    loads: list[Row] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    publications: list[Row] = field(default_factory=list)
    anomalies: list[Row] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)
    actions: list[Row] = field(default_factory=list)

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing on the day."""
        return not (self.loads or self.runs or self.publications or self.messages)


def read_stories(
    connection: Connection, datasets: Mapping[str, str | None], first: date, last: date
) -> dict[tuple[str, date], DayStory]:
    """Return the stories of all days from first to last with any data, by pipeline and day, in that order.

    `datasets`: the dataset of each pipeline, None if it only builds on others. The schema must exist.
    """
    values = {
        "pipelines": list(datasets),
        "datasets": [dataset for dataset in datasets.values() if dataset],
        "undated": [name for name, dataset in datasets.items() if dataset is None],
        "first": first,
        "last": last,
    }
    pipeline_of = {dataset: name for name, dataset in datasets.items()}

    def rows(query: str) -> Iterator[dict[str, Any]]:
        yield from connection.execute(query.encode(), values)

    states = {(pipeline_of[row["dataset"]], row["day"]): row["state"] for row in rows(STATES)}
    stories: dict[tuple[str, date], DayStory] = {}

    def story(pipeline: str, day: date) -> DayStory:
        state = states.get((pipeline, day), "missing") if datasets[pipeline] else None
        return stories.setdefault((pipeline, day), DayStory(pipeline, datasets[pipeline], day, state))

    for row in rows(LOADS):
        story(pipeline_of[row["dataset"]], row["day"]).loads.append(row)
    for row in rows(PUBLICATIONS):
        story(row["pipeline"], row["day"]).publications.append(row)
    for row in rows(ANOMALIES):
        story(row["pipeline"], row["logical_date"]).anomalies.append(row)
    for row in rows(MESSAGES):
        story(row["pipeline"], row["logical_date"]).messages.append(row)
    _add_actions(stories.values(), list(rows(ACTIONS)))
    for place, runs in _runs(rows(STEPS), rows(METRICS)).items():
        story(*place).runs = runs
    return dict(sorted(stories.items()))


def _add_actions(stories: Iterable[DayStory], actions: Sequence[Row]) -> None:
    """Add each action to the days and pipelines that it covered."""
    for story in stories:
        for row in actions:
            is_in_time = row["first_day"] <= story.day <= row["last_day"]
            if is_in_time and {story.pipeline, story.dataset} & set(row["subjects"]):
                story.actions.append(row)


def _runs(steps: Iterator[Row], metrics: Iterator[Row]) -> dict[tuple[str, date], list[Run]]:
    """Return the runs of each day, ordered by their last step."""
    found: defaultdict[tuple[str, date], dict[str, Run]] = defaultdict(dict)
    for step in steps:
        of_day, run_id = found[step["pipeline"], step["logical_date"]], step["run_id"]
        run = of_day.pop(run_id, None) or Run(run_id)
        run.steps.append(step)
        of_day[run_id] = run
    for row in metrics:
        measured = found[row["pipeline"], row["logical_date"]].get(row["run_id"])
        if measured:
            measured.metrics = row
    return {place: list(runs.values()) for place, runs in found.items() if runs}
