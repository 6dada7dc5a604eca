"""How sure we are of somebody's agreement with gold, and how a training try ends.

Of n answers to gold, k agree with the researchers. With Jeffreys' prior Beta(1/2, 1/2) the share
that would agree in the long run is distributed as

    Beta(k + 1/2, n - k + 1/2)

and its 2.5 % and 97.5 % quantiles bound it (Brown, Cai & DasGupta 2001, "Interval estimation for
a binomial proportion"; as there, the lower bound is 0 for k = 0 and the upper 1 for k = n). Nobody
is acted on before the whole interval lies below what is asked for, nor for a single miss.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

from scipy.special import betaincinv

LEVEL = 0.95
MIN_MISSES = 2

TRAINING, PASSED, FAILED = "training", "passed", "failed"


@dataclass(frozen=True)
class GoldAgreement:
    """`agreed` of `seen` answers to gold carry the researchers' agreement label."""

    agreed: int
    seen: int

    @property
    def share(self) -> float | None:
        return self.agreed / self.seen if self.seen else None

    @property
    def misses(self) -> int:
        return self.seen - self.agreed

    @property
    def interval(self) -> tuple[float, float]:
        """95 % of the posterior; 0 … 1 as long as nothing was seen."""
        a, b = self.agreed + 0.5, self.misses + 0.5
        tail = (1 - LEVEL) / 2
        low = float(betaincinv(a, b, tail)) if self.agreed else 0.0
        high = float(betaincinv(a, b, 1 - tail)) if self.misses else 1.0
        return low, high

    def is_surely_below(self, share: float) -> bool:
        """Whether the whole interval lies below the share. One miss alone never does it."""
        return self.misses >= MIN_MISSES and self.interval[1] < share


@dataclass(frozen=True)
class Standing:
    """Where somebody is in the training: of try `number`, `seen` items are done, `agreed` agree.

    `status` is "training" while another item is to come (of this try, or of the next one after a
    try that did not pass), else "passed" or "failed".
    """

    status: str
    number: int
    seen: int
    agreed: int


@dataclass(frozen=True)
class Try:
    """The try that the last outcome belongs to: of `items`, `seen` are answered, `agreed` agree."""

    number: int
    items: int
    seen: int
    agreed: int

    @property
    def is_over(self) -> bool:
        return self.seen == self.items


def last_try(outcomes: Sequence[bool], items: int) -> Try:
    """Where the last of the outcomes stands; there is at least one."""
    number = (len(outcomes) - 1) // items + 1
    block = outcomes[(number - 1) * items :]
    return Try(number, items, len(block), sum(block))


def needed(items: int, share: float) -> int:
    """How many of the items have to agree."""
    return ceil(items * share - 1e-9)


def standing(outcomes: Sequence[bool], *, items: int, share: float, tries: int) -> Standing:
    """The outcomes of training items in the order of answering, cut into tries of `items` each."""
    block: Sequence[bool] = ()
    for number in range(1, tries + 1):
        block = outcomes[(number - 1) * items : number * items]
        if len(block) < items:
            return Standing(TRAINING, number, len(block), sum(block))
        if sum(block) >= needed(items, share):
            return Standing(PASSED, number, items, sum(block))
    return Standing(FAILED, tries, items, sum(block))
