"""The text of an alert in mail or chat: a title and a few plain lines.

A cause may quote text from a shop. Characters that chat programs, mail readers or web pages would act on are replaced
by look-alikes: no mention, link or markup works.
"""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pipeline_errors import LONGEST_CAUSE, one_line

LONGEST_TITLE = 200
LOOK_ALIKE = str.maketrans({"<": "‹", ">": "›", "`": "'", "*": "∗", "~": "∼", "|": "¦"})
ENTITY = re.compile(r"&(?=#?\w+;)")
# @name mentions a user; scheme:// and [text](target) make a link.
MENTION_OR_LINK = re.compile(r"(@)(?=\S)|(?<=[A-Za-z])(:)(?=//)|(\])(?=\()")
NO_WIDTH = "\N{ZERO WIDTH SPACE}"
IN_A_URL = ":/?#&=%+,;-._$!'()"


def title_of(alert: Mapping[str, Any]) -> str:
    """Return the title: severity, whether it is news, and the summary."""
    news = {"reminder": "still open: ", "resolved": "resolved: "}.get(str(alert.get("sending")), "")
    return harmless(f"({alert['severity']}) {news}{alert['title']}")[:LONGEST_TITLE]


def body_of(alert: Mapping[str, Any]) -> str:
    """Return the body, one line each: pipeline, day, step, cause, remedy, figures, extent and link."""
    days = alert.get("days_affected")
    extent = f"{days} {'day' if days == 1 else 'days'} affected, since {alert['open_since']}" if days else None
    lines = {
        "pipeline": alert["pipeline"],
        "day": alert["day"],
        "step": alert["step"],
        "cause": alert["cause"],
        "remedy": alert["remedy"],
        "figures": _figures(alert["figures"]),
        "extent": extent,
    }
    parts = [f"{name}: {harmless(str(text))[:LONGEST_CAUSE]}" for name, text in lines.items() if text]
    link = str(alert["link"] or "")
    if link.startswith(("http://", "https://")):
        parts.append(f"link: {quote(link, safe=IN_A_URL)}")
    return "\n".join(parts)


def harmless(text: str) -> str:
    """Return the text as one line without mentions, markup, links, entities and invisible characters."""
    line = ENTITY.sub("＆", one_line(text).translate(LOOK_ALIKE))
    return MENTION_OR_LINK.sub(rf"\g<0>{NO_WIDTH}", line)


def _figures(figures: Mapping[str, Any]) -> str:
    """Return the figures as text: `rows 20, rejected 2, bad rate 10.00%, rejected by reason: amount_not_a_number 2`"""
    parts = []
    for name, figure in figures.items():
        words = name.replace("_", " ")
        if isinstance(figure, Mapping):
            counts = [f"{key} {count}" for key, count in figure.items() if count]
            parts += [f"{words}: {', '.join(counts)}"] if counts else []
        elif name.endswith("_rate") and isinstance(figure, int | float):
            parts.append(f"{words} {figure:.2%}")
        else:
            parts.append(f"{words} {figure}")
    return ", ".join(parts)
