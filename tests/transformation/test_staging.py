"""The fingerprint of staging covers all files that define it."""

from pipeline_settings import PROJECT_ROOT
from transformation.staging import source_files


def test_views_macros_and_seeds_are_part_of_the_fingerprint() -> None:
    names = {str(file.relative_to(PROJECT_ROOT / "dbt_project")) for file in source_files()}
    assert names >= {
        "models/staging/stg_shop__orders.sql",
        "models/quarantine/quarantine_orders.sql",
        "macros/staging/parse_amount.sql",
        "seeds/calendar_events.csv",
    }
