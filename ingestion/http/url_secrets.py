"""Secrets in URLs: a user with a password, and parameters with the names of keys and tokens."""

import re
from urllib.parse import parse_qsl, unquote_plus, urlsplit, urlunsplit

SECRET = re.compile(
    r"(api|access|auth|app|ws|pass|private|subscription|consumer|client|shared)?(key|token|secret|password|passwd|pwd)"
    r"|apitoken|passkey|utoken|auth|authorization|sig|signature|hmac|credentials?|(oauth|session|bearer|refresh)token"
)


def is_secret(name: str) -> bool:
    """Return whether a parameter is named like one that holds a secret, such as `api_key` or `X-Access-Token`."""
    return SECRET.fullmatch(re.sub(r"[^a-z]", "", name.lower()).removeprefix("x")) is not None


def secret_params(url: str) -> list[str]:
    """Return the names of the parameters that hold a secret, in their order."""
    names = [name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True)]
    return list(dict.fromkeys(filter(is_secret, names)))


def has_login(url: str) -> bool:
    """Return whether the URL names a user."""
    return "@" in urlsplit(url).netloc


def without_login(url: str) -> str:
    """Return a URL without user and password, even if an unencoded / in the password makes the rest of it a path."""
    parts = urlsplit(url)
    if "@" in parts.path and ":" in parts.netloc.rpartition("@")[2].rpartition("]")[2]:
        host, slash, path = parts.path.rpartition("@")[2].partition("/")
        parts = parts._replace(netloc=host, path=slash + path)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def masked(url: str, *names: str) -> str:
    """Return a URL for people to read: without login, with … for secrets and for the parameters of these names."""
    parts = urlsplit(without_login(url))
    pairs = [_masked_pair(pair, names) for pair in parts.query.split("&")]
    return urlunsplit(parts._replace(query="&".join(pairs), fragment=""))


def _masked_pair(pair: str, names: tuple[str, ...]) -> str:
    name, equals, _ = pair.partition("=")
    decoded = unquote_plus(name)
    return f"{name}=…" if equals and (decoded in names or is_secret(decoded)) else pair
