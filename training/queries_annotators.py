"""Which runs used somebody's answers: by the keys of annotations that frozen datasets name."""

from dataclasses import dataclass

import numpy as np
from django.contrib.auth.models import User
from django.core.cache import cache

from annotation.arrays import Ints
from annotation.models import Annotation, Project
from training.datasets import SPLITS, annotations_of
from training.models import Run, Snapshot
from training.queries import label_of

KEPT_SECONDS = 7 * 86_400  # a snapshot never changes; its hash is the key


@dataclass(frozen=True)
class Used:
    """Of a snapshot's answers by split, how many are this person's; `runs` were given it, with
    their labels. `is_gone`: its files cannot be read any more."""

    snapshot: Snapshot
    mine: dict[str, int]
    all: dict[str, int]
    runs: list[tuple[Run, str]]
    is_gone: bool = False

    @property
    def total(self) -> int:
        return sum(self.mine.values())


def snapshots_with(project: Project, annotator: User) -> list[Used]:
    """The snapshots that hold answers of this person, the newest first, and those that are gone."""
    own = Annotation.objects.filter(
        assignment__item__project=project, assignment__annotator=annotator
    )
    keys = np.sort(np.array(list(own.order_by().values_list("pk", flat=True)), dtype=np.int64))
    snapshots = Snapshot.objects.filter(project=project).prefetch_related("runs")
    found = [_used(snapshot, keys) for snapshot in snapshots]
    return [each for each in found if each.total or each.is_gone]


def _used(snapshot: Snapshot, keys: Ints) -> Used:
    runs = [(run, label_of(run)) for run in snapshot.runs.all()]
    try:
        held = {split: _held(snapshot, split) for split in SPLITS}
    except OSError:
        return Used(snapshot, {}, {}, runs, is_gone=True)
    return Used(
        snapshot=snapshot,
        mine={split: int(np.isin(keys, held[split]).sum()) for split in SPLITS},
        all={split: len(held[split]) for split in SPLITS},
        runs=runs,
    )


def _held(snapshot: Snapshot, split: str) -> Ints:
    key = f"snapshot-annotations:{snapshot.pk}:{snapshot.sha256}:{split}"
    kept: bytes | None = cache.get(key)
    if kept is None:
        kept = annotations_of(snapshot, split).astype("<i8").tobytes()
        cache.set(key, kept, KEPT_SECONDS)
    return np.frombuffer(kept, dtype="<i8").astype(np.int64)
