"""Files of a run: private from their first byte, whatever the umask and whoever owns the servers."""

import os
import stat
import subprocess
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest

from cli.doctor.private_files import readable_entries
from local.demo_shop.shop_contract import ListedShop
from local.demo_shop.shop_server import ShopServer
from pipeline_settings import Settings

DAY = date(2026, 3, 1)
PUBLIC = {Path("metrics"), Path("metrics/daybreak.prom")}  # figures, for node_exporter


class WatchingShop(ListedShop):
    """A shop that looks at the files of its client whenever it answers."""

    def __init__(self, *folders: Path) -> None:
        super().__init__()
        self.folders = folders
        self.seen: set[Path] = set()
        self.open: set[Path] = set()

    def rows(self, dataset: str, day: date) -> Sequence[bytes]:
        """Look, then return the rows."""
        for folder in self.folders:
            self.seen |= {path.relative_to(folder) for path in folder.rglob("*")}
            self.open |= readable_in(folder)
        return super().rows(dataset, day)


def readable_in(folder: Path) -> set[Path]:
    """Return what the group or others may read or enter, the folder itself included."""
    paths = [folder, *folder.rglob("*")]
    modes = {path: path.lstat().st_mode for path in paths if os.path.lexists(path) and not path.is_symlink()}
    found = {path.relative_to(folder) for path, mode in modes.items() if stat.S_IMODE(mode) & 0o077}
    return found - PUBLIC


def daybreak(home: Path, temporary: Path, *arguments: str) -> None:
    environment = {**os.environ, "DAYBREAK_HOME": str(home), "TMPDIR": str(temporary)}
    environment.pop("DAYBREAK_EMBEDDED", None)  # the servers are another's
    command = [sys.executable, "-c", "from cli.main import app; app()", *arguments]
    ended = subprocess.run(command, env=environment, umask=0o022, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.slow
@pytest.mark.fault(70)
@pytest.mark.fault(49)
def test_files_of_a_run_are_private_from_the_first_byte(
    warehouse: Settings, cache: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    temporary.mkdir(mode=0o700)
    shop = WatchingShop(home, temporary)
    row = {"customer_id": "c1", "total_amount": "10.00", "order_date": str(DAY), "status": "shipped"}
    shop.put("orders", DAY, [{"order_id": f"o{number}", **row} for number in range(2_500)])
    with ShopServer(shop) as server:
        monkeypatch.setenv("SHOP_API_URL", server.url)
        daybreak(home, temporary, "run", str(DAY), "--pipeline", "ecommerce_order_pipeline")
    daybreak(home, temporary, "report")

    assert any(path.suffix == ".csv" for path in shop.seen)
    assert shop.open == set()
    assert readable_in(home) == set()
    assert readable_in(temporary) == set()
    assert {path.name for path in home.iterdir()} >= {"gx", "logs", "report", "loads"}


@pytest.mark.fault(70)
@pytest.mark.fault(49)
def test_doctor_names_what_others_may_read(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    (home / "report").mkdir(mode=0o700)
    (home / "report" / "index.html").touch(0o644)
    assert readable_entries(home) == []
    (home / "loads").mkdir(mode=0o755)
    (home / "loads").chmod(0o755)
    (home / "loads" / "day.csv").touch(0o644)
    (home / "loads" / "day.csv").chmod(0o644)
    assert readable_entries(home) == [home / "loads"]
    home.chmod(0o700)
    assert readable_entries(home) == []
