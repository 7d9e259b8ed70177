"""The anomaly limits: one place, a reason each, set by the environment, and refused before a run if invalid."""

import re
from datetime import date

import pytest

from monitoring.anomalies.find_anomalies import REMEDIES
from monitoring.anomalies.limits import AnomalyLimits, anomaly_limits
from orchestration import steps
from pipeline_errors import ConfigurationError
from pipeline_settings import PROJECT_ROOT, Settings
from tests.monitoring.anomalies.judged_days import judge, kinds, measure

DAY = date(2026, 6, 3)


def test_each_limit_has_a_reason() -> None:
    assert [name for name, field in AnomalyLimits.model_fields.items() if not field.description] == []


def test_each_kind_has_a_remedy_and_a_row_in_the_documentation() -> None:
    schema, text = (PROJECT_ROOT / file for file in ("warehouse/schema.sql", "docs/explanation/anomalies.md"))
    check = schema.read_text().split("anomalies_kind_check check (kind in (")[1].split("))")[0]
    kinds = set(re.findall(r"'(\w+)'", check))
    rows = [line.split("|")[1] for line in text.read_text().splitlines() if line.startswith("| `")]
    assert kinds - set(REMEDIES) == {"volume_history"}  # information, not reported
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == kinds


def test_the_environment_replaces_a_limit(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    judge(DAY, 97, 3)
    monkeypatch.setenv("ANOMALY_QUALITY_WARNING", "0.98")
    assert kinds(measure(DAY))["data_quality"] == "warning"
    monkeypatch.setenv("ANOMALY_QUALITY_WARNING", "")
    assert "data_quality" not in kinds(measure(DAY))


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ANOMALY_MAX_DROP", "50%"),
        ("ANOMALY_MAX_DROP", "1.5"),
        ("ANOMALY_MAX_JUMP", "nan"),
        ("ANOMALY_MINIMUM_WEEKS", "9"),
        ("ANOMALY_HISTORY_WEEKS", "3"),
        ("ANOMALY_QUALITY_CRITICAL", "0.96"),
    ],
)
def test_an_invalid_limit_is_refused_before_the_run(
    warehouse: Settings, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match="ANOMALY_"):
        steps.prepare()
    monkeypatch.delenv(variable)
    assert anomaly_limits() == AnomalyLimits()
