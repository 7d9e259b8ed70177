"""The import of dbt, with what spares each process that starts dbt up to a second. What dbt does stays the same."""

import inspect
from functools import cache
from importlib import import_module


@cache
def import_dbt() -> None:
    """Import dbt's command line, before anything else imports a part of it."""
    _compile_serializers_when_used()
    _name_flags_quickly()
    import_module("dbt.cli.main")


def _compile_serializers_when_used() -> None:
    """Let mashumaro write the code that reads and writes a class when that is first asked for.

    dbt asks for it in its own classes, and not in the base class and the schema's, of which it needs few.
    """
    from mashumaro.config import BaseConfig

    BaseConfig.lazy_compilation = True


def _name_flags_quickly() -> None:
    """Let dbt look up the module behind a flag in the globals of a frame.

    dbt names the module behind each of its two dozen flags by inspect.stack(), which reads every frame's source and
    searches sys.modules for it.
    """
    from dbt_common import behavior_flags

    def default_source() -> str:
        frame = inspect.currentframe()
        while frame:
            name: str = frame.f_globals["__name__"]
            if name not in (__name__, behavior_flags.__name__):
                return name
            frame = frame.f_back
        return "Unknown"

    behavior_flags.BehaviorFlagRendered._default_source = staticmethod(default_source)  # type: ignore[method-assign]
