"""Date formats: landing and the staging views read them the same way, so that no row of the day is skipped."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from expectations.dataset_settings import save_settings
from ingestion.declaration.shop_config import ShopConfig
from ingestion.readers.rows_of_day import RowsOfDay
from pipeline_settings import Settings
from tests.conftest import Examples
from tests.expectations.staging import OURS, land_rows, order
from warehouse.connection import connect

DAY = date(2024, 3, 31)  # in Berlin the clocks go forward
LOADS = count()

days = st.one_of(
    st.integers(-1, 1).map(lambda distance: DAY + timedelta(distance)),
    st.dates(),
    st.sampled_from([date.min, date.max, date(2024, 2, 29), date(1883, 11, 18)]),
)
two_digits = st.sampled_from(["00", "01", "1", "9", "12", "22", "23", "24", "31", "59", "60", "99"])
offsets = st.sampled_from(
    ["", "Z", "z", " z", "+01:00", "-0130", "+02", "+15:59", "+16:00", "-24:00", "+01:60", "GMT", " utc", "+1", "BC"]
)
spaces = st.sampled_from(["", "", "", " ", "\u3000", "\n", "\x1c", "\u200b"])
odd = st.text(max_size=12) | st.sampled_from(["now", "today", "infinity", "0000-01-01", "2024-02-30", "J2451187", ""])


@st.composite
def iso(draw: st.DrawFn) -> str:
    clock = draw(
        st.sampled_from(["", "T22:00", " 23:59:59", "t00:00:00.5", "T12:00:60", "T24:00", "T1:00"])
        | st.builds("T{}:{}:{}".format, two_digits, two_digits, two_digits)
        | st.builds(" 23:59:59{}{}".format, st.sampled_from(".,"), st.text("0123456789", max_size=9))
    )
    return f"{draw(days)}{clock}{draw(offsets)}"


@st.composite
def by_format(draw: st.DrawFn, date_format: str) -> str:
    """Generate a text in the format, sometimes with impossible parts."""
    day = draw(days)
    parts = {
        "d": f"{day.day:02}", "m": f"{day.month:02}", "Y": f"{day.year:04}", "y": f"{day.year % 100:02}",
        "b": f"{day:%b}", "B": f"{day:%B}".upper(), "a": "Sun", "A": "Sunday", "I": draw(two_digits), "p": "PM",
        "H": draw(two_digits), "M": draw(two_digits), "S": draw(two_digits), "f": "123", "z": draw(offsets), "%": "%",
    }  # fmt: skip
    if draw(st.booleans()):
        parts |= {"d": str(day.day), "m": draw(two_digits), "H": "22", "I": "11", "M": "00", "S": "59", "z": "+00:00"}
    text = date_format
    for name, part in parts.items():
        text = text.replace(f"%{name}", part)
    return text


unix_times = st.one_of(
    st.integers(-62135596900, 253402214500).map(str),
    st.floats(1711839000, 1711923000).map(str),
    st.sampled_from(["1711839599.9999999999999999999999", "1.7118396e9", "1e30", "1e-99", "-62135596801", "0x10"]),
    st.integers(1711839599, 1711922400).map(str),
)
TEXTS = {
    "iso": iso(),
    "epoch_seconds": unix_times,
    "epoch_milliseconds": st.one_of(
        unix_times,
        st.integers(1711839599990, 1711839600010).map(str),
        st.just("1711839599999.99999999999999999999"),
        st.builds("{}.5".format, st.integers(1711922399990, 1711922400010)),
    ),
    "rfc_2822": by_format("%a, %d %b %Y %H:%M:%S %z") | by_format("%d %b %Y %H:%M:%S %z"),
    "%d/%m/%Y": by_format("%d/%m/%Y"),
    "%m/%d/%Y %I:%M %p": by_format("%m/%d/%Y %I:%M %p"),
    "%d.%m.%y, %H:%M": by_format("%d.%m.%y, %H:%M"),
    "%Y年%m月%d日": by_format("%Y年%m月%d日"),
    "%Y%m%d%H%M%S%z": by_format("%Y%m%d%H%M%S%z"),
    "%A %d %B %Y (%H:%M)%z": by_format("%A %d %B %Y (%H:%M)%z"),
}


def configured(date_format: str, zone: str) -> ShopConfig:
    orders = OURS.datasets["orders"].model_copy(update={"date_format": date_format, "skip_other_days": "order_date"})
    return OURS.model_copy(update={"time_zone": zone, "datasets": {**OURS.datasets, "orders": orders}})


def judged(config: ShopConfig, texts: Sequence[str]) -> dict[str, list[str]]:
    """Return staging's reasons for an order of DAY with each date."""
    save_settings(config)
    load_id = f"load-{next(LOADS)}"
    land_rows("orders", DAY, load_id, [order(number, order_date=text) for number, text in enumerate(texts)])
    with connect() as connection:  # without order_date: Python cannot represent some of them
        rows = connection.execute(
            "select rejection_reasons from staging.stg_shop__orders where _load_id = %s order by _row_number", [load_id]
        ).fetchall()
    return {text: row["rejection_reasons"] for text, row in zip(texts, rows, strict=True)}


@pytest.mark.parametrize("date_format", TEXTS)
def test_a_row_is_skipped_exactly_if_staging_puts_it_on_another_day(
    warehouse: Settings, date_format: str, examples: Examples
) -> None:
    @examples(8, 60)
    @given(
        texts=st.lists(st.builds("{}{}{}".format, spaces, TEXTS[date_format] | odd, spaces), min_size=20, max_size=60),
        zone=st.sampled_from(["Europe/Berlin", "UTC", "America/New_York", "Pacific/Kiritimati"]),
    )
    def agree(texts: list[str], zone: str) -> None:
        config = configured(date_format, zone)
        texts = [text for text in texts if "\0" not in text]
        rows = RowsOfDay(config.dataset("orders"), DAY)
        kept = {row["order_date"] for row in rows.keep([{"order_date": text} for text in texts])}
        for text, codes in judged(config, texts).items():
            assert (text in kept) == ("order_date_not_the_day" not in codes), (text, codes)

    agree()


@pytest.mark.parametrize(
    ("date_format", "text"),
    [
        ("%d/%m/%Y", "31/3/2024"),
        ("%m/%d/%Y", " 03/31/2024"),
        ("%d.%m.%Y %H:%M", "31.03.2024 23:59"),
        ("%m/%d/%Y %I:%M:%S %p", "3/31/2024 9:05:00 p.m."),
        ("%d-%b-%y", "31-MAR-24"),
        ("%A, %B %d, %Y", "Sunday, March 31, 2024"),
        ("%Y%m%d", "20240331"),
        ("%d/%m/%Y %H:%M %z", "31/03/2024 21:59 GMT"),
        ("%d/%m/%Y %H:%M %z", "30/03/2024 23:00 +0000"),
        ("%Y/%m/%dT%H:%M:%S.%f%z", "2024/03/31T23:59:59.999+02:00"),
        ("%d %% %m %Y", "31 % 03 2024"),
    ],
)
def test_dates_of_the_day_in_many_formats(warehouse: Settings, date_format: str, text: str) -> None:
    assert judged(configured(date_format, "Europe/Berlin"), [text]) == {text: []}


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"])
def test_a_moment_beyond_the_calendar_is_of_another_day(warehouse: Settings, text: str) -> None:
    rows = RowsOfDay(configured("iso", "UTC").dataset("orders"), DAY)
    assert rows.keep([{"order_date": text}]) == []
    assert judged(configured("iso", "UTC"), [text]) == {text: ["order_date_not_the_day"]}


@pytest.mark.parametrize("text", ["31/02/2024", "03/31/2024", "31/03/24", "31.03.2024", "31/03/2024 1:00", "1/1/0000"])
def test_other_date_formats_are_unreadable(warehouse: Settings, text: str) -> None:
    assert judged(configured("%d/%m/%Y", "UTC"), [text]) == {text: ["order_date_unreadable"]}
