"""The progress of a build in the warehouse: of the current attempt, and over once it was killed."""

import pytest

from monitoring.runs import build_progress
from monitoring.runs.build_progress import NodeResult, Progress, progress_of, read_progress
from pipeline_settings import Settings
from warehouse.connection import connect

pytestmark = pytest.mark.integration

MODEL, TEST = "model.daybreak.fct_orders", "test.daybreak.is_key"


def progress(run_id: str = "night") -> Progress:
    with connect() as connection:
        return read_progress(connection, "orders", run_id)


def test_there_is_no_progress_before_the_first_build(warehouse: Settings) -> None:
    assert progress() == Progress({}, is_running=False)


def test_a_build_is_running_until_its_end(warehouse: Settings) -> None:
    with progress_of("orders", "night") as writer:
        assert progress().is_running
        writer.record(MODEL, NodeResult("success"))
        writer.record(TEST, NodeResult("fail", "Got 1 result"))
    assert progress() == Progress(
        {MODEL: NodeResult("success"), TEST: NodeResult("fail", "Got 1 result")}, is_running=False
    )
    assert progress("another night") == Progress({}, is_running=False)


def test_nodes_are_visible_while_the_build_runs(warehouse: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_progress, "WRITE_SECONDS", 0.01)
    with progress_of("orders", "night") as writer:
        writer.record(MODEL, NodeResult("success"))
        while not progress().nodes:
            assert progress().is_running
        assert progress() == Progress({MODEL: NodeResult("success")}, is_running=True)


def test_a_build_that_fails_is_over(warehouse: Settings) -> None:
    def fail() -> None:
        with progress_of("orders", "night") as writer:
            writer.record(MODEL, NodeResult("error"))
            raise ValueError("stopped")

    with pytest.raises(ValueError, match="stopped"):
        fail()
    assert progress() == Progress({MODEL: NodeResult("error")}, is_running=False)


def test_a_new_attempt_starts_empty_and_a_resumed_one_keeps_its_nodes(warehouse: Settings) -> None:
    with progress_of("orders", "night") as writer:
        writer.record(MODEL, NodeResult("success"))
    with progress_of("orders", "night", resumes=True) as writer:
        assert progress().nodes == {MODEL: NodeResult("success")}
        writer.record(TEST, NodeResult("pass"))
    assert set(progress().nodes) == {MODEL, TEST}
    with progress_of("orders", "night"):
        assert progress() == Progress({}, is_running=True)


def test_a_killed_build_is_not_running(warehouse: Settings) -> None:
    with progress_of("orders", "night"):
        with connect() as connection:
            connection.execute("update ops.build_progress set seen_at = seen_at - interval '11 seconds'")
        assert not progress().is_running


def test_a_missing_warehouse_breaks_no_build(
    warehouse: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with progress_of("orders", "night") as writer, connect() as connection:
        connection.execute("alter table ops.build_progress rename to elsewhere")
        connection.commit()
        writer.record(MODEL, NodeResult("success"))
        writer.write()
        connection.execute("alter table ops.elsewhere rename to build_progress")
        connection.commit()
    assert "The progress of the build could not be written" in caplog.text
    assert progress().nodes == {MODEL: NodeResult("success")}
