"""Pages with generated parts, which are between `<!-- generated: name -->` and `<!-- end -->`."""

import re
from collections.abc import Callable
from pathlib import Path

from docs.generator.commands import commands
from docs.generator.decisions import decisions
from docs.generator.faults import faults
from docs.generator.settings import anomaly_limits, exit_codes, pools, secret_files, settings
from docs.generator.shop import shop_file, shop_files, shop_keys
from docs.generator.tables import warehouse_tables
from pipeline_settings import PROJECT_ROOT

DOCS = PROJECT_ROOT / "docs"
PART = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

PARTS: dict[str, Callable[[], str]] = {
    "settings": settings,
    "secret-files": secret_files,
    "anomaly-limits": anomaly_limits,
    "exit-codes": exit_codes,
    "pools": pools,
    "shop-file": shop_file,
    "shop-keys": shop_keys,
    "shop-files": shop_files,
    "commands": commands,
    "warehouse-tables": warehouse_tables,
    "faults": faults,
    "decisions": decisions,
}


def generated(text: str) -> str:
    """Return the page with its generated parts up to date."""
    return PART.sub(lambda match: f"{match[1]}\n{PARTS[match[2]]()}\n\n{match[3]}", text)


def parts_of(text: str) -> list[str]:
    """Return the names of the generated parts of a page."""
    return [match[2] for match in PART.finditer(text)]


def pages() -> list[Path]:
    """Return every page of the documentation."""
    return sorted(DOCS.rglob("*.md"))


def write() -> list[Path]:
    """Write the generated parts of all pages. Return the changed pages."""
    changed = []
    for page in pages():
        before = page.read_text()
        if (text := generated(before)) != before:
            page.write_text(text)
            changed.append(page)
    return changed
