"""A gate's answer for one candidate: what stops the run."""

from __future__ import annotations

from dataclasses import dataclass

from strata.declare.contract import Contract
from strata.declare.suite import Suite
from strata.gate.counting import Tally
from strata.gate.outcome import Outcome


@dataclass(frozen=True)
class Verdict:
    """A gate's answer for one candidate."""

    table: str
    tally: Tally
    outcomes: tuple[Outcome, ...]
    failures: tuple[str, ...]
    total_rows: int
    total_rejected: int

    @property
    def passed(self) -> bool:
        """Whether no critical rule failed."""
        return not self.failures


def verdict(
    contract: Contract,
    suite: Suite,
    tally: Tally,
    outcomes: list[Outcome],
    total_rows: int,
    total_rejected: int,
) -> Verdict:
    """Adds up what stops the run: critical table expectations, an empty candidate, too many
    rejects.
    """
    row_types = {
        id(o) for o in outcomes if o.unexpected is not None and not o.expectation.is_uniqueness
    }
    failures = [
        f"{o.expectation.description}"
        + (f" (found {o.observed})" if o.observed is not None else "")
        + (f" ({o.unexpected} rows share a key)" if o.expectation.is_uniqueness else "")
        for o in outcomes
        if not o.success and o.expectation.severity == "critical" and id(o) not in row_types
    ]
    if total_rows == 0 and not contract.allow_empty:
        failures.append("the table must not be empty; no row was accepted")
    share = total_rejected / max(1, total_rows + total_rejected)
    if share > suite.max_rejected_share:
        failures.append(
            f"at most {suite.max_rejected_share:.1%} of the rows may be rejected; "
            f"{total_rejected} of {total_rows + total_rejected} were ({share:.1%})"
        )
    return Verdict(
        contract.table,
        tally,
        tuple(outcomes),
        tuple(failures),
        total_rows,
        total_rejected,
    )
