"""`strata validate`: every declaration checked, without Spark."""

from __future__ import annotations

import argparse
import sys

from strata.errors import UsageError


def add(_: argparse.ArgumentParser) -> None:
    """`validate` has no options."""


def run(_: argparse.Namespace) -> int:
    """Prints every finding, or what was checked."""
    from strata.cli import check

    findings, counts = check.check_all()
    for finding in findings:
        print(finding, file=sys.stderr)
    if findings:
        raise UsageError(f"every declaration must hold; {len(findings)} findings, listed above")
    checked = ", ".join(f"{number} {noun}" for noun, number in counts.items())
    print(f"all declarations hold: {checked}")
    return 0
