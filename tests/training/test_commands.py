"""`manage.py train` and `manage.py sample`, from the command line to the last line they print."""

import json
import os
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from annotation.models import Project
from tests.builders import make_prompt
from tests.training.builders import engine, judge_pairs, make_checkpoint
from tests.training.engine.tiny import make_tiny_llama
from training.models import Checkpoint, Run

pytestmark = pytest.mark.django_db


def call(*arguments: str) -> tuple[list[str], str]:
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return out.getvalue().splitlines(), err.getvalue()


def test_train_prints_one_line_of_json(project: Project, settings: Settings) -> None:
    settings.ENGINE_COMMAND = engine("--steps", 4)
    judge_pairs(project)
    make_checkpoint("base")
    lines, progress = call(
        "train", "dpo", "--project=demo", "--checkpoint=base", "--set", "beta=0.5"
    )
    run = Run.objects.get(algorithm="dpo")
    assert [json.loads(line) for line in lines] == [
        {
            "run": run.pk,
            "status": "finished",
            "checkpoint": f"demo_dpo_{run.pk}",
            "metrics": {"loss": 0.25},
        }
    ]
    assert run.config["beta"] == 0.5
    assert f"run {run.pk}: preparing" in progress


def test_train_takes_a_checkpoint_by_its_id(project: Project, settings: Settings) -> None:
    settings.ENGINE_COMMAND = engine()
    judge_pairs(project)
    base = make_checkpoint("base")
    call("train", "reward", "--project", "demo", "--checkpoint", str(base.pk))
    assert Run.objects.get().checkpoint == base


def test_a_failed_run_prints_its_line_and_fails_the_command(
    project: Project, settings: Settings
) -> None:
    settings.ENGINE_COMMAND = engine("--fail", "no more memory")
    judge_pairs(project)
    make_checkpoint("base")
    out = StringIO()
    with pytest.raises(CommandError, match="no more memory"):
        call_command(
            "train", "dpo", project="demo", checkpoint="base", stdout=out, stderr=StringIO()
        )
    assert json.loads(out.getvalue())["status"] == "failed"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["dpo", "--project", "nowhere"], "no project nowhere"),
        (["dpo", "--project", "demo", "--checkpoint", "nothing"], "no checkpoint nothing"),
        (["dpo", "--project", "demo", "--checkpoint", "base", "--set", "beta=-1"], "beta: must be"),
        (["dpo", "--project", "demo", "--checkpoint", "base", "--set", "beta"], "KEY=VALUE"),
    ],
)
def test_a_mistake_is_named(project: Project, arguments: list[str], reason: str) -> None:
    judge_pairs(project)
    make_checkpoint("base")
    with pytest.raises(CommandError, match=reason):
        call("train", *arguments)
    assert not Run.objects.exists()


def test_sample_queues_pairs_of_fresh_samples(project: Project, settings: Settings) -> None:
    settings.ENGINE_COMMAND = engine("--samples")
    for _ in range(3):
        make_prompt(project)
    make_checkpoint("base")
    lines, _ = call("sample", "base", "--project", "demo", "--n", "2")
    assert json.loads(lines[-1])["metrics"]["items_queued"] == 3
    assert project.items.count() == 3


def test_one_sample_alone_cannot_be_compared(project: Project) -> None:
    with pytest.raises(CommandError, match="at least 2"):
        call("sample", "base", "--project", "demo", "--n", "1")


def test_the_real_engine_trains_and_samples(
    project: Project, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop on a tiny model: judged pairs, DPO, samples of the new policy against its parent."""
    monkeypatch.setitem(os.environ, "OMP_NUM_THREADS", "1")
    make_tiny_llama(settings.MODELS_DIR / "tiny")
    Checkpoint.objects.create(
        slug="tiny",
        label="Tiny",
        origin=Checkpoint.Origin.HUB,
        location="tiny",
        status=Checkpoint.Status.READY,
    )
    judge_pairs(project, train=4, test=2)
    settings_of_run = ["--set", "epochs=2", "--set", "learning_rate=1e-3", "--set", "dtype=float32"]
    lines, _ = call("train", "dpo", "--project=demo", "--checkpoint=tiny", *settings_of_run)
    outcome = json.loads(lines[-1])
    assert outcome["status"] == "finished"
    assert outcome["metrics"]["test_n"] == 2
    trained = Checkpoint.objects.get(slug=outcome["checkpoint"])
    files = {path.name for path in Path(trained.folder).iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= files
    assert trained.parent is not None
    assert trained.parent.slug == "tiny"
    follower = Run.objects.get(follows=outcome["run"])
    assert follower.status == Run.Status.QUEUED
    assert Run.objects.get(pk=outcome["run"]).metrics.filter(name="loss").count() == 2
    lines, _ = call(
        "sample", trained.slug, "--project=demo", "--opponent=tiny", "--n=1",
        *("--set", "max_new_tokens=8", "--set", "max_prompts=4", "--set", "dtype=float32"),
    )  # fmt: skip
    sampled = Run.objects.get(pk=json.loads(lines[-1])["run"])
    assert sampled.status == Run.Status.FINISHED
    assert sampled.samples.filter(model="policy").count() == 4
    assert sampled.samples.filter(model="opponent").count() == 4
    items = project.items.filter(origin="sample")
    assert items.count() == sampled.result["items_queued"] > 0
