"""Translation of failed dbt commands into Daybreak's errors, with the failed node."""

import re
from collections.abc import Sequence
from typing import Any

from pipeline_errors import ConfigurationError, DaybreakError, LockedError, ModelError, WarehouseError
from pipeline_settings import settings
from transformation.pipelines import BY_NAME
from warehouse.connection import connect

# Messages of Postgres for failures that are not the model's fault.
LOCKED = ("lock timeout", "deadlock detected")
# A row of the table in dbt's message about a contract.
CONTRACT_MISMATCH = re.compile(r"\| (\w+) \| ([^|]*?) ?\| ([^|]*?) ?\| (data type mismatch|missing in \w+) ?\|")
MISMATCHES_SHOWN = 5
OWN_ERROR = re.compile(r"^Compilation Error in model \w+ \([^)]*\) | > in macro .*$")  # around a macro's own message
LONGEST_MESSAGE = 300
SERVER_GAVE_UP = ("statement timeout", "terminating connection", "closed the connection")


def raise_if_interrupted(error: BaseException | None) -> None:
    """Raise the exception that should end this process, such as Ctrl-C or a task's timeout, which dbt catches.

    It may be the cause of another error: dbt then tries to end its sessions, which the transformer's role may not do.
    """
    while error is not None:
        if not isinstance(error, Exception):
            raise error
        error = error.__cause__ or error.__context__


def raise_if_disk(error: BaseException | None) -> None:
    """Raise ConfigurationError if dbt could not write its state."""
    if isinstance(error, OSError):
        state = settings().daybreak_home / "dbt"
        raise ConfigurationError(f"{state} cannot be written: {error.strerror}", "Free space, or set DAYBREAK_HOME.")


def failure_of(command: str, result: Any) -> Exception:
    """Return the error of a failed command. A ModelError names the first failed node."""
    with connect():
        pass  # if Postgres is down, this error is clearer than dbt's
    raise_if_disk(result.exception)
    nodes = getattr(result.result, "results", None) or []
    failed = [node for node in nodes if node.status in ("error", "fail", "runtime error")]
    if not failed:
        return kind_of(str(result.exception))(
            f"dbt {command} failed: {result.exception}", "Its pipeline stays as it was."
        )
    cause, kind = _cause(failed), kind_of(_message(failed[0]))
    if kind is not ModelError:
        return kind(cause, "Its pipeline stays as it was. Run the same command again.")
    return ModelError(
        cause,
        "Its pipeline stays as it was. Correct it and run the same command again.",
        by_pipeline=_by_pipeline(nodes, failed),
    )


def _cause(failed: Sequence[Any]) -> str:
    more = f" and {len(failed) - 1} more" if len(failed) > 1 else ""
    return f"{_name(failed[0])}{more} failed: {_message(failed[0])}"


def _by_pipeline(results: Sequence[Any], failed: Sequence[Any]) -> dict[str, str]:
    """Return the failure of each pipeline: its own failed nodes, or nodes skipped because of another pipeline's."""
    tags = {result.node.unique_id: set(result.node.tags) & BY_NAME.keys() for result in results if _is_node(result)}

    def own(result: Any, pipeline: str) -> bool:
        parents = getattr(result.node, "depends_on_nodes", []) if not tags[result.node.unique_id] else []
        return any(pipeline in tags.get(node, ()) for node in (result.node.unique_id, *parents))

    red = [result for result in failed if _is_node(result)]
    skipped = [result for result in results if _is_node(result) and result.status == "skipped"]
    causes = {}
    for pipeline in BY_NAME:
        if mine := [result for result in red if own(result, pipeline)]:
            causes[pipeline] = _cause(mine)
        elif any(own(result, pipeline) for result in skipped):
            causes[pipeline] = f"It was not built, since {_name(failed[0])} failed"
    return causes


def _is_node(result: Any) -> bool:
    return hasattr(result, "node")


def _name(result: Any) -> str:
    return str(result.node.name) if _is_node(result) else str(result.unique_id.split(".")[-1])


def _message(result: Any) -> str:
    """Return the message as one line: without the detail, which may quote a row, and of a contract only the columns."""
    text = " ".join(str(result.message).partition("DETAIL:")[0].split())
    if mismatches := CONTRACT_MISMATCH.findall(text):
        shown = "; ".join(_mismatch(*cells) for cells in mismatches[:MISMATCHES_SHOWN])
        return f"its contract and its SQL differ: {shown}"
    return OWN_ERROR.sub("", text)[:LONGEST_MESSAGE]


def _mismatch(column: str, in_sql: str, in_contract: str, reason: str) -> str:
    if reason == "data type mismatch":
        return f"{column} is {in_sql} in the SQL and {in_contract} in the contract"
    return f"{column} is missing in the {'contract' if in_sql else 'SQL'}"


def kind_of(message: str) -> type[DaybreakError]:
    """Return the error class for a message."""
    if any(sign in message for sign in LOCKED):
        return LockedError
    return WarehouseError if any(sign in message for sign in SERVER_GAVE_UP) else ModelError
