"""What is said when the gate refuses a day: counts, reasons, and how the shop's answers changed, if they did."""

from typing import TYPE_CHECKING

from monitoring.drift.store import likely_cause
from pipeline_errors import GateRefusedError

if TYPE_CHECKING:
    from expectations.gate import GateDecision


def refusal(decision: "GateDecision") -> GateRefusedError:
    """The error that ends a refused day. It is told after the decision was stored, and changes nothing of it."""
    reasons = ", ".join(f"{code} {count}" for code, count in decision.rejected_by_reason.items() if count)
    return GateRefusedError(
        f"{decision.rejected} of {decision.row_count - decision.identical_copies} {decision.dataset} are bad "
        f"({decision.bad_rate:.2%}, allowed {decision.max_bad_rate:.2%}): {reasons}"
        + likely_cause(decision.dataset, decision.day),
        f"Readers keep the day as it was. See quarantine.{decision.dataset}; run the day again once it is corrected.",
        figures=decision.figures(),
    )
