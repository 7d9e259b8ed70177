"""Tables of settings, anomaly limits, exit codes and Airflow's pools, from the code that defines them."""

import json
import typing
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from docs.generator.markdown import table
from monitoring.anomalies.limits import AnomalyLimits
from pipeline_errors import DaybreakError
from pipeline_settings import PROJECT_ROOT, Settings

POOLS = PROJECT_ROOT / "orchestration" / "airflow" / "pools.json"


def settings() -> str:
    """Return every variable of `Settings`, with its default."""
    rows = [
        (f"`{name.upper()}`", _default(field.default), _description(name, field))
        for name, field in Settings.model_fields.items()
    ]
    return table(("variable", "default", "meaning"), rows)


def secret_files() -> str:
    """Return the variables that a file can replace."""
    names = [f"`{name.upper()}_FILE`" for name, field in Settings.model_fields.items() if _is_secret(field)]
    return f"{', '.join(names[:-1])} and {names[-1]}."


def anomaly_limits() -> str:
    """Return every variable of `AnomalyLimits`, with its default and reason."""
    rows = [
        (f"`ANOMALY_{name.upper()}`", _default(field.default), _description(name, field))
        for name, field in AnomalyLimits.model_fields.items()
    ]
    return table(("variable", "default", "unit and reason"), rows)


def exit_codes() -> str:
    """Return the exit codes, from the subclasses of DaybreakError."""
    rows = [("0", "–", "Done.")]
    for error in sorted(_family(DaybreakError), key=lambda error: error.exit_code):
        rows.append((str(error.exit_code), f"`{error.__name__}`", _first_line(error)))
    return table(("code", "error", "meaning"), rows)


def pools() -> str:
    """Return Airflow's pools."""
    found: dict[str, dict[str, Any]] = json.loads(POOLS.read_text())
    rows = [(f"`{name}`", str(pool["slots"]), str(pool["description"])) for name, pool in found.items()]
    return table(("pool", "slots", "tasks"), rows)


def _family(error: type[DaybreakError]) -> list[type[DaybreakError]]:
    return [error, *(one for child in error.__subclasses__() for one in _family(child) if _is_ours(one))]


def _is_ours(error: type[DaybreakError]) -> bool:
    return error.__module__ == DaybreakError.__module__ and error.__name__ != "CacheUnavailableError"  # a warning


def _first_line(error: type[DaybreakError]) -> str:
    line = (error.__doc__ or "").strip().splitlines()[0]
    return "Unexpected." if error is DaybreakError else line


def _description(name: str, field: FieldInfo) -> str:
    if not field.description:
        raise ValueError(f"{name} has no description")
    return field.description


def _default(default: object) -> str:
    if default is None:
        return "–"
    if isinstance(default, Path):
        return f"`{default.relative_to(PROJECT_ROOT)}`"
    return f"`{default}`"


def _is_secret(field: FieldInfo) -> bool:
    return SecretStr in typing.get_args(field.annotation)
