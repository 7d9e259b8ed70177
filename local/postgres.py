"""The embedded Postgres: a durable server on the loopback interface, protected by a password.

PGUSER is `daybreak`, which owns the database. The superuser `postgres` has no password, so it cannot log in: only
single-user mode, while the server is down, has its rights. In a cluster of an earlier version PGUSER is `postgres`.

Postgres refuses to run as root. Root runs it as `nobody`, in the state directory if `nobody` can enter it, otherwise
below /var/lib/daybreak, so that no user's directory has to be opened.
"""

import hashlib
import logging
import os
import shutil
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from local import postgres_files, process, state
from local.process import Account
from local.state import Endpoint
from pipeline_errors import WarehouseError

logger = logging.getLogger(__name__)

NAME = "Postgres"
SUPERUSER = "postgres"
USER = "daybreak"
RIGHTS = "createrole createdb"  # for the group roles, and for the metadata database of Airflow
DATABASE = "daybreak"
OUTSIDE = Path("/var/lib/daybreak")  # for root, if the account of Postgres cannot enter the state directory
START_SECONDS = 300.0  # recovery after a crash replays up to max_wal_size
LEFTOVER_SECONDS = 30.0  # for the sessions of a server that was just killed
ATTEMPTS = 3  # another program may take the port between the check and the server's start
SIGNALS = ((signal.SIGINT, 60.0), (signal.SIGQUIT, 20.0))  # fast, then immediate shutdown: both keep committed data


@dataclass(frozen=True)
class Postgres:
    """The Postgres of one state directory."""

    directory: Path

    def remembered(self) -> Endpoint | None:
        """Port and login of the last start. Earlier versions recorded no user."""
        endpoint = state.read_endpoint(self.directory / "postgres.json")
        return endpoint and replace(endpoint, user=endpoint.user or SUPERUSER)

    def endpoint(self) -> Endpoint | None:
        """Return its address if it accepts connections, else None."""
        endpoint = self.remembered()
        place = self._place()
        if endpoint is None or place is None or self.pid() is None:
            return None
        return endpoint if postgres_files.says_ready(place / "data") else None

    def pid(self) -> int | None:
        """Return its process id if it is running."""
        place = self._place()
        if place is None:
            return None
        pid = postgres_files.noted_pid(place / "data")
        return pid if pid and process.is_alive(pid, str(place / "data")) else None

    def data_directory(self) -> Path | None:
        """Return its data directory if it was ever started."""
        place = self._place()
        return place / "data" if place else None

    def start(self) -> Endpoint:
        """Start the server, creating its data on first use. The caller holds the start lock.

        Raises WarehouseError with the last log lines, ConfigurationError if this machine cannot run Postgres.
        """
        if self.remembered() is None:
            self.stop()  # it may be running with an unknown password
        elif self.pid() is not None:  # starting, by a process that did not wait for it
            self._wait(None)
        for attempt in range(1, ATTEMPTS + 1):
            endpoint = self.endpoint()
            if endpoint is not None:
                return endpoint
            port = self._try_start(raise_if_free=attempt == ATTEMPTS)
            if port is not None:
                logger.warning("Port %d was taken while Postgres started: trying another one", port)
        raise WarehouseError("Postgres did not start", f"See {self.directory / 'postgres.log'}.")

    def stop(self) -> bool:
        """Stop the server, ending open sessions. Return whether it was running."""
        pid, data = self.pid(), self.data_directory()
        if pid is None or data is None:
            return False
        process.stop(pid, str(data), NAME, SIGNALS)
        return True

    def execute_as_superuser(self, statements: Sequence[str], database: str = SUPERUSER) -> None:
        """Execute statements in single-user mode, the only way to be the superuser. The server must be stopped."""
        place = self._place()
        if place is None or self.pid() is not None:
            raise WarehouseError("Postgres has no data yet, or is running", "Start it once, and stop it.")
        account = self._account()
        programs = postgres_files.programs(account, OUTSIDE)
        with self._held(place) as held:
            postgres_files.single_user(programs, place / "data", account, statements, held, database)

    def _try_start(self, raise_if_free: bool) -> int | None:
        """Start the server once. Return the port if it was taken."""
        account = self._account()
        programs = postgres_files.programs(account, OUTSIDE)
        place = self._place() or self._choose_place(account)
        with self._held(place) as held:
            endpoint = self._prepare(place, account, programs, held)
            arguments = ["-D", str(place / "data"), "-c", f"config_file={place / 'postgresql.conf'}"]
            started = process.detach(
                [programs / "postgres", *arguments], account, self.directory / "postgres.log", held
            )
        try:
            self._wait(started)
        except WarehouseError:
            if raise_if_free or state.is_free(endpoint.port):
                raise
            return endpoint.port
        return None

    def _prepare(self, place: Path, account: Account, programs: Path, held: int) -> Endpoint:
        """Prepare data, password, port and configuration, creating what is missing."""
        data, record = place / "data", self.directory / "postgres.json"
        if not data.exists():
            record.unlink(missing_ok=True)  # its password belongs to other data
            self._initialise(place, account, programs, held)
        postgres_files.disown_pid_file(data)
        endpoint = self.remembered()
        if endpoint is None:
            endpoint = state.new_endpoint(postgres_files.owner(programs, data, account, DATABASE, held) or USER)
            statement = f"""alter role "{endpoint.user}" password '{endpoint.password}'"""
            postgres_files.single_user(programs, data, account, [statement], held)
        if not state.is_free(endpoint.port):
            endpoint = replace(endpoint, port=state.free_port())
        state.write_endpoint(record, endpoint)
        postgres_files.configure(place, endpoint.port, account)
        return endpoint

    def _initialise(self, place: Path, account: Account, programs: Path, held: int) -> None:
        """Create the data in a draft directory and rename it when complete, so that `data` is never incomplete."""
        draft = place / "data.draft"
        if draft.exists():
            logger.warning("The creation of %s was interrupted: starting again", place / "data")
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        os.chown(draft, account.uid, account.gid)
        postgres_files.initialise(programs, draft, account, SUPERUSER, held)
        statements = [f"create role {USER} login {RIGHTS}", f"create database {DATABASE} owner {USER}"]
        postgres_files.single_user(programs, draft, account, statements, held)
        draft.rename(place / "data")
        logger.info("New Postgres data in %s", place / "data")

    @contextmanager
    def _held(self, place: Path) -> Iterator[int]:
        """Hold the lock that the server inherits; this process closes it without unlocking."""
        data = place / "data"
        held = state.locked(place / "run.lock", LEFTOVER_SECONDS, lambda: postgres_files.end_orphans(data))
        try:
            with state.writing(place):
                yield held
        finally:
            os.close(held)

    def _wait(self, started: process.Process | None) -> None:
        log = self.directory / "postgres.log"
        process.wait_until_ready(started, lambda: self.endpoint() is not None, START_SECONDS, NAME, log)

    def _account(self) -> Account:
        """Return the owner of the data, or of new data: root in a user's checkout must not take it from them."""
        account = process.unprivileged_account()
        data = self.data_directory()
        if os.geteuid() == 0 and data is not None:
            with suppress(FileNotFoundError):
                owner = data.stat()
                account = Account(owner.st_uid, owner.st_gid)
        return account

    def _place(self) -> Path | None:
        """Return the directory that holds its data, or None if there are none."""
        inside, outside = self.directory / "postgres", self._outside()
        if inside.joinpath("data").exists():
            return inside
        return outside if os.geteuid() == 0 and outside.joinpath("data").exists() else None

    def _choose_place(self, account: Account) -> Path:
        """Create the directory for new data: in the state directory, or outside if the account cannot enter that."""
        inside, outside = self.directory / "postgres", self._outside()
        group = None if account.uid == os.geteuid() else account.gid
        with state.writing(outside):
            state.make_private_directory(inside, group)
            if process.can_enter(inside, account):
                return inside
            state.make_passable_directory(OUTSIDE)
            state.make_private_directory(outside, group)
        logger.warning("The account of Postgres cannot enter %s: its data will be in %s", self.directory, outside)
        return outside

    def _outside(self) -> Path:
        return OUTSIDE / hashlib.sha256(str(self.directory).encode()).hexdigest()[:16]
