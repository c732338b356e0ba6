"""The command `strata` and its output. `main` is the command, `job` what `jobs/*.py` call under
`spark-submit`.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["job", "main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command `strata`; returns its exit code."""
    try:
        from strata.cli import command

        return command.main(arguments)
    except KeyboardInterrupt:  # Before the command has begun, or a second one behind its end.
        return 130


def job(feed: str, arguments: Sequence[str] | None = None) -> int:
    """Runs one feed with the options of `strata run`; returns its exit code."""
    from strata.cli import command

    return command.job(feed, arguments)
