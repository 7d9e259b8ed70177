"""Translation of dlt's wrapped exceptions into Daybreak's errors."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg2
from dlt.common.destination.exceptions import DestinationException

from pipeline_errors import ConfigurationError, DaybreakError, ShopError, WarehouseError

AGAIN = "Run the same command again."


@contextmanager
def translated_errors(directory: Path) -> Iterator[None]:
    """Raise the cause of an exception instead of dlt's wrapper, which hides our errors and quotes a customer's data.

    An error of Postgres becomes a WarehouseError, an unwritable `directory` a ConfigurationError.
    """
    try:
        yield
    except Exception as error:
        plain = next(filter(None, (_plain(cause, directory) for cause in _causes(error))), None)
        if plain is None:
            raise
        raise plain from None


def _plain(cause: BaseException, directory: Path) -> BaseException | None:
    if isinstance(cause, DaybreakError | KeyboardInterrupt):
        return cause
    if isinstance(cause, psycopg2.Error):
        # The primary message names objects; the details below it quote rows.
        reason = cause.diag.message_primary or str(cause).partition("\n")[0]
        return WarehouseError(f"Postgres refused the load: {reason}", AGAIN)
    if isinstance(cause, DestinationException) and cause.__cause__ is None:
        return WarehouseError(f"dlt could not load: {type(cause).__name__}", AGAIN)
    if isinstance(cause, RecursionError):
        return ShopError("The shop sent a row that nests too deep", "Report it to the shop.")
    if type(cause) is OSError:
        return ConfigurationError(
            f"{directory} cannot be written: {cause.strerror}", "Free space, or set DAYBREAK_HOME."
        )
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and all its causes, outermost first."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        current = waiting.pop(0)
        if id(current) not in seen:
            seen.add(id(current))
            yield current
            related = (current.__cause__, current.__context__, getattr(current, "exception", None), *current.args)
            waiting += [other for other in related if isinstance(other, BaseException)]
