"""The JSON of a page. A body that is something else is named for what it is, without quoting a row."""

import re
import zlib
from typing import Any

import requests

from ingestion.http.clean_text import clean
from ingestion.http.refusals import is_html, refuse_firewall, title_of
from ingestion.http.urls import readable
from ingestion.values.json_text import parse_json
from pipeline_errors import ShopError

MOST_VALUES = 10_000_000  # of JSON in a page, empty objects included: about 1.5 GB of memory
GZIP = b"\x1f\x8b"
UTF = re.compile(r"utf-?(8|16|32)|ascii", re.IGNORECASE)
CHARSET = re.compile(r"charset=[\"']?([\w.:-]+)", re.IGNORECASE)
PROSE = re.compile(r"[A-Za-z .!'/_-]{0,60}")  # neither digits nor separators: no value of a row
SEPARATORS = ",;|\t@=\r\n"
AGAIN = "Run again; if it stays, report it to the shop."
NO_PAGE = "Check SHOP_API_URL, and path in shop.toml."


def unzipped(content: bytes, most_bytes: int) -> bytes:
    """Return a body that is gzip although no header says so, decompressed up to a little more than `most_bytes`."""
    if content[:2] != GZIP:
        return content
    reader = zlib.decompressobj(wbits=31)
    try:
        plain = reader.decompress(content, most_bytes + 1)
    except zlib.error:
        return content
    return plain if reader.eof or len(plain) > most_bytes else content


def parse_page(response: requests.Response) -> Any:
    """Return the parsed JSON of a page, with exact numbers. Raises ShopError if the body is anything else."""
    where, content = readable(response.url), response.content
    if not content.strip():
        raise ShopError(f"{where} answered with an empty body", NO_PAGE)
    if content[:2] == GZIP:
        raise ShopError(f"{where} sent {len(content):,} bytes of damaged gzip", AGAIN)
    if sum(content.count(sign) for sign in (b",", b"{", b"[")) > MOST_VALUES:
        raise ShopError(f"{where} sent a page of more than {MOST_VALUES:,} values", "Lower page_size in shop.toml.")
    try:
        return parse_json(_in_utf(response))
    except RecursionError:
        raise ShopError(f"{where} sent JSON that nests too deep", "Report it to the shop.") from None
    except UnicodeError as error:
        at = getattr(error, "start", 0)
        raise ShopError(
            f"{where} sent JSON that is neither UTF-8 nor in a charset that its header names (byte {at:,})",
            "The shop must send UTF-8, or name its charset: Content-Type: application/json; charset=iso-8859-1.",
        ) from None
    except ValueError:
        refuse_firewall(response, content)
        raise _no_json(where, content) from None


def _in_utf(response: requests.Response) -> bytes:
    """Return the body in UTF-8 if its header names another charset. JSON itself shows which UTF it is in."""
    named = CHARSET.search(response.headers.get("Content-Type", ""))
    if named is None or UTF.match(named[1]):
        return response.content
    try:
        return response.content.decode(named[1]).encode()
    except LookupError:
        return response.content


def _no_json(where: str, content: bytes) -> ShopError:
    """Return the error for a body that is no JSON. It quotes HTML or prose, but nothing that may be of a row."""
    text = content[:4_096].decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    size = f"{len(content):,} bytes"
    if is_html(text):
        said = title_of(text) or f", beginning {clean(re.sub('<[^>]*>', ' ', text), limit=60)!r}"
        return ShopError(f"{where} answered with a page of HTML or XML, not JSON{said}", NO_PAGE)
    if text[:1] in ("{", "["):
        broken = "invalid" if content.rstrip()[-1:] == {"{": b"}", "[": b"]"}[text[0]] else "truncated"
        return ShopError(f"{where} sent {size} of {broken} JSON", AGAIN)
    start = PROSE.match(text)
    prose = start.group() if start and text[start.end() : start.end() + 1] not in set(SEPARATORS) else ""
    said = f", beginning {clean(prose, limit=60)!r}" if prose.strip() else ""
    if re.search(r"[\[{]", text):
        said += ", before what looks like JSON"
    return ShopError(f"{where} sent {size} that are not JSON{said}", NO_PAGE)
