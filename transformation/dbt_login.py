"""The variables by which dbt logs in as the transformer, in a step and from a developer's shell."""

from pipeline_settings import settings
from warehouse.connection import login_of_block
from warehouse.roles import TRANSFORMER, acting_as

USER, PASSWORD = "DAYBREAK_DBT_USER", "DAYBREAK_DBT_PASSWORD"  # read by profiles.yml before PGUSER and PGPASSWORD


def dbt_login() -> dict[str, str]:
    """Return the login of the block for profiles.yml and libpq."""
    login = login_of_block()
    variables = dict.fromkeys(("PGUSER", USER), login.pguser)
    if login.pgpassword:
        variables |= dict.fromkeys(("PGPASSWORD", PASSWORD), login.pgpassword.get_secret_value())
    return variables


def shell_login() -> dict[str, str]:
    """Return the transformer's login for a shell whose PGUSER stays; nothing if steps do not log in as their roles."""
    with acting_as(TRANSFORMER):
        variables = dbt_login()
    is_role = variables[USER] != settings().pguser
    return {name: variables[name] for name in (USER, PASSWORD)} if is_role else {}
