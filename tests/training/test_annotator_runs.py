"""Which runs used somebody's answers, by what frozen datasets say."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client

from annotation.models import Project
from tests.builders import make_annotation, make_item, make_member, make_prompt
from tests.training.builders import make_checkpoint
from training import services
from training.datasets import annotations_of
from training.queries_annotators import snapshots_with

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("training_folders")]


@pytest.fixture
def ann(project: Project) -> User:
    """Has answered two items to train on and one held out; ben one of each."""
    ann, ben = make_member(project, username="ann"), make_member(project, username="ben")
    for split, people in (("train", [ann, ben]), ("train", [ann]), ("test", [ann, ben])):
        item = make_item(project, prompt=make_prompt(project, split=split), answers_wanted=2)
        for person in people:
            make_annotation(item, person)
    return ann


def test_a_run_used_what_its_snapshot_holds(project: Project, ann: User) -> None:
    snapshot = services.freeze_snapshot(project, {}, ann)
    run = services.create_run(project, "dpo", {}, make_checkpoint(), snapshot=snapshot)
    used = snapshots_with(project, ann)
    assert [each.snapshot for each in used] == [snapshot]
    assert [each for each, _ in used[0].runs] == [run]
    assert (used[0].mine, used[0].all) == ({"train": 2, "test": 1}, {"train": 3, "test": 2})
    assert snapshots_with(project, make_member(project)) == []


def test_the_keys_are_those_that_each_line_names(project: Project, ann: User) -> None:
    snapshot = services.freeze_snapshot(project, {}, ann)
    lines = (snapshot.path / "train.jsonl").read_text().splitlines()
    named = [key for line in lines for key in json.loads(line)["annotations"]]
    assert annotations_of(snapshot, "train").tolist() == named
    assert len(named) == 3


def test_what_was_answered_later_is_not_in_it(project: Project, ann: User) -> None:
    services.freeze_snapshot(project, {}, ann)
    late = make_member(project)
    make_annotation(make_item(project), late)
    assert snapshots_with(project, late) == []


def test_files_that_are_gone_are_said_to_be(
    project: Project, ann: User, researcher: User, client: Client
) -> None:
    snapshot = services.freeze_snapshot(project, {}, ann)
    for path in snapshot.path.iterdir():
        path.unlink()
    assert [each.is_gone for each in snapshots_with(project, ann)] == [True]
    client.force_login(researcher)
    address = f"/projects/{project.slug}/annotators/{ann.pk}/runs/"
    assert "its files are gone" in client.get(address).content.decode()


def test_the_part_and_the_page(
    project: Project, ann: User, researcher: User, client: Client
) -> None:
    client.force_login(researcher)
    address = f"/projects/{project.slug}/annotators/{ann.pk}/runs/"
    whole = client.get(address).content.decode()
    part = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "<html" in whole
    assert "<html" not in part
    assert "No frozen dataset holds an answer of ann" in part
