"""The import of Great Expectations: without PySpark, which would end the process, and without unused parts."""

import sys

import pytest

from tests.commands import run
from tests.engine.needs import needs_an_engine

pytestmark = pytest.mark.integration  # no server, but the imports are as slow as one


@needs_an_engine
def test_great_expectations_does_not_import_pyspark() -> None:
    code = (
        "import pyspark, sys; from expectations.gx_import import import_gx; import_gx();"
        "print(sys.modules['pyspark'] is pyspark, 'pyspark.ml' in sys.modules)"
    )
    assert run([sys.executable, "-c", code]).split() == ["True", "False"]


def test_chart_libraries_load_on_first_use() -> None:
    code = (
        "import sys; from expectations.gx_import import import_gx; import_gx();"
        "print('altair.vegalite' in sys.modules, 'scipy.stats.distributions' in sys.modules);"
        "import altair, scipy.stats; from scipy import stats;"
        "print(altair.Chart.__name__, stats.norm.cdf(0), scipy.stats.norm.cdf(0))"
    )
    assert run([sys.executable, "-c", code]).split() == ["False", "False", "Chart", "0.5", "0.5"]


def test_clients_of_buckets_are_not_imported() -> None:
    code = "import sys; from expectations.gx_import import import_gx; import_gx(); print('botocore' in sys.modules)"
    assert run([sys.executable, "-c", code]).split() == ["False"]


def test_only_the_postgres_data_source_is_loaded() -> None:
    code = (
        "import sys; from expectations.gx_import import SOURCES, import_gx; import_gx();"
        "print(f'{SOURCES}.spark_s3_datasource' in sys.modules, f'{SOURCES}.postgres_datasource' in sys.modules);"
        "from great_expectations.datasource.fluent.sqlite_datasource import SqliteDatasource;"
        "print(SqliteDatasource.__fields__['type'].default)"
    )
    assert run([sys.executable, "-c", code]).split() == ["False", "True", "sqlite"]
