"""What other users of the machine can read below DAYBREAK_HOME, such as files of a release that followed the umask."""

import os
import stat
from pathlib import Path

FOR_OTHERS = {"metrics"}  # node_exporter reads it from another account


def readable_entries(home: Path) -> list[Path]:
    """Return the entries of DAYBREAK_HOME that hold something that another account can read."""
    if not _lets_in(home):
        return []
    entries = [entry for entry in home.iterdir() if entry.name not in FOR_OTHERS]
    return sorted(entry for entry in entries if _is_readable(entry))


def _is_readable(path: Path) -> bool:
    """Return whether others can read a file, or any file in a folder that they can enter."""
    if not path.is_dir() or path.is_symlink():
        return bool(_mode(path) & 0o044) and not path.is_symlink()
    return _lets_in(path) and any(_is_readable(entry) for entry in path.iterdir() if os.access(path, os.R_OK))


def _lets_in(folder: Path) -> bool:
    return bool(_mode(folder) & 0o011)


def _mode(path: Path) -> int:
    """Return the permissions. Those of a group of another account are left out: root's Postgres needs them."""
    try:
        found = path.lstat()
    except OSError:
        return 0
    shown = stat.S_IMODE(found.st_mode)
    return shown if found.st_gid == os.getegid() else shown & ~0o070
