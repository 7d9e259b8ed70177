"""The tables and views of warehouse/schema.sql, with its comments."""

import re
from collections.abc import Iterator

from docs.generator.markdown import table
from pipeline_settings import PROJECT_ROOT

RELATION = re.compile(
    r"((?:^--[^\n]*\n)*)^create (?:(table) if not exists|or replace (view)) ([\w.]+)(?: \(\n(.*?)\n\);| as)",
    re.MULTILINE | re.DOTALL,
)
COLUMN = re.compile(r"^    (?!primary key|check|unique)(\w+) ([^-\n]+?),?\s*(?:-- (.+))?$")
SCHEMAS = ("ops", "raw", "staging", "marts")


def warehouse_tables() -> str:
    """Return a section for each schema, with one for each relation."""
    text = (PROJECT_ROOT / "warehouse" / "schema.sql").read_text()
    found = sorted(RELATION.findall(text), key=lambda match: match[3])
    parts = []
    for schema in SCHEMAS:
        parts.append(f"## {schema}")
        parts += [_section(*match) for match in found if match[3].startswith(f"{schema}.")]
    return "\n\n".join(parts)


def _section(comment: str, _table: str, view: str, name: str, body: str) -> str:
    title = f"### {name}" + (" (view)" if view else "")
    about = " ".join(line.removeprefix("--").strip() for line in comment.splitlines())
    parts = [title, about]
    if body:
        parts.append(table(("column", "type", "meaning"), _columns(body)))
    return "\n\n".join(part for part in parts if part)


def _columns(body: str) -> Iterator[tuple[str, str, str]]:
    for line in body.splitlines():
        if match := COLUMN.match(line):
            name, declared, comment = match.groups(default="")
            yield f"`{name}`", _type(declared), comment


def _type(declared: str) -> str:
    """Return the type without constraints and defaults, which are in the file."""
    return re.split(r" (?:not null|primary key|default|unique|generated|references|check)\b", declared)[0]
