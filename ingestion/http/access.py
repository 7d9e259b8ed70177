"""Who we are to the shop: its URL and our credentials from the environment, shown as shop.toml declares."""

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
    """Where the shop is, and what we are let in with. `secret`: a token, key, password or client secret."""

    base_url: str
    user: str = ""
    secret: str | None = field(default=None, repr=False)


def shop_access(config: ShopConfig, url: str | None = None) -> ShopAccess:
    """What SHOP_API_URL, SHOP_API_USER and SHOP_API_TOKEN say; or the first of them is `url`.

    Raises ConfigurationError if that cannot be used.
    """
    base_url = (url or settings().shop_api_url or "").strip()
    if not base_url:
        raise ConfigurationError("SHOP_API_URL is not set", "Set it to the shop's API, such as https://shop.example.")
    if not base_url.startswith(("http://", "https://")):
        raise ConfigurationError("SHOP_API_URL is no http or https URL", "Set it to one.")
    user = (settings().shop_api_user or "").strip()
    hidden = settings().shop_api_token
    secret = (hidden.get_secret_value().strip() if hidden else "") or None
    for name, value in (("SHOP_API_USER", user), ("SHOP_API_TOKEN", secret)):
        if value and not (value.isascii() and value.isprintable()):
            raise ConfigurationError(f"{name} holds characters that no HTTP header can carry", "Correct it.")
        is_password = isinstance(config.auth, HttpBasicAuth) and name == "SHOP_API_TOKEN"
        if not value and isinstance(config.auth, HttpBasicAuth | OAuth2Auth) and not is_password:
            raise ConfigurationError(f"{name} is not set, and auth in shop.toml is {config.auth.type}", "Set it.")
    return ShopAccess(base_url, user, secret)


def shop_auth(config: ShopConfig, access: ShopAccess, deadline: Deadline) -> AuthBase | None:
    """What signs each request; none where there is no secret."""
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
    """As dlt's, but an answer that cannot be used is an error of the shop."""

    def obtain_token(self) -> None:
        """Ask for a token. Raises ShopError if the answer is no JSON, or holds none, or no number of seconds."""
        try:
            super().obtain_token()
        except ValueError:  # of requests' JSON too; it would quote the answer
            raise ShopError(
                "access_token_url gave no JSON with a token", "Check access_token_url in shop.toml."
            ) from None

    def parse_access_token(self, response_json: object) -> str:
        """The token of an answer. Raises ValueError if it holds none."""
        token = response_json.get("access_token") if isinstance(response_json, dict) else None
        if not isinstance(token, str) or not token:
            raise ValueError("no access_token")
        return token
