"""The sums that a project's agreement is computed from, kept and carried on with its answers."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import numpy as np

from annotation.agreement.measure import Agreement
from annotation.agreement.sums import Sums, carried_on, sums_of
from annotation.agreement.tables import CountTable
from annotation.agreement.units import Judgements, count_table
from annotation.agreement_parts import PARTS, Items
from annotation.answer_table import AnswerTable
from annotation.arrays import Ints
from annotation.kept_answers import Kept
from annotation.measures import Measure
from annotation.models import Membership, Project
from annotation.permissions import roles_for
from annotation.task_types import TASK_TYPES

# What no answer tells of, a category renamed or an item put into another batch, is seen after this.
LONGEST = timedelta(minutes=5)


@dataclass(frozen=True)
class State:
    """`names` of the parts' keys by slug; `figures` is for α and the share of a part's table."""

    version: int
    table: AnswerTable
    made: datetime
    researchers: frozenset[int]
    sums: Sums
    names: dict[str, dict[int, str]]
    figures: dict[tuple[str, int], tuple[CountTable, Agreement, Agreement]] = field(
        default_factory=dict
    )


def measures_of(table: AnswerTable) -> list[Measure]:
    """What the answers say something on, the most important first."""
    found: dict[str, Measure] = {}
    said: set[str] = set()
    for given in table.given:
        kind = TASK_TYPES[given.task_type]
        found |= {each.name: each for each in kind.measures(given.config)}
        said |= {each.measure for each in kind.judged(given.answer, given.responses)}
    return [each for name, each in found.items() if name in said]


def judgements_of(table: AnswerTable, chosen: Measure) -> tuple[Ints, Judgements]:
    """What the answers say on this measure, and of each judgement the row of its answer (J,).

    A unit is a pair, or a response, of one item.
    """
    places = {value: n for n, value in enumerate(chosen.scale)}
    abouts: dict[str, int] = {}
    about, value, lengths = [], [], []
    for given in table.given:
        said = TASK_TYPES[given.task_type].judged(given.answer, given.responses)
        kept = [each for each in said if each.measure == chosen.name and each.value in places]
        about += [abouts.setdefault(each.about, len(abouts)) for each in kept]
        value += [places[each.value] for each in kept]
        lengths.append(len(kept))
    rows, at = table.spread(lengths)
    return rows, Judgements(
        scale=chosen.scale,
        unit=table.item[rows] * max(len(abouts), 1) + np.array(about, dtype=np.int64)[at],
        person=table.annotator[rows],
        value=np.array(value, dtype=np.int64)[at],
    )


def state_of(project: Project, kept: Kept, chosen: Measure) -> State:
    """The sums of this measure as the answers stand; carried on where that is possible."""
    researchers = _researchers(project)
    key = ("agreement", chosen)
    before: State | None = kept.derived.get(key)
    if before and (state := _carried_on(project, kept, chosen, before, researchers)):
        now = state
    else:
        sums, names = _sums(project, kept.table, chosen, researchers, None)
        made = datetime.now(UTC)
        now = State(kept.version, kept.table, made, researchers, sums, names)
    for other, state in list(kept.derived.items()):
        if other[0] == key[0] and state.table is not kept.table:
            kept.derived.pop(other, None)  # it would hold a whole table for itself alone
    kept.derived[key] = now
    return now


def whole_of(kept: Kept, chosen: Measure) -> CountTable:
    """The count table of all answers on this measure; carried on where that is possible."""
    key = ("whole", chosen)
    before: tuple[int, AnswerTable, CountTable] | None = kept.derived.get(key)
    changed = kept.changed(before[0]) if before else None
    if before is None or changed is None:
        found = count_table(judgements_of(kept.table, chosen)[1])
    else:
        found = before[2]
        for table, sign in ((before[1], -1), (kept.table, 1)) if len(changed) else ():
            part = table.where(np.isin(table.item, changed))
            found = found.plus(count_table(judgements_of(part, chosen)[1]), sign)
    kept.derived[key] = (kept.version, kept.table, found)
    return found


def _carried_on(
    project: Project,
    kept: Kept,
    chosen: Measure,
    before: State,
    researchers: frozenset[int],
) -> State | None:
    """The state with what has changed; None where it has to be made anew."""
    changed = kept.changed(before.version)
    is_old = datetime.now(UTC) - before.made > LONGEST
    if changed is None or is_old or researchers != before.researchers:
        return None
    if not len(changed):
        return before
    items = changed.tolist()
    parts = [table.where(np.isin(table.item, changed)) for table in (before.table, kept.table)]
    (was, _), (now, names) = (_sums(project, part, chosen, researchers, items) for part in parts)
    return State(
        version=kept.version,
        table=kept.table,
        made=before.made,
        researchers=researchers,
        sums=carried_on(before.sums, was, now),
        names={slug: before.names[slug] | names[slug] for slug in names},
        figures=before.figures,
    )


def _sums(
    project: Project,
    table: AnswerTable,
    chosen: Measure,
    researchers: frozenset[int],
    items: Items,
) -> tuple[Sums, dict[str, dict[int, str]]]:
    rows, said = judgements_of(table, chosen)
    found = {part.slug: part.keys(project, table, rows, items) for part in PARTS}
    keys = {slug: of_each for slug, (of_each, _) in found.items()}
    names = {slug: called for slug, (_, called) in found.items()}
    is_researcher = np.isin(said.person, sorted(researchers))
    return sums_of(said, keys, is_researcher), names


def _researchers(project: Project) -> frozenset[int]:
    roles = roles_for("research")
    found = Membership.objects.filter(project=project, role__in=roles)
    return frozenset(found.values_list("user", flat=True))
