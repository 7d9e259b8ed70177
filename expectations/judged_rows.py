"""The rows of one load with staging's verdict on each: computed once for the gate, since the view is expensive.

They are in a temporary table of booleans, and 0 or 1 for each rule. It holds no value from the shop.
"""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from expectations.gx_session import JUDGED_ROWS
from expectations.rules import Rule
from expectations.suites import column_name

if TYPE_CHECKING:
    import sqlalchemy as sa


@dataclass(frozen=True)
class RowCounts:
    """The counts of a load by verdict. `row_count` = accepted + rejected + identical_copies."""

    row_count: int
    identical_copies: int
    accepted: int
    rejected: int
    rejected_by_reason: dict[str, int]  # only reasons that occur; a row may have several
    reasons: int  # number of reasons from staging, known to rules.py or not

    @property
    def judged(self) -> int:
        """The rows that the bad rate is a share of."""
        return self.accepted + self.rejected


def materialise(engine: "sa.Engine", dataset: str, day: date, load_id: str, judged_by: tuple[Rule, ...]) -> RowCounts:
    """Judge the rows of a load into a temporary table on the engine's connection, and count them."""
    import sqlalchemy as sa

    quote = engine.dialect.identifier_preparer.quote
    # floats, because GX converts averages of integers to floats slowly
    broken = ", ".join(
        f"(:code_{number} = any(rejection_reasons))::integer::double precision as {quote(column_name(rule))}"
        for number, rule in enumerate(judged_by)
    )
    codes = {f"code_{number}": rule.code for number, rule in enumerate(judged_by)}
    judged = sa.text(f"""
        create temporary table {JUDGED_ROWS} as
        select is_identical_copy, is_valid, cardinality(rejection_reasons) as reason_count, {broken}
        from staging.stg_shop__{dataset}
        where _day = :day and _load_id = :load_id
    """).bindparams(day=day, load_id=load_id, **codes)
    sums = ", ".join(f"sum({quote(column_name(rule))})" for rule in judged_by)
    counted = sa.text(f"""
        select
            count(*),
            count(*) filter (where is_identical_copy),
            count(*) filter (where not is_identical_copy and is_valid),
            count(*) filter (where not is_identical_copy and not is_valid),
            sum(reason_count),
            {sums}
        from {JUDGED_ROWS}
    """)
    with engine.begin() as connection:
        connection.execute(judged)
        rows, copies, accepted, rejected, reasons, *by_rule = connection.execute(counted).one()
    by_reason = {rule.code: int(count) for rule, count in zip(judged_by, by_rule, strict=True) if count}
    return RowCounts(rows, copies, accepted, rejected, by_reason, reasons or 0)
