"""Sentiment of English review texts by VADER, once per load. SQL scores all other reviews by their rating.

VADER: Hutto, C.J. & Gilbert, E.E. (2014), "VADER: A Parsimonious Rule-based Model for Sentiment Analysis of Social
Media Text", ICWSM-14. The thresholds are its authors': https://github.com/cjhutto/vaderSentiment#about-the-scoring.
"""

import logging
import time
from collections.abc import Iterator
from datetime import date
from functools import cache
from typing import TYPE_CHECKING, Literal

from warehouse.connection import Connection, connect

if TYPE_CHECKING:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

logger = logging.getLogger(__name__)

Sentiment = Literal["positive", "neutral", "negative"]

SCORED_LANGUAGE = "en"  # VADER's lexicon is English
POSITIVE_FROM = 0.05  # compound score, −1 to 1
NEGATIVE_FROM = -0.05
# VADER expects sentences, and its time grows with the square of the words; an emoji (four bytes) is two or three words.
# A text of nothing but emoji takes 0.3 s at this limit, and took minutes without it.
SCORED_BYTES = 3_000
BATCH_ROWS = 5_000


def score_sentiment(day: date, load_id: str, language: str) -> int:
    """Score the accepted reviews of a load that have a text, and mark the load as scored; return the number scored.

    Replaces earlier scores of the load. For a language other than "en" it only marks the load. Runs in one transaction,
    so a load is never half-scored. Raises WarehouseError if Postgres fails.
    """
    started = time.monotonic()
    scored = 0
    with connect() as connection:
        connection.execute("delete from staging.review_sentiment where _load_id = %s", [load_id])
        if language == SCORED_LANGUAGE:
            for batch in _texts(connection, day, load_id):
                scored += _score(connection, day, load_id, batch)
        connection.execute("update ops.loads set scored_at = clock_timestamp() where load_id = %s", [load_id])
    logger.info("reviews of %s: %d texts scored in %.2f s", day, scored, time.monotonic() - started)
    return scored


def sentiment(text: str) -> Sentiment:
    """Return the sentiment of an English text, judged by its beginning if it is very long."""
    beginning = text.encode()[:SCORED_BYTES].decode(errors="ignore")
    compound: float = _analyzer().polarity_scores(beginning)["compound"]
    if compound >= POSITIVE_FROM:
        return "positive"
    return "negative" if compound <= NEGATIVE_FROM else "neutral"


def _texts(connection: Connection, day: date, load_id: str) -> Iterator[list[tuple[int, str]]]:
    """Yield row numbers and texts in batches, from a server-side cursor so that memory does not grow with the load."""
    with connection.cursor(name="review_texts") as cursor:
        cursor.execute(
            """
            select _row_number, review_text
            from staging.stg_shop__reviews
            where _day = %s and _load_id = %s and is_valid and review_text is not null
            """,
            [day, load_id],
        )
        while rows := cursor.fetchmany(BATCH_ROWS):
            yield [(row["_row_number"], row["review_text"]) for row in rows]


def _score(connection: Connection, day: date, load_id: str, batch: list[tuple[int, str]]) -> int:
    """Score one batch and write it. A blank text gets no sentiment: SQL uses its rating."""
    scored = [(number, sentiment(text)) for number, text in batch if text.strip()]
    columns = "_load_id, _day, _row_number, sentiment, sentiment_method"
    with (
        connection.cursor() as cursor,
        cursor.copy(f"copy staging.review_sentiment ({columns}) from stdin".encode()) as copy,
    ):
        for number, label in scored:
            copy.write_row((load_id, day, number, label, "vader"))
    return len(scored)


@cache
def _analyzer() -> "SentimentIntensityAnalyzer":
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
