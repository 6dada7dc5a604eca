"""All that agreement is computed from, in sums that can be carried on.

Count tables count units, and what is known of people are sums over units (`people`). So when some
units have changed, their old part is taken off and their new part added:

    S(all, now) = S(all, before) - S(changed, before) + S(changed, now)

A unit is changed as a whole: with all that everybody says of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotation.agreement.people import PersonSums, person_sums
from annotation.agreement.tables import CountTable
from annotation.agreement.units import Ints, Judgements, count_table, count_tables
from annotation.distinct import distinct


@dataclass(frozen=True)
class Sums:
    """`whole` of all judgements, `researchers` of theirs; `parts` by the name of what tells parts
    apart and its key; `people` with everybody else, `measured` with researchers; how many
    judgements each person gave, and each part has."""

    whole: CountTable
    researchers: CountTable
    parts: dict[tuple[str, int], CountTable]
    sizes: dict[tuple[str, int], int]
    people: PersonSums
    measured: PersonSums
    given: dict[int, int]

    def keys(self, name: str) -> list[int]:
        """The keys of the parts under this name."""
        return [key for part, key in self.parts if part == name]


def sums_of(
    judgements: Judgements, keys: Mapping[str, Ints], is_researcher: NDArray[np.bool_]
) -> Sums:
    """The sums of these judgements (J,); `keys` says under each name which part each belongs to."""
    parts, sizes = {}, {}
    for name, of_each in keys.items():
        for key, table in count_tables(judgements, of_each).items():
            parts[name, key] = table
            sizes[name, key] = int((table.raters * table.items).sum())
    return Sums(
        whole=count_table(judgements),
        researchers=count_table(judgements.where(is_researcher)),
        parts=parts,
        sizes=sizes,
        people=person_sums(judgements),
        measured=person_sums(judgements, is_researcher),
        given=_counts(judgements.person),
    )


def carried_on(sums: Sums, before: Sums, now: Sums) -> Sums:
    """The sums of all, where the changed units were `before` and are `now`.

    What has not changed stays the same object, so what was computed from it still holds.
    """
    touched = {*before.parts, *now.parts}
    parts, sizes = dict(sums.parts), dict(sums.sizes)
    for part in sorted(touched):
        table = _carried(sums.parts.get(part), before.parts.get(part), now.parts.get(part))
        if table is None or not len(table.rows):
            parts.pop(part, None)
            sizes.pop(part, None)
        else:
            parts[part] = table
            sizes[part] = int((table.raters * table.items).sum())
    given = dict(sums.given)
    for person in {*before.given, *now.given}:
        count = given.get(person, 0) - before.given.get(person, 0) + now.given.get(person, 0)
        given[person] = count
        if not count:
            del given[person]
    return Sums(
        whole=sums.whole.plus(before.whole, -1).plus(now.whole),
        researchers=sums.researchers.plus(before.researchers, -1).plus(now.researchers),
        parts=parts,
        sizes=sizes,
        people=sums.people.plus(before.people, -1).plus(now.people),
        measured=sums.measured.plus(before.measured, -1).plus(now.measured),
        given=given,
    )


def _carried(
    table: CountTable | None, before: CountTable | None, now: CountTable | None
) -> CountTable | None:
    if table is None:
        return now
    if before is not None:
        table = table.plus(before, -1)
    return table if now is None else table.plus(now)


def _counts(person: Ints) -> dict[int, int]:
    people, who = distinct(person)
    return dict(zip(people.tolist(), np.bincount(who).tolist(), strict=True))
