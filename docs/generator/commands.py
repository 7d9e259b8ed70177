"""The command line, from typer's declarations."""

import re
from typing import Any

import typer

from cli.main import app
from docs.generator.markdown import table

EXAMPLE = re.compile(r"Example: (daybreak (?:\"[^\"]*\"|[^,;\"])+?)([,;].*|\. .*|\.?\s*)$")


def commands() -> str:
    """Return a section for each command: usage, help, arguments and options."""
    group: Any = typer.main.get_command(app)
    return "\n\n".join(_section(name, command) for name, command in sorted(group.commands.items()))


def _section(name: str, command: Any) -> str:
    context = typer.Context(command, info_name=f"daybreak {name}")
    parameters = [parameter for parameter in command.get_params(context) if parameter.name != "help"]
    usage = " ".join(["daybreak", name, *(_argument(one) for one in parameters if one.param_type_name == "argument")])
    records = [one.get_help_record(context) for one in parameters]
    rows = [(f"`{_named(one, names)}`", text) for one, (names, text) in zip(parameters, records, strict=True)]
    parts = [f"## {name}", command.help, f"```sh\n{usage}\n```"]
    parts.append(table(("argument or option", "meaning"), rows) if rows else "")
    parts.append(EXAMPLE.sub(r"Example: `\1`\2", command.epilog or "").strip())
    return "\n\n".join(part for part in parts if part)


def _argument(parameter: Any) -> str:
    name = str(parameter.name).upper()
    return name if parameter.required else f"[{name}]"


def _named(parameter: Any, names: str) -> str:
    if parameter.param_type_name == "argument":
        return _argument(parameter)
    return re.sub(r"<list\[(.*)\]>", r"<\1>", names)
