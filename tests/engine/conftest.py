"""The engines of these tests: Sail, embedded, and a real Spark."""

import sys
from collections.abc import Iterator

import pytest

from pipeline_settings import settings
from tests.engine.spark_cluster import SparkCluster, installed_spark


@pytest.fixture(scope="session", autouse=True)
def main_module() -> None:
    """pyspark takes a process whose main module is no file, as pytest-xdist's are, for its doctests, and ends it."""
    main = sys.modules["__main__"]
    if not hasattr(main, "__file__"):
        main.__file__ = __file__


@pytest.fixture(scope="session")
def spark_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    """A running cluster, the same for all tests of the run."""
    cluster = SparkCluster(installed_spark(), tmp_path_factory.mktemp("spark"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(params=["embedded", "cluster"])
def any_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test runs on each of the engines."""
    if request.param == "cluster":
        cluster: SparkCluster = request.getfixturevalue("spark_cluster")
        monkeypatch.setenv("SPARK_REMOTE", cluster.url)
        settings.cache_clear()
