"""The command line's log: one line per record, optionally on standard error and always in the daily file."""

import json
import logging
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli import logs
from monitoring.log_lines import JsonFormatter, LogfmtFormatter, context, logfmt
from pipeline_errors import ShopError
from pipeline_settings import settings
from tests.commands import completed


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fresh DAYBREAK_HOME."""
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path))
    settings.cache_clear()
    return tmp_path


def run_a_step(home: Path, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a step in a separate process that logs as `daybreak` does, without a warehouse."""
    code = f"""
import datetime, logging
from cli import logs
from monitoring.log_lines import context
from monitoring.runs.run_log import step
logs.configure(is_verbose={"-v" in options})
try:
    day = datetime.date(2026, 3, 1)
    with context(run_id="run-1"), step(["ecommerce_order_pipeline"], "gate", [day], "run-1") as record:
        record.records = 7
        logging.getLogger("expectations.gate").info("judged\\nby two lines")
        raise KeyError("review text: awful \\n kettle")
except KeyError:
    logging.getLogger("cli.main").error("unexpected", exc_info=True, extra={{"is_reported": True}})
"""
    environment = {**os.environ, "DAYBREAK_HOME": str(home), "PGHOST": "127.0.0.1", "PGPORT": "1", **variables}
    return completed([sys.executable, "-c", code], env=environment)


def test_each_step_is_logged_to_the_daily_file(home: Path) -> None:
    shown = run_a_step(home).stderr
    file = home / "logs" / f"daybreak-{datetime.now(UTC):%Y-%m-%d}.log"
    judged, step, unwritten, unexpected = file.read_text().splitlines()
    assert step.partition(" ")[2].startswith(
        "level=info run_id=run-1 pipeline=ecommerce_order_pipeline day=2026-03-01 step=gate "
        "status=failed records=7 seconds=0"
    )
    assert 'message="judged by two lines"' in judged
    assert "step=gate" in judged
    assert "The run log could not be written" in unwritten
    assert 'exception="KeyError at ' in unexpected
    assert "kettle" not in file.read_text()
    assert [line.partition(" ")[2] for line in shown.splitlines()] == [unwritten.partition(" ")[2]]
    assert (home / "logs").stat().st_mode & 0o777 == 0o700


def test_json_logs_one_object_per_line(home: Path) -> None:
    shown = run_a_step(home, "-v", LOG_FORMAT="json").stderr.splitlines()
    objects = [json.loads(line) for line in shown]
    assert [one.get("status") for one in objects] == [None, "failed", None, None]
    assert (objects[1]["records"], objects[1]["error"], objects[1]["day"]) == (7, "KeyError", "2026-03-01")
    assert objects[3]["exception"].startswith("KeyError at <string>:")


def test_logfmt_quotes_values_with_spaces() -> None:
    assert (
        logfmt({"a": 1, "b": None, "c": "two words", "d": 'say "x"\n', "e": ""})
        == 'a=1 c="two words" d="say \\"x\\"\\n" e=""'
    )


@pytest.mark.parametrize("formatter", [LogfmtFormatter(), JsonFormatter()])
def test_an_exception_is_one_line_with_its_causes(formatter: logging.Formatter) -> None:
    try:
        try:
            raise ValueError("password=s3cret")
        except ValueError as error:
            raise ShopError("It is down", "Wait") from error
    except ShopError:
        record = logging.LogRecord("x", logging.ERROR, __file__, 1, "unexpected", (), sys.exc_info())
    with context(run_id="run-1"):
        line = formatter.format(record)
    assert "\n" not in line
    assert "It is down. Wait at test_logs.py:" in line
    assert "from ValueError at test_logs.py:" in line
    assert "s3cret" not in line
    assert "run-1" in line


def test_old_files_are_removed_and_a_day_has_a_bounded_size(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LARGEST_FILE_BYTES", 2000)
    folder = home / "logs"
    folder.mkdir()
    today = datetime.now(UTC).date()
    for number in range(1, 100):
        (folder / f"daybreak-{today - timedelta(number)}.log").touch()
    monkeypatch.setenv("LOG_DAYS_KEPT", "7")
    settings.cache_clear()
    logs.configure(is_verbose=False)
    for _ in range(100):
        logging.getLogger("monitoring.anything").info("a line of some length, to fill the file")
    logs.configure(is_verbose=False)
    files = sorted(file.name for file in folder.iterdir())
    days = [today - timedelta(number) for number in reversed(range(7))]
    assert files == [*(f"daybreak-{day}.log" for day in days), f"daybreak-{today}.log.1"]
    assert all(file.stat().st_size <= 2000 for file in folder.iterdir())


def test_an_unwritable_home_does_not_fail_the_command(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (home / "logs").write_text("not a folder")
    logs.configure(is_verbose=False)
    logging.getLogger("monitoring.anything").info("a line")
    logs.configure(is_verbose=False)
    assert capfd.readouterr().err == ""


def test_a_missing_home_is_not_created(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAYBREAK_HOME", str(home / "new"))
    settings.cache_clear()
    logs.configure(is_verbose=False)
    logging.getLogger("monitoring.anything").info("a line")
    assert not (home / "new").exists()
