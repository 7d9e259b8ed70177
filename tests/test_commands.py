"""The failure of a command in a test shows its reason."""

import re
import sys
from pathlib import Path

import pytest

from tests.commands import run


def test_a_failed_command_shows_its_last_line_and_the_place_of_its_output() -> None:
    code = "import sys; print('on the way'); sys.exit('the cause\\n\\n')"
    with pytest.raises(pytest.fail.Exception) as failed:
        run([sys.executable, "-c", code])
    message = str(failed.value)
    assert message.startswith("the cause\n")
    assert "ended with 1" in message
    place = re.search(r"Its output: (.+)$", message)
    assert place
    log = Path(place[1])
    assert log.read_text() == "on the way\nthe cause\n\n\n"
    log.unlink()


def test_a_command_returns_what_it_printed(tmp_path: Path) -> None:
    assert run([sys.executable, "-c", "import os; print(os.getcwd())"], cwd=tmp_path) == f"{tmp_path}\n"
