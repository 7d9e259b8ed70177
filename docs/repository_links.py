"""A hook of MkDocs for links to files of the repository, which the site does not contain.

These links work on a hosting site. In the built site their text becomes code without a link. If the target does not
exist, the build warns, and `mkdocs build --strict` fails.
"""

import logging
import re
from pathlib import Path
from posixpath import normpath
from typing import Any

logger = logging.getLogger("mkdocs.hooks.repository_links")

LINK = re.compile(r"(?<!!)\[([^\]]+)\]\(((?:\.\./)+[^)#\s]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Return the page's Markdown, with links out of the documentation folder replaced by their text."""
    folder = Path(config["docs_dir"]).name
    at = Path(folder, page.file.src_uri).parent

    def without_link(match: re.Match[str]) -> str:
        text, target, _anchor = match.groups()
        path = normpath(f"{at.as_posix()}/{target}")
        if path.startswith(f"{folder}/"):
            return match[0]
        if not Path(config["docs_dir"]).parent.joinpath(path).exists():
            logger.warning("%s links to %s, which does not exist", page.file.src_uri, path)
        return text if "`" in text else f"`{text}`" if "/" in text or "." in text else f"{text} (`{path}`)"

    return LINK.sub(without_link, markdown)
