"""Wrong TLS certificates: the clients of Postgres, Redis and the shop refuse them before sending a secret."""

import os
import shutil
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from ingestion.landing.land_days import wait_for_shop
from pipeline_errors import CacheUnavailableError, ShopError, WarehouseError
from pipeline_settings import settings
from serving import product_cache
from tests.commands import run
from warehouse.connection import connect

CANARY = "canary-7c41"
OPENSSL = shutil.which("openssl")
SSL_REQUEST = struct.pack("!ii", 8, 80877103)  # the first message of a Postgres client

pytestmark = pytest.mark.skipif(OPENSSL is None, reason="needs openssl")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two self-signed authorities: a trusted one for another host, and an untrusted one for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    for name, host in (("elsewhere", "DNS:db.example"), ("stranger", "IP:127.0.0.1")):
        command = f"req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN={name}"
        files = ["-addext", f"subjectAltName={host}", "-keyout", f"{name}.key", "-out", f"{name}.pem"]
        assert OPENSSL is not None
        run([OPENSSL, *command.split(), *files], cwd=folder)
    return folder


@contextmanager
def server(certificates: Path, name: str, received: list[bytes]) -> Iterator[int]:
    """Run a server with one of the certificates; `received` collects data from clients that trusted it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                with suppress(OSError), connection:
                    connection.settimeout(5)
                    if connection.recv(8, socket.MSG_PEEK) == SSL_REQUEST:
                        connection.recv(8)
                        connection.sendall(b"S")
                    with context.wrap_socket(connection, server_side=True) as trusted:
                        if data := trusted.recv(65_536):
                            received.append(data)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)


def ask_postgres(port: int, trusted: Path) -> None:
    os.environ |= {"PGHOST": "127.0.0.1", "PGPORT": str(port), "PGPASSWORD": CANARY, "PGSSLMODE": "verify-full"}
    os.environ["PGSSLROOTCERT"] = str(trusted)
    settings.cache_clear()
    with pytest.raises(WarehouseError, match=r"certificate verify failed|does not match host name"), connect():
        pass


def ask_redis(port: int, trusted: Path) -> None:
    os.environ["REDIS_URL"] = f"rediss://:{CANARY}@127.0.0.1:{port}/0?ssl_ca_certs={trusted}"
    settings.cache_clear()
    with pytest.raises(CacheUnavailableError, match="certificate"):
        product_cache.refresh()


def ask_shop(port: int, trusted: Path) -> None:
    os.environ |= {"SHOP_API_URL": f"https://127.0.0.1:{port}", "SHOP_API_TOKEN": CANARY}
    os.environ["REQUESTS_CA_BUNDLE"] = str(trusted)
    settings.cache_clear()
    with pytest.raises(ShopError, match="certificate"):
        wait_for_shop(0)


@pytest.mark.fault(47)
@pytest.mark.parametrize("ask", [ask_postgres, ask_redis, ask_shop])
@pytest.mark.parametrize("name", ["elsewhere", "stranger"])
def test_a_wrong_certificate_is_refused(certificates: Path, ask: object, name: str) -> None:
    received: list[bytes] = []
    with server(certificates, name, received) as port:
        assert callable(ask)
        ask(port, certificates / "elsewhere.pem")
    assert received == []
