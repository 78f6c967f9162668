"""A figure, the machine's own limit beside it, and the budget that judges one of them or their ratio."""

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct, structs


class Figure(Struct, frozen=True, kw_only=True):
    """One measured figure.

    `limit` is what the machine does by itself, as `limit_of` says; `ratio` is the figure divided by it. A budget
    (`at_most` or `at_least`) judges the figure, or the ratio where `judged` says so; without one nothing is judged.
    """

    what: str
    value: float
    unit: str
    limit: float | None = None
    limit_of: str = ""
    at_most: float | None = None
    at_least: float | None = None
    judged: Literal["value", "ratio"] = "value"

    @property
    def ratio(self) -> float | None:
        return self.value / self.limit if self.limit else None

    @property
    def met(self) -> bool | None:
        """Whether the budget is kept; None where there is none."""
        judged = self.value if self.judged == "value" else self.ratio
        if judged is None or (self.at_most is None and self.at_least is None):
            return None
        return (self.at_most is None or judged <= self.at_most) and (self.at_least is None or judged >= self.at_least)

    def with_verdict(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return structs.asdict(self) | {"ratio": self.ratio, "met": self.met}


HEADS = ("what", "figure", "unit", "limit", "ratio", "budget", "met", "the limit is")
NUMBERS: Sequence[int] = (1, 3, 4)


def cells(figure: Figure) -> list[str]:
    """Return the table row of a figure."""
    verdict = {None: "", True: "yes", False: "NO"}[figure.met]
    return [
        figure.what,
        _number(figure.value),
        figure.unit,
        _number(figure.limit),
        _number(figure.ratio),
        _budget(figure),
        verdict,
        figure.limit_of,
    ]


def _budget(figure: Figure) -> str:
    of = " × limit" if figure.judged == "ratio" else ""
    if figure.at_most is not None:
        return f"≤ {_number(figure.at_most)}{of}"
    return f"≥ {_number(figure.at_least)}{of}" if figure.at_least is not None else ""


def _number(value: float | None) -> str:
    """Write three digits that count."""
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
