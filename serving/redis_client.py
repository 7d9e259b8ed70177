"""The connection to Redis or Valkey: short timeouts, and errors of one line without the password."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from pipeline_errors import CacheUnavailableError
from pipeline_settings import settings

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 5.0
REMEDY = "The marts are correct; the next run repairs the cache. Check REDIS_URL, Redis' memory and access."


@contextmanager
def redis_client() -> Iterator[redis.Redis]:
    """Yield a client whose errors become CacheUnavailableError. Refuses a cluster, where a change is not atomic."""
    try:
        with _connected() as client:
            yield client
    except redis.RedisError as error:
        raise CacheUnavailableError(f"The product metrics could not be written to Redis: {error}", REMEDY) from None


def _connected() -> redis.Redis:
    url = settings().redis_url
    if url is None:
        raise CacheUnavailableError("REDIS_URL is not set", "Set it, or run `daybreak up` for the embedded one.")
    try:
        client = redis.Redis.from_url(
            url.get_secret_value(),
            socket_connect_timeout=CONNECT_SECONDS,
            socket_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),  # the next run is the retry
        )
        _refuse_cluster(client)
    except (TypeError, ValueError):  # an option of the URL; the message may quote part of the password
        raise CacheUnavailableError("REDIS_URL is not a Redis URL", "Write it as redis://host:6379/0.") from None
    return client


def _refuse_cluster(client: redis.Redis) -> None:
    """Raise CacheUnavailableError for a cluster: it refuses a MULTI whose keys have several slots."""
    with suppress(redis.exceptions.NoPermissionError):
        server = client.info("server")
        if "cluster" in (server.get("redis_mode"), server.get("server_mode")):  # Redis, Valkey
            raise CacheUnavailableError(
                "REDIS_URL names a cluster, which cannot switch all products in one transaction",
                "Use a server without cluster mode.",
            )
