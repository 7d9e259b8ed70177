"""dlt's settings for our loads, in force for this process and taken from nowhere else.

dlt would look each of its hundred settings up in the environment under short names too (REFRESH, WORKERS, PROGRESS), in
.dlt/ of whatever the current directory is, and in Airflow's variables, for which it imports Airflow.
"""

from functools import cache

from dlt.common.configuration.container import Container
from dlt.common.configuration.providers import CustomLoaderDocProvider
from dlt.common.configuration.specs.config_providers_context import ConfigProvidersContainer
from dlt.common.configuration.specs.pluggable_run_context import PluggableRunContext
from dlt.common.configuration.utils import get_resolved_traces

SETTINGS = {
    # Each load has a directory of its own: there is no state to restore.
    "restore_from_destination": False,
    # Our receipt has the counts; a trace would also hold the shop's words in an error.
    "enable_runtime_trace": False,
    # intercept_signals: Ctrl-C ends a load at once. What had landed is taken back.
    "runtime": {"dlthub_telemetry": False, "intercept_signals": False, "log_level": "CRITICAL"},
    # One file per load: a pool would only cost its start.
    "normalize": {"workers": 1},
    "load": {"workers": 1},
}


class OurProviders(ConfigProvidersContainer):
    """The one place where dlt finds its settings."""

    def __init__(self) -> None:
        # There are no secrets in it. That it might hold some spares dlt from looking at the type of each setting.
        super().__init__([CustomLoaderDocProvider("daybreak", lambda: SETTINGS, supports_secrets=True)])

    def add_extras(self) -> None:
        """None: not the environment, not Airflow, no vault."""


@cache
def apply() -> None:
    """Put our settings in force for dlt in this process, once. Call it before anything of dlt is used."""
    context = PluggableRunContext()
    context.providers = OurProviders()
    Container()[PluggableRunContext] = context


def forget_lookups() -> None:
    """Let dlt keep no record of where it looked for each setting, in this thread: 1,700 entries a load, for ever."""
    get_resolved_traces().logging_enabled = False
