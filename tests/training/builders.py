"""Checkpoints, runs and judged pairs for tests, made the way the product makes them."""

import sys
from itertools import count
from pathlib import Path
from typing import Any

from django.conf import settings

from annotation.models import Project
from tests.builders import make_annotation, make_item, make_member, make_prompt
from training import services
from training.models import Checkpoint, Run

_numbers = count(1)
SCRIPTED = Path(__file__).with_name("scripted_engine.py")


def make_checkpoint(slug: str = "", **fields: Any) -> Checkpoint:
    """A model that lies here: a folder with a configuration, and no weights to load."""
    slug = slug or f"model_{next(_numbers)}"
    folder = settings.MODELS_DIR / slug
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    defaults = {
        "label": slug.replace("_", " ").title(),
        "origin": Checkpoint.Origin.HUB,
        "location": slug,
        "status": Checkpoint.Status.READY,
    }
    return Checkpoint.objects.create(slug=slug, **defaults | fields)


def judge_pairs(project: Project, train: int = 3, test: int = 1, **fields: Any) -> None:
    """Judged pairs in both splits, by one annotator of the project."""
    annotator = make_member(project)
    for split, number in (("train", train), ("test", test)):
        for _ in range(number):
            prompt = make_prompt(project, split=split)
            make_annotation(make_item(project, prompt=prompt, **fields), annotator)


def make_run(project: Project, algorithm: str = "dpo", **fields: Any) -> Run:
    """A queued run; a DPO or reward run finds judged pairs, a sampling run prompts."""
    if algorithm == "sample":
        if not project.prompts.exists():
            make_prompt(project)
    elif not project.items.filter(answer_count__gt=0).exists():
        judge_pairs(project)
    config = fields.pop("config", {})
    checkpoint = fields.pop("checkpoint", None) or make_checkpoint()
    run = services.create_run(project, algorithm, config, checkpoint, **fields)
    services.start_run(run)
    run.refresh_from_db()
    return run


def engine(*arguments: object) -> list[str]:
    """The command of an engine that does what it is told; see scripted_engine.py."""
    return [sys.executable, str(SCRIPTED), *(str(argument) for argument in arguments)]
