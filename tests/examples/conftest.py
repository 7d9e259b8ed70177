"""Fixtures of dbt's tests: marts that a build has published."""

from tests.dbt_project.conftest import dbt, dbt_state, loads

__all__ = ["dbt", "dbt_state", "loads"]
