"""Where dbt keeps the parsed project between commands: a folder per version of the project's files."""

import hashlib
import os
import shutil
from pathlib import Path

from pipeline_settings import settings
from transformation.dbt_errors import raise_if_disk

KEPT = 4  # folders of a name; the others are of files and connections that are no longer used
OUTPUT = {"target", "logs"}  # of dbt, when a user runs it
PARSED = {".sql", ".yml", ".yaml", ".csv", ".md", ".py"}
CONNECTION = ("PGHOST", "PGPORT", "PGUSER", "PGDATABASE", "PGSSLMODE")


def folder_of(name: str, project: Path) -> Path:
    """Return dbt's target folder for these commands, this connection and these files of the project, and create it.

    Raises ConfigurationError if it cannot be written.

    A changed file is parsed with all others: dbt's partial parsing can keep the former columns of a changed contract,
    or a unit test that no file has. Unchanged files are not parsed again, unless host, port, user or database change.
    """
    parsed = settings().daybreak_home / name
    folder = parsed / hashlib.sha256(repr([_connection(), *_versions(project)]).encode()).hexdigest()[:12]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
    except OSError as error:
        raise_if_disk(error)
    for old in sorted(filter(Path.is_dir, parsed.iterdir()), key=_age, reverse=True)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _connection() -> list[str | None]:
    return [os.environ.get(name) for name in CONNECTION]


def _versions(project: Path) -> list[tuple[str, str]]:
    tops = [top for top in project.iterdir() if top.name not in OUTPUT]
    files = [file for top in tops for file in (top.rglob("*") if top.is_dir() else [top]) if file.suffix in PARSED]
    return [(str(file), hashlib.sha256(file.read_bytes()).hexdigest()) for file in sorted(files)]


def _age(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # another process removed it
        return 0
