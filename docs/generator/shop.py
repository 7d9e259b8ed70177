"""shop.toml: the commented file, its keys from the JSON schema, and the files for known shops."""

import json
import re
from collections.abc import Iterator
from typing import Any

from docs.generator.markdown import table
from ingestion.declaration.shop_config import load_shop_config
from pipeline_settings import PROJECT_ROOT

INGESTION = PROJECT_ROOT / "ingestion"
FROM_REFERENCE = "../../"  # from a page in docs/reference to the root
Schema = dict[str, Any]


def shop_file() -> str:
    """Return the default file, whose comments explain every key."""
    return f"```toml\n{(INGESTION / 'shop.toml').read_text().rstrip()}\n```"


def shop_keys() -> str:
    """Return a table for each object of the schema: key, type, default."""
    schema: Schema = json.loads((INGESTION / "shop.schema.json").read_text())
    objects: dict[str, Schema] = schema["$defs"]
    parts = [_section("Top level", schema), _section("`[datasets.NAME]`", objects["DatasetConfig"])]
    parts += [_section(f"`auth`, type `{_type(one)}`", one) for one in _variants(schema, "auth", objects)]
    dataset = objects["DatasetConfig"]
    parts += [_section(f"`paginator`, type `{_type(one)}`", one) for one in _variants(dataset, "paginator", objects)]
    parts.append(_section("`items`", objects["ItemKeys"]))
    return "\n\n".join(parts)


def shop_files() -> str:
    """Return the files of ingestion/shops, with the comments at their start."""
    rows = []
    for file in sorted((INGESTION / "shops").glob("*.toml")):
        config, path = load_shop_config(file), file.relative_to(PROJECT_ROOT)
        comments = re.findall(r"^# (.+)", file.read_text().split("\n\n")[0], re.MULTILINE)
        pages = sorted({dataset.paginator.type for dataset in config.datasets.values()})
        rows.append(
            (
                f"[{file.stem}]({FROM_REFERENCE}{path})",
                ", ".join(config.datasets),
                f"`{config.auth.type}`",
                ", ".join(f"`{page}`" for page in pages),
                " ".join(comments),
            )
        )
    return table(("file", "datasets", "auth", "pages", "notes"), rows)


def _section(title: str, schema: Schema) -> str:
    description = " ".join(str(schema.get("description", "")).split())
    rows = list(_rows(schema))
    parts = [f"### {title}", description, table(("key", "type", "default"), rows) if rows else ""]
    return "\n\n".join(part for part in parts if part)


def _rows(schema: Schema) -> Iterator[tuple[str, str, str]]:
    required = set(schema.get("required", ()))
    properties: dict[str, Schema] = schema["properties"]
    for key, declared in sorted(properties.items(), key=lambda item: item[0] not in required):
        if key == "type" or (key == "datasets" and "$defs" in schema):
            continue
        yield f"`{key}`", _kind(declared), "required" if key in required else _default(declared.get("default"))


def _variants(schema: Schema, key: str, objects: dict[str, Schema]) -> list[Schema]:
    return [objects[reference.rsplit("/", 1)[1]] for reference in _references(schema["properties"][key])]


def _references(declared: Any) -> list[str]:
    if isinstance(declared, dict):
        own = [declared["$ref"]] if "$ref" in declared else []
        return own + [one for key, value in declared.items() if key != "discriminator" for one in _references(value)]
    return [one for value in declared for one in _references(value)] if isinstance(declared, list) else []


def _type(schema: Schema) -> str:
    return str(schema["properties"]["type"]["const"])


def _kind(declared: Schema) -> str:
    if choices := declared.get("anyOf"):
        kinds = [_kind(choice) for choice in choices if choice.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if "enum" in declared:
        return ", ".join(f"`{value}`" for value in declared["enum"])
    if _references(declared):
        return "table"
    kind = str(declared.get("type", "table"))
    if kind == "array":
        return f"list of {_kind(declared.get('items', {'type': 'values'}))}"
    names = {"object": "table", "string": "text", "integer": "whole number"}
    bounds = [
        f"{sign} {declared[key]:,}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"))
        if key in declared
    ]
    return " ".join([names.get(kind, kind), *([", ".join(bounds)] if bounds else [])])


def _default(default: object) -> str:
    if default in (None, {}, []):
        return "–"
    if isinstance(default, dict):
        return f'`{{ type = "{default["type"]}" }}`' if "type" in default else "–"
    return f"`{json.dumps(default, ensure_ascii=False)}`"
