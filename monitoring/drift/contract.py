"""The schema contract of a dataset: compares a load's profile with earlier loads and with the declaration.

A difference is breaking if rows are rejected because of it, or lose their meaning without being rejected. It is
harmless if nothing that a model reads changes its meaning. Pure functions of profiles and the declaration.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from ingestion.declaration.dataset_config import DatasetConfig
from ingestion.drafting.field_names import NAMES
from monitoring.drift.baseline import Difference, FieldHistory, percent
from monitoring.drift.profile import ROLES, FieldProfile, Profile
from monitoring.drift.rules import RULES

LEAST_ROWS = 20  # of history in total: fewer make no baseline
OFTEN = 0.5  # a field of so many earlier rows that none has now is gone
LIKELY = 0.6  # similarity of two names


@dataclass(frozen=True)
class Contract:
    """A dataset's contract: its declaration, and the loads that the baseline is learned from, newest first."""

    dataset: str
    declared: DatasetConfig
    history: Sequence[Profile]

    @property
    def is_learnt(self) -> bool:
        """Whether there is enough history for a baseline; otherwise loads are compared with the declaration alone."""
        return sum(profile.rows for profile in self.history) >= LEAST_ROWS

    def differences(self, observed: Profile) -> list[Difference]:
        """Return a load's differences, breaking ones first. A load without rows has none: it is reported elsewhere."""
        history = self.history if self.is_learnt else ()
        if 2 * observed.others > observed.rows + observed.others:
            return [
                Difference("(item)", "structure", True, "object", "no object", 1.0, "see data_selector in shop.toml")
            ]
        if not observed.rows:
            return []
        found = [
            one
            for name in self.declared.fields
            if name in observed.fields
            for one in self._of_field(name, observed, history)
        ]
        renamed = _renamed(self.declared, found, observed, history)
        found = [one.hinted(renamed[one.field]) if one.field in renamed else one for one in found]
        found += _of_undeclared(observed, history)
        return sorted(found, key=lambda one: not one.is_breaking)

    def _of_field(self, name: str, observed: Profile, history: Sequence[Profile]) -> Iterator[Difference]:
        before = [(profile.rows, profile.fields[name]) for profile in history if name in profile.fields]
        seen = FieldHistory(
            field=name,
            role=ROLES.get(name, "other"),
            is_iso=self.declared.date_format == "iso",
            is_of_day=self.declared.day_is != "updated",
            is_required=name in self.declared.required,
            max_bad_rate=max(self.declared.max_bad_rate, 0.05),
            known_words=frozenset(self.declared.non_revenue_statuses),
            rows=observed.rows,
            now=observed.fields[name],
            before=before,
        )
        for rule in RULES:
            yield from rule(seen)


def expected_text(history: Sequence[Profile], name: str) -> str:
    """Return a field's baseline as text."""
    return FieldHistory.of(history, name).baseline_formats() if history else "–"


def observed_text(field: FieldProfile, rows: int) -> str:
    """Return a field's formats in a load as text."""
    formats = ", ".join(
        f"{name} {percent(count / rows)}" for name, count in sorted(field.formats.items(), key=lambda one: -one[1])[:3]
    )
    missing = f"missing {percent(field.missing / rows)}" if field.missing else ""
    return ", ".join(part for part in (formats, missing) if part)


def _renamed(
    declared: DatasetConfig, found: Sequence[Difference], observed: Profile, history: Sequence[Profile]
) -> dict[str, str]:
    """Return a hint for each missing field that may be a new field now."""
    new = _new_paths(observed, history)
    return {
        one.field: hint
        for one in found
        if one.kind == "missing" and (hint := _successor(one, declared, new, observed.rows))
    }


def _successor(
    lost: Difference, declared: DatasetConfig, new: Mapping[str, Mapping[str, int]], rows: int
) -> str | None:
    candidates = [
        path for path, types in new.items() if types.get("string", 0) + types.get("number", 0) >= lost.share * rows / 2
    ]
    was = declared.keys.get(lost.field)
    leaf = str(was[-1]) if isinstance(was, tuple) else lost.field
    scored = [(max(_likeness(path, name) for name in (leaf, lost.field)), path) for path in candidates]
    scored += [(LIKELY, path) for path in candidates if _plain(path.rpartition(".")[2]) in NAMES.get(lost.field, ())]
    best, path = max(scored, default=(0.0, ""))
    if best < LIKELY and len(candidates) != 1:
        return None
    return f"new field {path or candidates[0]}: is it {lost.field}? Then declare it in keys of shop.toml"


def _likeness(path: str, name: str) -> float:
    leaf, plain = _plain(path.rpartition(".")[2]), _plain(name)
    return 1.0 if leaf == plain else SequenceMatcher(None, leaf, plain).ratio()


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _new_paths(observed: Profile, history: Sequence[Profile]) -> dict[str, Mapping[str, int]]:
    known = {path for profile in history for path in profile.undeclared}
    return {path: types for path, types in observed.undeclared.items() if path not in known}


def _of_undeclared(observed: Profile, history: Sequence[Profile]) -> Iterator[Difference]:
    """Yield new, gone and retyped undeclared fields: harmless, since no model can read them."""
    if not history:
        return
    new = _new_paths(observed, history)
    for path, types in sorted(new.items()):
        if path.rpartition(".")[0] not in new:
            share = sum(types.values()) / observed.rows
            shown = f"new, {' or '.join(types)} in {percent(share)} of rows"
            yield Difference(path, "new_field", False, "not there", shown, share, "Undeclared: it is kept in _extra")
    rows = sum(profile.rows for profile in history)
    baseline: dict[str, dict[str, int]] = {}
    for profile in history:
        for path, types in profile.undeclared.items():
            counts = baseline.setdefault(path, {})
            for name, count in types.items():
                counts[name] = counts.get(name, 0) + count
    for path, before in sorted(baseline.items()):
        now = observed.undeclared.get(path)
        if now is None:
            if sum(before.values()) / rows >= OFTEN:
                yield Difference(path, "gone_field", False, " or ".join(before), "not there", 1.0, "It is undeclared")
        elif set(before) - {"null"} and set(now) - set(before) - {"null"}:
            share = sum(count for name, count in now.items() if name not in before) / observed.rows
            yield Difference(
                path, "retyped_field", False, " or ".join(before), " or ".join(now), share, "It is undeclared"
            )
