"""Days of `daybreak run` and `daybreak backfill` that have not begun, or are not over, where the shop is."""

import re
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from cli.calendar import check_has_begun
from cli.main import app
from pipeline_errors import ConfigurationError
from pipeline_settings import PROJECT_ROOT, settings

EARLIEST, LATEST = "Etc/GMT+12", "Etc/GMT-14"  # 26 hours apart: there are always two days on earth
ORDERS = "ecommerce_order_pipeline"


def today(zone: str) -> date:
    return datetime.now(ZoneInfo(zone)).date()


@pytest.fixture(params=[EARLIEST, LATEST])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The time zone of the shop."""
    name: str = request.param
    text = (PROJECT_ROOT / "ingestion" / "shop.toml").read_text()
    (tmp_path / "shop.toml").write_text(text.replace('time_zone = "UTC"', f'time_zone = "{name}"'))
    monkeypatch.setenv("SHOP_CONFIG", str(tmp_path / "shop.toml"))
    settings.cache_clear()
    return name


@pytest.mark.fault(67)
def test_a_day_that_has_not_begun_is_refused(zone: str) -> None:
    tomorrow = today(zone) + timedelta(days=1)
    with pytest.raises(ConfigurationError, match=f"{tomorrow} has not begun in {re.escape(zone)}"):
        check_has_begun(tomorrow, [ORDERS])
    for command in (["run", "2062-03-01"], ["backfill", "2026-03-01", str(tomorrow)]):
        result = CliRunner().invoke(app, command)
        assert (result.exit_code, f"Name a day up to {today(zone)}." in result.stderr) == (2, True)


@pytest.mark.fault(67)
def test_a_day_that_is_not_over_is_a_warning(zone: str, capsys: pytest.CaptureFixture[str]) -> None:
    check_has_begun(today(zone), [ORDERS])
    assert f"{today(zone)} is not over in {zone}" in capsys.readouterr().err
    check_has_begun(today(zone) - timedelta(days=1), [ORDERS])
    assert capsys.readouterr().err == ""
