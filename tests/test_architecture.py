"""The tree is the architecture: who may import whom, and how long a module may be."""

import ast
import sys
from collections import Counter
from graphlib import TopologicalSorter
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


def imported_names(file: Path) -> set[str]:
    """Modules that a file imports, and what it imports from them; late imports and those for types included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def imports_of(file: Path) -> set[str]:
    """Top-level packages that a file imports."""
    return {name.split(".")[0] for name in imported_names(file)}


def product_modules() -> dict[str, Path]:
    """The modules of the rooms, and those that all of them may import, by dotted name."""
    rooms = [file.relative_to(ROOT) for package in FLOW for file in (ROOT / package).rglob("*.py")]
    files = [*rooms, Path("pipeline_errors.py"), Path("pipeline_settings.py")]
    return {".".join(file.with_suffix("").parts).removesuffix(".__init__"): ROOT / file for file in files}


@pytest.mark.parametrize("package", FLOW)
def test_code_imports_only_from_what_stands_before_it(package: str) -> None:
    later = set(FLOW[FLOW.index(package) + 1 :])
    for file in (ROOT / package).rglob("*.py"):
        assert not imports_of(file) & later, file


def test_modules_do_not_import_each_other() -> None:
    modules = product_modules()
    imports = {name: imported_names(file) & set(modules) - {name} for name, file in modules.items()}
    TopologicalSorter(imports).prepare()  # raises CycleError, which names the circle


def test_settings_and_errors_import_no_package_of_ours() -> None:
    assert not imports_of(ROOT / "pipeline_settings.py") & set(FLOW)


def test_the_command_line_imports_nothing_heavy() -> None:
    heavy = {
        "airflow", "cosmos", "dbt", "dlt", "great_expectations", "pandas", "psycopg", "pydantic", "pyspark", "scipy",
        "sqlalchemy",
    }  # fmt: skip
    code = f"import sys, cli.main; print(sorted({heavy} & set(sys.modules)))"
    printed = run([sys.executable, "-c", code])
    assert printed.strip() == "[]"


def test_a_receipt_is_read_without_dlt() -> None:
    code = "import sys, warehouse.load_receipt; print('dlt' in sys.modules)"
    assert run([sys.executable, "-c", code]).strip() == "False"


# Each is one sum, with an example in its header.
LONGER = {
    "stg_shop__orders.sql": 86, "customer_order_totals__changes.sql": 91, "customer_health_totals__changes.sql": 107,
}  # fmt: skip


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


def test_no_function_is_longer_than_its_budget() -> None:
    lengths = {
        f"{module}.{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for module, file in product_modules().items()
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: length for name, length in lengths.items() if length > 40} == {}


def test_no_folder_has_more_files_than_its_budget() -> None:
    files = run(["git", "ls-files", *(f"{folder}/*.py" for folder in (*FLOW, "tests"))]).split()
    folders = Counter(str(Path(file).parent) for file in files)
    assert {folder: number for folder, number in folders.items() if number > 16} == {}
