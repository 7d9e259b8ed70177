"""Landing of days: from the shop's API into raw, each day completely or not at all, with a receipt."""

import logging
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_before_delay, wait_exponential

from ingestion.declaration.dataset_config import DatasetConfig
from ingestion.declaration.shop_config import ShopConfig, shop_config
from ingestion.http.access import shop_access, shop_auth
from ingestion.http.deadline import Deadline
from ingestion.http.page_check import PageCheck
from ingestion.http.session import ShopSession
from ingestion.landing.day_file import DayFile, columns_of
from ingestion.landing.day_pipeline import write_pages
from ingestion.landing.dlt_errors import translated_errors
from ingestion.landing.load_directory import load_directory
from ingestion.landing.raw_loading import load, load_in_background
from ingestion.landing.raw_tables import delete_load
from ingestion.readers.rest import shop_source
from ingestion.readers.rows_of_day import RowsOfDay
from pipeline_errors import DaybreakError, ShopError, WarehouseError
from pipeline_settings import settings
from warehouse.load_receipt import LoadReceipt

logger = logging.getLogger(__name__)

OnDay = Callable[[date], None]
ProfileOf = Callable[[Sequence[Any], date], Mapping[str, Any] | None]
IsKnown = Callable[[LoadReceipt], bool]

HEALTH_CHECK_SECONDS = 5.0
ROWS_AT_ONCE, SECONDS_AT_ONCE = 100_000, 60.0  # limits of days loaded together: an error repeats all of their work
READINGS = 2  # reads of a day whose row count differs from the reported total


@dataclass(frozen=True)
class _DayRead:
    """A day that was read from the shop and not loaded yet."""

    day: date
    load_id: str
    file: DayFile
    pages: int
    seconds: float
    profile: Mapping[str, Any] | None
    skipped: int

    def receipt(self, dataset: str, seconds_to_load: float) -> LoadReceipt:
        return LoadReceipt(
            dataset=dataset,
            day=self.day,
            load_id=self.load_id,
            rows=self.file.row_count,
            pages=self.pages,
            seconds=self.seconds + seconds_to_load,
            fingerprint=self.file.fingerprint(),
            undeclared_fields=self.file.undeclared_fields,
            profile=self.profile,
            skipped=self.skipped,
        )


def land(dataset: str, day: date) -> LoadReceipt:
    """Read a day of a dataset from the shop and land it in raw under a new load id.

    Raises ShopError if the shop cannot be read or its pages are wrong, WarehouseError if Postgres fails,
    ConfigurationError if settings or shop.toml are wrong. After an error, raw has no rows of the load, or only rows
    without a receipt, which are ignored.
    """
    return land_days(dataset, [day])[0]


def land_days(
    dataset: str,
    days: Sequence[date],
    on_day: OnDay = lambda _: None,
    profile_of: ProfileOf = lambda _rows, _day: None,
    is_known: IsKnown | None = None,
) -> list[LoadReceipt]:
    """Land the first of these days as `land` does: one load per day, one run of dlt for all of them.

    Reading stops after SECONDS_AT_ONCE or ROWS_AT_ONCE, and before a day that cannot be read. `on_day` is called before
    a day is read, `profile_of` with a sample of its rows. Raises the errors of `land`, for the first day or for all.

    With `is_known`, raw gets no row before a day is read completely. A day whose receipt is known is not loaded at all,
    and its receipt is left out.
    """
    config = shop_config()
    declared = config.dataset(dataset)
    shop_access(config)
    with load_directory(settings().daybreak_home, new_load_id()) as directory:
        read = list(_read_days(config, dataset, days, directory, on_day, profile_of, is_known))
        started = time.monotonic()
        with translated_errors(directory):
            _load_rest(dataset, declared, read)
        share = (time.monotonic() - started) / max(len(read), 1)
    receipts = [one.receipt(dataset, share) for one in read]
    for receipt in receipts:
        logger.info(
            "%s of %s: %d rows landed in %.2f s as %s%s",
            *(dataset, receipt.day, receipt.rows, receipt.seconds, receipt.load_id),
            f", {receipt.skipped} of other days skipped" if receipt.skipped else "",
        )
    return receipts


def wait_for_shop(seconds: float) -> None:
    """Return when the shop's health check answers 200. Raises ShopError with its last answer if it does not in time.

    The health check is requested at least once, with a timeout of HEALTH_CHECK_SECONDS.
    """
    config = shop_config()
    access = shop_access(config)
    url = f"{access.base_url.rstrip('/')}/{config.health_path.lstrip('/')}"
    once = config.model_copy(update={"max_attempts": 1, "timeout_seconds": HEALTH_CHECK_SECONDS})
    retrying = Retrying(
        retry=retry_if_exception_type(ShopError),
        stop=stop_before_delay(seconds),
        wait=wait_exponential(multiplier=0.1, max=2),
        reraise=True,
    )
    with Deadline(max(seconds, HEALTH_CHECK_SECONDS)) as deadline:
        retrying(ShopSession(access.base_url, once, deadline).get, url, auth=shop_auth(once, access, deadline))


def new_load_id() -> str:
    """Return a unique id that sorts by time: `20171101T020003.123456Z-ab12cd`, in UTC."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(3)}"


def _read_days(
    config: ShopConfig,
    dataset: str,
    days: Sequence[date],
    directory: Path,
    on_day: OnDay,
    profile_of: ProfileOf,
    is_known: IsKnown | None,
) -> Iterator[_DayRead]:
    rows, began, ahead = 0, time.monotonic(), is_known is None
    for number, day in enumerate(days):
        started = time.monotonic()
        if number and (rows >= ROWS_AT_ONCE or started - began >= SECONDS_AT_ONCE):
            return
        on_day(day)
        load_id = new_load_id()
        try:
            with translated_errors(directory):
                file, pages, skipped = _read_day(config, dataset, day, load_id, directory / f"{day}.csv", ahead=ahead)
        except DaybreakError as error:
            if number == 0:
                raise
            logger.info("%s of %s is postponed: %s", dataset, day, error)
            return
        read = _DayRead(day, load_id, file, pages, time.monotonic() - started, None, skipped)
        if is_known and is_known(read.receipt(dataset, 0)):
            logger.info("%s of %s: %d rows are known and not loaded", dataset, day, file.row_count)
            continue
        profile = profile_of(file.sample.rows, day)
        file.sample.rows.clear()
        yield replace(read, profile=profile)
        rows += file.row_count


def _read_day(
    config: ShopConfig, dataset: str, day: date, load_id: str, path: Path, *, ahead: bool
) -> tuple[DayFile, int, int]:
    """Read a day into files. Return them with the number of pages read and rows skipped.

    `ahead`: all files but the last are in raw already; otherwise there is one file. The day is read again if its row
    count differs from the reported total.
    """
    access, declared = shop_access(config), config.dataset(dataset)
    with Deadline(config.deadline_seconds) as deadline:
        auth = shop_auth(config, access, deadline)
        for _ in range(READINGS):
            check, rows = PageCheck(declared, config.max_pages), RowsOfDay(declared, day)
            with (
                load_in_background(dataset, day, load_id, columns_of(declared.fields)) as begin_load,
                ShopSession(access.base_url, config, deadline, check.check, check.accept_refusal) as session,
                DayFile(path, load_id, day, declared.fields, declared.sources(), begin_load if ahead else None) as file,
            ):
                source = shop_source(dataset, declared, day, access.base_url, config.page_size, auth, session=session)
                write_pages(source.resources[f"{dataset}_pages"], check, file, rows)
            received = file.row_count + rows.skipped
            reported = check.totals_differ_from(received)
            if not reported:
                check.refuse_missing_places()
                return file, check.pages, rows.skipped
            logger.warning("%s of %s: received %d rows, the shop reports %s", dataset, day, received, reported)
            if file.last.row_count < file.row_count:
                delete_load(dataset, day, load_id)
    raise ShopError(
        f"The shop reports a total of {reported} rows, but returned {received} in {check.pages} pages, twice",
        "Run again when the day no longer changes; if the total means something else, remove total_selector or "
        "total_header.",
    )


def _load_rest(dataset: str, declared: DatasetConfig, read: Sequence[_DayRead]) -> None:
    """Load the last file of each day. After an error, raw has no rows of these days."""
    files = [one.file.last for one in read if one.file.row_count]
    if not files:
        return
    try:
        load(dataset, columns_of(declared.fields), files)
    except BaseException:
        with suppress(WarehouseError):
            for one in read:
                delete_load(dataset, one.day, one.load_id)
        raise
