"""What `daybreak init` prints about a draft: what it saw, what it could not determine, secrets in the URL."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from cli.init.toml_text import toml_value

if TYPE_CHECKING:
    from ingestion.drafting.draft_dataset import Guess

AGAIN = "Correct the paginator, or run init again with the parameter in the URL: …&page=1 or …&offset=0."


def facts_about(dataset: str, guess: "Guess") -> list[str]:
    """Return how the shop pages, if that was checked, and the statuses of the orders."""
    from ingestion.declaration.dataset_config import NON_REVENUE_STATUSES
    from ingestion.drafting.statuses import statuses_seen

    facts = []
    if guess.is_checked:
        facts.append(
            f"A second page of {dataset} was requested with paginator = {toml_value(guess.declared['paginator'])}."
        )
    if dataset == "orders" and (seen := statuses_seen(guess.texts("status"), NON_REVENUE_STATUSES)):
        facts.append(f"Statuses of {dataset}: {seen}. Set non_revenue_statuses if others bring no revenue.")
    return facts


def doubts_about(dataset: str, guess: "Guess", *, is_asked: bool) -> list[str]:
    """Return what the response did not show about paging and amounts. The draft has them as comments.

    `is_asked`: whether a prompt has settled the format of amounts.
    """
    from ingestion.drafting.formats import amount_doubt
    from ingestion.values.amounts import PLAIN

    doubts = [paging] if (paging := _paging_doubt(dataset, guess)) else []
    amounts = guess.texts("total_amount") if dataset == "orders" else []
    if not is_asked and (doubt := amount_doubt(amounts, guess.declared.get("amount_format", PLAIN))):
        doubts.append(doubt)
    if amounts and "minor_units" not in guess.declared and all(len(text) > 2 and text.isdecimal() for text in amounts):
        doubts.append(
            f"all amounts are whole numbers, such as {amounts[0]}. If the shop counts in cents, set minor_units = 100."
        )
    return doubts


def _paging_doubt(dataset: str, guess: "Guess") -> str | None:
    paging, count = guess.paging, len(guess.rows)
    if guess.is_checked or paging.is_certain:
        return None
    if paging.shown_by:
        return (
            f"the paginator of {dataset} is a guess from {paging.shown_by}: no second page could be read. "
            "Check it with a day of several pages."
        )
    if guess.is_full():
        return f"the page of {dataset} is full, and it does not show how to request the next one. {AGAIN}"
    if guess.total == count:
        return None
    return (
        f"the response does not show how {dataset} page: a day of more than these {count} rows may be cut off. {AGAIN}"
    )


def secrets_in(urls: Iterable[str]) -> list[str]:
    """Return a warning for each secret in these URLs. The draft leaves them out."""
    from ingestion.http.url_secrets import has_login, secret_params

    warnings = []
    for url in urls:
        if names := secret_params(url):
            one = "Set SHOP_API_TOKEN to it" if len(names) == 1 else "Declare auth in it, and set SHOP_API_TOKEN"
            warnings.append(f"the URL holds {', '.join(names)}, and your shell may keep it. The draft does not. {one}.")
        if has_login(url):
            warnings.append(
                "the URL holds a user or a password, and your shell may keep it. The draft does not. "
                "Set SHOP_API_USER and SHOP_API_TOKEN."
            )
    return warnings


def auth_of(url: str) -> dict[str, Any] | None:
    """Return the auth that a URL with a secret uses; None if it has none, or several."""
    from ingestion.http.url_secrets import has_login, secret_params

    if has_login(url):
        return {"type": "http_basic"}
    names = secret_params(url)
    return {"type": "api_key", "name": names[0], "location": "query"} if len(names) == 1 else None
