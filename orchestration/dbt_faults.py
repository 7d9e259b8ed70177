"""Whose fault it is that dbt failed: told by what Postgres says."""

from pipeline_errors import DaybreakError, LockedError, ModelError, WarehouseError

# What Postgres says when the fault is not the model's.
LOCKED = ("lock timeout", "deadlock detected")
SERVER_GAVE_UP = ("statement timeout", "terminating connection", "closed the connection")


def kind_of_failure(message: str) -> type[DaybreakError]:
    """The error that dbt's message stands for."""
    if any(sign in message for sign in LOCKED):
        return LockedError
    return WarehouseError if any(sign in message for sign in SERVER_GAVE_UP) else ModelError
