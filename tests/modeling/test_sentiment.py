"""Sentiment of review texts: VADER's results, the rows that are scored, and that a load is scored as a whole."""

import time
from datetime import date
from typing import Any

import pytest

from expectations.dataset_settings import save_settings
from modeling.sentiment import SCORED_BYTES, score_sentiment, sentiment
from pipeline_settings import Settings
from tests.expectations.staging import OURS, land_rows, review
from warehouse.connection import connect

DAY = date(2024, 3, 31)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I love it, works great!", "positive"),
        ("Great 😀", "positive"),
        ("It is a table.", "neutral"),
        ("Terrible. It broke after a day, I want my money back.", "negative"),
        ("Not good.", "negative"),
        ("", "neutral"),
        ("No sé qué decir", "negative"),  # VADER takes "no" for English: therefore other languages are scored by rating
    ],
)
def test_sentiment_of_a_text(text: str, expected: str) -> None:
    assert sentiment(text) == expected


def test_a_hostile_text_is_scored_fast() -> None:
    started = time.monotonic()
    assert sentiment("😀" * 250_000) == "positive"
    assert time.monotonic() - started < 10


def test_the_beginning_of_a_long_text_counts() -> None:
    padding = "Nothing. " * SCORED_BYTES
    assert sentiment("Lovely! " + padding) == "positive"
    assert sentiment("é" * (SCORED_BYTES // 2) + "€ terrible") == "neutral"  # cut inside of a character


def scores() -> dict[int, tuple[str, str]]:
    with connect() as connection:
        rows = connection.execute("select * from staging.review_sentiment").fetchall()
    return {row["_row_number"]: (row["sentiment"], row["sentiment_method"]) for row in rows}


def scored_at() -> Any:
    with connect() as connection:
        return connection.execute("select scored_at from ops.loads where load_id = 'L1'").fetchall()[0]["scored_at"]


def prepare_load() -> None:
    """Land a load of six reviews, of which the first two have a text and are accepted; the text is optional."""
    reviews = OURS.datasets["reviews"]
    required = tuple(field for field in reviews.required if field != "review_text")
    datasets = {**OURS.datasets, "reviews": reviews.model_copy(update={"required": required})}
    save_settings(OURS.model_copy(update={"datasets": datasets}))
    rows = [
        review(1, review_text="I love it!"),
        review(2, review_text="Awful."),
        review(3, review_text=None),
        review(4, review_text=" \u3000"),
        review(5, review_text="I love it!", rating="9"),
        review(6, review_text="I love it!", product_id=None),
    ]
    land_rows("reviews", DAY, "L1", rows)


def test_accepted_reviews_with_a_text_are_scored(warehouse: Settings) -> None:
    prepare_load()
    assert scored_at() is None
    assert score_sentiment(DAY, "L1", "en") == 2
    assert scores() == {1: ("positive", "vader"), 2: ("negative", "vader")}
    assert scored_at() is not None


def test_scoring_again_changes_nothing(warehouse: Settings) -> None:
    prepare_load()
    score_sentiment(DAY, "L1", "en")
    before = scores()
    assert score_sentiment(DAY, "L1", "en") == 2
    assert scores() == before


def test_another_language_is_scored_by_rating(warehouse: Settings) -> None:
    prepare_load()
    score_sentiment(DAY, "L1", "en")
    assert score_sentiment(DAY, "L1", "es") == 0
    assert scores() == {}
    assert scored_at() is not None


def test_several_batches_are_each_scored_once(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modeling.sentiment.BATCH_ROWS", 7)
    land_rows("reviews", DAY, "L1", [review(number) for number in range(50)])
    assert score_sentiment(DAY, "L1", "en") == 50
    assert sorted(scores()) == list(range(1, 51))
