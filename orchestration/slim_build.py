"""`make slim`: what a change of the dbt project touches is built and tested beside the readers' marts, on a few days.

The models that differ from those of a commit, by a var's value as well, what depends on them, and all that is needed
to compute these, from the newest published days as if there were no others, with unit tests and data tests. Nothing is
published; `daybreak diff` says what the change does to all days.
"""

import io
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml  # type: ignore[import-untyped]  # comes with dbt

from orchestration import dbt_runner, steps
from orchestration.day_loading import Say
from orchestration.dev_schemas import dev_schemas, run_dev
from orchestration.logs import configure
from orchestration.terminal import errors_as_exit_codes, progress, running_servers
from pipeline_errors import ConfigurationError
from pipeline_settings import PROJECT_ROOT
from warehouse.connection import connect

PREFIX = "slim"
DAYS = 7


def build_changed(base: str, say: Say = lambda _: None, *, project: Path | None = None, days: int = DAYS) -> list[str]:
    """Build and test what `project` has changed since a commit; returns the names of the nodes that ran.

    Raises ConfigurationError for a commit that there is not, ModelError naming the first node that is red.
    """
    with tempfile.TemporaryDirectory() as folder, dev_schemas(PREFIX):
        say(f"reading the project of {base}")
        before = _project_of(base, Path(folder))
        manifest = dbt_runner.invoke(["parse", "--target", "dev"], state="dbt-slim-base", project=before)
        manifest.writable_manifest().write(str(Path(folder) / "manifest.json"))
        say("reading the project")
        manifest = dbt_runner.invoke(["parse", "--target", "dev"], state="dbt-slim", project=project)
        changed = ["state:modified", *nodes_naming(_changed_vars(before, project or dbt_runner.PROJECT), manifest)]
        # cautious: a test that also reads a model which is not selected would find none
        selection = ["--select", *(f"@{node}" for node in changed), "--indirect-selection", "cautious"]
        results = run_dev(["build", *selection, "--state", folder, *_newest(days)], PREFIX, manifest, say).results
    return [result.node.name for result in results]


def nodes_naming(variables: Collection[str], manifest: Any) -> list[str]:
    """The models and data tests that name one of these vars, or call a macro that does.

    To dbt a model with another value of a var is the same as before: its code is.
    """
    name = re.compile(rf"\bvar\(\s*['\"]({'|'.join(map(re.escape, variables))})['\"]")
    found: set[str] = set()
    calling = {macro.unique_id for macro in manifest.macros.values() if name.search(macro.macro_sql)}
    while calling - found:
        found |= calling
        calling = {macro.unique_id for macro in manifest.macros.values() if found & set(macro.depends_on.macros)}
    nodes = [node for node in manifest.nodes.values() if node.resource_type in ("model", "test")]
    return [
        node.name
        for node in nodes
        if found & set(node.depends_on.macros)
        or name.search(f"{node.raw_code} {node.unrendered_config} {getattr(node, 'test_metadata', '')}")
    ]


def _changed_vars(before: Path, after: Path) -> set[str]:
    """The vars of dbt_project.yml that have another value, or are there only before or after."""
    old, new = (yaml.safe_load((folder / "dbt_project.yml").read_text())["vars"] for folder in (before, after))
    return {name for name in old.keys() | new.keys() if old.get(name) != new.get(name)}


def _project_of(commit: str, folder: Path) -> Path:
    """The dbt project of a commit, unpacked below `folder`."""
    command = ["git", "-C", str(PROJECT_ROOT), "archive", commit, "dbt_project"]
    ended = subprocess.run(command, capture_output=True, check=False)  # noqa: S603 - git, and a commit
    if ended.returncode:
        cause = ended.stderr.decode(errors="replace").strip() or f"git ended with {ended.returncode}"
        raise ConfigurationError(f"The dbt project of {commit} cannot be read: {cause}", "Name a commit or branch.")
    with tarfile.open(fileobj=io.BytesIO(ended.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "dbt_project"


def _newest(days: int) -> list[str]:
    """The option that narrows a build to the newest published days; none where nothing is published."""
    with connect() as connection:
        row = connection.execute(
            """
            select max(day) - (%s - 1) as first, max(day) as last from ops.day_ledger
            where published_load_id is not null
            """,
            [days],
        ).fetchone()
    if row is None or row["last"] is None:
        return []
    return ["--vars", f"{{from: {row['first']}, to: {row['last']}}}"]


def main(base: Annotated[str, typer.Argument(help="A commit or branch.")] = "main") -> None:
    """Build and test what changed since BASE, and say what it was."""
    configure(is_verbose=False)
    with errors_as_exit_codes(), running_servers(), progress(False) as say:
        steps.prepare()
        names = build_changed(base, say)
    typer.echo(f"Green: {', '.join(names)}." if names else f"Nothing in dbt_project differs from {base}.")


if __name__ == "__main__":
    typer.run(main)
