"""One working directory per load, so that what a killed load left behind is never taken for new data."""

import fcntl
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline_errors import ConfigurationError

logger = logging.getLogger(__name__)

LOCK_FILE = "in_use"
GRACE_SECONDS = 60  # between making a directory and locking it, and then some


@contextmanager
def load_directory(home: Path, load_id: str) -> Iterator[Path]:
    """`<home>/loads/<load_id>`, gone after the block, however that ends; directories of killed loads are removed too.

    Its owner holds a lock on a file in it, which ends with the process, whatever container or machine that ran in.
    Raises ConfigurationError if the directory cannot be made.
    """
    directory = home / "loads" / load_id
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(directory.parent)
        directory.mkdir()
        lock = (directory / LOCK_FILE).open("w")
    except OSError as error:
        raise ConfigurationError(
            f"{directory} cannot be made: {error.strerror}", "Set DAYBREAK_HOME to a directory that can be written."
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def remove_leftovers(loads: Path) -> None:
    """Remove the directories that no running load holds."""
    for directory in loads.iterdir():
        if _is_leftover(directory):
            logger.info("removing what a killed load left behind: %s", directory)
            shutil.rmtree(directory, ignore_errors=True)


def _is_leftover(directory: Path) -> bool:
    try:
        if time.time() - directory.stat().st_mtime < GRACE_SECONDS:
            return False
        with (directory / LOCK_FILE).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:  # killed before it took the lock, or removed by its owner just now
        return directory.is_dir()
    except NotADirectoryError:
        return False
    return True
