"""What the bias page says of answers that came faster than anybody reads."""

from dataclasses import dataclass

import numpy as np
from django.db.models import F

from annotation.answer_table import UNKNOWN, AnswerTable
from annotation.arrays import Ints, int_columns
from annotation.bias import speed
from annotation.bias.shares import Share
from annotation.bias.writing import Written
from annotation.models import Item, ItemResponse, Project
from annotation.queries_writing import of_last_turns, of_responses
from annotation.wording import listed

WORDS = Written._fields.index("words")


@dataclass(frozen=True)
class Speed:
    """`untimed` answers came without seconds, by import, and are left out."""

    all: Share
    people: dict[int, Share]
    untimed: int

    @property
    def note(self) -> str:
        """What is held to be too fast, and since when somebody stands out."""
        return (
            f"Too fast is more than {round(speed.CEILING * 60)} words a minute of the prompt’s last"
            f" turn and all responses: three times the {speed.WORDS_PER_MINUTE} that people read on"
            f" the average (Brysbaert 2019). {round(speed.ALLOWED * 100)} in a hundred are allowed"
            " to everybody; an exact test of more than that, corrected for how many people are"
            " looked at (Holm)."
        )

    def sentence(self, names: list[str]) -> str:
        """What it means, and what to do; `names` are of those who stand out."""
        if not self.all.n:
            return "No answer came with the time it took yet."
        if names:
            verb = "answers" if len(names) == 1 else "answer"
            return (
                f"{listed(names)} {verb} too fast to have read everything, and more often than is"
                " allowed to everybody. Look at some of these answers, then talk: prompts known by"
                " heart are a reason, hurry is another."
            )
        if self.all.is_found():
            return (
                "More answers came too fast than is allowed to everybody, but from nobody in"
                " particular: people may know without reading all of it."
            )
        return "Answers took long enough to read what they are about."


def speed_of(project: Project, table: AnswerTable, until: float) -> Speed:
    """Of all answers that came with seconds; StillReading where not all texts are read by then."""
    timed = table.spent != UNKNOWN
    items, place = np.unique(table.item[timed], return_inverse=True)
    words = _words(project, items, until)
    is_fast = speed.too_fast(words[place], table.spent[timed] / 1000)
    people, who = np.unique(table.annotator[timed], return_inverse=True)
    k = np.bincount(who, is_fast, minlength=len(people)).astype(np.int64).tolist()
    n = np.bincount(who, minlength=len(people)).tolist()
    counts = dict(zip(people.tolist(), zip(k, n, strict=True), strict=True))
    return Speed(
        all=speed.overall(counts),
        people=speed.by_person(counts),
        untimed=int((~timed).sum()),
    )


def _words(project: Project, items: Ints, until: float) -> Ints:
    """Of each item: of the last turn, and of all responses (I,)."""
    asked = int_columns(Item.objects.filter(project=project), item=F("pk"), prompt=F("prompt"))
    shown = int_columns(
        ItemResponse.objects.filter(item__project=project),
        item=F("item"),
        response=F("response"),
    )
    order = np.argsort(asked["item"])
    at = order[np.searchsorted(asked["item"], items, sorter=order)]
    words = of_last_turns(project, asked["prompt"][at], until)[:, WORDS]
    is_one = np.isin(shown["item"], items)
    place = np.searchsorted(items, shown["item"][is_one])
    of_each = of_responses(project, shown["response"][is_one], until)[:, WORDS]
    return words + np.bincount(place, of_each, minlength=len(items)).astype(np.int64)
