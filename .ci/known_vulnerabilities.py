"""Whether requirements.lock has known vulnerabilities: `python .ci/known_vulnerabilities.py`, a part of `make check`.

Asks OSV, which takes up the Python Packaging Advisory Database and GitHub's advisories, through pip-audit. Where OSV
cannot be reached one line says that nothing was looked for, which is no failure: a machine without network checks too.
"""

import subprocess
import sys
from pathlib import Path
from typing import Any

import requests

LOCK = Path(__file__).resolve().parent.parent / "requirements.lock"
SERVICE = "https://api.osv.dev/v1/query"
SECONDS = 5.0  # for the question whether it is there

# Identifier of a vulnerability that cannot be mended by another version: why it does us no harm.
ACCEPTED: dict[str, str] = {}


def blocker(service: str) -> str | None:
    """Why the service cannot be asked; None if it answers as OSV does. A proxy's page of its own is no answer."""
    question: dict[str, Any] = {"package": {"name": "pip", "ecosystem": "PyPI"}, "version": "26.0"}
    try:
        answer = requests.post(service, json=question, timeout=SECONDS)
        if not answer.ok:
            return f"status {answer.status_code}"
        return None if isinstance(answer.json(), dict) else "another answer than OSV's"
    except requests.RequestException as error:
        return type(error).__name__


def audit(lock: Path = LOCK, service: str = SERVICE) -> int:
    """Look for vulnerabilities of the locked packages; the exit code is 1 if there are any that are not accepted.

    An answer that breaks off in between is a failure too: what was not looked for is not free of them.
    """
    if reason := blocker(service):
        sys.stdout.write(f"Known vulnerabilities were NOT looked for: {service} cannot be reached ({reason}).\n")
        return 0
    accepted = [argument for identifier in ACCEPTED for argument in ("--ignore-vuln", identifier)]
    options = ["--disable-pip", "--strict", "--progress-spinner", "off", "--vulnerability-service", "osv"]
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), *options, "--osv-url", service]
    return subprocess.run([*command, *accepted], check=False).returncode  # noqa: S603 - our own arguments


if __name__ == "__main__":
    sys.exit(audit())
