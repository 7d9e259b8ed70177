"""The cache of product metrics: marts.product_metrics in Redis, for pages that cannot wait for the warehouse.

    product:{product_id}:metrics   hash: every column of the product's row, as text
    products:as_of                 as_of_date of these rows
    products:ids                   set of the cached product ids, so that removed products are found without a scan

Dates are YYYY-MM-DD, booleans true and false, and numbers plain decimals with the scale of their column. A null column
is a missing field. Every key has a time to live: if the pipeline stops, old numbers disappear.
"""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, cast

import redis

from serving.redis_client import redis_client
from warehouse.connection import connect

logger = logging.getLogger(__name__)

TIME_TO_LIVE = timedelta(days=7)
RENEW_BELOW = timedelta(days=2)  # renew an unchanged product with less time left than this
COMPARED_AT_ONCE = 1_000  # rows read and compared at a time
SWITCHED_AT_ONCE = 50_000  # changed products in one MULTI; 10,000 block Redis for 0.1 s

AS_OF_KEY = b"products:as_of"
IDS_KEY = b"products:ids"
PROBE_KEY = b"products:probe"

Hash = dict[bytes, bytes]


@dataclass(frozen=True)
class CacheReceipt:
    """The result of a refresh, in products."""

    written: int
    unchanged: int
    removed: int
    seconds: float


@dataclass
class _Changes:
    """The changes of one MULTI: products to write, ids to remove, ids to add to the set again."""

    hashes: dict[bytes, Hash] = field(default_factory=dict)
    removed: set[bytes] = field(default_factory=set)
    listed: set[bytes] = field(default_factory=set)


def refresh() -> CacheReceipt:
    """Bring Redis in line with marts.product_metrics: write what differs or soon expires, remove what vanished.

    A reader sees a product's old row or its new one, never a mixture. Up to 50,000 changed products switch together
    with `products:as_of` in one MULTI; beyond that in several, each whole, `as_of` in the last: a larger one would need
    too much memory on both sides and stop Redis for seconds. A refresh that was killed leaves nothing to repair: the
    next one compares with what is there. Raises CacheUnavailableError if Redis does not do its part in time.
    """
    started = time.monotonic()
    with redis_client() as client:
        written, unchanged, removed = _update(client)
    receipt = CacheReceipt(written, unchanged, removed, time.monotonic() - started)
    logger.info(
        "product cache: %d written, %d unchanged, %d removed in %.2f s", written, unchanged, removed, receipt.seconds
    )
    return receipt


def check_writing(client: redis.Redis) -> None:
    """Write and remove a key in one MULTI, as a refresh does. Raises what a refresh would."""
    probe = client.pipeline(transaction=True)
    probe.set(PROBE_KEY, b"", px=1_000)
    probe.delete(PROBE_KEY)
    probe.execute()


def _update(client: redis.Redis) -> tuple[int, int, int]:
    """How many products were written, unchanged and removed."""
    known = cast(set[bytes], client.smembers(IDS_KEY))
    cached_as_of = client.get(AS_OF_KEY)
    written = 0
    as_of: date | None = None
    current: set[bytes] = set()
    changes = _Changes()
    for rows in _products():
        as_of = rows[0]["as_of_date"]
        wanted = {str(row["product_id"]).encode(): _as_hash(row) for row in rows}
        current.update(wanted)
        # On a new as_of_date, which is in every row, there is nothing to compare.
        is_same_day = cached_as_of == str(as_of).encode()
        changes.hashes.update(_differing(client, wanted) if is_same_day else wanted)
        changes.listed.update(wanted.keys() - known)
        if len(changes.hashes) >= SWITCHED_AT_ONCE:
            written += len(changes.hashes)
            _switch(client, changes)
            changes = _Changes()
    written += len(changes.hashes)
    changes.removed = known - current
    _switch(client, changes, as_of, is_last=True)
    return written, len(current) - written, len(changes.removed)


def _products() -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of the mart in batches, from one snapshot."""
    with connect() as connection, connection.cursor(name="product_metrics") as cursor:
        cursor.execute("select * from marts.product_metrics")
        while rows := cursor.fetchmany(COMPARED_AT_ONCE):
            yield rows


def _as_hash(row: dict[str, Any]) -> Hash:
    return {column.encode(): _as_text(value).encode() for column, value in row.items() if value is not None}


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"  # str() may choose an exponent
    return str(value)


def _key(product_id: bytes) -> bytes:
    return b"product:" + product_id + b":metrics"


def _differing(client: redis.Redis, wanted: dict[bytes, Hash]) -> dict[bytes, Hash]:
    """Return the products whose hash in Redis differs, or expires soon."""
    pipeline = client.pipeline(transaction=False)
    for product_id in wanted:
        pipeline.hgetall(_key(product_id))
        pipeline.pttl(_key(product_id))
    answers = pipeline.execute(raise_on_error=False)  # a key of another type is an error and gets replaced
    renew_below = RENEW_BELOW / timedelta(milliseconds=1)
    return {
        product_id: wanted[product_id]
        for product_id, held, milliseconds_left in zip(wanted, answers[::2], answers[1::2], strict=True)
        if held != wanted[product_id] or not isinstance(milliseconds_left, int) or milliseconds_left < renew_below
    }


def _switch(client: redis.Redis, changes: _Changes, as_of: date | None = None, *, is_last: bool = False) -> None:
    """Apply changes in one MULTI, each product's fields with its time to live; the last one sets the as-of date."""
    pipeline = client.pipeline(transaction=True)
    for product_id, fields in changes.hashes.items():
        pipeline.delete(_key(product_id))  # also removes fields that are null now
        pipeline.hset(_key(product_id), items=[part for pair in fields.items() for part in pair])
        pipeline.expire(_key(product_id), TIME_TO_LIVE)
    for product_id in changes.removed:
        pipeline.delete(_key(product_id))
        pipeline.srem(IDS_KEY, product_id)
    for product_id in changes.listed:
        pipeline.sadd(IDS_KEY, product_id)
    pipeline.expire(IDS_KEY, TIME_TO_LIVE)
    if is_last and as_of:
        pipeline.set(AS_OF_KEY, as_of.isoformat(), ex=TIME_TO_LIVE)
    elif is_last:
        pipeline.delete(AS_OF_KEY)
    pipeline.execute()
