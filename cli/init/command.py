"""`daybreak init`: drafts a shop.toml from the URLs of a day of orders and reviews."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from cli.init.doubts import auth_of, doubts_about, facts_about, secrets_in
from cli.init.fields import complete_fields
from cli.init.toml_text import toml_text
from cli.terminal import errors_as_exit_codes
from pipeline_errors import ConfigurationError, ShopError, one_line

if TYPE_CHECKING:
    import requests

    from ingestion.drafting.draft_dataset import Guess

TOP = {"language": "en", "max_text_bytes": 1_000_000}
PATIENCE = {"max_attempts": 2, "deadline_seconds": 60}  # for the single request of each dataset
GRAPHQL = re.compile(r"/graphql(\.json)?(/|$)", re.IGNORECASE)
USE_GRAPHQL = (
    "Copy ingestion/shops/saleor.toml, which declares a GraphQL query, adapt its query and selectors, and check it "
    "with daybreak doctor --day."
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
        is_asked = not yes and is_interactive()
        for dataset, guess in guesses.items():
            complete_fields(dataset, guess, is_asking=is_asked)
        sizes = [guess.page_size for guess in guesses.values() if guess.page_size]
        top["health_path"] = _health_path(orders, guesses["orders"].declared["path"], top)
        top |= {"page_size": min(sizes)} if sizes else {}
        if auth == "bearer":
            top["auth"] = auth_of(orders) or top["auth"]
        doubts = {dataset: doubts_about(dataset, guess, is_asked=is_asked) for dataset, guess in guesses.items()}
        _write(out, toml_text(top, {dataset: guess.declared for dataset, guess in guesses.items()}, doubts))
        _print_next_steps(out, orders, guesses["orders"].day)
        for dataset, guess in guesses.items():
            for line in [*facts_about(dataset, guess), *(f"Warning: {doubt}" for doubt in doubts[dataset])]:
                typer.echo(one_line(line))
        for warning in secrets_in(urls.values()):
            typer.echo(f"Warning: {one_line(warning)}")


def _print_next_steps(out: Path, orders: str, day: date) -> None:
    from ingestion.http.url_secrets import without_login

    parts = urlsplit(without_login(orders))
    typer.echo(f"Wrote {out}, a draft based on the names of fields. Check it with the day:")
    typer.echo(f"  export SHOP_API_URL={parts.scheme}://{parts.netloc} SHOP_CONFIG={out.resolve()}")
    typer.echo(f"  daybreak doctor --day {day}")


def _write(out: Path, text: str) -> None:
    """Write the file. Remove it again if it is not a valid shop.toml."""
    from ingestion.declaration.shop_config import load_shop_config

    try:
        out.write_text(text, encoding="utf-8")
        out.chmod(0o644)  # it holds no secret, and Airflow may run as another user
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
    from ingestion.drafting.draft_dataset import draft_dataset
    from ingestion.drafting.second_page import check_paging
    from ingestion.http.urls import readable
    from ingestion.values.json_text import parse_json

    if GRAPHQL.search(urlsplit(url).path):
        raise ConfigurationError(f"{readable(url)} is a GraphQL address, and init reads REST APIs only", USE_GRAPHQL)
    with _shop(url, top) as get:
        response = get(url)
        try:
            body = parse_json(response.content)
            guess = draft_dataset(dataset, url, body, response.headers, top["time_zone"])
        except ValueError as error:
            raise ConfigurationError(
                f"{readable(url)} cannot be used: {error}", "Give the URL of a day's rows."
            ) from None
        return check_paging(guess, url, body, response.headers, lambda second: parse_json(get(second).content))


def _health_path(url: str, path: str, top: dict[str, Any]) -> str:
    """Return a path that answers without parameters: that of the orders if it does, or if none does."""
    candidates = [*([] if "{" in path else [path]), "health", "/"]
    with _shop(url, top) as get:
        for candidate in candidates:
            with suppress(ShopError):
                get(urlsplit(url)._replace(path=f"/{candidate.lstrip('/')}", query="").geturl())
                return candidate
    return candidates[0]


@contextmanager
def _shop(url: str, top: dict[str, Any]) -> "Iterator[Callable[[str], requests.Response]]":
    """Yield a function that requests a URL of the shop, with the authentication of the draft."""
    from ingestion.declaration.shop_config import STAGED_FIELDS, ShopConfig
    from ingestion.http.access import shop_access, shop_auth
    from ingestion.http.deadline import Deadline
    from ingestion.http.session import ShopSession

    fields = list(STAGED_FIELDS["orders"])
    provisional = {"path": "{day}", "data_selector": "$", "fields": fields, "required": fields, "max_bad_rate": 0.0}
    config = ShopConfig.model_validate(top | PATIENCE | {"health_path": "/", "datasets": {"orders": provisional}})
    with Deadline(config.deadline_seconds) as deadline, ShopSession(url, config, deadline) as session:
        auth = shop_auth(config, shop_access(config, url), deadline)
        yield lambda wanted: session.get(wanted, auth=auth)
