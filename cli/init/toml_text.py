"""A draft as the text of a shop.toml."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def toml_text(
    top: Mapping[str, Any], datasets: Mapping[str, Mapping[str, Any]], doubts: Mapping[str, Sequence[str]]
) -> str:
    """Return the file's text, with the doubts about each dataset as comments."""
    blocks = [_lines(dict(sorted(top.items())))]
    for name, declared in datasets.items():
        comments = "".join(f"# {doubt}\n" for doubt in doubts[name])
        blocks.append(f"[datasets.{name}]\n{comments}{_lines(declared)}")
    return "\n".join(blocks)


def toml_value(value: Any) -> str:
    """Return a value as TOML. Strings, numbers and lists are the same in JSON and TOML."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{_key(key)} = {toml_value(part)}" for key, part in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    return json.dumps(value, ensure_ascii=False)


def _lines(declared: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {toml_value(value)}\n" for key, value in declared.items() if value != {})


def _key(key: str) -> str:
    return key if key.replace("_", "a").replace("-", "a").isalnum() and key.isascii() else json.dumps(key)
