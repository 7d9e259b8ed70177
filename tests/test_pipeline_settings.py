"""Settings come from the environment, secrets also from files, and no error shows a secret."""

from pathlib import Path

import pytest

from pipeline_errors import ConfigurationError
from pipeline_settings import Settings, settings
from warehouse.connection import connect

SECRETS = ["PGPASSWORD", "SHOP_API_TOKEN", "REDIS_URL", "ALERT_URLS", "METRICS_URL"]


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_may_come_from_a_file(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret"
    file.write_text("redis://hush\n")
    monkeypatch.setenv(f"{name}_FILE", str(file))
    found = getattr(Settings(), name.lower())
    assert found.get_secret_value() == "redis://hush"
    assert "hush" not in repr(Settings())


def test_the_variable_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("of the file")
    monkeypatch.setenv("SHOP_API_TOKEN_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("SHOP_API_TOKEN", "of the variable")
    token = Settings().shop_api_token
    assert token
    assert token.get_secret_value() == "of the variable"


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD_FILE", str(tmp_path / "none"))
    settings.cache_clear()
    with pytest.raises(ConfigurationError, match=r"PGPASSWORD_FILE: .*none cannot be read: No such file"):
        settings()


def test_other_settings_are_not_read_from_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "host").write_text("warehouse.example")
    monkeypatch.setenv("PGHOST_FILE", str(tmp_path / "host"))
    assert Settings().pghost is None


def test_a_wrong_value_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "hush")
    settings.cache_clear()
    with pytest.raises(ConfigurationError, match="PGPORT") as raised:
        settings()
    assert "hush" not in str(raised.value)


@pytest.mark.fault(68)
@pytest.mark.parametrize(
    "url",
    [
        "hush", "localhost:6379", "redis://", "redis://localhost:hush", "redis://:hush/@localhost/0", "http://hush:6379/0",
        "redis://:hu#sh@localhost/0", "redis://localhost:0", "redis://localhost:99999", "redis://localhost/hush",
    ],
)  # fmt: skip
def test_a_wrong_redis_url_is_named_and_not_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    settings.cache_clear()
    with pytest.raises(ConfigurationError, match=r"REDIS_URL: it is not redis://:password@host:6379/0") as raised:
        settings()
    assert "hush" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        "rediss://me:p%2Fw@cache.example:6380/3",
        "redis://[::1]:6379/",
        "unix:///run/redis.sock?db=2",
    ],
)
def test_a_redis_url_is_accepted(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", url)
    assert Settings().redis_url is not None


def test_the_warehouse_accepts_a_password_from_a_file(
    warehouse: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert warehouse.pgpassword
    (tmp_path / "password").write_text(warehouse.pgpassword.get_secret_value())
    monkeypatch.delenv("PGPASSWORD")
    monkeypatch.setenv("PGPASSWORD_FILE", str(tmp_path / "password"))
    settings.cache_clear()
    with connect() as connection:
        assert connection.execute("select 1 as one").fetchone() == {"one": 1}
