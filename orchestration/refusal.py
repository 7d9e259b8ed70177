"""The error for a day that the gate refused: counts, reasons, and changes in the shop's data that may explain it."""

from typing import TYPE_CHECKING

from monitoring.drift.store import likely_cause
from pipeline_errors import GateRefusedError

if TYPE_CHECKING:
    from expectations.gate import GateDecision


def refusal(decision: "GateDecision") -> GateRefusedError:
    """Return the error for a refused day, after its decision was stored."""
    reasons = ", ".join(f"{code} {count}" for code, count in decision.rejected_by_reason.items() if count)
    return GateRefusedError(
        f"{decision.rejected} of {decision.row_count - decision.identical_copies} {decision.dataset} are bad "
        f"({decision.bad_rate:.2%}, allowed {decision.max_bad_rate:.2%}): {reasons}"
        + likely_cause(decision.dataset, decision.day),
        f"Readers see no change. See quarantine.{decision.dataset}; run the day again once it is corrected.",
        figures=decision.figures(),
    )
