"""One working directory per load, so that files of a killed load are never taken for new data."""

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
GRACE_SECONDS = 60  # more than it takes to lock a directory after creating it


@contextmanager
def load_directory(home: Path, load_id: str) -> Iterator[Path]:
    """Create `<home>/loads/<load_id>` and remove it after the block; also remove the directories of killed loads.

    Its owner locks a file in it. The lock ends with the process, even in another container or on another machine.
    Raises ConfigurationError if the directory cannot be created.
    """
    directory = home / "loads" / load_id
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers(directory.parent)
        directory.mkdir()
        lock = (directory / LOCK_FILE).open("w")
    except OSError as error:
        raise ConfigurationError(
            f"{directory} cannot be created: {error.strerror}", "Set DAYBREAK_HOME to a writable directory."
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield directory
        finally:
            shutil.rmtree(directory, ignore_errors=True)


def remove_leftovers(loads: Path, grace_seconds: float = GRACE_SECONDS) -> None:
    """Remove the directories older than `grace_seconds` that no running load has locked."""
    for directory in loads.iterdir():
        if _is_leftover(directory, grace_seconds):
            logger.info("removing the files of a killed load: %s", directory)
            shutil.rmtree(directory, ignore_errors=True)


def _is_leftover(directory: Path, grace_seconds: float) -> bool:
    try:
        if time.time() - directory.stat().st_mtime < grace_seconds:
            return False
        with (directory / LOCK_FILE).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except FileNotFoundError:  # killed before locking it, or just removed by its owner
        return directory.is_dir()
    except NotADirectoryError:
        return False
    return True
