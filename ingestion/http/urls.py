"""URLs of the shop: their origin, which must not change, and their form in messages, which must not hold a secret."""

from urllib.parse import urlsplit, urlunsplit

DEFAULT_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str | None, int | None]
NO_ORIGIN: Origin = ("unreadable", None, None)


def origin(url: str) -> Origin:
    """Return scheme, host and port of a URL, which must not change between two requests with a token."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return NO_ORIGIN


def readable(url: str) -> str:
    """Return a URL for a message: without user, password and query, any of which may hold a secret."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:  # also of a password with an unencoded ? or #
        return "an unreadable URL"
    # a password with an unencoded / ends in the path
    place = (parts.netloc + parts.path).rpartition("@")[2]
    return (f"{parts.scheme}://{place}" if parts.scheme else place)[:300]


def with_tls_of(base_url: str, url: str) -> str:
    """Return a URL of the shop with https if it says http, as a shop behind a proxy that ends TLS writes its links."""
    scheme, host, port = origin(url)
    own_scheme, own_host, own_port = origin(base_url)
    if (scheme, own_scheme) != ("http", "https") or host != own_host or port not in (own_port, 80):
        return url
    return urlunsplit(("https", urlsplit(base_url).netloc.rpartition("@")[2], *urlsplit(url)[2:]))
