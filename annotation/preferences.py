"""A preference: what one answer says about one pair of responses, in canonical order."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Preference:
    """Response `a` is preferred to response `b` with probability `p`.

    `a` and `b` are canonical response indices of the item (0 … K-1), never display positions.
    A tie is p = 0.5. `strength` is how clearly (0 = no difference … 3 = much better); `weight`
    is the share of one vote this pair carries: 1 for a pairwise answer, 1 / C(K, 2) for each
    pair of a ranking, so that every answer weighs the same.
    """

    a: int
    b: int
    p: float
    strength: float = 1.0
    weight: float = 1.0

    def __post_init__(self) -> None:
        if self.a == self.b:
            raise ValueError("a preference needs two different responses")
        if not 0.0 <= self.p <= 1.0:
            raise ValueError(f"p must lie between 0 and 1, not {self.p}")

    def oriented(self) -> tuple[tuple[int, int], float]:
        """The pair with a < b, and p of its a: "b over a with 1 - p" says "a over b with p"."""
        if self.a < self.b:
            return (self.a, self.b), self.p
        return (self.b, self.a), 1.0 - self.p
