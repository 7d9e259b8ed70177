"""Delivery of messages through ops.outbox: a receiver that is down gets them later, with the same idempotency key.

A message is written in the transaction of its event, and marked after it was sent: a process killed in between sends it
twice with one key, and never loses it. Each receiver gets its messages in order; a message that fails GIVES_WAY times
no longer blocks the ones behind it. Nothing in here ever fails a run.
"""

import json
import logging
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from psycopg.types.json import Jsonb

from monitoring.alerting import receivers
from monitoring.alerting.receivers import Receiver
from monitoring.plain_text import as_json_value, first_line
from warehouse.connection import Connection, connect

logger = logging.getLogger(__name__)

SECONDS_A_CALL = 20.0
SECONDS_A_REQUEST = 5.0
LEAST_SECONDS = 0.5  # with less, no request is started
FAILURES_A_CALL = 2  # then a receiver is skipped until the next call
GIVES_WAY = 3
FIRST_WAIT, LONGEST_WAIT = 60.0, 3600.0  # seconds between two attempts
NEWCOMER_DAYS = 7  # a new receiver gets undelivered messages of so many days

ENQUEUE = """
    with message as (
        insert into ops.outbox (channel, idempotency_key, incident, payload)
        values (%(channel)s, %(key)s, %(incident)s, %(payload)s)
        on conflict (idempotency_key) do nothing
        returning outbox_id
    )
    insert into ops.outbox_deliveries (outbox_id, receiver, delivered_at)
    select message.outbox_id, receiver, case when receiver = any(%(taken_by)s) then clock_timestamp() end
    from message, unnest(%(receivers)s::text[]) as receiver
"""
ADOPT = """
    insert into ops.outbox_deliveries (outbox_id, receiver)
    select outbox.outbox_id, known.receiver
    from ops.outbox as outbox
    inner join unnest(%(channels)s::text[], %(receivers)s::text[]) as known (channel, receiver) using (channel)
    where outbox.delivered_at is null and outbox.created_at > clock_timestamp() - %(days)s * interval '1 day'
    on conflict (outbox_id, receiver) do nothing
"""
# No two processes send one message at once, and none sends a message while another is sending an older one.
NEXT_DUE = """
    select
        deliveries.outbox_id, deliveries.receiver, deliveries.attempts, outbox.channel, outbox.idempotency_key,
        outbox.payload
    from ops.outbox_deliveries as deliveries
    inner join ops.outbox as outbox on deliveries.outbox_id = outbox.outbox_id
    where
        deliveries.receiver = any(%(receivers)s) and deliveries.delivered_at is null
        and deliveries.next_attempt_at <= clock_timestamp()
        and not exists (
            select from ops.outbox_deliveries as older
            where
                older.receiver = deliveries.receiver and older.outbox_id < deliveries.outbox_id
                and older.delivered_at is null and older.attempts < %(gives_way)s
        )
    order by deliveries.outbox_id
    limit 1
    for update of deliveries skip locked
"""
MARK = """
    update ops.outbox_deliveries
    set
        attempts = attempts + 1, last_error = %(error)s::text,
        delivered_at = case when %(error)s::text is null then clock_timestamp() end,
        next_attempt_at = clock_timestamp() + %(wait)s * interval '1 second'
    where outbox_id = %(outbox_id)s and receiver = %(receiver)s
"""
CLOSE = """
    update ops.outbox as outbox
    set delivered_at = clock_timestamp()
    where
        outbox.delivered_at is null
        and exists (select from ops.outbox_deliveries as sent where sent.outbox_id = outbox.outbox_id)
        and not exists (
            select from ops.outbox_deliveries as waiting
            where waiting.outbox_id = outbox.outbox_id and waiting.delivered_at is null
        )
"""
UNDELIVERED = """
    select
        channels.channel,
        count(outbox.outbox_id) filter (where is_waiting) as waiting,
        count(outbox.outbox_id) filter (where not is_waiting) as without_receiver,
        min(outbox.created_at) as oldest_at,
        (array_agg(last_error order by attempted_at desc) filter (where last_error is not null))[1] as last_error
    from unnest(array['alert', 'metrics']) as channels (channel)
    left join ops.outbox as outbox on channels.channel = outbox.channel and outbox.delivered_at is null
    left join lateral (
        select
            count(*) > 0 as is_waiting, max(next_attempt_at) as attempted_at,
            (array_agg(last_error order by next_attempt_at desc) filter (where last_error is not null))[1] as last_error
        from ops.outbox_deliveries as deliveries
        where
            deliveries.outbox_id = outbox.outbox_id and deliveries.delivered_at is null
            and deliveries.receiver = any(%(receivers)s)
    ) as states on true
    group by channels.channel
"""


@dataclass
class Delivery:
    """The result of one call. `failed` counts failed attempts; their messages stay in the outbox."""

    sent: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Undelivered:
    """A channel's messages that its receivers still lack, and messages without any receiver.

    `oldest_at` is when the oldest of both was written, `last_error` the cause of the newest failed attempt.
    """

    waiting: int
    without_receiver: int
    oldest_at: datetime | None
    last_error: str | None


def enqueue(
    connection: Connection,
    channel: str,
    event: str,
    payload: Mapping[str, Any],
    *,
    incident: str | None = None,
    taken_by: Sequence[str] = (),
) -> None:
    """Put a message into the outbox, in the caller's transaction; each event is stored once.

    `taken_by`: identities of the receivers that have it already.
    """
    connection.execute(
        ENQUEUE,
        {
            "channel": channel,
            "key": key_of(event),
            "incident": incident,
            "payload": Jsonb(payload, dumps=lambda given: json.dumps(given, default=as_json_value)),
            "receivers": [known.identity for known in receivers.configured() if known.channel == channel],
            "taken_by": list(taken_by),
        },
    )


def key_of(event: str) -> str:
    """Return the idempotency key of an event's message, safe for a header."""
    return quote(event, safe="/:+@")


def deliver(seconds: float = SECONDS_A_CALL) -> Delivery:
    """Send due messages for at most `seconds`. Never raises: an error is logged, and the message stays due."""
    delivery = Delivery()
    known = {receiver.identity: receiver for receiver in receivers.configured()}
    if not known:
        return delivery
    try:
        with connect(autocommit=True) as connection:
            _deliver(connection, known, time.monotonic() + seconds, delivery)
    except Exception as failure:
        logger.warning("The outbox could not be emptied; its messages are kept: %s", first_line(failure))
    return delivery


def undelivered(connection: Connection) -> dict[str, Undelivered]:
    """Return the undelivered messages by channel."""
    known = [receiver.identity for receiver in receivers.configured()]
    rows = connection.execute(UNDELIVERED, {"receivers": known}).fetchall()
    return {row.pop("channel"): Undelivered(**row) for row in rows}


def _deliver(connection: Connection, known: Mapping[str, Receiver], deadline: float, delivery: Delivery) -> None:
    connection.execute("set statement_timeout = '5s'")
    channels = [receiver.channel for receiver in known.values()]
    connection.execute(ADOPT, {"channels": channels, "receivers": list(known), "days": NEWCOMER_DAYS})
    failures: Counter[str] = Counter()
    while (left := deadline - time.monotonic()) > LEAST_SECONDS:
        asked = [identity for identity in known if failures[identity] < FAILURES_A_CALL]
        with connection.transaction():
            row = connection.execute(NEXT_DUE, {"receivers": asked, "gives_way": GIVES_WAY}).fetchone()
            if row is None:
                break
            receiver = known[row["receiver"]]
            error = receivers.send(receiver, row["idempotency_key"], row["payload"], min(left, SECONDS_A_REQUEST))
            wait = min(FIRST_WAIT * 2 ** min(row["attempts"], 16), LONGEST_WAIT)
            connection.execute(MARK, {**row, "payload": None, "error": error, "wait": wait})
        if error is None:
            delivery.sent += 1
        else:
            delivery.failed += 1
            failures[receiver.identity] += 1
            logger.warning("%s did not take %s, which is kept: %s", receiver, row["idempotency_key"], error)
    connection.execute(CLOSE)
