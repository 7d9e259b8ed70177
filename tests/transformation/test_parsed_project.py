"""A changed project is parsed as a whole: dbt's partial parsing can keep what a file no longer says."""

import shutil
from pathlib import Path

import pytest

from pipeline_settings import PROJECT_ROOT, settings
from transformation.dbt_runner import invoke
from transformation.parsed_project import KEPT, folder_of

METRICS = Path("models/marts/reviews/product_metrics")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, with a state directory of its own."""
    monkeypatch.setenv("DAYBREAK_HOME", str(tmp_path / "home"))
    settings.cache_clear()
    copy = tmp_path / "dbt_project"
    shutil.copytree(PROJECT_ROOT / "dbt_project", copy, ignore=shutil.ignore_patterns("target", "logs"))
    return copy


def test_each_version_of_the_files_has_its_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = folder_of("dbt", project)
    (project / "target").mkdir()
    (project / "target" / "compiled.sql").write_text("select 1")
    assert folder_of("dbt", project) == first
    model = (project / METRICS).with_suffix(".sql")
    text = model.read_text()
    model.write_text(f"{text}-- changed\n")
    assert folder_of("dbt", project) != first
    model.write_text(text)
    assert folder_of("dbt", project) == first
    monkeypatch.setenv("PGDATABASE", "another")
    assert folder_of("dbt", project) != first


def test_old_folders_are_removed(project: Path) -> None:
    seed = project / "seeds" / "new.csv"
    made = []
    for number in range(KEPT + 2):
        seed.write_text(str(number))
        made.append(folder_of("dbt", project))
    assert set(made[0].parent.iterdir()) == set(made[-KEPT:])


def test_a_column_renamed_back_and_forth_has_its_present_name(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGHOST", "127.0.0.1")  # parsing needs no server
    settings.cache_clear()
    contract = (project / METRICS).with_suffix(".yml")
    text = contract.read_text()
    renamed = text.replace("- name: wilson_lower_bound", "- name: positive_share_bound")
    assert renamed != text
    for content, name in (
        (text, "wilson_lower_bound"),
        (renamed, "positive_share_bound"),
        (text, "wilson_lower_bound"),
    ):
        contract.write_text(content)
        manifest = invoke(["parse"], state="dbt-test", project=project)
        assert name in manifest.nodes["model.daybreak.product_metrics"].columns
