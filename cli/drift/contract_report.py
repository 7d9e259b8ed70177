"""The comparison of a dataset's day with its contract, with the affected marts: for the terminal and as JSON."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from ingestion.declaration.shop_config import shop_config
from monitoring.drift import store
from monitoring.drift.baseline import Difference
from monitoring.drift.contract import expected_text, observed_text
from monitoring.drift.profile import Profile, profile_of
from pipeline_errors import ConfigurationError
from transformation.field_reach import Reach, field_reach
from transformation.pipelines import BY_DATASET
from warehouse.connection import connect, create_schemas


class Row(NamedTuple):
    """A line of the table: a field without differences, or one difference."""

    field: str
    expected: str
    observed: str
    verdict: str
    reaches: str = ""
    hint: str = ""


@dataclass(frozen=True)
class DatasetContract:
    """The comparison of a day. `profile`: None if there is none. `learnt_from`: the profiles of earlier loads.

    `source`: the load, or the request for a first page. `reach`: by field; `declared`: the fields in order.
    """

    dataset: str
    day: date | None
    source: str
    profile: Profile | None
    learnt_from: Sequence[Profile] = ()
    is_learnt: bool = False
    differences: Sequence[Difference] = ()
    reach: Mapping[str, Reach] = field(default_factory=dict)
    declared: Sequence[str] = ()

    @property
    def is_breaking(self) -> bool:
        """Whether any difference breaks the contract."""
        return any(one.is_breaking for one in self.differences)

    @property
    def heading(self) -> str:
        """The compared sources, in one line."""
        if self.profile is None:
            return f"No profile of {self.day or 'any day'}: {self.source}."
        learnt = (
            f"{len(self.learnt_from)} earlier loads"
            if self.is_learnt
            else "shop.toml alone, because there is no history"
        )
        return f"{self.source}: compared {self.profile.rows} rows with {learnt}."

    @property
    def verdict(self) -> str:
        """The result in one line."""
        breaking = sum(one.is_breaking for one in self.differences)
        harmless = len(self.differences) - breaking
        return f"{breaking} breaking, {harmless} harmless differences." if self.differences else "No differences."

    def rows(self) -> Iterator[Row]:
        """Yield each declared field with its differences, then the differences of undeclared fields."""
        if self.profile is None:
            return
        for name in self.declared:
            if name not in self.profile.fields:  # a constant, or declared after the load
                continue
            mine = [one for one in self.differences if one.field == name]
            baseline = expected_text(self.learnt_from if self.is_learnt else (), name)
            for one in mine:
                yield self._row(one)
            if not mine:
                yield Row(name, baseline, observed_text(self.profile.fields[name], self.profile.rows), "")
        for one in self.differences:
            if one.field not in self.profile.fields:
                yield self._row(one)

    def as_data(self) -> dict[str, Any]:
        """Return the comparison as plain data; shares are fractions."""
        return {
            "dataset": self.dataset,
            "day": self.day.isoformat() if self.day else None,
            "source": self.source,
            "rows": self.profile.rows if self.profile else None,
            "learnt_from_loads": len(self.learnt_from) if self.is_learnt else 0,
            "breaking": self.is_breaking,
            "differences": [
                {**vars(one), "share": round(one.share, 4), "reaches": self._reach_data(one.field)}
                for one in self.differences
            ],
        }

    def _row(self, one: Difference) -> Row:
        verdict = "breaking" if one.is_breaking else "harmless"
        return Row(one.field, one.expected, one.observed, verdict, self._reach_text(one.field), one.hint)

    def _reach_text(self, name: str) -> str:
        if self.profile and name not in self.profile.fields:
            return ""
        reach = self.reach.get(name)
        if reach is None:
            return "raw"
        marts = [
            f"{mart.removeprefix('marts.')} ({', '.join(columns)})"
            for mart, columns in reach.columns.items()
            if mart.startswith("marts.")
        ]
        return "; ".join([*marts, *(f"exposure {name}" for name in reach.exposures)])

    def _reach_data(self, name: str) -> dict[str, Any]:
        reach = self.reach.get(name) if self.profile and name in self.profile.fields else None
        return {"columns": dict(reach.columns), "exposures": list(reach.exposures)} if reach else {}


def datasets_of(chosen: str | None) -> list[str]:
    """Return the chosen dataset, or all of shop.toml. Raises ConfigurationError if shop.toml does not declare it."""
    config = shop_config()
    if chosen:
        config.dataset(chosen)
    return [chosen] if chosen else list(config.datasets)


def look_at(dataset: str, day: date | None, *, is_live: bool = False) -> DatasetContract:
    """Compare a day, or the newest landed one, with its contract. Live: request the first page, and land nothing.

    Raises ShopError if the page cannot be read.
    """
    config = shop_config()
    with connect() as connection:
        create_schemas(connection)
        day = day or store.newest_profiled_day(connection, dataset)
        if day is None:
            if is_live:
                raise ConfigurationError("There is no day to request", "Name one: --day YYYY-MM-DD.")
            return DatasetContract(dataset, None, "run a day first, or request one with --live --day", None)
        load = None if is_live else store.load_of_day(connection, dataset, day)
        contract = store.contract_for(connection, dataset, day, load.load_id if load else None)
    if is_live:
        from ingestion.drafting.first_page import read_first_page

        with tempfile.TemporaryDirectory() as directory:
            page = read_first_page(config, dataset, day, Path(directory))
            source, profile = page.request, profile_of(page.file.sample.rows, config, dataset, day)
    elif load is None:
        return DatasetContract(dataset, day, "no load of it has a profile; --live requests it from the shop", None)
    else:
        source, profile = load.load_id, load.profile
    differences = contract.differences(profile)
    reach = field_reach() if any(one.field in profile.fields for one in differences) else {}
    mine = {name.partition(".")[2]: one for name, one in reach.items() if name.startswith(f"{dataset}.")}
    return DatasetContract(
        dataset, day, source, profile, contract.history, contract.is_learnt, differences, mine, contract.declared.fields
    )


def accept_day(dataset: str, day: date | None) -> date:
    """Accept a day's load as the dataset's baseline. Return the day. Raises ConfigurationError without a profile."""
    with connect() as connection:
        create_schemas(connection)
        day = day or store.newest_profiled_day(connection, dataset)
        load = store.load_of_day(connection, dataset, day) if day else None
        if load is None:
            raise ConfigurationError(f"{dataset} of {day or 'any day'} have no profile", "Run the day first.")
        store.accept(connection, BY_DATASET[dataset].name, dataset, load)
    return load.day
