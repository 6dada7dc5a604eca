"""How far each person says what the others say of the same.

    with the rest   r_k = Σ_u (n_u(v_ku) - 1) / Σ_u (m_u - 1)      over the units that k shares,
                    n_u(v) of whose m_u people said v
    by chance       e_k = Σ_c p_k(c) q_k(c),  p_k what k says there, q_k what the others say
    κ_k             (r_k - e_k) / (1 - e_k)
    standard error  as `win_rate`: √(U / (U - 1) · Σ_u (a_u - r t_u)²) / Σ_u t_u,
                    where Σ (a - r t)² = Σ a² - 2 r Σ a t + r² Σ t²

All of it is made of sums over units, so the sums of two sets of units are added, and those of units
that changed are taken off and added anew.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from annotation.aggregation.win_rate import WinRate
from annotation.agreement.tables import Floats
from annotation.agreement.units import Ints, Judgements
from annotation.distinct import distinct

TOTAL, SAME, UNITS, SAME_2, CROSSED, TOTAL_2 = range(6)  # of a_u the same among t_u others
FIRST_VALUE = 6  # from here on what k says, then what the others say, of each value of the scale


@dataclass(frozen=True)
class PersonSums:
    """Of each person (K,) the sums over units (K, 6 + 2 C): counts, so exact."""

    person: Ints
    sums: Floats

    def plus(self, other: "PersonSums", sign: int = 1) -> "PersonSums":
        """With the other's sums added, or with the sign -1 taken off; who has none left goes."""
        people, place = distinct(np.concatenate([self.person, other.person]))
        sums = np.zeros((len(people), self.sums.shape[1]))
        np.add.at(sums, place[: len(self.person)], self.sums)
        np.add.at(sums, place[len(self.person) :], sign * other.sums)
        is_left = sums[:, UNITS] > 0
        return PersonSums(people[is_left], sums[is_left])


@dataclass(frozen=True)
class WithTheRest:
    """How often a person says what another one says of the same; `kappa` None where undefined."""

    share: WinRate
    kappa: float | None


def person_sums(judgements: Judgements, others: NDArray[np.bool_] | None = None) -> PersonSums:
    """The sums of everybody who shares a unit with somebody.

    With `others` (J,), only against those who gave these judgements.
    """
    size = len(judgements.scale)
    if len(judgements) == 0 or (others is not None and not others.any()):
        return PersonSums(np.zeros(0, dtype=np.int64), np.zeros((0, FIRST_VALUE + 2 * size)))
    counted = (
        np.ones(len(judgements), dtype=np.int64) if others is None else others.astype(np.int64)
    )
    place, cells = judgements.place, judgements.cells(counted)
    beside = cells.sum(axis=1)[place] - counted
    shared = beside > 0
    place, beside, counted = place[shared], beside[shared], counted[shared]
    value = judgements.value[shared]
    same = cells[place, value] - counted
    people, who = distinct(judgements.person[shared])
    count = len(people)
    each = [beside, same, np.ones(len(who)), same**2, same * beside, beside**2]
    own = np.bincount(who * size + value, beside, minlength=count * size).reshape(count, size)
    theirs = [cells[place, c] - (value == c) * counted for c in range(size)]
    columns = [np.bincount(who, column, minlength=count) for column in each]
    columns += list(own.T)
    columns += [np.bincount(who, column, minlength=count) for column in theirs]
    return PersonSums(people, np.stack(columns, axis=1))


def with_the_rest(found: PersonSums) -> dict[int, WithTheRest]:
    """Everybody's share and κ, out of their sums."""
    sums, size = found.sums, (found.sums.shape[1] - FIRST_VALUE) // 2
    total, units = sums[:, TOTAL], sums[:, UNITS]
    share = sums[:, SAME] / total
    squares = sums[:, SAME_2] - 2 * share * sums[:, CROSSED] + share**2 * sums[:, TOTAL_2]
    own, theirs = np.split(sums[:, FIRST_VALUE:], [size], axis=1)
    chance = (own * theirs).sum(axis=1) / total**2
    return {
        person: WithTheRest(
            WinRate(
                rate=min(max(float(share[k]), 0.0), 1.0),
                standard_error=_error(int(units[k]), float(squares[k]), float(total[k])),
                n=int(total[k]),
                clusters=int(units[k]),
            ),
            float((share[k] - chance[k]) / (1 - chance[k])) if chance[k] < 1 - 1e-12 else None,
        )
        for k, person in enumerate(found.person.tolist())
    }


def _error(units: int, squares: float, total: float) -> float | None:
    if units < 2:
        return None
    return sqrt(units / (units - 1) * max(squares, 0.0)) / total
