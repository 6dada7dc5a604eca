"""The turn of the loop: a policy run is followed by one sampling run, whose answers are queued."""

import json

import pytest

from annotation import services as annotation_services
from annotation.models import Item, Project, Response
from tests.builders import make_item, make_prompt, make_response
from tests.training.builders import engine, judge_pairs, make_checkpoint, make_run
from training import datasets, loop, runner, services
from training.models import Run, Sample

pytestmark = pytest.mark.django_db


def finished(run: Run, *arguments: object) -> Run:
    runner.carry_out(run.pk, command=engine(*arguments))
    run.refresh_from_db()
    assert run.status == Run.Status.FINISHED, run.error
    return run


def asked_by(run: Run) -> list[dict[str, object]]:
    lines = (run.folder / "data" / "prompts.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_finished_policy_run_queues_one_sampling_run(project: Project, knocks: list[int]) -> None:
    parent = make_checkpoint("parent")
    run = finished(make_run(project, checkpoint=parent))
    sampling = run.followed_by.get()
    assert (sampling.algorithm, sampling.status) == ("sample", Run.Status.QUEUED)
    assert sampling.checkpoint == run.checkpoints.get()
    assert sampling.opponent == parent
    assert sampling.round == run.round + 1
    loop.follow(run)
    assert run.followed_by.count() == 1
    assert knocks.count(sampling.pk) == 1


def test_a_reward_model_is_followed_by_nothing(project: Project) -> None:
    run = finished(make_run(project, "reward"))
    assert run.checkpoints.get().role == "reward"
    assert not run.followed_by.exists()


def test_the_end_of_a_sampling_run_handled_twice_queues_its_items_once(project: Project) -> None:
    parent = make_checkpoint("parent")
    run = finished(make_run(project, checkpoint=parent))
    sampling = finished(run.followed_by.get(), "--samples")
    items = Item.objects.filter(project=project, origin=Item.Origin.SAMPLE)
    prompts = project.prompts.count()
    assert items.count() == prompts == sampling.result["items_queued"]
    responses = Response.objects.count()
    loop.follow(sampling)
    assert items.count() == prompts
    assert Response.objects.count() == responses
    sampling.refresh_from_db()
    assert sampling.result["items_queued"] == prompts


def test_each_item_pairs_the_policy_with_its_parent_on_one_prompt(project: Project) -> None:
    judge_pairs(project)
    waiting = make_item(project, priority=4)
    parent = make_checkpoint("parent")
    run = finished(make_run(project, checkpoint=parent))
    sampling = finished(run.followed_by.get(), "--samples")
    for item in Item.objects.filter(project=project, origin=Item.Origin.SAMPLE):
        pair = list(item.responses.order_by("item_responses__position"))
        assert [response.source.slug for response in pair] == [f"demo_dpo_{run.pk}", "parent"]
        assert {response.prompt_id for response in pair} == {item.prompt_id}
        assert item.round == sampling.round == 1
        assert item.priority > waiting.priority
        assert item.key == f"sample:{sampling.pk}:{item.prompt_id}:0"
    assert not Sample.objects.filter(run=sampling, response=None).exists()


def test_pairs_of_the_test_split_are_judged_first(project: Project) -> None:
    for split in ("train", "test", "train", "test"):
        make_prompt(project, split=split)
    sampling = finished(
        make_run(project, "sample", opponent=make_checkpoint("parent")), "--samples"
    )
    asked = Item.objects.filter(key__startswith=f"sample:{sampling.pk}:").in_turn()
    splits = list(asked.values_list("prompt__split", flat=True))
    assert splits == sorted(splits)
    assert set(splits) == {"train", "test"}


def test_the_parent_answers_anew_under_the_same_settings(project: Project) -> None:
    old, new = make_prompt(project), make_prompt(project)
    earlier = make_response(old, "What the parent said before.", source="parent")
    sampling = make_run(
        project, "sample", config={"n": 2}, opponent=make_checkpoint("parent"), user=None
    )
    finished(sampling, "--samples")
    asked = {(row["prompt_id"], row["model"]) for row in asked_by(sampling)}
    assert asked == {(p.pk, model) for p in (old, new) for model in ("policy", "opponent")}
    on_old = Item.objects.filter(prompt=old)
    assert on_old.count() == 2
    assert not any(earlier in item.responses.all() for item in on_old)


def test_equal_texts_never_meet(project: Project) -> None:
    prompt = make_prompt(project)
    sampling = make_run(project, "sample", opponent=make_checkpoint("parent"))
    for model in ("policy", "opponent"):
        Sample.objects.create(run=sampling, prompt=prompt, model=model, text="The same.")
    assert loop.queue_samples(sampling) == 0
    assert not project.items.exists()


def test_without_an_opponent_the_samples_meet_each_other(project: Project) -> None:
    make_prompt(project)
    sampling = finished(make_run(project, "sample", config={"n": 3}), "--samples")
    assert sampling.result["items_queued"] == 3
    texts = {r.text[:13] for item in project.items.all() for r in item.responses.all()}
    assert texts == {"policy says 0", "policy says 1", "policy says 2"}


def test_a_sample_without_a_word_is_not_asked_about(project: Project) -> None:
    prompt = make_prompt(project)
    sampling = make_run(project, "sample", config={"n": 2})
    for index, text in enumerate([" \n", "Something."]):
        Sample.objects.create(run=sampling, prompt=prompt, index=index, text=text)
    assert loop.queue_samples(sampling) == 0
    assert Response.objects.count() == 1


def test_half_of_the_prompts_come_from_the_test_split(project: Project) -> None:
    project.test_share = 0.5
    project.save()
    for number in range(60):
        make_prompt(project, f"Prompt {number}?")
    chosen = datasets.choose_prompts(project, 16, seed="1")
    assert len(chosen) == 16
    assert sum(prompt.split == "test" for prompt in chosen) == 8
    assert [p.pk for p in chosen] == sorted(p.pk for p in chosen)
    assert chosen == datasets.choose_prompts(project, 16, seed="1")
    assert chosen != datasets.choose_prompts(project, 16, seed="2")
    assert len(datasets.choose_prompts(project, 1000, seed="1")) == 60


def test_the_round_goes_up_with_each_turn(project: Project) -> None:
    run = finished(make_run(project))
    sampling = finished(run.followed_by.get(), "--samples")
    second = services.create_run(project, "dpo", {}, sampling.checkpoint)
    assert (run.round, sampling.round, second.round) == (0, 1, 1)


def test_an_annotator_is_asked_about_new_samples_before_older_items(project: Project) -> None:
    run = make_run(project)
    make_item(project)
    finished(run)
    sampling = finished(run.followed_by.get(), "--samples")
    annotator = annotation_services.imported_annotator("somebody")
    annotator.is_active = True
    annotator.save()
    annotation_services.add_member(project, annotator, "annotator")
    assignment = annotation_services.claim_next(project, annotator)
    assert assignment is not None
    assert assignment.item.key.startswith(f"sample:{sampling.pk}:")
