"""What the doctor found."""

from __future__ import annotations

from dataclasses import dataclass, field

BACKUP = "restore it from a backup"


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be."""

    table: str
    file: str
    what: str
    advice: str
    is_damage: bool = True
    """Else a note: nothing is wrong with what is published."""


@dataclass
class Report:
    """What was looked at, and what was found."""

    findings: list[Finding] = field(default_factory=list)
    tables: int = 0
    versions: int = 0
    files: int = 0
    bytes: int = 0
    rows: int = 0

    @property
    def damage(self) -> list[Finding]:
        """The findings that are damage."""
        return [finding for finding in self.findings if finding.is_damage]

    def damaged(self, table: str, file: str, what: str, advice: str = BACKUP) -> None:
        """Adds a finding of damage."""
        self.findings.append(Finding(table, file, what, advice))

    def note(self, table: str, file: str, what: str, advice: str) -> None:
        """Adds a finding that is no damage."""
        self.findings.append(Finding(table, file, what, advice, is_damage=False))


def in_words(error: Exception) -> str:
    """The error's sentence, without the advice to ask the doctor."""
    return str(error).split(": `strata doctor`")[0]


def first_line(error: Exception) -> str:
    """The beginning of what a library says."""
    return str(error).partition("\n")[0][:200]
