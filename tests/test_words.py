"""Words that were once invented in place of standard terms stay out of the project."""

import re

from pipeline_settings import PROJECT_ROOT
from tests.commands import run

# by the term that replaced them
INVENTED = {
    "superseded": "shadowed",
    "affected": "touched",
    "build results": "greens",
    "lookup by key": "looked_up",
    "publish blocker": "obstacle",
    "spooled": "unstored",
    "translated errors": "plain_errors",
    "release": "let_go",
    "delete_load": "take_back",
    "fencing tokens": "day_fences",
    "added, removed, remaining": "won_on|lost_on|kept_on",
}
# the history, and the renaming of tables of 0.1.0
EXCEPTIONS = ("CHANGELOG.md", "warehouse/schema.sql", "tests/warehouse/test_connection.py")


def test_no_invented_word_comes_back() -> None:
    words = re.compile(rf"(?<![a-z])({'|'.join(INVENTED.values())})(?![a-z])", re.IGNORECASE)
    own = "tests/test_words.py"
    files = [name for name in run(["git", "ls-files"]).split() if not name.startswith((*EXCEPTIONS, own))]
    found = [
        f"{name}:{number}: {word[0]}"
        for name in files
        if not name.endswith((".png", ".lock"))
        for number, line in enumerate((PROJECT_ROOT / name).read_text().splitlines(), 1)
        for word in words.finditer(line)
    ]
    assert not found
