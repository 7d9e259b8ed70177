"""What a failed dbt command is in our family of errors: whose fault it was, and which node shows it."""

from typing import Any

from pipeline_errors import ConfigurationError, DaybreakError, LockedError, ModelError, WarehouseError
from pipeline_settings import settings
from warehouse.connection import connect

# What Postgres says when the fault is not the model's.
LOCKED = ("lock timeout", "deadlock detected")
SERVER_GAVE_UP = ("statement timeout", "terminating connection", "closed the connection")


def raise_if_interrupted(error: BaseException | None) -> None:
    """Raise what was meant to end this process, which dbt keeps like any failure: Ctrl-C, a task's timeout.

    It may be behind another one: dbt then asks Postgres to end its sessions, which the transformer's role may not do.
    """
    while error is not None:
        if not isinstance(error, Exception):
            raise error
        error = error.__cause__ or error.__context__


def raise_if_disk(error: BaseException | None) -> None:
    """Raise ConfigurationError if dbt could not write its state, which is no model's fault."""
    if isinstance(error, OSError):
        state = settings().daybreak_home / "dbt"
        raise ConfigurationError(f"{state} cannot be written: {error.strerror}", "Free space, or set DAYBREAK_HOME.")


def failure_of(command: str, result: Any) -> Exception:
    """The error of a command that did not succeed: a ModelError names the first node that failed."""
    with connect():
        pass  # if Postgres is what failed, this says so better than dbt's message
    raise_if_disk(result.exception)
    nodes = getattr(result.result, "results", None) or []
    failed = [node for node in nodes if node.status in ("error", "fail", "runtime error")]
    if not failed:
        return _kind(str(result.exception))(
            f"dbt {command} failed: {result.exception}", "Its pipeline stays as it was."
        )
    message = " ".join(str(failed[0].message).partition("DETAIL:")[0].split())[:300]  # the detail may be a row
    more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    name = failed[0].node.name if hasattr(failed[0], "node") else failed[0].unique_id.split(".")[-1]
    kind = _kind(message)
    remedy = "Correct it and run the same command again." if kind is ModelError else "Run the same command again."
    return kind(f"{name}{more} failed: {message}", f"Its pipeline stays as it was. {remedy}")


def _kind(message: str) -> type[DaybreakError]:
    """Whose fault it is."""
    if any(sign in message for sign in LOCKED):
        return LockedError
    return WarehouseError if any(sign in message for sign in SERVER_GAVE_UP) else ModelError
