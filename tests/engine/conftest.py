"""The engines of these tests: Sail, embedded, and a real Spark."""

from collections.abc import Iterator

import pytest

from pipeline_settings import settings
from tests.engine.spark_cluster import SparkCluster, installed_spark


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
