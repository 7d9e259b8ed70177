"""Checks requirements.lock for known vulnerabilities: `python .ci/known_vulnerabilities.py`, a part of `make check`.

It runs pip-audit against OSV, which includes the Python Packaging Advisory Database and GitHub's advisories. If OSV
cannot be reached, it prints a warning and succeeds, so that `make check` works offline, unless
REQUIRE_VULNERABILITY_CHECK=1 is set, as a CI with access to OSV should.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
SERVICE = "https://api.osv.dev/v1/query"
SECONDS = 5.0  # for the request that tests whether OSV can be reached

# Vulnerabilities that no other version fixes, by identifier, each with the reason why it does not affect Daybreak.
ACCEPTED: dict[str, str] = {}


def blocker(service: str) -> str | None:
    """Return why the service is unusable; None if it responds as OSV does, unlike a proxy's login page."""
    question: dict[str, Any] = {"package": {"name": "pip", "ecosystem": "PyPI"}, "version": "26.0"}
    try:
        answer = requests.post(service, json=question, timeout=SECONDS)
        if not answer.ok:
            return f"status {answer.status_code}"
        return None if isinstance(answer.json(), dict) else "not a response of OSV"
    except requests.RequestException as error:
        return type(error).__name__


def audit(lock: Path = LOCK, service: str = SERVICE) -> int:
    """Check the locked packages. Return 1 if any vulnerability is not accepted, or if OSV fails in between."""
    if reason := blocker(service):
        warning = f"WARNING: known vulnerabilities were NOT checked: {service} cannot be reached ({reason})."
        sys.stderr.write(f"{'!' * len(warning)}\n{warning}\n{'!' * len(warning)}\n")
        return int(os.environ.get("REQUIRE_VULNERABILITY_CHECK") == "1")
    accepted = [argument for identifier in ACCEPTED for argument in ("--ignore-vuln", identifier)]
    options = ["--disable-pip", "--strict", "--progress-spinner", "off", "--vulnerability-service", "osv"]
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), *options, "--osv-url", service]
    return subprocess.run([*command, *accepted], check=False).returncode  # noqa: S603 - our own arguments


if __name__ == "__main__":
    sys.exit(audit())
