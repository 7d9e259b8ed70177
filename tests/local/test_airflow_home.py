"""The environment of Airflow: settings from one file, persistent secrets, and nothing from elsewhere."""

import os
import stat
from pathlib import Path

import psycopg
import pytest

from local import airflow_home
from local.airflow_home import read_env_file
from pipeline_errors import ConfigurationError
from pipeline_settings import Settings, settings
from tests.administrator import administrator

OWN = "postgresql+psycopg://u:p@127.0.0.1:5432/daybreak_airflow"


@pytest.fixture
def airflow_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("PGHOST", "warehouse.example")
    monkeypatch.setenv("REDIS_URL", "redis://cache.example/0")
    settings.cache_clear()
    return airflow_home.make_directory()


def test_an_env_file_is_read_literally(tmp_path: Path) -> None:
    file = tmp_path / "some.env"
    file.write_text("# comment\n\nA=1\nB_2=x = 'y' # no comment\nEMPTY=\n")
    assert read_env_file(file) == {"A": "1", "B_2": "x = 'y' # no comment", "EMPTY": ""}


@pytest.mark.parametrize(
    ("text", "cause"), [("A=1\nnothing\n", "line 2 is not"), ("export A=1\n", "line 1"), ("A=1\nA=2\n", "sets A again")]
)
def test_a_malformed_env_file_is_refused_with_its_line(tmp_path: Path, text: str, cause: str) -> None:
    file = tmp_path / "some.env"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=cause):
        read_env_file(file)


def test_airflow_env_has_settings_but_no_paths_or_secrets() -> None:
    variables = read_env_file()
    assert variables["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert variables["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "True"
    assert variables["AIRFLOW__SCHEDULER__CATCHUP_BY_DEFAULT"] == "False"
    for name, value in variables.items():
        assert not value.startswith(("/", "~")), name
        assert not name.endswith(("_KEY", "_SECRET", "_CONN", "_PASSWORD")), name


def test_the_environment_overrides_the_file_but_not_the_warehouse(
    airflow_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "8")
    monkeypatch.setenv("AIRFLOW_HOME", "/elsewhere")
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql://of-another-airflow/airflow")
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", "/elsewhere/dags")
    monkeypatch.setenv("SHOP_API_URL", "http://shop.example")
    monkeypatch.setenv("SHOP_CONFIG", os.path.relpath("ingestion/shop.toml"))
    monkeypatch.setenv("NO_PROXY", "intern.example")
    variables = airflow_home.environment(airflow_directory, OWN, 20001, {"AIRFLOW__TRIGGERER__CAPACITY": "5"})
    assert variables["AIRFLOW__CORE__PARALLELISM"] == "8"
    assert variables["AIRFLOW__TRIGGERER__CAPACITY"] == "5"
    assert variables["SHOP_API_URL"] == "http://shop.example"
    assert variables["PGHOST"] == "warehouse.example"
    assert variables["AIRFLOW_HOME"] == str(airflow_directory)
    assert variables["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == OWN
    assert variables["AIRFLOW__CORE__DAGS_FOLDER"] == str(airflow_home.DAGS_FOLDER)
    assert variables["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:20001/execution/"
    assert variables["NO_PROXY"] == "intern.example,127.0.0.1"
    assert Path(variables["SHOP_CONFIG"]).is_absolute()


def test_schedules_use_the_shops_time_zone(airflow_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = airflow_directory / "shop.toml"
    text = settings().shop_config.read_text()
    shop.write_text(text.replace('time_zone = "UTC"', 'time_zone = "Europe/Berlin"'))
    monkeypatch.setenv("SHOP_CONFIG", str(shop))
    settings.cache_clear()
    variables = airflow_home.environment(airflow_directory, OWN, 20001, {})
    assert variables["AIRFLOW__CORE__DEFAULT_TIMEZONE"] == "Europe/Berlin"


@pytest.mark.fault(50)
def test_secrets_are_generated_once_for_their_owner_only(airflow_directory: Path) -> None:
    first = airflow_home.environment(airflow_directory, OWN, 20001, {})
    password = airflow_home.password(airflow_directory)
    second = airflow_home.environment(airflow_directory, OWN, 20002, {})
    names = ("AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET", "AIRFLOW__API__SECRET_KEY")
    assert {first[name] for name in names} == {second[name] for name in names}
    assert len({first[name] for name in names}) == 3
    assert airflow_home.password(airflow_directory) == password
    assert stat.S_IMODE(airflow_directory.stat().st_mode) == 0o700
    for file in airflow_directory.glob("*.json"):
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file


def test_only_one_airflow_runs_in_a_directory(airflow_directory: Path) -> None:
    with (
        airflow_home.only_one(airflow_directory),
        pytest.raises(ConfigurationError, match="is already running"),
        airflow_home.only_one(airflow_directory),
    ):
        pass
    with airflow_home.only_one(airflow_directory):
        pass


def test_the_metadata_database_is_created_once_beside_the_warehouse(warehouse: Settings) -> None:
    with administrator(warehouse) as connection:
        connection.execute("drop database if exists daybreak_test_airflow")
    lines: list[str] = []
    uri = airflow_home.ensure_metadata_database(lines.append)
    assert airflow_home.ensure_metadata_database(lines.append) == uri
    assert len(lines) == 1
    with psycopg.connect(uri.replace("+psycopg", "")) as connection:
        assert connection.info.dbname == "daybreak_test_airflow"


def test_a_server_without_the_permission_to_create_it_is_reported(
    warehouse: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with administrator(warehouse) as connection:
        connection.execute("drop database if exists daybreak_test_airflow")
        connection.execute("create role modest login password 'modest'")
    monkeypatch.setenv("PGUSER", "modest")
    monkeypatch.setenv("PGPASSWORD", "modest")
    settings.cache_clear()
    try:
        with pytest.raises(ConfigurationError, match='create database "daybreak_test_airflow" owner "modest"'):
            airflow_home.ensure_metadata_database(print)
    finally:
        with administrator(warehouse) as connection:
            connection.execute("drop role modest")
