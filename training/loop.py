"""What a finished run sets going, so that the loop turns.

    policy run finished  →  one `sample` run: the new checkpoint against the one it came from
    sample run finished  →  its samples become responses, and blind items that pair them

Both may be handled any number of times: the follower is unique by (run, algorithm), a response by
its text, an item by its key.
"""

from collections import defaultdict
from dataclasses import asdict
from itertools import combinations

from django.db.models import Max
from django.db.models.functions import Now

from annotation import services as annotation_services
from annotation.models import Item, Project, Prompt, Response, Source
from training import knock
from training.engine.configs import SampleConfig
from training.models import Checkpoint, Run, Sample

Pair = tuple[Response, Response]


def follow(run: Run) -> None:
    """Do what comes after a finished run."""
    if run.algorithm == "sample":
        queued = queue_samples(run)
        if queued or "items_queued" not in run.result:  # handled again, there is nothing new
            Run.objects.filter(pk=run.pk).update(result=run.result | {"items_queued": queued})
        return
    policy = run.checkpoints.filter(role=Checkpoint.Role.POLICY).order_by("-step").first()
    if policy:
        queue_sampling(run, policy)


def queue_sampling(run: Run, policy: Checkpoint) -> Run:
    """Queue the one run that samples from a run's new policy."""
    sampling, created = Run.objects.get_or_create(
        follows=run,
        algorithm="sample",
        defaults={
            "project": run.project,
            "config": asdict(
                SampleConfig(seed=run.pk)
            ),  # texts of its own, and the same ones again
            "checkpoint": policy,
            "opponent": run.checkpoint,
            "round": run.round + 1,
            "status": Run.Status.QUEUED,
            "created_by": run.created_by,
            "queued": Now(),
            "heartbeat": Now(),
        },
    )
    if created:
        knock.run_is_queued(sampling.pk)
    return sampling


def queue_samples(run: Run) -> int:
    """Turn a run's samples into responses and queue them for judging; return the number of items.

    With an opponent, the policy's i-th response meets the opponent's i-th on the same prompt.
    Without one, the policy's responses to a prompt meet each other. Equal texts never meet.
    """
    policy = keep_responses(run, "policy", run.checkpoint)
    opponent = keep_responses(run, "opponent", run.opponent) if run.opponent else {}
    priority = next_priority(run.project)
    queued = 0
    for prompt, responses in policy.items():
        met = against(responses, opponent.get(prompt, [])) if run.opponent else among(responses)
        for index, pair in enumerate(met):
            item = annotation_services.queue_item(
                run.project,
                prompt,
                list(pair),
                key=f"sample:{run.pk}:{prompt.pk}:{index}",
                task_type="pairwise",
                # Test prompts first: on them the win rate is fair, and they are few.
                priority=priority + (prompt.split == Prompt.Split.TEST),
                round=run.round,
                origin=Item.Origin.SAMPLE,
            )
            queued += item is not None
    return queued


def against(responses: list[Response], opponents: list[Response]) -> list[Pair]:
    if not opponents:
        return []
    return [(r, opponents[i % len(opponents)]) for i, r in enumerate(responses)]


def among(responses: list[Response]) -> list[Pair]:
    return list(combinations(responses, 2))


def keep_responses(run: Run, model: str, checkpoint: Checkpoint) -> dict[Prompt, list[Response]]:
    """The responses that a model's samples stand for, by prompt, in order of their index.

    A sample without a word is no response: there is nothing to judge.
    """
    source = source_of(run.project, checkpoint)
    kept: dict[Prompt, list[Response]] = defaultdict(list)
    samples = (
        run.samples.filter(model=model).select_related("prompt").order_by("prompt_id", "index")
    )
    for sample in samples:
        if not sample.text.strip():
            continue
        response, _ = annotation_services.get_or_add_response(
            sample.prompt,
            source,
            sample.text,
            token_ids=sample.token_ids,
            is_truncated=sample.is_truncated,
        )
        kept[sample.prompt].append(response)
        Sample.objects.filter(pk=sample.pk).update(response=response)
    return dict(kept)


def source_of(project: Project, checkpoint: Checkpoint) -> Source:
    return annotation_services.get_or_add_source(
        project, checkpoint.slug, checkpoint.label, Source.Kind.CHECKPOINT
    )


def next_priority(project: Project) -> int:
    """Above everything that still waits, so that the newest question is asked next."""
    waiting = project.items.filter(status=Item.Status.OPEN)
    highest: int | None = waiting.aggregate(highest=Max("priority"))["highest"]
    return 0 if highest is None else highest + 1
