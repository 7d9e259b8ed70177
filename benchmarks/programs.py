"""Programs that land files in Postgres, each installed by uv in a separate environment: contenders for `landing.py`.

Neither reads an API like the shop's, so minimal code writes the pages to a CSV file first. The versions are the last
with the program in the wheel; later ones download it on first use.
"""

import csv
import os
import subprocess
import sys
from pathlib import Path

import orjson
import requests

from benchmarks.pages import SCHEMA, pages
from pipeline_settings import PROJECT_ROOT, settings

WHEELS = {"ingestr": "ingestr==0.15.9", "sling": "sling-linux-amd64==1.4.11"}
HOME = PROJECT_ROOT / ".daybreak" / "bench"
QUIET = {"SLING_DISABLE_TELEMETRY": "true", "DISABLE_TELEMETRY": "true", "INGESTR_DISABLE_TELEMETRY": "true"}


def executable(name: str) -> Path | None:
    """Return the path of the program."""
    pattern = {"ingestr": "bin/ingestr", "sling": "lib/python*/site-packages/sling_linux_amd64/bin/sling-linux-amd64"}
    return next((HOME / name).glob(pattern[name]), None)


def install(name: str) -> bool:
    """Install the program if needed, and return whether it is there."""
    if executable(name):
        return True
    uv, place = str(Path(sys.executable).with_name("uv")), str(HOME / name)
    made = subprocess.run([uv, "venv", "--quiet", "--clear", place], check=False).returncode == 0
    install = [uv, "pip", "install", "--quiet", "--no-deps", "--python", place, WHEELS[name]]
    return made and subprocess.run(install, check=False).returncode == 0 and executable(name) is not None


def ingestr(directory: Path) -> int:
    """Write the pages to a CSV file, and run `ingestr ingest` on it."""
    file, rows = _csv(directory)
    _run(
        "ingestr",
        *("ingest", "--yes", "--progress", "log", "--incremental-strategy", "append"),
        *("--source-uri", f"csv://{file}", "--source-table", "orders"),
        *("--dest-uri", settings().postgres_uri(), "--dest-table", f"{SCHEMA}.orders"),
        *("--pipelines-dir", str(directory)),
    )
    return rows


def sling(directory: Path) -> int:
    """Write the pages to a CSV file, and run `sling run` on it."""
    file, rows = _csv(directory)
    uri = settings().postgres_uri().replace("sslmode=prefer", "sslmode=disable")
    _run(
        "sling",
        *("run", "--src-stream", f"file://{file}", "--mode", "snapshot"),
        *("--tgt-conn", uri, "--tgt-object", f"{SCHEMA}.orders"),
    )
    return rows


def _csv(directory: Path) -> tuple[Path, int]:
    file, rows = directory / "orders.csv", 0
    with requests.Session() as session, file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        for body in pages(lambda url: orjson.loads(session.get(url, timeout=60).content)):
            if not rows:
                writer.writerow(body["orders"][0])
            writer.writerows(row.values() for row in body["orders"])
            rows += len(body["orders"])
    return file, rows


def _run(name: str, *arguments: str) -> None:
    command = [str(executable(name)), *arguments]
    ended = subprocess.run(command, env=os.environ | QUIET, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{name} failed: {ended.stdout[-500:]} {ended.stderr[-500:]}")
