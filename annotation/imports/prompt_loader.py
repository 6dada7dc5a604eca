"""Puts prompts into the database, in bulk: nothing twice, a conversation in one split."""

from annotation.imports.comparison import ImportedPrompt
from annotation.imports.files import Record
from annotation.imports.prompts import prompt_of
from annotation.models import ImportBatch, Item, Prompt
from annotation.services.content import opening_hash, splits_of


class PromptLoader:
    """Lines that hold one prompt each; where people write demonstrations, each becomes an item."""

    def __init__(self, job: ImportBatch) -> None:
        self.job, self.project = job, job.project

    def parse(self, record: Record) -> list[ImportedPrompt]:
        return [prompt_of(record)]

    def store(self, lines: list[list[ImportedPrompt]]) -> dict[str, int]:
        prompts = [prompt for line in lines for prompt in line]
        found, created = add_prompts(self.job, prompts)
        if self.project.task_type != "demonstration":
            return {"prompt_count": created, "known_count": len(lines) - created}
        items = add_open_items(self.job, found)
        # Every new prompt is a new item; a prompt without one may have been here before.
        return {"prompt_count": created, "item_count": items, "known_count": len(lines) - items}

    def forget(self) -> None:
        """Nothing is remembered between batches."""


def add_open_items(job: ImportBatch, prompts: dict[str, int]) -> int:
    """Ask about each prompt {content hash: prompt} alone, once; how many items are new."""
    keys = {f"prompt:{digest}": prompt_id for digest, prompt_id in prompts.items()}
    items = Item.objects.filter(project=job.project)
    there = set(items.filter(key__in=keys).values_list("key", flat=True))
    wanted = job.project.answers_per_item
    created = Item.objects.bulk_create(
        Item(
            project=job.project,
            prompt_id=prompt_id,
            key=key,
            task_type=job.project.task_type,
            answers_wanted=wanted,
            open_slots=wanted,
            origin=Item.Origin.IMPORT,
            batch=job,
        )
        for key, prompt_id in keys.items()
        if key not in there
    )
    return len(created)


def add_prompts(job: ImportBatch, wanted: list[ImportedPrompt]) -> tuple[dict[str, int], int]:
    """{content hash: prompt}, and how many are new."""
    project = job.project
    by_hash: dict[str, ImportedPrompt] = {}
    for prompt in wanted:
        by_hash.setdefault(prompt.content_hash, prompt)
    rows = Prompt.objects.filter(project=project, content_hash__in=list(by_hash))
    found: dict[str, int] = dict(rows.values_list("content_hash", "pk"))
    missing = {digest: prompt for digest, prompt in by_hash.items() if digest not in found}
    roots = {
        digest: prompt.conversation_root or opening_hash(prompt.messages)
        for digest, prompt in missing.items()
    }
    splits = splits_of(project, set(roots.values()))
    created = Prompt.objects.bulk_create(
        Prompt(
            project=project,
            messages=prompt.messages,
            content_hash=digest,
            conversation_root=(root := roots[digest]),
            split=splits.setdefault(root, prompt.split or project.split_of(root)),
            category=prompt.category,
            external_id=prompt.external_id,
            batch=job,
        )
        for digest, prompt in missing.items()
    )
    return found | {prompt.content_hash: prompt.pk for prompt in created}, len(created)
