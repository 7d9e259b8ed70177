"""The engines of these tests: embedded Sail, and a real Spark."""

import sys
from collections.abc import Iterator

import pytest

from pipeline_settings import settings
from tests.engine.spark_cluster import SparkCluster, installed_spark


@pytest.fixture(scope="session", autouse=True)
def main_module() -> None:
    """Set a main module file: without one, as under pytest-xdist, pyspark assumes its doctests and ends the process."""
    main = sys.modules["__main__"]
    if not hasattr(main, "__file__"):
        main.__file__ = __file__


@pytest.fixture(scope="session")
def spark_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    """A running cluster, shared by all tests of the run."""
    cluster = SparkCluster(installed_spark(), tmp_path_factory.mktemp("spark"))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(params=["embedded", "cluster"])
def any_engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the test on each of the engines."""
    if request.param == "cluster":
        cluster: SparkCluster = request.getfixturevalue("spark_cluster")
        monkeypatch.setenv("SPARK_REMOTE", cluster.url)
        settings.cache_clear()
