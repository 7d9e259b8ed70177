"""Disks that are full or read-only: small ones in memory, mounted in a private namespace (needs root)."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from local.demo_shop.shop_contract import ListedShop
from pipeline_settings import PROJECT_ROOT
from tests.dbt_project.loads import FIRST, orders
from tests.laws.conftest import World, rows_of
from warehouse.connection import connect

ORDERS = "ecommerce_order_pipeline"
PROGRAM = str(Path(sys.executable).parent / "daybreak")


def _may_mount() -> bool:
    tried = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True, check=False
    )
    return tried.returncode == 0


pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0 or not _may_mount(), reason="needs to mount a private file system"),
]


def run_on(disk: Path, options: str, *arguments: str) -> tuple[int, str]:
    """Run `daybreak` with a private file system at this path; return its exit code and standard error."""
    mount = f'mount -t tmpfs -o {options} none "$0"; exec "$@"'
    command = ["unshare", "--mount", "sh", "-ec", mount, str(disk), PROGRAM, *arguments]
    ended = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=300, check=False)
    return ended.returncode, ended.stderr


@pytest.fixture
def here(world: Callable[[ListedShop], World], cache: "redis.Redis", monkeypatch: pytest.MonkeyPatch) -> World:
    """A shop with a published day that has changed; to the runs, the servers are external."""
    shop = ListedShop({("orders", FIRST): orders(FIRST)})
    there = world(shop)
    there.run([FIRST], [ORDERS])
    shop.put("orders", FIRST, orders(FIRST, 20_000))
    monkeypatch.delenv("DAYBREAK_EMBEDDED")
    return there


@pytest.mark.fault(37)
@pytest.mark.parametrize("options", ["size=256k", "ro"])
def test_a_full_state_directory_is_named(
    here: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, options: str
) -> None:
    before = rows_of("fct_orders")
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path))
    code, errors = run_on(tmp_path, options, "run", str(FIRST), "--pipeline", ORDERS)
    assert code == 2, errors
    assert str(tmp_path) in errors
    assert "DAYBREAK_HOME" in errors
    assert len(errors.strip().splitlines()) == 1
    assert rows_of("fct_orders") == before
    with connect() as connection:
        assert len(connection.execute("select from ops.loads").fetchall()) == 1


@pytest.mark.fault(37)
def test_a_state_directory_too_full_for_dbt_is_named(
    here: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here.shop.put("orders", FIRST, orders(FIRST, 7))  # type: ignore[attr-defined]
    before = rows_of("fct_orders")
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path))
    code, errors = run_on(tmp_path, "size=400k", "run", str(FIRST), "--pipeline", ORDERS)
    assert code == 2, errors
    assert str(tmp_path) in errors
    assert rows_of("fct_orders") == before


@pytest.mark.fault(37)
def test_a_full_directory_for_temporary_files_does_not_matter(
    here: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code, errors = run_on(tmp_path, "size=4k,nr_inodes=1", "run", str(FIRST), "--pipeline", ORDERS)
    assert code == 0, errors
    here.admit("orders", FIRST)
    assert len(rows_of("fct_orders")) == 20_000
