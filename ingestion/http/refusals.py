"""The error for a response of the shop with another status than 2xx: its true cause, and the remedy for it."""

import re

import requests

from ingestion.declaration.endpoint import ApiKeyAuth, Auth, BearerAuth, HttpBasicAuth
from ingestion.http.clean_text import clean
from ingestion.http.complaints import error_message, is_throttling
from ingestion.http.urls import readable
from ingestion.http.waits import TransientShopError, retry_after
from ingestion.values.json_text import parse_json
from pipeline_errors import ShopError

NO_CONTENT = 204
ERROR_BYTES = 65_536  # of an error body, which is read for its message

FIREWALL_SERVERS = re.compile(r"cloudflare|akamai|sucuri|imperva|incapsula|ddos-guard|big-?ip|barracuda|fortiweb", re.I)
FIREWALL_HEADERS = ("cf-mitigated", "x-sucuri-id", "x-iinfo", "x-amzn-waf-action", "x-datadome", "x-px-block")
FIREWALL_WORDS = re.compile(
    r"just a moment|attention required|captcha|challenge-platform|incapsula incident|request blocked|wordfence|"
    r"mod_?security|web application firewall|are you (?:a )?(?:robot|human)|unusual traffic|security check|sucuri",
    re.IGNORECASE,
)
TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)
SCHEMES = re.compile(r"(?:^|,)\s*([A-Za-z][\w-]*)(?=\s+[\w-]+=|\s*$|\s*,)")
DESCRIPTION = re.compile(r'error_description="([^"]+)"')


class RefusedRequestError(ShopError):
    """The shop answered with a status of 4xx that another attempt would not change. `said`: its message."""

    def __init__(self, cause: str, remedy: str, response: requests.Response, said: str) -> None:
        super().__init__(cause, remedy)
        self.response = response
        self.said = said


def refuse_status(response: requests.Response, auth: Auth, body: bytes, base_url: str) -> None:
    """Raise the error of a status other than 2xx. `body`: the start of the response."""
    status = response.status_code
    if 200 <= status < 300:
        return
    where = readable(response.url)
    answer = f"{where} answered {status} {clean(response.reason, limit=80)}".rstrip()
    refuse_firewall(response, body)
    if 300 <= status < 400:
        raise _redirect(response, answer, base_url)
    parsed = _parsed(body)
    said = clean(error_message(parsed) or "", response.request)
    answer += f", and says: {said}" if said else ""
    if status == 429 or status >= 500 or _is_at_limit(response) or is_throttling(parsed, said):
        wait = retry_after(response.headers)
        asking = f", asking to wait {wait:.0f} s" if wait is not None else ""
        raise TransientShopError(answer + asking, "Run again when the shop has recovered.", wait)
    if status in (401, 403, 407):
        raise _unauthorized(response, auth, answer, said)
    remedy = {
        404: "Check SHOP_API_URL, and path in shop.toml.",
        405: "Check method and path in shop.toml.",
        406: 'Set headers = { Accept = "application/json" } in shop.toml.',
    }.get(status, "Correct path and the parameters in shop.toml: the shop understands the request otherwise.")
    raise RefusedRequestError(answer, remedy, response, said)


def refuse_firewall(response: requests.Response, body: bytes) -> None:
    """Raise ShopError if a page in HTML is that of a firewall in front of the shop."""
    text = body[:ERROR_BYTES].decode("utf-8", "replace")
    if not is_html(text):
        return
    has_sign = any(name in response.headers for name in FIREWALL_HEADERS) or FIREWALL_WORDS.search(text)
    is_its_server = FIREWALL_SERVERS.search(response.headers.get("Server", "")) and response.status_code < 500
    if has_sign or is_its_server:
        raise ShopError(
            f"{readable(response.url)} answered {response.status_code} with a page of a firewall{title_of(text)}, "
            "so the request did not reach the shop",
            "Let the address of this machine pass in the firewall, or set a User-Agent that it accepts: "
            'headers = { User-Agent = "…" } in shop.toml.',
        )


def is_html(text: str) -> bool:
    """Return whether a body is HTML or XML."""
    return text.lstrip("\ufeff \t\r\n")[:1] == "<"


def title_of(text: str) -> str:
    """Return the title of a page of HTML, for a message; "" without one."""
    match = TITLE.search(text)
    return f" ({clean(match[1], limit=60)!r})" if match and match[1].strip() else ""


def _redirect(response: requests.Response, answer: str, base_url: str) -> ShopError:
    target = response.headers.get("Location", "")
    if base_url.startswith("https:") and target.lower().startswith("http:"):
        remedy = "Report it to the shop: nothing is sent without TLS, to protect the token."
    else:
        remedy = "Redirects are not followed, to protect the token. Correct SHOP_API_URL, or path in shop.toml."
    return ShopError(f"{answer}, redirecting to {clean(readable(target))}", remedy)


def _unauthorized(response: requests.Response, auth: Auth, answer: str, said: str) -> ShopError:
    """Distinguish a missing token, another scheme and a wrong token, by what the server asks for."""
    challenge = response.headers.get("WWW-Authenticate", "")
    schemes = SCHEMES.findall(challenge)
    if description := DESCRIPTION.search(challenge):
        answer += f" ({clean(description[1], response.request)})"
    answer += f", asking for {' or '.join(clean(scheme, limit=20) for scheme in schemes)}" if schemes else ""
    sent = response.request.headers.get("Authorization", "")
    ours = str(sent).partition(" ")[0].lower()
    wrong = [scheme.lower() for scheme in schemes]
    if isinstance(auth, BearerAuth) and not sent:
        remedy = "Set SHOP_API_TOKEN: no token was sent."
        if "basic" in wrong:
            remedy = f"No token was sent: {_declare('http_basic')}, SHOP_API_USER and SHOP_API_TOKEN."
    elif wrong and ours not in wrong and not isinstance(auth, ApiKeyAuth):
        name = next(
            (name for word, name in (("basic", "http_basic"), ("bearer", "bearer")) if word in wrong), "api_key"
        )
        remedy = f"The scheme is wrong, whatever the token: {_declare(name)}."
    elif isinstance(auth, HttpBasicAuth):
        remedy = "Set SHOP_API_USER and SHOP_API_TOKEN to a user and password that may read this."
    else:
        remedy = "Set SHOP_API_TOKEN to a token that may read this."
        if isinstance(auth, ApiKeyAuth) and auth.name.lower() == "authorization" and " " not in sent:
            remedy = 'Write its scheme before the token: SHOP_API_TOKEN="Bearer …", "Basic …" or another.'
        elif isinstance(auth, ApiKeyAuth):
            remedy += f" It is sent as {auth.name}, in the {auth.location}: check the name, too."
    return RefusedRequestError(answer, remedy, response, said)


def _declare(name: str) -> str:
    extra, option = (', name = "…"', "header:NAME") if name == "api_key" else ("", name)
    return f'set auth = {{ type = "{name}"{extra} }} in shop.toml (daybreak init: --auth {option})'


def _is_at_limit(response: requests.Response) -> bool:
    """Return whether a refusal is a limit of requests, as some shops answer with 403."""
    names = ("X-RateLimit-Remaining", "RateLimit-Remaining", "X-Rate-Limit-Remaining")
    return response.status_code == 403 and any(response.headers.get(name) == "0" for name in names)


def _parsed(body: bytes) -> object:
    try:
        return parse_json(body)
    except (ValueError, RecursionError):
        return None
