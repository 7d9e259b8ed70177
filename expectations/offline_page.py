"""Data Docs pages for offline use: GX's own would fetch style sheets, scripts and a tracking logo from other hosts.

GX imports this module by the name in its configuration. Import it nowhere else: it imports GX at its top.
"""

import re
from typing import Any

from great_expectations.render.view.view import DefaultJinjaPageView

# The scripts only sort and fold the tables of the page.
FROM_ELSEWHERE = re.compile(r"<script\b.*?</script>|<style\b.*?</style>|<link\b[^>]*>|<img\b[^>]*>", re.DOTALL)
DEAD_LINK = re.compile(r"<a\b[^>]*href=\"(?:https?:|[^\"]*/expectations/)[^>]*>")  # to other hosts and suites' pages
STYLE = """<style>
body { font: 15px/1.45 system-ui, sans-serif; max-width: 62rem; margin: 1rem auto; padding: 0 1rem; }
.table { border-collapse: collapse; width: 100%; margin-bottom: 1rem; }
.table th, .table td { border-bottom: 1px solid #ccc; padding: .2rem .6rem; text-align: left; }
.alert { background: #eee; padding: .3rem .6rem; }
h5 { margin: 0; font-size: 1rem; }
.fa-check-circle::before { content: "✔"; color: #137333; }
.fa-times::before { content: "✘"; color: #c5221f; }
.sticky { display: none; /* the menu needs scripts */ }
</style></head>"""


class OfflinePageView(DefaultJinjaPageView):
    """GX's page without resources from other hosts, in a local style."""

    def render(self, document: Any, template: Any = None, **kwargs: Any) -> str:
        """Return the page as HTML."""
        page: str = super().render(document, template, **kwargs)  # type: ignore[no-untyped-call]
        return DEAD_LINK.sub("<a>", FROM_ELSEWHERE.sub("", page)).replace("</head>", STYLE, 1)
