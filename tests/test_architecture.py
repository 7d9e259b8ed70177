"""The tree is the architecture: who may import whom, and how long a module may be."""

import ast
import sys
from pathlib import Path

import pytest

from tests.commands import run

ROOT = Path(__file__).resolve().parent.parent
FLOW = [
    "warehouse",
    "ingestion",
    "expectations",
    "modeling",
    "serving",
    "monitoring",
    "transformation",
    "engine",
    "local",
    "orchestration",
    "cli",
]


def imports_of(file: Path) -> set[str]:
    """Top-level packages that a file imports, late imports included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("package", FLOW)
def test_code_imports_only_from_what_stands_before_it(package: str) -> None:
    later = set(FLOW[FLOW.index(package) + 1 :])
    for file in (ROOT / package).rglob("*.py"):
        assert not imports_of(file) & later, file


def test_settings_and_errors_import_no_package_of_ours() -> None:
    assert not imports_of(ROOT / "pipeline_settings.py") & set(FLOW)


def test_the_command_line_imports_nothing_heavy() -> None:
    heavy = {
        "airflow", "cosmos", "dbt", "dlt", "great_expectations", "pandas", "pyspark", "scipy", "sqlalchemy", "psycopg",
    }  # fmt: skip
    code = f"import sys, cli.main; print(sorted({heavy} & set(sys.modules)))"
    printed = run([sys.executable, "-c", code])
    assert printed.strip() == "[]"


def test_a_receipt_is_read_without_dlt() -> None:
    code = "import sys, warehouse.load_receipt; print('dlt' in sys.modules)"
    assert run([sys.executable, "-c", code]).strip() == "False"


# Totals carried on from before a build: each is one chain of sums, and more than its budget.
LONGER = {"customer_order_totals__changes.sql": 158, "customer_health_totals__changes.sql": 127}


@pytest.mark.parametrize(
    ("patterns", "lines"),
    [
        ([f"{package}/**/*.py" for package in FLOW], 250),
        (["dbt_project/models/**/*.sql", "dbt_project/macros/**/*.sql"], 80),
        (["orchestration/dags/*.py"], 80),
    ],
)
def test_no_module_is_longer_than_its_budget(patterns: list[str], lines: int) -> None:
    for pattern in patterns:
        files = list(ROOT.glob(pattern))
        assert files, pattern
        for file in files:
            assert len(file.read_text().splitlines()) <= LONGER.get(file.name, lines), file
