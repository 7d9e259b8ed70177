"""Great Expectations beside the client of Spark Connect, which would end the process."""

import subprocess
import sys

from tests.engine.needs import needs_an_engine


@needs_an_engine
def test_great_expectations_does_not_meet_pyspark() -> None:
    code = (
        "import pyspark, sys; from expectations.gx_import import import_gx; import_gx();"
        "print(sys.modules['pyspark'] is pyspark, 'pyspark.ml' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout.split()) == (0, ["True", "False"]), ended.stderr
