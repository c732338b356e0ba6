"""What a job's end means for a retry; free of Airflow, so that it is tested without it.

Strata's exit codes (`strata --help`) say whether another try can help. A gate's no, a damaged table
or a wrong option will be the same in five minutes; a held lease or a full disk may not be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PUBLISHED_WITHOUT_A_FILE = 5
# 1 unforeseen, 4 lease held, 6 outcome of a commit unknown, 9 machine or network lacks something,
# 130 and 143 stopped from outside, as a machine is that is taken back.
TRANSIENT = frozenset({1, 4, 6, 9, 130, 143})
# SparkSubmit, EMR Serverless, YARN, Databricks: each words a Python driver's exit code in its way.
_WORDINGS = (
    r"Error code is: (\d+)",
    r"ExitCode: (\d+)",
    r"exited with (?:status )?(\d+)",
    r"SystemExit: (\d+)",
)
_SENTENCE = re.compile(r"\bstrata: (.+)")


@dataclass(frozen=True)
class Outcome:
    """How a job ended."""

    code: int | None
    """Its exit code; None where the platform tells none, as when a machine was lost."""
    sentence: str
    """Strata's own words, else the platform's first line."""

    @property
    def has_published(self) -> bool:
        """Whether what was sound is published, though a raw file was left out."""
        return self.code == PUBLISHED_WITHOUT_A_FILE

    @property
    def is_transient(self) -> bool:
        """Whether another try may end otherwise."""
        return self.code is None or self.code in TRANSIENT


def read_dbt(code: int, said: str) -> Outcome:
    """The outcome of `dbt build`. A test that failed fails again; a database that did not answer
    may answer later.
    """
    ended = [line.split("  ", 1)[-1].strip() for line in said.splitlines()]
    failed = [line for line in ended if re.search(r" of \d+ FAIL ", line)]
    broken = [line for line in ended if re.search(r" of \d+ ERROR ", line)]
    names = [re.sub(r"^\d+ of \d+ (FAIL|ERROR) ", "", line)[:120] for line in failed or broken]
    told = "; ".join(re.sub(r" \.+ \[.*", "", name) for name in names)
    sentence = told or next((line for line in reversed(ended) if line), "no reason given")
    return Outcome(3 if failed else code, f"dbt: {sentence}")


def read_outcome(said: str) -> Outcome:
    """The outcome from what an operator's exception says, log lines included."""
    codes = [int(found) for wording in _WORDINGS for found in re.findall(wording, said)]
    sentences = _SENTENCE.findall(said)
    first = next((line.strip() for line in said.splitlines() if line.strip()), "no reason given")
    code = next((code for code in codes if code), None)
    return Outcome(code, sentences[-1].strip() if sentences else first[:300])
