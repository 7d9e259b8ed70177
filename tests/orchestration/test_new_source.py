"""`make new-source`: what it writes passes the linters, and lands a day as it is."""

import runpy
import shutil
import sys
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from orchestration.new_source import write_source
from pipeline_errors import ConfigurationError
from pipeline_settings import PROJECT_ROOT, Settings
from tests.commands import run
from tests.ingestion.test_other_shops import assert_a_day_lands_whole, connect


@pytest.mark.parametrize("name", ["Acme", "x;", "shopify"])
def test_a_name_that_will_not_do_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError):
        write_source(name)


def test_a_new_shop_is_green_as_it_is(
    warehouse: Settings, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for folder in ("ingestion/shops", "tests/ingestion/shops"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(PROJECT_ROOT / "README.md", tmp_path)
    shop, imitation = write_source("acme", tmp_path)
    for command in (["check"], ["format", "--check"]):
        linter = [str(Path(sys.executable).with_name("ruff")), *command, "--stdin-filename", "tests/acme.py", "-"]
        run(linter, stdin=imitation.read_text())
    before, after = ((root / "README.md").read_text().splitlines() for root in (PROJECT_ROOT, tmp_path))
    (row,) = [line for line in after if "acme" in line]
    assert [line for line in after if line != row] == before
    assert "(ingestion/shops/" in after[after.index(row) - 1]
    imitated = runpy.run_path(str(imitation))["IMITATION"]
    connect(shop, imitated, httpserver, monkeypatch, tmp_path)
    assert_a_day_lands_whole(imitated)
