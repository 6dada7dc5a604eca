"""Where a figure stands in a small plot."""

from typing import Any

from django import template

from annotation.aggregation.win_rate import WinRate
from annotation.agreement.measure import Agreement
from annotation.queries_agreement import Cell
from annotation.queries_reliability import Week

register = template.Library()

AXIS = 200.0  # units of the drawing's width, for -1 … 1


@register.filter
def on_axis(found: Agreement) -> dict[str, float]:
    """A coefficient and its interval on an axis from -1 to 1."""
    low, high = found.interval or (0.0, 0.0)
    return {
        "value": _place(found.value or 0.0),
        "low": _place(low),
        "width": _place(high - low - 1),
    }


def _place(value: float) -> float:
    return (min(max(value, -1.0), 1.0) + 1) / 2 * AXIS


@register.filter
def p_value(p: float) -> str:
    """With three digits; what is smaller is not said to be nothing."""
    return "< 0.001" if p < 0.0005 else f"{p:.3f}"


@register.filter
def magnitude(value: float) -> str:
    """How far from 0, with two digits."""
    return f"{abs(value):.2f}"


@register.filter
def tenth(share: WinRate | Cell) -> int:
    """0 … 10, for the colour of a cell."""
    return round(10 * (share.rate or 0.0))


@register.filter
def sparkline(weeks: list[Week]) -> dict[str, Any]:
    """Shares by week in a drawing of 96 × 24: `points` of the line, and where it ends."""
    first, last = weeks[0].number, weeks[-1].number
    at = [
        (
            round(2 + 92 * (week.number - first) / max(last - first, 1), 1),
            round(22 - 20 * week.agreed / week.n, 1),
        )
        for week in weeks
    ]
    return {"points": " ".join(f"{x},{y}" for x, y in at), "x": at[-1][0], "y": at[-1][1]}
