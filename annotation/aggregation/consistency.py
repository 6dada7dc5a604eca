"""Whether a person says the same of the same pair when it comes back the other way round.

Both answers are in canonical order, so the swap is undone already. A pair is the same where both
times a is better, or b is, or neither; who compares nothing at all says so by a vote of its own.
Where it differs and both times one response was preferred, the preference went from a to b while
the responses changed places: the person stayed with a place on the screen, the first or the last.

    consistency = pairs said the same / pairs        one cluster an item, as `win_rate`
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from annotation.aggregation.majority import NOTHING, Pair, vote
from annotation.aggregation.win_rate import WinRate, win_rate
from annotation.preferences import Preference


@dataclass(frozen=True)
class Repeated:
    """One item answered twice; `order` is the display order of the first time, reversed later."""

    first: Sequence[Preference]
    again: Sequence[Preference]
    order: Sequence[int]


@dataclass(frozen=True)
class Consistency:
    """`same` has the rate, n (pairs), clusters (items) and the interval; the rest counts pairs."""

    same: WinRate
    stayed_first: int
    stayed_last: int

    @property
    def flips(self) -> int:
        """Pairs on which the preference followed the place."""
        return self.stayed_first + self.stayed_last

    @property
    def other(self) -> int:
        """Pairs on which one of the two times neither response was better."""
        return self.same.n - round((self.same.rate or 0.0) * self.same.n) - self.flips

    @property
    def stayed_first_share(self) -> float:
        return self.stayed_first / self.same.n if self.same.n else 0.0

    @property
    def stayed_last_share(self) -> float:
        return self.stayed_last / self.same.n if self.same.n else 0.0


def consistency(repeated: Iterable[Repeated]) -> Consistency:
    """How often the same was said, over all pairs of all items."""
    outcomes: defaultdict[int, list[float]] = defaultdict(list)
    stayed_first = stayed_last = 0
    for number, item in enumerate(repeated):
        first, again = dict(map(vote, item.first)), dict(map(vote, item.again))
        if not first and not again:  # both bad, both times
            outcomes[number].append(1.0)
        for pair in sorted({*first, *again}):
            then, now = first.get(pair, NOTHING), again.get(pair, NOTHING)
            outcomes[number].append(float(then == now))
            if then and now and then != now:
                was_first = _is_first(pair, item.order) == (then > 0)
                stayed_first += was_first
                stayed_last += not was_first
    return Consistency(win_rate(outcomes), stayed_first, stayed_last)


def _is_first(pair: Pair, order: Sequence[int]) -> bool:
    """Whether the pair's first response was shown before its second."""
    return order.index(pair[0]) < order.index(pair[1])
