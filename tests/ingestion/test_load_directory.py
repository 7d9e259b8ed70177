"""Directories of loads: one each, removed at the end, as are those of killed loads."""

import os
from pathlib import Path

import pytest

from ingestion.landing.load_directory import LOCK_FILE, load_directory


def test_a_directory_is_removed_after_its_load_and_after_an_error(tmp_path: Path) -> None:
    with load_directory(tmp_path, "load-1") as directory:
        (directory / "deep").mkdir()
        (directory / "deep" / "file").touch()
    with pytest.raises(ZeroDivisionError), load_directory(tmp_path, "load-2"):
        _ = 1 / 0
    assert list((tmp_path / "loads").iterdir()) == []


def test_only_unlocked_directories_are_removed(tmp_path: Path) -> None:
    loads = tmp_path / "loads"
    for name in ("killed", "killed_early", "new"):
        (loads / name).mkdir(parents=True)
    (loads / "killed" / LOCK_FILE).touch()
    (loads / "file").touch()
    with load_directory(tmp_path, "running") as running:
        for path in (running, loads / "killed", loads / "killed_early", loads / "file"):
            os.utime(path, (0, 0))
        with load_directory(tmp_path, "next"):
            assert {path.name for path in loads.iterdir()} == {"running", "new", "file", "next"}
