"""Where the command line's log goes: standard error, and a file a day in DAYBREAK_HOME/logs, whatever was asked for.

The file has each step with its run, status, records and seconds, so that a night can be read afterwards. Airflow's
tasks log to Airflow.
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
# Their warnings are shown without being asked for: what succeeded only in part, and lineage that did not arrive.
SHOWN = ("monitoring.runs.run_log", "monitoring.lineage", "monitoring.lineage.sender")
LARGEST_FILE_BYTES = 5_000_000  # and one more of that size for what came before, on a day that has so much to tell

_handlers: list[logging.Handler] = []  # ours, of the latest call


def configure(*, is_verbose: bool) -> None:
    """Log our own packages: what went wrong to standard error, or all of it if verbose; and all of it to the file."""
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
    with suppress(ConfigurationError):  # the command itself will say so
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
    """`is_reported` marks what the command line prints anyway."""
    least = logging.WARNING if record.name in SHOWN else logging.ERROR
    return is_verbose or (record.levelno >= least and not getattr(record, "is_reported", False))


class _LogFile(RotatingFileHandler):
    """The file of the present day (UTC), in a folder for its owner only. Files of the last LOG_DAYS_KEPT days stay.

    It is opened by the first record after DAYBREAK_HOME was made, which is not our business. What cannot be written is
    lost: a full disk is no reason to fail, nor to fill standard error.
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
        """Say nothing."""
