"""What a person is asked next, found at once however long the queue is and whatever they saw of it.

Open items stand in lanes. A batch for named people has its own, all others share one set: so who is
not named never walks past what is not theirs. Of each priority there are two lanes: one for items
that came back (a slot was freed, a retired item reopened), and behind it one for new items. In a
lane the one that entered it first stands first: by `place`, the clock at its entry, and then by id.
A person has a bookmark in a lane: everything up to there was put to them, so the search begins
behind it and walks past nothing twice.

Nothing may ever come to stand before a bookmark. So what enters a lane, or enters it again, takes
the place of now, at the end. And as a place can be taken some time before it is committed, on a
host whose clock is behind, a bookmark stays SETTLED behind the clock: no transaction that queues
items lasts nearly that long. If one did, the item would still be found: who finds nothing at all
looks again without bookmarks, once an hour at most. What a person opted out of is passed too; who
takes that back starts anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, repeat

from django.contrib.auth.models import User
from django.db.models import OuterRef, QuerySet, Subquery

from annotation.compiled import Compiled, CompiledSQL
from annotation.models import Assignment, Bookmark, Item, Project, is_opted_out, place_now

SECOND = 1_000_000  # of places, which are microseconds
SETTLED = 300 * SECOND
RENEWED = 3600 * SECOND
GLANCE = 50  # items looked at first: mostly enough
STRIDE = 500  # items looked at at once when all of those were seen
WORTH_MOVING = 30  # seen items walked past before a bookmark is written
OFFERED = 20  # items tried at once: more than there can be people at them in the same moment

Spot = tuple[int, int]  # place and id: where an item stands in its lane

# The lanes in which something stands behind the person's bookmark, and the bookmarks (before all
# where there is none). Each lane costs a few looks into the index. With EXISTS or a join, the
# planner might read the whole queue instead.
LANES = CompiledSQL("""
WITH RECURSIVE mine(lane) AS (
    SELECT 0
  UNION ALL
    SELECT batch.id FROM annotation_batch batch
    JOIN annotation_batch_people named
      ON named.batch_id = batch.id AND named.user_id = %(annotator)s
    WHERE batch.project_id = %(project)s AND batch.is_named
), level(lane, priority) AS (
    SELECT mine.lane, (
        SELECT max(item.priority) FROM annotation_item item
        WHERE item.project_id = %(project)s AND item.status = 'open' AND item.open_slots > 0
          AND item.lane = mine.lane
    ) FROM mine
  UNION ALL
    SELECT level.lane, (
        SELECT max(item.priority) FROM annotation_item item
        WHERE item.project_id = %(project)s AND item.status = 'open' AND item.open_slots > 0
          AND item.lane = level.lane AND item.priority < level.priority
    ) FROM level WHERE level.priority IS NOT NULL
), lane AS (
    SELECT level.lane, level.priority, side.came_back,
           coalesce(bookmark.place, -1) AS place, coalesce(bookmark.item_id, 0) AS item_id
    FROM level
    CROSS JOIN (SELECT TRUE AS came_back UNION ALL SELECT FALSE) side
    LEFT JOIN annotation_bookmark bookmark
      ON bookmark.project_id = %(project)s AND bookmark.annotator_id = %(annotator)s
      AND bookmark.lane = level.lane AND bookmark.priority = level.priority
      AND bookmark.came_back = side.came_back
    WHERE level.priority IS NOT NULL
)
SELECT lane.lane, lane.priority, lane.came_back, lane.place, lane.item_id FROM lane
WHERE (
    SELECT 1 FROM annotation_item item
    WHERE item.project_id = %(project)s AND item.status = 'open' AND item.open_slots > 0
      AND item.lane = lane.lane AND item.priority = lane.priority
      AND item.came_back = lane.came_back
      AND (item.place, item.id) > (lane.place, lane.item_id)
    LIMIT 1
) IS NOT NULL
ORDER BY lane.priority DESC, lane.lane DESC, lane.came_back DESC
""")


def _spots(
    count: int,
    came_back: bool,
    *,
    project: int,
    annotator: int,
    lane: int,
    priority: int,
    place: int,
    item: int,
) -> QuerySet[Item, tuple[int, int, int | None, bool]]:
    """Of the next items in a lane: place, key, the annotator's turn, whether opted out of."""
    ahead = Item.objects.filter(
        project=project, lane=lane, priority=priority, came_back=came_back, place__gte=place
    )
    behind = ahead.open().exclude(place=place, pk__lte=item)
    # For EXISTS the planner might read all that the person ever saw.
    turn = Assignment.objects.filter(item=OuterRef("pk"), annotator=annotator)
    spots = behind.in_turn().annotate(
        turn=Subquery(turn.values("pk")[:1]), is_unwanted=is_opted_out(annotator)
    )
    return spots.values_list("place", "pk", "turn", "is_unwanted")[:count]


@cache
def spots(count: int, came_back: bool) -> Compiled[tuple[int, int, int | None, bool]]:
    numbers = dict.fromkeys(["project", "annotator", "lane", "priority", "place", "item"], int)
    return Compiled(partial(_spots, count, came_back), **numbers)


def ahead(project: Project, annotator: User) -> Iterator[list[int]]:
    """Open items that were never put to this person, in turn, a few ids at a time."""
    lanes = LANES(project=project.pk, annotator=annotator.pk)
    for number, priority, came_back, place, item_id in lanes:
        lane = Lane(project, annotator, number, priority, bool(came_back))
        for unseen in lane.walk((place, item_id)):
            for first in range(0, len(unseen), OFFERED):
                yield unseen[first : first + OFFERED]


def forget(project: Project, annotator: User) -> bool:
    """Drop the person's bookmarks that are old; whether there were any."""
    bookmarks = Bookmark.objects.filter(project=project, annotator=annotator)
    return bookmarks.filter(begun__lt=place_now() - RENEWED).delete()[0] > 0


@dataclass(frozen=True)
class Lane:
    """One lane of a project's queue, as this person sees it."""

    project: Project
    annotator: User
    number: int  # of the batch whose people alone are asked; 0: for everybody
    priority: int
    came_back: bool

    def walk(self, bookmark: Spot) -> Iterator[list[int]]:
        """The unseen items behind the bookmark, stride by stride; moves the bookmark on."""
        settled = place_now() - SETTLED
        at = bookmark
        walked, is_all_seen = 0, True
        for stride in chain([GLANCE], repeat(STRIDE)):
            rows = self.look(at, stride)
            for spot, is_seen in rows:
                is_all_seen = is_all_seen and is_seen
                if is_all_seen and spot[0] <= settled:
                    bookmark = spot
                    walked += 1
            unseen = [item_id for (_, item_id), is_seen in rows if not is_seen]
            is_end = len(rows) < stride
            if walked >= WORTH_MOVING and (unseen or is_end):
                self.move(bookmark)
                walked = 0
            if unseen:
                yield unseen
            if is_end:
                return
            at = rows[-1][0]

    def look(self, at: Spot, count: int) -> list[tuple[Spot, bool]]:
        """The next items behind a spot, and whether each was put to the annotator before."""
        rows = spots(count, self.came_back)(
            project=self.project.pk,
            annotator=self.annotator.pk,
            lane=self.number,
            priority=self.priority,
            place=at[0],
            item=at[1],
        )
        # What the person opted out of is passed like what was seen.
        return [
            ((place, item_id), turn is not None or is_unwanted)
            for place, item_id, turn, is_unwanted in rows
        ]

    def move(self, bookmark: Spot) -> None:
        place, item_id = bookmark
        Bookmark.objects.bulk_create(
            [
                Bookmark(
                    project=self.project,
                    annotator=self.annotator,
                    lane=self.number,
                    priority=self.priority,
                    came_back=self.came_back,
                    place=place,
                    item_id=item_id,
                )
            ],
            update_conflicts=True,
            update_fields=["place", "item_id"],
            unique_fields=["project", "annotator", "lane", "priority", "came_back"],
        )
