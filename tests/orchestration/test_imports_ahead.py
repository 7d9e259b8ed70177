"""What is imported while the shop lets us wait, in processes that have imported nothing yet."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date

import pytest

from local.shop_contract import ListedShop
from local.shop_server import ShopServer
from orchestration import imports_ahead
from orchestration.pipelines import ORDERS
from pipeline_settings import PROJECT_ROOT, Settings, settings
from tests.orchestration.test_run_messages import orders

DAY = date(2026, 3, 1)
INTERRUPTED = 130
SOON_SECONDS = 10  # what is being imported is finished, on a machine that is busy with others

HAS = "print(*[name in sys.modules for name in ('great_expectations', 'dbt.cli.main', 'altair.vegalite')], flush=True)"
RUN = f"run_days([date({DAY.year}, {DAY.month}, {DAY.day})], ['{ORDERS.name}'])"
NAMES = """
import json, sys
from datetime import date
from orchestration import day_loading, imports_ahead as ahead, steps
from orchestration.day_run import run_days
"""


def printed(code: str, at_first_line: Callable[[], None] = lambda: None) -> list[str]:
    """The lines that a new process prints which runs this code."""
    command = [sys.executable, "-c", NAMES + code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT) as running:
        assert running.stdout is not None
        first = running.stdout.readline()
        at_first_line()
        lines = [first, *running.stdout]
    assert running.returncode == 0
    return [line.strip() for line in lines if line]


def names_of_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate()]


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


class SlowShop(ListedShop):
    """A shop that takes its time."""

    def __init__(self, items: Mapping[tuple[str, date], Iterable[object]]) -> None:
        super().__init__(items)
        self.is_asked, self.may_answer = threading.Event(), threading.Event()

    def rows(self, dataset: str, day: date) -> Sequence[bytes]:
        """The rows, later."""
        self.is_asked.set()
        self.may_answer.wait(60)
        return super().rows(dataset, day)


@pytest.fixture
def shop(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowShop]:
    slow = SlowShop({("orders", DAY): orders(DAY)})
    with ShopServer(slow) as server:
        monkeypatch.setenv("SHOP_API_URL", server.url)
        settings.cache_clear()
        yield slow
        slow.may_answer.set()


@pytest.mark.slow
def test_a_new_day_finds_them_at_the_gate_and_the_same_rows_again_end_without(shop: SlowShop) -> None:
    code = f"""
ahead.PARTS += (lambda: print("all", flush=True),)
gate = steps.gate
def told(*arguments):
    {HAS}
    return gate(*arguments)
steps.gate = told
{RUN}
"""
    assert printed(code, at_first_line=shop.may_answer.set)[:2] == ["all", "True True False"]
    assert printed(f"{RUN}\n{HAS}") == ["False False False"]


@pytest.mark.slow
def test_landing_loads_nothing_in_its_course_that_the_thread_loads_as_well(shop: SlowShop) -> None:
    shop.may_answer.set()
    loaded = "[ahead.importlib.import_module(name) for name in ahead.SHARED]\nbefore = set(sys.modules)\n"
    show = "print(json.dumps(sorted(set(sys.modules) - before)), flush=True)"
    alone = f"""
from contextlib import nullcontext
day_loading.imports_ahead = lambda **_: nullcontext()
def gate(*_):
    {show}
    sys.exit()
steps.gate = gate
"""
    (by_landing,) = printed(f"{alone}{loaded}{RUN}")
    (by_thread,) = printed(f"{loaded}[part() for part in ahead.PARTS]\n{show}")
    assert "great_expectations" in json.loads(by_thread)
    assert json.loads(by_landing)
    assert not set(json.loads(by_landing)) & set(json.loads(by_thread))


def test_a_failing_import_is_left_to_the_step_that_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def failing() -> None:
        done.append("failing")
        raise ImportError("half of it is missing")

    monkeypatch.setattr(imports_ahead, "PARTS", (failing, lambda: done.append("next")))
    with imports_ahead.imports_ahead(are_needed=True):
        wait_until(lambda: "imports ahead" not in names_of_threads())
    assert done == ["failing"]


def test_after_the_wait_only_what_is_being_imported_is_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    begun, may_end, done = threading.Event(), threading.Event(), []

    def first() -> None:
        begun.set()
        may_end.wait(10)
        done.append("first")

    monkeypatch.setattr(imports_ahead, "PARTS", (first, lambda: done.append("second")))
    with imports_ahead.imports_ahead(are_needed=True):
        assert begun.wait(10)
        threading.Timer(0.2, may_end.set).start()
    assert done == ["first"]
    assert "imports ahead" not in names_of_threads()


def test_ctrl_c_while_they_are_imported(shop: SlowShop) -> None:
    code = f"""
import signal, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from orchestration import cli, imports_ahead as ahead
ahead.PARTS = (*ahead.PARTS, *(lambda: time.sleep(1),) * 60)
cli.app(["run", "{DAY}", "--pipeline", "{ORDERS.name}"])
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=PROJECT_ROOT) as run:
        assert shop.is_asked.wait(60)
        time.sleep(0.5)  # in the midst of Great Expectations, by and large
        os.kill(run.pid, signal.SIGINT)
        started = time.monotonic()
        _, said = run.communicate(timeout=60)
    assert time.monotonic() - started < SOON_SECONDS
    assert run.returncode == INTERRUPTED, said
    assert said.strip() == "daybreak: interrupted. Run the same command again: it goes on from here."
