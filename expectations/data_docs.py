"""Data Docs: one page per judged load, as a static site that needs no network. Built at the end of a run.

A page is rendered once, and again if its load is judged again: a backfill of hundreds of days does not render hundreds
of pages for each of them. An empty load has no page, for there is nothing to expect of it.
"""

import logging
from datetime import date, datetime
from pathlib import Path
from typing import Any

from expectations.gx_session import DOCS_FOLDER, RESULTS_FOLDER, GxSession, gx_home, gx_session

logger = logging.getLogger(__name__)


def keep_result(session: GxSession, result: Any, dataset: str, day: date, load_id: str, judged_at: datetime) -> None:
    """Write GX's result on a load, in place of an earlier one on the same load. A full disk is only worth a warning."""
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    run = RunIdentifier(run_name=f"{dataset}_{day}_{load_id}", run_time=judged_at)
    result.meta["run_id"] = run
    result.meta["validation_time"] = judged_at
    name = ValidationResultIdentifier(ExpectationSuiteIdentifier(dataset), run, result.batch_id)
    try:
        session.context.validation_results_store.store_validation_results(result, name)
    except OSError as error:
        logger.warning("GX's result on %s of %s could not be kept: %s", dataset, day, error)


def build_data_docs() -> Path:
    """Render the pages that are missing or out of date and the index of the newest; return the index page."""
    home = gx_home()
    index = home / DOCS_FOLDER / "index.html"
    stale = _stale_results(home)
    if stale or not index.exists():
        context = gx_session().context
        results = context.validation_results_store
        wanted: list[Any] = [key for key in results.list_keys() if _file(key) in stale]
        # GX takes an empty list for "render everything", and a list with a stranger in it for "render the index".
        context.build_data_docs(resource_identifiers=wanted or [None])
    return index


def _stale_results(home: Path) -> set[Path]:
    """Result files, relative to the folder of results, that are newer than their page."""
    results = home / RESULTS_FOLDER
    pages = home / DOCS_FOLDER / "validations"
    stale = set()
    for result in results.glob("*/*/*/*.json"):
        name = result.relative_to(results)
        page = (pages / name).with_suffix(".html")
        if not page.exists() or page.stat().st_mtime_ns < result.stat().st_mtime_ns:
            stale.add(name)
    return stale


def _file(key: Any) -> Path:
    return Path(*key.to_tuple()).with_suffix(".json")
