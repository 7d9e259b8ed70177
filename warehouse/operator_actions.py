"""The record of what operators did by hand: ops.operator_actions."""

import os
import pwd
from collections.abc import Sequence
from datetime import date

from warehouse.connection import Connection


def record_action(connection: Connection, action: str, subjects: Sequence[str], days: Sequence[date] = ()) -> None:
    """Record who acts, in the caller's transaction: the database user, the account of the system, and the time."""
    connection.execute(
        """
        insert into ops.operator_actions (action, subjects, first_day, last_day, os_user)
        values (%s, %s, %s, %s, %s)
        """,
        [action, list(subjects), min(days, default=None), max(days, default=None), _os_user()],
    )


def _os_user() -> str:
    """Return the account's name, behind sudo the one that called it; the id of an account without a name."""
    if os.geteuid() == 0 and os.environ.get("SUDO_USER"):
        return os.environ["SUDO_USER"]
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())
