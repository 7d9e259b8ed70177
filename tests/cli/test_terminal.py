"""No text of the shop controls the terminal that shows it."""

import io

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.terminal import CONTROLS, hide_controls
from pipeline_errors import ShopError

TRICK = "p\x1b[2J\x1b]0;title\x07\x9b31m\u202eq"


@pytest.mark.fault(73)
def test_no_text_controls_the_terminal() -> None:
    hide_controls()
    shown = io.StringIO()
    console = Console(file=shown, force_terminal=False, width=200)
    table = Table()
    table.add_column("name")
    table.add_row(TRICK)
    table.add_row(Text(TRICK))
    console.print(table, TRICK, Text.assemble(TRICK))
    assert not {chr(code) for code in CONTROLS - {10}} & set(shown.getvalue())
    assert "q" in shown.getvalue()


@pytest.mark.fault(73)
def test_an_error_is_one_line_of_plain_text() -> None:
    error = ShopError(f"The shop says {TRICK}\nand more", "Ask\tit.")
    assert str(error) == "The shop says p [2J ]0;title 31m q and more. Ask it."
