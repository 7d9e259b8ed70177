"""A clock two days off: a small preloaded library shifts it for the whole process."""

import os
import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis

from local.demo_shop.shop_contract import ListedShop
from orchestration.day_run import run_days
from tests.commands import run
from tests.dbt_project.loads import FIRST, SECOND, orders, reviews
from tests.dbt_project.readers import contents, pending
from tests.laws.conftest import World, empty_warehouse
from transformation.pipelines import PIPELINES

TWO_DAYS = 2 * 24 * 3600
COMPILER = shutil.which("cc")

SHIFTED = """
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long shift(void) { const char *s = getenv("CLOCK_SHIFT"); return s ? atol(s) : 0; }

int clock_gettime(clockid_t id, struct timespec *at) {
    int failed = syscall(SYS_clock_gettime, id, at);
    if (!failed && id == CLOCK_REALTIME) at->tv_sec += shift();
    return failed;
}

int gettimeofday(struct timeval *at, void *zone) {
    struct timespec now;
    int failed = clock_gettime(CLOCK_REALTIME, &now);
    at->tv_sec = now.tv_sec;
    at->tv_usec = now.tv_nsec / 1000;
    return failed;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled library."""
    assert COMPILER is not None
    folder = tmp_path_factory.mktemp("clock")
    (folder / "shifted.c").write_text(SHIFTED)
    built = folder / "shifted.so"
    run([COMPILER, "-shared", "-fPIC", "-o", built, folder / "shifted.c"])
    return built


def run_shifted(library: Path, seconds: int, *command: str) -> str:
    """Run a Python program under a shifted clock; return its output."""
    environment = {**os.environ, "LD_PRELOAD": str(library), "CLOCK_SHIFT": str(seconds)}
    return run([sys.executable, *command], env=environment)


@pytest.mark.slow
@pytest.mark.fault(36)
@pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
def test_a_clock_two_days_off_changes_no_mart(
    world: Callable[[ListedShop], World], cache: "redis.Redis", library: Path
) -> None:
    printed = run_shifted(library, TWO_DAYS, "-c", "from datetime import *; print(datetime.now(UTC).isoformat())")
    assert 1.9 < (datetime.fromisoformat(printed.strip()) - datetime.now(UTC)).total_seconds() / 86400 < 2.1
    shop = ListedShop({("orders", FIRST): orders(FIRST, 9), ("reviews", FIRST): reviews(FIRST, 9)})
    here = world(shop)
    run_shifted(library, TWO_DAYS, "-c", "from cli.main import app; app()", "run", str(FIRST))
    shop.put("orders", FIRST, orders(FIRST, 8))
    shop.put("reviews", FIRST, reviews(FIRST, 8))
    for dataset, rows in (("orders", orders(SECOND)), ("reviews", reviews(SECOND))):
        shop.put(dataset, SECOND, rows)
    for day in (FIRST, SECOND):  # four days earlier, by that clock
        run_shifted(library, -TWO_DAYS, "-c", "from cli.main import app; app()", "run", str(day))
        for dataset in ("orders", "reviews"):
            here.admit(dataset, day)
    assert pending() == []
    here.assert_marts_are_right()
    found = contents()
    empty_warehouse()
    assert run_days([FIRST, SECOND], [pipeline.name for pipeline in PIPELINES]).exit_code == 0
    assert contents() == found
