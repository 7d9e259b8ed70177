"""A Redis that is full."""

from collections.abc import Iterator
from contextlib import contextmanager

import redis


@contextmanager
def full(client: "redis.Redis", *_: object) -> Iterator[None]:
    """Make Redis refuse every further byte; restore its configuration afterwards."""
    before = {name: client.config_get(name)[name] for name in ("maxmemory", "maxmemory-policy")}
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", "1")
    try:
        yield
    finally:
        for name, value in before.items():
            client.config_set(name, value or "")
