"""What the tests of faults share: a process that forks runs to be killed, and a shop that readers watch."""

from collections.abc import Iterator

import pytest

from pipeline_settings import Settings
from tests.dbt_project.conftest import dbt, dbt_state, loads
from tests.faults.forked_runs import Forker
from tests.laws.conftest import world

__all__ = ["dbt", "dbt_state", "loads", "world"]  # fixtures of the neighbours


@pytest.fixture(scope="session")
def forker(servers: Settings) -> Iterator[Forker]:
    """Starts `daybreak` commands that can be killed."""
    with Forker() as running:
        yield running
