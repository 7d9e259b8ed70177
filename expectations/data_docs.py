"""Data Docs: one page per judged load, as a static offline site. Built at the end of a run.

A page is rendered once, and again if its load is judged again. So a backfill of hundreds of days does not render
hundreds of pages for each day. An empty load has no page.
"""

import logging
import re
from datetime import date, datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

from expectations.gx_session import DOCS_FOLDER, RESULTS_FOLDER, GxSession, gx_home, gx_session

logger = logging.getLogger(__name__)

SHOWN_RESULTS = 1_000  # on the index page: its cost must not grow with the history
SUCCESS = re.compile(r'^  "success": true', re.MULTILINE)  # of the whole result, by GX's indentation
INDEX = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>The gate's decisions</title>
<link rel="icon" href="data:,">
<style>body { font: 15px/1.6 system-ui, sans-serif; max-width: 62rem; margin: 1rem auto; padding: 0 1rem; }</style>
</head><body><h1>The gate's decisions</h1>
<p>One page per load, newest day first. Empty loads have none.</p>
<ul>
…
</ul></body></html>
"""


def keep_result(session: GxSession, result: Any, dataset: str, day: date, load_id: str, judged_at: datetime) -> None:
    """Write GX's result on a load, replacing an earlier one on the same load. A full disk only logs a warning."""
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
        logger.warning("GX's result on %s of %s could not be saved: %s", dataset, day, error)


def build_data_docs() -> Path:
    """Render missing and outdated pages, and the index of the newest; return the path of the index page."""
    home = gx_home()
    index = home / DOCS_FOLDER / "index.html"
    stale = _stale_results(home)
    if stale:
        context = gx_session().context
        keys = context.validation_results_store.list_keys()
        wanted: list[Any] = [key for key in keys if _file(key) in stale]
        context.build_data_docs(resource_identifiers=wanted, build_index=False)  # GX's index reads every stored result
    if stale or not index.exists():
        index.parent.mkdir(parents=True, exist_ok=True)
        index.write_text(_index(home), encoding="utf-8")
    return index


def _index(home: Path) -> str:
    """Return the index page: links to the newest days' pages, each with its verdict."""
    results = home / RESULTS_FOLDER
    newest = sorted(results.glob("*/*/*/*.json"), key=_day_and_run, reverse=True)[:SHOWN_RESULTS]
    lines = []
    for result in newest:
        page = quote((Path("validations") / result.relative_to(results)).with_suffix(".html").as_posix())
        mark = "✔ passed" if SUCCESS.search(result.read_text(encoding="utf-8")) else "✘ refused"
        lines.append(f'<li>{mark} <a href="{page}">{escape(result.parent.parent.name)}</a></li>')
    return INDEX.replace("…", "\n".join(lines))


def _day_and_run(result: Path) -> tuple[str, str]:
    """Return a sort key by day across datasets: a run's name is dataset_day_load."""
    dataset, run = result.parts[-4], result.parts[-3]
    return run.removeprefix(f"{dataset}_"), dataset


def _stale_results(home: Path) -> set[Path]:
    """Return the result files that are newer than their page, relative to the folder of results."""
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
