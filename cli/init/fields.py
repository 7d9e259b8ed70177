"""The keys of a drafted dataset's fields: found by name, or typed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer

from pipeline_errors import ConfigurationError, one_line

if TYPE_CHECKING:
    from ingestion.drafting.draft_dataset import Guess

OFFERED = 12  # paths


def complete_fields(dataset: str, guess: "Guess", *, is_asking: bool) -> None:
    """Prompt for the key of each field, with the guess as default. Without a terminal, all keys must be found."""
    keys = guess.declared.setdefault("keys", {})
    if is_asking:
        for field in guess.declared["fields"]:
            keys[field] = _typed_key(dataset, field, guess)
        _ask_for_meaning(dataset, guess)
    elif guess.missing:
        raise ConfigurationError(
            f"No key of {dataset} was recognised as {' or '.join(guess.missing)} among {', '.join(_paths(guess.rows))}",
            "Run it in a terminal, which prompts for them; or copy ingestion/shop.toml and set keys, and constants for "
            "fields that the shop does not have.",
        )


def _typed_key(dataset: str, field: str, guess: "Guess") -> str:
    """Prompt until the typed key stands in a row. A field that no row needs may be absent."""
    from ingestion.drafting.field_names import candidates

    samples = guess.texts(field)
    is_known = bool(samples) or field not in guess.missing
    default = guess.declared["keys"].get(field, field) if is_known else None
    if default is None and (offered := candidates(field, guess.rows)):
        may_be = one_line(", ".join(offered[:OFFERED]))
        typer.echo(f"{dataset}: {field} was not found by name. It may be {may_be}.")
    while True:
        shown = f" ({samples[0]})" if samples else ""
        key: str = typer.prompt(f"{dataset}: JSON key of {field}?{shown}", default=default)
        if key == default or not guess.rows or _is_in(guess.rows, key):
            return key
        typer.echo(f"No row has {key}. The rows have {one_line(', '.join(_paths(guess.rows)))}.")


def _ask_for_meaning(dataset: str, guess: "Guess") -> None:
    """Ask whether 125.000 is 125 or 125000, if no amount shows it."""
    from ingestion.drafting.formats import find_three_digits

    doubt = find_three_digits(guess.texts("total_amount")) if dataset == "orders" else None
    if doubt is None:
        return
    is_thousands = typer.confirm(f"{dataset}: does the sign in {doubt.text} separate thousands?", default=False)
    guess.declared["amount_format"] = doubt.thousands if is_thousands else doubt.decimals


def _is_in(rows: Sequence[Any], key: str) -> bool:
    from ingestion.declaration.pages import path_of
    from ingestion.values.json_text import ABSENT, get_path

    return bool(key) and any(get_path(row, path_of(key)) is not ABSENT for row in rows)


def _paths(rows: Sequence[Any]) -> list[str]:
    from ingestion.drafting.field_names import paths_of

    paths = paths_of(rows)
    return paths[:OFFERED] + ["…"] * (len(paths) > OFFERED)
