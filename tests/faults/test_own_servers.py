"""Faults that need private servers: Postgres killed during a run, its disk full, a machine without a network."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from local.demo_shop.shop_contract import ListedShop
from local.demo_shop.shop_server import ShopServer
from pipeline_settings import PROJECT_ROOT
from tests.commands import run
from tests.dbt_project.loads import FIRST, SECOND, orders

ORDERS = "ecommerce_order_pipeline"
PROGRAM = str(Path(sys.executable).parent / "daybreak")
DAY_ROWS = 20_000

pytestmark = [pytest.mark.integration, pytest.mark.slow]


class Machine:
    """`daybreak` with its own state directory and servers."""

    def __init__(self, home: Path, shop: ShopServer) -> None:
        self.home, self.shop = home, shop

    def environment(self) -> dict[str, str]:
        """Return the environment of its commands."""
        return {**os.environ, "DAYBREAK_HOME": str(self.home), "SHOP_API_URL": self.shop.url}

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a `daybreak` command."""
        return subprocess.Popen(
            [PROGRAM, *arguments], cwd=PROJECT_ROOT, env=self.environment(),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *arguments: str) -> tuple[int, str]:
        """Run a command; return its exit code and standard error."""
        process = self.start(*arguments)
        _, errors = process.communicate(timeout=300)
        return process.returncode, errors

    def run_day(self, day: object) -> tuple[int, str]:
        """Run the orders of a day."""
        return self.run("run", str(day), "--pipeline", ORDERS)

    def variables(self) -> dict[str, str]:
        """Return the variables that `daybreak env` prints."""
        printed = run([PROGRAM, "env"], env=self.environment())
        return dict(part.split("=", 1) for line in printed.splitlines() for part in shlex.split(line)[1:])

    def orders(self) -> dict[object, int]:
        """Return the number of published orders by day."""
        names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
        seen = self.variables()
        with psycopg.connect(conninfo.make_conninfo(**{name: seen[key] for name, key in names.items()})) as connection:
            return dict(connection.execute("select order_date, count(*) from marts.fct_orders group by 1").fetchall())

    def postgres(self) -> int:
        """Return the process id of its Postgres."""
        return int((self.home / "servers" / "postgres" / "data" / "postmaster.pid").read_text().splitlines()[0])


@pytest.fixture
def machine(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[Machine]:
    """A machine with a shop of two days."""
    shop = ListedShop({("orders", day): orders(day, DAY_ROWS) for day in (FIRST, SECOND)})
    directory = home / "machine"
    directory.mkdir()
    directory.chmod(0o711)
    with ShopServer(shop) as server:
        there = Machine(directory, server)
        yield there
        there.run("down")
    run(["rm", "-rf", directory])


@pytest.mark.fault(21)
@pytest.mark.parametrize("seconds", [1.5, 3.0, 4.5, 6.0])
def test_postgres_killed_during_a_run(machine: Machine, seconds: float) -> None:
    assert machine.run_day(FIRST) == (0, "")
    run = machine.start("run", str(SECOND), "--pipeline", ORDERS)
    time.sleep(seconds)
    os.kill(machine.postgres(), signal.SIGKILL)
    _, errors = run.communicate(timeout=120)
    assert run.returncode in {0, 4}, errors
    assert machine.run_day(SECOND) == (0, "")
    assert machine.orders() == {FIRST: DAY_ROWS, SECOND: DAY_ROWS}


def _in_namespace(kind: str, script: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["unshare", kind, "bash", "-ec", script, *arguments],
        cwd=PROJECT_ROOT, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


FULL_DISK = """
export DAYBREAK_HOME=$1/state
mount -t tmpfs -o size=400m,mode=711 none "$1"
trap '"$0" down > /dev/null' EXIT
"$0" run "$2" --pipeline "$4" > /dev/null
eval "$("$0" env)"
head -c 400m /dev/zero > "$1/ballast" 2> /dev/null || true
truncate -s -1500K "$1/ballast"
code=0; "$0" run "$3" --pipeline "$4" > /dev/null || code=$?
[ $code = 2 ] || [ $code = 4 ]
psql -Atc "select 'full', count(*) from marts.fct_orders"
rm "$1/ballast"
"$0" run "$3" --pipeline "$4" > /dev/null
psql -Atc "select order_date, count(*) from marts.fct_orders group by 1 order by 1"
"""


@pytest.mark.fault(23)
@pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a private file system")
def test_a_full_disk_that_is_enlarged(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in machine.environment().items():
        monkeypatch.setenv(name, value)
    place = machine.home / "disk"
    place.mkdir()
    ended = _in_namespace("--mount", FULL_DISK, PROGRAM, str(place), str(FIRST), str(SECOND), ORDERS)
    assert ended.returncode == 0, ended
    assert ended.stdout.splitlines() == [f"full|{DAY_ROWS}", f"{FIRST}|{DAY_ROWS}", f"{SECOND}|{DAY_ROWS}"], ended
    with suppress(FileNotFoundError):
        assert "Traceback" not in ended.stderr


NO_NETWORK = """
ip link set lo up
without_route() { awk '/^Ip: [0-9]/ { print $13 }' /proc/net/snmp; }
trap '"$0" down > /dev/null' EXIT
python=$(dirname "$0")/python
"$0" shop --port 8765 > /dev/null 2>&1 &
shop=$!
export SHOP_API_URL=http://127.0.0.1:8765
for i in $(seq 100); do (exec 3<> /dev/tcp/127.0.0.1/8765) 2> /dev/null && break; sleep 0.1; done
before=$(without_route)
"$0" run 2026-03-01 > /dev/null
"$0" report > /dev/null
echo "asked for: $(($(without_route) - before))"
(exec 3<> /dev/tcp/192.0.2.1/443) 2> /dev/null || true
echo "noticed: $(($(without_route) - before))"
kill $shop
"""


@pytest.mark.fault(52)
@pytest.mark.skipif(os.geteuid() != 0, reason="needs a private network")
def test_a_run_needs_no_network(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any route out, a run succeeds, and the kernel counts no attempt to use one."""
    for name, value in machine.environment().items():
        monkeypatch.setenv(name, value)
    ended = _in_namespace("--net", NO_NETWORK, PROGRAM)
    assert ended.returncode == 0, ended
    assert ended.stdout.splitlines() == ["asked for: 0", "noticed: 1"], ended
