"""The documentation is correct: generated parts, links, paths, commands and options, the tree, DAGs and marts."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from cli.main import app
from docs.generator.pages import PARTS, generated, pages, parts_of
from tests.commands import run
from transformation.pipelines import PIPELINES

ROOT = Path(__file__).resolve().parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *pages()]

LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")
PATH = re.compile(r"`((?:\w+/)+\w+\.(?:py|sql|toml|yml|json|csv|env))`")
BLOCK = re.compile(r"^```(?:sh|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"(?:\.venv/bin/|exec scheduler |`)daybreak (.+)")


def page_id(page: Path) -> str:
    return str(page.relative_to(ROOT))


def commands() -> dict[str, Any]:
    group: Any = typer.main.get_command(app)
    return dict(group.commands)


# ---- generated parts -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", pages(), ids=page_id)
def test_generated_parts_are_current(page: Path) -> None:
    assert page.read_text() == generated(page.read_text()), "run: make reference"


def test_each_part_has_a_page() -> None:
    assert sorted(part for page in pages() for part in parts_of(page.read_text())) == sorted(PARTS)


# ---- names -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_links_paths_and_targets_exist(page: Path) -> None:
    text = page.read_text()
    for link in LINK.findall(text):
        assert (page.parent / link).exists(), link
    for path in PATH.findall(text):
        assert (ROOT / path).exists(), path
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"`make ([\w-]+)`", text))
    named |= {target for block in BLOCK.findall(text) for target in re.findall(r"^make ([\w-]+)", block, re.MULTILINE)}
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_commands_and_their_options_exist(page: Path) -> None:
    known = commands()
    for line in COMMAND.findall(page.read_text()):
        words = re.sub(r"[#`|;)$].*", "", line).split()
        while words and words[0] in ("-v", "COMMAND"):
            words.pop(0)
        if not words or words[0].startswith("-"):
            continue
        assert words[0] in known, line
        options = {option for one in known[words[0]].params for option in [*one.opts, *one.secondary_opts]}
        assert {word for word in words if word.startswith("--")} <= options | {"--help"}, line


def test_each_command_of_the_code_is_in_the_reference() -> None:
    text = (ROOT / "docs" / "reference" / "commands.md").read_text()
    assert set(re.findall(r"^## (\w+)", text, re.MULTILINE)) == set(commands())


def test_each_dag_and_each_mart_is_in_the_reference() -> None:
    dags, marts = ((ROOT / "docs" / "reference" / name).read_text() for name in ("dags.md", "marts.md"))
    files = {file.stem for file in (ROOT / "orchestration" / "dags").glob("*.py")}
    assert set(re.findall(r"^\| `(\w+)` \|", dags.split("## Pools")[0], re.MULTILINE)) == files
    assert {mart for pipeline in PIPELINES for mart in pipeline.marts} <= set(re.findall(r"`marts\.(\w+)`", marts))


# ---- README ----------------------------------------------------------------------------------------------------------


def test_readme_prints_the_tree() -> None:
    tree = (ROOT / "README.md").read_text().split("## The tree")[1].split("```")[1]
    named = set(re.findall(r"^(\w[\w.]*)/? ", tree, re.MULTILINE)) | set(re.findall(r"[\w.]+(?=/)", tree))
    tracked = run(["git", "ls-files"]).split()
    folders = {file.split("/")[0] for file in tracked if "/" in file}
    assert {folder for folder in folders if not folder.startswith(".")} <= named


def test_readme_takes_two_minutes() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= 750


# ---- the site --------------------------------------------------------------------------------------------------------


def test_the_site_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    run([sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)], cwd=ROOT)
    for page in tmp_path.rglob("*.html"):
        assert re.findall(r"<(?:script|img|iframe)[^>]*src=\"?https?:[^\s>]+", page.read_text()) == [], page
        assert re.findall(r"<link[^>]*href=\"?https?:[^\s>]+", page.read_text()) == [], page
