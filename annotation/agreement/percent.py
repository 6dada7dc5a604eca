"""Percent agreement: of all pairs of values of one item, the share that agrees.

    a_i = Σ_c n_ic (n_ic - 1)        t_i = n_i (n_i - 1)        percent = Σ a_i / Σ t_i

A tie may count as a value like any other, be left out, or agree by half with each other value.
"""

from typing import Any, Literal

import numpy as np

from annotation.agreement.tables import CountTable, Floats

LABEL = "Percent agreement"
NOTE = "Of two answers to the same, how often they are equal."

Ties = Literal["counted", "excluded", "half"]


def compute(
    table: CountTable,
    weights: Floats,
    *,
    metric: str = "nominal",
    tie: Any = None,
    ties: Ties = "counted",
) -> Floats:
    """Percent for each draw (B,), whatever the metric: values are equal or not.

    `tie` is the value of the scale that says "equal".
    """
    if ties == "excluded":
        table = table.without(tie)
    like = np.eye(len(table.scale))
    if ties == "half":
        at = list(table.scale).index(tie)
        like[at] = like[:, at] = 0.5
        like[at, at] = 1.0
    agreeing = (table.rows @ like * table.rows).sum(axis=1) - table.raters
    pairs = table.raters * (table.raters - 1)
    with np.errstate(invalid="ignore"):
        return np.asarray((weights @ agreeing) / (weights @ pairs))
