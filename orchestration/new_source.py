"""`make new-source NAME=…`: another shop to begin with, green as it is: file, imitation of its API, README's line.

They tell of an API that no shop has, until they tell what your shop's manual says: CONTRIBUTING.md, *A shop*.
"""

import re
from pathlib import Path
from typing import Annotated

import typer

from orchestration.logs import configure
from orchestration.new_model import NAME
from orchestration.terminal import errors_as_exit_codes
from pipeline_errors import ConfigurationError
from pipeline_settings import PROJECT_ROOT

SHOP = """#:schema ../shop.schema.json
# NAME. SHOP_API_URL=https://shop.example, SHOP_API_TOKEN=…; it has no reviews.

time_zone = "UTC"              # the shop's: it says when a day begins
language = "en"
health_path = "orders"
max_text_bytes = 1_000_000
page_size = 100                # more it does not give

[datasets.orders]
path = "orders"
params = { from = "{start}", to = "{end}" }
page_size_param = "limit"
data_selector = "orders"
total_selector = "total"
paginator = { type = "page_number", page_param = "page" }
fields = ["order_id", "customer_id", "total_amount", "order_date", "status"]
keys = { order_id = "id", customer_id = "customer.id", total_amount = "total", order_date = "created_at" }
required = ["order_id", "customer_id", "total_amount", "order_date", "status"]
non_revenue_statuses = ["canceled", "refunded"]
max_bad_rate = 0.05
"""
IMITATION = '''"""https://shop.example/manual#orders: orders from a moment to before another, in pages of up to 100."""

from datetime import datetime

from werkzeug import Request, Response

from tests.ingestion.imitation import Imitation, json_response, orders


def answer(request: Request) -> Response:
    if request.headers.get("Authorization") != "Bearer secret":
        return json_response({"message": "Unauthorized"}, status=401)
    low, high = (datetime.fromisoformat(request.args[bound]) for bound in ("from", "to"))
    found = [
        {"id": number, "customer": {"id": f"c{number}"}, "total": "29.35", "status": "paid"}
        | {"created_at": moment.isoformat()}
        for number, moment in orders("UTC")
        if low <= moment < high
    ]
    page, size = int(request.args["page"]), min(int(request.args["limit"]), 100)
    return json_response({"orders": found[(page - 1) * size : page * size], "total": len(found)})


IMITATION = Imitation(
    "/orders",
    answer,
    {"SHOP_API_TOKEN": "secret"},
    ["2", "c2", "29.35", "2026-03-01T00:00:00+00:00", "paid"],
)
'''
ROW = "| [NAME](ingestion/shops/NAME.toml), no reviews | bearer token | from, to | numbered, with a total |\n"
A_ROW = re.compile(r"^\| .*\(ingestion/shops/\w+\.toml\).*\n", re.MULTILINE)
NEXT = """Wrote, for an API that no shop has:
  {imitation}: what it answers, to whom, in which pages
  {shop}: how it is asked, and where its fields stand
  README.md: its line in the table of shops
pytest tests/ingestion/test_other_shops.py -k {name} is green. By the manual of your shop:
  1. correct the imitation, until it is red; then the file, until it is green
     (of a shop that runs, `daybreak init URL --out draft.toml` drafts one)
  2. SHOP_API_URL=… SHOP_API_TOKEN=… SHOP_CONFIG=$PWD/{shop} daybreak doctor --day 2026-03-01 asks the shop itself
  3. README's line, CHANGELOG.md, make check"""


def write_source(name: str, root: Path = PROJECT_ROOT) -> list[Path]:
    """Write a shop's file and its imitation, and name it in README; returns the two files.

    Raises ConfigurationError for a name that is no good.
    """
    if not re.fullmatch(NAME, name):
        raise ConfigurationError(f"{name!r} is no name for a shop's file", "Take small letters, digits and _.")
    texts = {
        root / "ingestion" / "shops" / f"{name}.toml": SHOP,
        root / "tests" / "ingestion" / "shops" / f"{name}.py": IMITATION,
    }
    if taken := [file for file in texts if file.exists()]:
        raise ConfigurationError(f"There is a {taken[0].relative_to(root)}", "Take another name.")
    for file, text in texts.items():
        file.write_text(text.replace("NAME", name), encoding="utf-8")
    readme = root / "README.md"
    told = readme.read_text(encoding="utf-8")
    end = max(row.end() for row in A_ROW.finditer(told))
    readme.write_text(told[:end] + ROW.replace("NAME", name) + told[end:], encoding="utf-8")
    return list(texts)


def main(name: Annotated[str, typer.Argument(help="Such as woocommerce.")]) -> None:
    """Write another shop to begin with."""
    configure(is_verbose=False)
    with errors_as_exit_codes():
        shop, imitation = (file.relative_to(PROJECT_ROOT) for file in write_source(name))
        typer.echo(NEXT.format(shop=shop, imitation=imitation, name=name))


if __name__ == "__main__":
    typer.run(main)
