"""The parameters of the commerce feed."""

from __future__ import annotations

from dataclasses import dataclass, field

EQUAL_LINES = ("fold", "keep")
_DEFAULT_COUNTRY = "GB"


@dataclass(frozen=True)
class Params:
    """What a user may choose; nothing here changes what was sold."""

    fiscal_year_starts: int = field(
        default=1, metadata={"help": "month in which the fiscal year starts, 1 to 12"}
    )
    holidays_of: str = field(
        default=_DEFAULT_COUNTRY,
        metadata={
            "help": "country whose public holidays the dates table tells, as ISO 3166 alpha-2"
        },
    )
    top_products: int = field(
        default=10, metadata={"help": "how many products a category's ranking holds"}
    )

    equal_lines: str = field(
        default="fold",
        metadata={
            "help": "what equal lines of one file of sales are, which have no ids: one line told "
            "twice (fold), or so many lines sold (keep)",
            "choices": EQUAL_LINES,
        },
    )

    def __post_init__(self) -> None:
        if not 1 <= self.fiscal_year_starts <= 12:
            raise ValueError(
                f"--fiscal-year-starts is a month from 1 to 12; got {self.fiscal_year_starts}"
            )
        if not _has_holidays(self.holidays_of):
            raise ValueError(
                "--holidays-of is a country that the library `holidays` knows, such as GB; "
                f"got {self.holidays_of!r}"
            )
        if self.equal_lines not in EQUAL_LINES:
            raise ValueError(
                f"--equal-lines is one of {', '.join(EQUAL_LINES)}; got {self.equal_lines!r}"
            )
        if self.top_products < 1:
            raise ValueError(f"--top-products is at least 1; got {self.top_products}")


def _has_holidays(country: str) -> bool:
    """Whether the library `holidays` knows the country; asked, it imports every country's rules."""
    if country == _DEFAULT_COUNTRY:
        return True
    import holidays

    return country in holidays.list_supported_countries()
