"""`daybreak init`: drafts a shop.toml from the URLs of a day of orders and reviews."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from cli.terminal import errors_as_exit_codes
from pipeline_errors import ConfigurationError

if TYPE_CHECKING:
    from ingestion.drafting.draft_dataset import Guess

TOP = {"language": "en", "max_text_bytes": 1_000_000}
PATIENCE = {"max_attempts": 2, "deadline_seconds": 60}  # for the single request of each dataset
CUT_OFF = (
    "Warning: the page of {dataset} is full, and it does not show how to request the next one. Correct the paginator,"
    " or run init again with the parameter in the URL: …&page=1 or …&offset=0."
)
AUTHS = {"bearer": {"type": "bearer"}, "http_basic": {"type": "http_basic"}}


def init(
    orders: Annotated[
        str, typer.Argument(metavar="ORDERS_URL", help="URL of a day's orders, with the day in it, or of all orders.")
    ],
    reviews: Annotated[str | None, typer.Argument(metavar="REVIEWS_URL", help="The same for reviews.")] = None,
    out: Annotated[Path, typer.Option(help="The file to write. It must not exist.")] = Path("shop.toml"),
    auth: Annotated[str, typer.Option(help="bearer, http_basic, header:NAME or query:NAME.")] = "bearer",
    time_zone: Annotated[str, typer.Option(help="The shop's time zone, an IANA name.")] = "UTC",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for the keys of fields.")] = False,
) -> None:
    """Draft a shop.toml from a day of your shop. Uses SHOP_API_USER and SHOP_API_TOKEN if they are set."""
    with errors_as_exit_codes():
        if out.exists():
            raise ConfigurationError(f"{out} exists already", "Name another file with --out, or remove it.")
        urls = {"orders": orders} | ({"reviews": reviews} if reviews else {})
        top = TOP | {"time_zone": time_zone, "auth": _auth(auth)}
        guesses = {dataset: _look(dataset, url, top) for dataset, url in urls.items()}
        for dataset, guess in guesses.items():
            _complete(dataset, guess, is_asking=not yes and is_interactive())
        sizes = [guess.page_size for guess in guesses.values() if guess.page_size]
        path = guesses["orders"].declared["path"]
        top |= {"health_path": "/" if "{" in path else path} | ({"page_size": min(sizes)} if sizes else {})
        _write(out, _toml(top, {dataset: guess.declared for dataset, guess in guesses.items()}))
        base, day = f"{urlsplit(orders).scheme}://{urlsplit(orders).netloc}", guesses["orders"].day
        typer.echo(f"Wrote {out}, a draft based on the names of fields. Check it with the day:")
        typer.echo(f"  export SHOP_API_URL={base} SHOP_CONFIG={out.resolve()}\n  daybreak doctor --day {day}")
        for dataset in (name for name, guess in guesses.items() if guess.is_cut_off):
            typer.echo(CUT_OFF.format(dataset=dataset))


def _write(out: Path, text: str) -> None:
    """Write the file. Remove it again if it is not a valid shop.toml."""
    from ingestion.declaration.shop_config import load_shop_config

    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{out} cannot be written: {error.strerror}", "Name another file with --out."
        ) from None
    try:
        load_shop_config(out)
    except ConfigurationError:
        out.unlink()
        raise


def is_interactive() -> bool:
    """Return whether standard input is a terminal."""
    return sys.stdin.isatty()


def _auth(text: str) -> dict[str, str]:
    location, _, name = text.partition(":")
    if location in ("header", "query") and name:
        return {"type": "api_key", "name": name} | ({"location": "query"} if location == "query" else {})
    try:
        return AUTHS[text]
    except KeyError:
        raise ConfigurationError(
            f"--auth {text} is unknown",
            "Use bearer, http_basic, header:NAME or query:NAME. Configure OAuth2 in the file.",
        ) from None


def _look(dataset: str, url: str, top: dict[str, Any]) -> "Guess":
    from ingestion.declaration.shop_config import STAGED_FIELDS, ShopConfig
    from ingestion.drafting.draft_dataset import draft_dataset
    from ingestion.http.access import shop_access, shop_auth
    from ingestion.http.deadline import Deadline
    from ingestion.http.session import ShopSession
    from ingestion.http.urls import readable
    from ingestion.values.json_text import parse_json

    fields = list(STAGED_FIELDS[dataset])
    provisional = {"path": "{day}", "data_selector": "$", "fields": fields, "required": fields, "max_bad_rate": 0.0}
    config = ShopConfig.model_validate(top | PATIENCE | {"health_path": "/", "datasets": {dataset: provisional}})
    with Deadline(config.deadline_seconds) as deadline, ShopSession(url, config, deadline) as session:
        access = shop_access(config, url)
        response = session.get(url, auth=shop_auth(config, access, deadline))
        try:
            return draft_dataset(dataset, url, parse_json(response.content), response.headers, top["time_zone"])
        except ValueError as error:
            raise ConfigurationError(
                f"{readable(url)} cannot be used: {error}", "Give the URL of a day's rows."
            ) from None


def _complete(dataset: str, guess: "Guess", *, is_asking: bool) -> None:
    """Prompt for the key of each field, with the guess as default. Without a terminal, all keys must be found."""
    keys = guess.declared.setdefault("keys", {})
    if not is_asking:
        if guess.missing:
            raise ConfigurationError(
                f"{', '.join(guess.missing)} of {dataset} were not found by name",
                "Run it in a terminal, which prompts for them; or copy ingestion/shop.toml and set keys.",
            )
        return
    for field in guess.declared["fields"]:
        shown = f" ({guess.sample[field]})" if field in guess.sample else ""
        default = keys.get(field, field) if field in guess.sample else None
        keys[field] = typer.prompt(f"{dataset}: JSON key of {field}?{shown}", default=default)


def _toml(top: dict[str, Any], datasets: dict[str, dict[str, Any]]) -> str:
    blocks = [_lines(dict(sorted(top.items())))]
    blocks += [f"[datasets.{name}]\n{_lines(declared)}" for name, declared in datasets.items()]
    return "\n".join(blocks)


def _lines(declared: dict[str, Any]) -> str:
    return "".join(f"{key} = {_value(value)}\n" for key, value in declared.items() if value != {})


def _value(value: Any) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(key)} = {_value(part)}" for key, part in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    return json.dumps(value, ensure_ascii=False)  # strings, numbers and lists are the same in JSON and TOML


def _key(key: str) -> str:
    return key if key.replace("_", "a").replace("-", "a").isalnum() and key.isascii() else json.dumps(key)
