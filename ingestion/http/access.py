"""Access to the shop: its URL and credentials from the environment, and the authentication that shop.toml declares."""

from dataclasses import dataclass, field

from dlt.common.configuration.specs.base_configuration import configspec
from dlt.sources.helpers.rest_client import auth as dlt_auth
from requests.auth import AuthBase

from ingestion.declaration.endpoint import ApiKeyAuth, HttpBasicAuth, OAuth2Auth
from ingestion.declaration.shop_config import ShopConfig
from ingestion.http.deadline import Deadline
from ingestion.http.session import ShopSession
from pipeline_errors import ConfigurationError, ShopError
from pipeline_settings import settings


@dataclass(frozen=True)
class ShopAccess:
    """The shop's URL and credentials. `secret` is a token, key, password or client secret."""

    base_url: str
    user: str = ""
    secret: str | None = field(default=None, repr=False)


def shop_access(config: ShopConfig, url: str | None = None) -> ShopAccess:
    """Return the access from SHOP_API_URL (or `url`), SHOP_API_USER and SHOP_API_TOKEN.

    Raises ConfigurationError if one is missing or malformed.
    """
    base_url = (url or settings().shop_api_url or "").strip()
    if not base_url:
        raise ConfigurationError("SHOP_API_URL is not set", "Set it to the shop's API, such as https://shop.example.")
    if not base_url.startswith(("http://", "https://")):
        raise ConfigurationError("SHOP_API_URL is not an http or https URL", "Set it to one.")
    user = (settings().shop_api_user or "").strip()
    hidden = settings().shop_api_token
    secret = (hidden.get_secret_value().strip() if hidden else "") or None
    for name, value in (("SHOP_API_USER", user), ("SHOP_API_TOKEN", secret)):
        if value and not (value.isascii() and value.isprintable()):
            raise ConfigurationError(f"{name} has characters that are not allowed in an HTTP header", "Correct it.")
        is_password = isinstance(config.auth, HttpBasicAuth) and name == "SHOP_API_TOKEN"
        if not value and isinstance(config.auth, HttpBasicAuth | OAuth2Auth) and not is_password:
            raise ConfigurationError(f"{name} is not set, and auth in shop.toml is {config.auth.type}", "Set it.")
    return ShopAccess(base_url, user, secret)


def shop_auth(config: ShopConfig, access: ShopAccess, deadline: Deadline) -> AuthBase | None:
    """Return the authentication for each request, None without a secret."""
    declared = config.auth
    if isinstance(declared, HttpBasicAuth):
        return dlt_auth.HttpBasicAuth(username=access.user, password=access.secret or "")
    if access.secret is None:
        return None
    if isinstance(declared, ApiKeyAuth):
        return dlt_auth.APIKeyAuth(name=declared.name, api_key=access.secret, location=declared.location)
    if isinstance(declared, OAuth2Auth):
        return _ClientCredentials(
            access_token_url=declared.access_token_url,
            client_id=access.user,
            client_secret=access.secret,
            access_token_request_data=dict(declared.access_token_request_data),
            session=ShopSession(declared.access_token_url, config, deadline),
        )
    return dlt_auth.BearerTokenAuth(token=access.secret)


@configspec
class _ClientCredentials(dlt_auth.OAuth2ClientCredentials):
    """dlt's client credentials, with a ShopError for a response without a usable token."""

    def drop_token(self) -> None:
        """Forget the token, so that the next request takes a new one."""
        self.access_token = None

    def obtain_token(self) -> None:
        """Request a token. Raises ShopError if the response is not JSON, or lacks a token or a number of seconds."""
        try:
            super().obtain_token()
        except ValueError:  # including the JSON error of requests, which would quote the response
            raise ShopError(
                "access_token_url returned no JSON with a token", "Check access_token_url in shop.toml."
            ) from None

    def parse_access_token(self, response_json: object) -> str:
        """Return the token of a response. Raises ValueError if there is none."""
        token = response_json.get("access_token") if isinstance(response_json, dict) else None
        if not isinstance(token, str) or not token:
            raise ValueError("no access_token")
        return token
