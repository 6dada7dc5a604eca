"""What people do with checkpoints, snapshots and runs."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from kombu.exceptions import OperationalError

from annotation.models import Project
from annotation.pseudonyms import pseudonym
from tests.builders import make_annotation, make_item
from tests.training.builders import judge_pairs, make_checkpoint, make_run
from training import knock, services
from training.models import Checkpoint, Run
from training.registry import CheckpointInvalid

pytestmark = pytest.mark.django_db


# --- snapshots ------------------------------------------------------------------------------------


def test_a_snapshot_holds_the_judgements_by_split_and_a_hash(project: Project) -> None:
    judge_pairs(project, train=3, test=2)
    snapshot = services.freeze_snapshot(project, {}, None)
    manifest = (snapshot.path / "manifest.json").read_bytes()
    assert snapshot.sha256 == hashlib.sha256(manifest).hexdigest()
    for split, groups in (("train", 3), ("test", 2)):
        lines = (snapshot.path / f"{split}.jsonl").read_bytes()
        rows = [json.loads(line) for line in lines.splitlines()]
        assert {row["split"] for row in rows} == {split}
        assert snapshot.counts[split] == {"groups": groups, "pairs": groups, "annotations": groups}
        told = json.loads(manifest)[f"{split}.jsonl"]["sha256"]
        assert told == hashlib.sha256(lines).hexdigest()


def test_nothing_new_gives_the_snapshot_that_is_there(project: Project) -> None:
    judge_pairs(project)
    first = services.freeze_snapshot(project, {}, None)
    assert services.freeze_snapshot(project, {}, None) == first
    make_annotation(make_item(project))
    second = services.freeze_snapshot(project, {}, None)
    assert (first.number, second.number) == (1, 2)
    names = {path.name for path in django_settings.SNAPSHOTS_DIR.iterdir()}
    assert names == {first.folder, second.folder}, "no temporary folder stays behind"


def test_the_manifest_says_what_several_answers_became(project: Project) -> None:
    judge_pairs(project, train=3, test=1)
    plain = services.freeze_snapshot(project, {"labels": "votes"}, None)
    soft = services.freeze_snapshot(project, {"labels": "dawid_skene", "answers": 1}, None)
    manifests = [json.loads((s.path / "manifest.json").read_text()) for s in (plain, soft)]
    assert [m["filters"] for m in manifests] == [{}, {"answers": 1, "labels": "dawid_skene"}]
    assert [m["merging"]["labels"] for m in manifests] == ["votes", "dawid_skene"]
    voters = {a.annotator_id for item in project.items.all() for a in item.assignments.all()}
    assert set(manifests[1]["merging"]["annotators"]) == {pseudonym(project, pk) for pk in voters}
    assert services.freeze_snapshot(project, soft.filters, None) == soft
    lines = (soft.path / "train.jsonl").read_text().splitlines()
    assert all(0 < json.loads(line)["preferences"][0]["p"] < 1 for line in lines)


def test_later_answers_do_not_change_a_snapshot(project: Project) -> None:
    judge_pairs(project)
    snapshot = services.freeze_snapshot(project, {}, None)
    before = (snapshot.path / "train.jsonl").read_bytes()
    judge_pairs(project, train=5)
    assert (snapshot.path / "train.jsonl").read_bytes() == before


def test_filters_are_kept_and_decide(project: Project) -> None:
    judge_pairs(project, train=2, round=0)
    judge_pairs(project, train=1, round=1)
    snapshot = services.freeze_snapshot(project, {"rounds": [1]}, None)
    assert snapshot.filters == {"rounds": [1]}
    assert snapshot.counts["train"]["pairs"] == 1


# --- runs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "config", "field"),
    [
        ("dpo", {"beta": 0}, "beta"),
        ("dpo", {"beta": "much"}, "beta"),
        ("dpo", {"learning_rate": "nan"}, "learning_rate"),
        ("dpo", {"bata": 1}, "bata"),
        ("reward", {"epochs": "1.5"}, "epochs"),
        ("sample", {"n": 0}, "n"),
        ("ppo", {}, "algorithm"),
    ],
)
def test_a_bad_setting_is_refused_by_name_before_there_is_a_run(
    project: Project, algorithm: str, config: dict[str, object], field: str
) -> None:
    judge_pairs(project)
    with pytest.raises(services.RunInvalid) as refused:
        services.create_run(project, algorithm, config, make_checkpoint())
    assert refused.value.field == field
    assert not Run.objects.exists()


def test_a_run_keeps_every_setting_also_the_defaults(project: Project) -> None:
    run = make_run(project, config={"beta": "0.2"})
    assert run.config["beta"] == 0.2
    assert run.config["learning_rate"] == 1e-6


def test_nothing_to_learn_from_is_said_at_the_snapshot(project: Project) -> None:
    with pytest.raises(services.RunInvalid, match="Judge some pairs first") as refused:
        services.create_run(project, "dpo", {}, make_checkpoint())
    assert refused.value.field == "snapshot"


def test_a_reward_model_writes_nothing(project: Project) -> None:
    judge_pairs(project)
    scorer = make_checkpoint(role=Checkpoint.Role.REWARD)
    for algorithm in ("dpo", "sample"):
        with pytest.raises(services.RunInvalid, match="scores texts") as refused:
            services.create_run(project, algorithm, {}, scorer)
        assert refused.value.field == "checkpoint"


def test_other_projects_models_and_snapshots_are_out_of_reach(
    project: Project, project_elsewhere: Project
) -> None:
    judge_pairs(project)
    judge_pairs(project_elsewhere)
    theirs = make_checkpoint(project=project_elsewhere)
    with pytest.raises(services.RunInvalid, match="another project"):
        services.create_run(project, "dpo", {}, theirs)
    frozen = services.freeze_snapshot(project_elsewhere, {}, None)
    with pytest.raises(services.RunInvalid, match="another project"):
        services.create_run(project, "dpo", {}, make_checkpoint(), snapshot=frozen)


def test_the_same_request_makes_one_run(project: Project) -> None:
    judge_pairs(project)
    model = make_checkpoint()
    runs = [services.create_run(project, "dpo", {}, model, request_key="once") for _ in range(2)]
    assert runs[0] == runs[1]
    assert Run.objects.count() == 1


def test_samples_are_fresh_each_time(project: Project) -> None:
    seeds = {make_run(project, "sample").config["seed"] for _ in range(3)}
    assert len(seeds) == 3
    assert make_run(project, "sample", config={"seed": 5}).config["seed"] == 5


def test_a_run_starts_once(project: Project, knocks: list[int]) -> None:
    run = make_run(project)
    assert run.status == Run.Status.QUEUED
    assert knocks == [run.pk]
    with pytest.raises(services.NotNow):
        services.start_run(run)
    assert knocks == [run.pk]


def test_a_broker_that_is_down_does_not_fail_the_start(
    project: Project,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Callable[..., object],
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OperationalError("nobody there")

    monkeypatch.setattr(knock.current_app, "send_task", refuse)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[attr-defined]
        run = make_run(project)
    assert run.status == Run.Status.QUEUED


# --- checkpoints ----------------------------------------------------------------------------------


def a_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "llama"}')
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def test_a_folder_is_looked_at_before_it_is_registered(project: Project, tmp_path: Path) -> None:
    folder = a_model(tmp_path / "my-Model.v2")
    checkpoint = services.register_checkpoint(project, origin="folder", location=str(folder))
    assert (checkpoint.slug, checkpoint.project) == ("my_model_v2", project)
    assert checkpoint.folder == folder
    again = services.register_checkpoint(project, origin="folder", location=f"{folder}/")
    assert again == checkpoint
    (folder / "modeling.py").write_text("print('hello')")
    with pytest.raises(CheckpointInvalid, match="is code"):
        services.register_checkpoint(
            project, origin="folder", location=str(folder / "../my-Model.v2")
        )


@pytest.mark.parametrize(
    ("origin", "location"),
    [
        ("folder", "relative/path"),
        ("folder", "/"),
        ("folder", "/etc"),
        ("folder", "/nowhere\x00/model"),
        ("hub", "../../etc/passwd"),
        ("hub", "no-organisation"),
        ("run", "1/checkpoints/final"),
        ("demo", "demo"),
    ],
)
def test_what_is_no_model_is_refused_with_a_sentence(
    project: Project, origin: str, location: str
) -> None:
    with pytest.raises(CheckpointInvalid):
        services.register_checkpoint(project, origin=origin, location=location)
    assert not Checkpoint.objects.exists()


def test_prefloops_own_folders_cannot_be_registered(project: Project) -> None:
    folder = a_model(django_settings.DATA_DIR / "runs" / "7" / "checkpoints" / "final" / "model")
    with pytest.raises(CheckpointInvalid, match="belongs to Prefloop"):
        services.register_checkpoint(project, origin="folder", location=str(folder))
