"""Fixtures for faults: a process that forks runs to be killed, and a shop that readers watch."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline_settings import Settings
from tests.dbt_project.conftest import dbt, dbt_state, loads
from tests.faults.kills.forked_runs import Forker
from tests.laws.conftest import world
from tests.laws.nights import nights

__all__ = ["dbt", "dbt_state", "loads", "nights", "world"]  # fixtures of the neighbours


@pytest.fixture(scope="session")
def forker(servers: Settings) -> Iterator[Forker]:
    """Start `daybreak` commands that can be killed."""
    with Forker() as running:
        yield running


@pytest.fixture(autouse=True)
def no_killed_loads(home: Path) -> Iterator[None]:
    """Remove the leftovers of killed landings, which would otherwise stay for a minute."""
    yield
    shutil.rmtree(home / "loads", ignore_errors=True)
