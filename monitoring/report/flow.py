"""The flow of a run of a pipeline's day: its stages with their seconds, and the counts passed between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from monitoring.runs.day_history import DayStory, Row, Run

# The steps in the picture, in order, with their titles.
STAGES = {
    "wait_for_shop": "Shop",
    "extract_load": "Landing",
    "gate": "Gate",
    "score_sentiment": "Sentiment",
    "transform": "Build",
    "publish": "Publish",
    "update_cache": "Redis",
}
INTERNAL = "int_"  # published for the next build, not for readers


@dataclass(frozen=True)
class Stage:
    """A step of the run. `status` as in the log of steps; `count` of `what` is passed to the next stage."""

    title: str
    step: str
    status: str
    seconds: Any
    count: int | None
    what: str


@dataclass(frozen=True)
class Flow:
    """The stages that the run reached, its load with the gate's verdict, and the rows that it published."""

    run: Run
    stages: Sequence[Stage]
    load: Row | None
    marts: Mapping[str, int]
    day_count: int  # days published together

    @property
    def rows_published(self) -> int:
        """The rows written to the marts."""
        return sum(self.marts.values())


def flow_of(story: DayStory) -> Flow | None:
    """Return the flow of the newest run of the day; None if no step has run."""
    if not story.runs:
        return None
    run = story.runs[-1]
    last = {step["step"]: step for step in run.steps}
    load = story.loads[-1] if story.loads and {"extract_load", "gate"} & last.keys() else None
    publications = [row for row in story.publications if _is_of(row, run)]
    marts: dict[str, int] = {}
    for row in publications:
        for mart, count in row["rows_published"].items():
            if not mart.startswith(INTERNAL):
                marts[mart] = marts.get(mart, 0) + count
    cached = last["update_cache"]["records"] if "update_cache" in last else None
    passed_on = _counts_passed_on(load, "gate" in last, sum(marts.values()) if publications else None, cached)
    stages = [
        Stage(title, name, last[name]["status"], last[name]["seconds"], *passed_on.get(name, (None, "")))
        for name, title in STAGES.items()
        if name in last
    ]
    days = max((row["day_count"] for row in publications), default=0)
    return Flow(run, stages, load, marts, days)


def _counts_passed_on(
    load: Row | None, is_judged: bool, changed: int | None, cached: int | None
) -> dict[str, tuple[int | None, str]]:
    """Return the count and unit that each step passes on."""
    landed: tuple[int | None, str] = (load["row_count"], "rows") if load else (None, "")
    accepted: tuple[int | None, str] = (load["accepted"], "accepted") if load else (None, "")
    return {
        "wait_for_shop": landed,
        "extract_load": landed if is_judged else (landed[0], "rows, as before"),
        "gate": accepted,
        "score_sentiment": accepted,
        "transform": (changed, "rows changed"),
        "publish": (cached, "products written"),
    }


def _is_of(publication: Row, run: Run) -> bool:
    """Return whether the run's publish step wrote the publication."""
    return any(
        step["step"] == "publish" and step["started_at"] <= publication["published_at"] <= step["finished_at"]
        for step in run.steps
    )
