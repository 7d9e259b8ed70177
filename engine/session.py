"""A Spark Connect session with the server of SPARK_REMOTE, or with Sail embedded for the block."""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine.embedded_server import embedded_server
from pipeline_errors import ConfigurationError, WarehouseError
from pipeline_settings import settings

INSTALL = "Install it: pip install 'daybreak[spark]'."
EMBEDDED = "sc://localhost"  # not an address: the embedded server is at a Unix socket
RETRIES, LONGEST_RETRY_MILLISECONDS = 5, 2_000  # Spark's default waits ten minutes for a lost server
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]  # otherwise gRPC remembers a server as down for a while


@contextmanager
def spark_session() -> Iterator[Any]:
    """Open the process's Spark session, which dbt uses too. One block at a time.

    Raises ConfigurationError if the extra is not installed or SPARK_REMOTE is not an address, WarehouseError if the
    server does not answer.
    """
    remote = settings().spark_remote
    if remote:
        with _session(remote.get_secret_value()) as session:
            yield session
    else:
        _require_sail()
        with embedded_server() as place, _session(EMBEDDED, place) as session:
            yield session


def is_alive(session: Any) -> bool:
    """Return whether the server still answers."""
    try:
        session.sql("select 1").collect()
    except Exception:
        return False
    return True


def lost_server() -> WarehouseError:
    """Return the error for a server that answered before and does not any more."""
    return WarehouseError(f"{_place()} was lost", "The published marts are unchanged. Run the same command again.")


@contextmanager
def _session(url: str, place: Path | None = None) -> Iterator[Any]:
    """Open a session with the server of the URL, or with the one at a Unix socket, where the URL is a stand-in."""
    connect = _connect_module()
    from pyspark.errors import PySparkException
    from pyspark.sql.connect.client.retries import DefaultPolicy

    try:
        session = connect.SparkSession(connection=_channel_builder(url, place))
    except PySparkException as error:
        raise ConfigurationError(
            f"SPARK_REMOTE is not an address: {error.getCondition()}", "Set it to one such as sc://host:15002."
        ) from None
    session.client.set_retry_policies([DefaultPolicy(max_retries=RETRIES, max_backoff=LONGEST_RETRY_MILLISECONDS)])
    # The step's time limit reads SPARK_REMOTE, and dbt's adapter requires it even if the process has a session.
    with _variable("SPARK_REMOTE", url), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\[RETRIES_EXCEEDED\]", UserWarning)  # reported as a WarehouseError
        # dbt's adapter sets Hive's catalog with each statement, which a running server ignores.
        warnings.filterwarnings("ignore", "Failed to set spark.sql.catalogImplementation", UserWarning)
        try:
            if not is_alive(session):
                raise WarehouseError(
                    f"{_place()} cannot be reached", "Start it, correct SPARK_REMOTE, or unset it for the embedded one."
                )
            connect.SparkSession._set_default_and_active_session(session)
            yield session
        finally:
            session.stop()


def _connect_module() -> Any:
    try:
        with warnings.catch_warnings():
            # Daybreak does not use pandas.
            warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
            from pyspark.sql.connect import session
    except ImportError:
        raise ConfigurationError("The engine is not installed", INSTALL) from None
    return session


def _channel_builder(url: str, place: Path | None) -> Any:
    from pyspark.sql.connect.client import DefaultChannelBuilder

    class ChannelBuilder(DefaultChannelBuilder):
        def toChannel(self) -> Any:  # noqa: N802, as pyspark calls it
            return self._insecure_channel(f"unix:{place}") if place else super().toChannel()

    # otherwise gRPC calls itself the socket's path, which Sail refuses
    authority = [("grpc.default_authority", "localhost")] if place else []
    return ChannelBuilder(url, OWN_CONNECTION + authority)


def _require_sail() -> None:
    """Raise ConfigurationError if the embedded engine is not installed, or cannot reach the exchange."""
    if find_spec("pysail") is None:
        raise ConfigurationError("The engine is not installed", f"{INSTALL} Or set SPARK_REMOTE.")
    if "://" in (settings().spark_exchange or ""):
        raise ConfigurationError(
            "The embedded Spark server has no network, and cannot reach the object store of SPARK_EXCHANGE",
            "Set SPARK_REMOTE to a Spark server, or unset SPARK_EXCHANGE.",
        )


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


def _place() -> str:
    """Return the server's name for messages. The whole address can hold a token."""
    remote = settings().spark_remote
    if not remote:
        return "The embedded Spark server"
    url = urlsplit(remote.get_secret_value())
    return f"Spark at {url.hostname}:{url.port or 15002}"
