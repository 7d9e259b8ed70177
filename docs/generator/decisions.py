"""The list of decisions, from their titles."""

from pipeline_settings import PROJECT_ROOT


def decisions() -> str:
    """Return a line for each page of docs/decisions."""
    pages = sorted((PROJECT_ROOT / "docs" / "decisions").glob("0*.md"))
    return "\n".join(f"- [{page.read_text().splitlines()[0].removeprefix('# ')}]({page.name})" for page in pages)
