"""What we change about dbt in this process changes nothing that dbt does."""

from dbt_common.behavior_flags import Behavior

from orchestration.dbt_runner import name_flags_quickly


def test_a_flag_of_dbt_is_still_named_by_the_module_that_declares_it() -> None:
    name_flags_quickly()
    flags = Behavior([{"name": "some_flag", "default": False, "description": "Some flag."}], {})
    assert flags.some_flag._behavior_change_event.flag_source == __name__
    assert not flags.some_flag.no_warn
