"""A page parsed for tests: its tables by caption, its lists by label, its text."""

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "img", "hr", "input"}


class Page(HTMLParser):
    """The tables of a page by caption, as rows of texts; all tags and all texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._titles: list[str] = []
        self._lists: list[tuple[str, list[str]]] = []
        self._open: list[str] = []
        self._caption = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag in VOID:
            return
        self._open.append(tag)
        if tag == "caption":
            self._caption = ""
        elif tag == "tr":
            self.tables.setdefault(self._caption, []).append([])
        elif tag in ("td", "th"):
            self.tables[self._caption][-1].append("")
        elif tag in ("ol", "ul"):
            self._lists.append((str(dict(attrs).get("aria-label")), []))
        elif tag == "li":
            self._lists[-1][1].append("")
        elif tag == "title":
            self._titles.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        self.text += data
        if "caption" in self._open:
            self._caption += data
        elif "td" in self._open or "th" in self._open:
            self.tables[self._caption][-1][-1] += data
        if "li" in self._open:
            self._lists[-1][1][-1] += f"{data} "
        if "title" in self._open:
            self._titles[-1] += data

    def table(self, caption: str) -> list[list[str]]:
        """Return the rows, without the head, of the one table whose caption starts with this text."""
        (found,) = [rows for name, rows in self.tables.items() if name.startswith(caption)]
        return found[1:]

    def lists(self, label: str) -> list[list[str]]:
        """Return the items of each list whose label starts with this text."""
        return [items for name, items in self._lists if name.startswith(label)]

    def cells(self) -> list[str]:
        """Return day and state of each cell of the calendars."""
        return [str(attrs["title"]) for tag, attrs in self.tags if tag in ("a", "span") and "title" in attrs]

    def text_of_titles(self) -> list[str]:
        """Return the tooltips of the charts."""
        return self._titles
