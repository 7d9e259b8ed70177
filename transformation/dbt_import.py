"""The import of dbt, with patches that save up to a second at startup and do not change what dbt does."""

import inspect
from functools import cache
from importlib import import_module


@cache
def import_dbt() -> None:
    """Import dbt's command line. Call it before anything else imports a part of dbt."""
    _compile_serializers_when_used()
    _name_flags_quickly()
    import_module("dbt.cli.main")


def _compile_serializers_when_used() -> None:
    """Let mashumaro generate the serializers of a class on first use.

    dbt enables this for its own classes, but not for the base class and the schema classes, of which it uses few.
    """
    from mashumaro.config import BaseConfig

    BaseConfig.lazy_compilation = True


def _name_flags_quickly() -> None:
    """Let dbt find the module of a flag in a frame's globals.

    dbt uses inspect.stack() for each of its two dozen flags, which reads the source of every frame and searches
    sys.modules for it.
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
