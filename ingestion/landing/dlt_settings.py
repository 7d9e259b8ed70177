"""dlt's settings for Daybreak's loads, the only source of its configuration in this process.

By default dlt searches the environment for each of its hundred settings, also under short names (REFRESH, WORKERS,
PROGRESS), then .dlt/ of the current directory, then Airflow's variables, for which it imports Airflow.
"""

from functools import cache

from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import CustomLoaderDocProvider
from dlt.common.configuration.specs.config_providers_context import ConfigProvidersContainer
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.configuration.utils import get_resolved_traces

SETTINGS = {
    # Each load has a fresh directory without state to restore.
    "restore_from_destination": False,
    # The receipt has the counts. A trace would also hold error text from the shop.
    "enable_runtime_trace": False,
    # Without intercept_signals, Ctrl-C ends a load at once. The rows that had landed are deleted.
    "runtime": {"dlthub_telemetry": False, "intercept_signals": False, "log_level": "CRITICAL"},
    # With one file per load, a pool would only add startup time.
    "normalize": {"workers": 1},
    "load": {"workers": 1},
}


class OurProviders(ConfigProvidersContainer):
    """A container whose only provider is SETTINGS."""

    def __init__(self) -> None:
        # It holds no secrets, but supports_secrets=True spares dlt a check of the type of each setting.
        super().__init__([CustomLoaderDocProvider("daybreak", lambda: SETTINGS, supports_secrets=True)])

    def add_extras(self) -> None:
        """Add no provider: neither environment, Airflow nor vault."""


@cache
def apply() -> None:
    """Apply SETTINGS to dlt in this process, once. Call it before any use of dlt."""
    context = PluggableRunContext()
    context.providers = OurProviders()
    Container()[PluggableRunContext] = context


def forget_lookups() -> None:
    """Stop dlt from recording its configuration lookups in this thread: 1,700 entries per load, never freed."""
    get_resolved_traces().logging_enabled = False
