"""Logging of the command line: to standard error, and always to a daily file in DAYBREAK_HOME/logs.

The file has a line per step with run, status, records and seconds. Airflow's tasks log to Airflow.
"""

import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from monitoring.log_lines import JsonFormatter, LogfmtFormatter
from pipeline_errors import ConfigurationError
from pipeline_settings import settings

OWN_PACKAGES = (
    "warehouse", "ingestion", "expectations", "modeling", "serving", "monitoring", "transformation", "engine", "local",
    "orchestration", "cli",
)  # fmt: skip
# Loggers whose warnings are shown without --verbose: partial success, and undelivered lineage.
SHOWN = ("monitoring.runs.run_log", "monitoring.lineage", "monitoring.lineage.sender")
LARGEST_FILE_BYTES = 5_000_000  # a larger file is rotated once, so a day has at most two

_handlers: list[logging.Handler] = []  # ours, of the latest call


def configure(*, is_verbose: bool) -> None:
    """Configure our packages' loggers: errors (or everything if verbose) to standard error, everything to the file."""
    root = logging.getLogger()
    loggers = [logging.getLogger(package) for package in OWN_PACKAGES]
    for handler in _handlers:
        for logger in (root, *loggers):
            logger.removeHandler(handler)
        handler.close()
    _handlers.clear()
    formatter: logging.Formatter = LogfmtFormatter()
    console = logging.StreamHandler(sys.stderr)
    _handlers.append(console)
    with suppress(ConfigurationError):  # the command itself reports it
        formatter = JsonFormatter() if settings().log_format == "json" else formatter
        _handlers.append(_LogFile(settings().daybreak_home / "logs", settings().log_days_kept))
    console.addFilter(lambda record: _is_shown(record, is_verbose))
    root.addHandler(console)
    root.setLevel(logging.ERROR)
    for handler in _handlers:
        handler.setFormatter(formatter)
    for logger in loggers:
        logger.setLevel(logging.INFO)
        for handler in _handlers[1:]:
            logger.addHandler(handler)


def _is_shown(record: logging.LogRecord, is_verbose: bool) -> bool:
    """`is_reported` marks errors that the command line prints itself."""
    least = logging.WARNING if record.name in SHOWN else logging.ERROR
    return is_verbose or (record.levelno >= least and not getattr(record, "is_reported", False))


class _LogFile(RotatingFileHandler):
    """Today's file (UTC), in a folder that only its owner can read. Keeps the files of LOG_DAYS_KEPT days.

    It opens with the first record after DAYBREAK_HOME exists. Records that cannot be written are dropped: a full disk
    must not fail the command or flood standard error.
    """

    def __init__(self, folder: Path, days_kept: int) -> None:
        today = datetime.now(UTC).date()
        file = folder / f"daybreak-{today}.log"
        super().__init__(file, maxBytes=LARGEST_FILE_BYTES, backupCount=1, encoding="utf-8", delay=True)
        self.folder = folder
        self.oldest = f"daybreak-{today - timedelta(days_kept - 1)}.log"

    def _open(self) -> TextIOWrapper:
        if not self.folder.exists():
            self.folder.mkdir(mode=0o700)
        for file in self.folder.glob("daybreak-*.log*"):
            if file.name < self.oldest:
                file.unlink(missing_ok=True)
        return super()._open()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - its name in logging
        """Ignore the error."""
