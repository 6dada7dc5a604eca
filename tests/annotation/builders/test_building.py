"""Items out of the responses that a project has: the arms, and nothing asked twice."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from annotation import services
from annotation.models import Item, Project, Source
from tests.builders import make_item, make_prompt, make_response

pytestmark = pytest.mark.django_db


def scored_prompt(project: Project, *scores: float, scorer: str = "rm") -> list[int]:
    """A prompt with a response for each score; the responses' ids."""
    prompt = make_prompt(project)
    responses = [make_response(prompt, source=f"model_{n % 2}") for n in range(len(scores))]
    for response, score in zip(responses, scores, strict=True):
        services.record_score(response, scorer, score)
    return [response.pk for response in responses]


def asked(project: Project, arm: str) -> list[set[int]]:
    items = project.items.filter(arm=arm).order_by("pk")
    return [set(item.responses.values_list("pk", flat=True)) for item in items]


def test_the_prompts_with_the_greatest_gain_are_asked(project: Project) -> None:
    close = scored_prompt(project, 0.0, 3.0, 2.9)
    scored_prompt(project, 0.0, 9.0)
    closest = scored_prompt(project, 1.0, 1.01)
    built = services.build_items(project, "uncertainty", count=2, control_share=0.0)
    assert (built.chosen, built.control, built.prompts) == (2, 0, 3)
    assert asked(project, "uncertainty") == [set(closest), set(close[1:])]


def test_the_control_arm_has_its_share_and_is_drawn_from_everything(project: Project) -> None:
    for number in range(60):
        scored_prompt(project, 0.0, 1.0 + number)
    built = services.build_items(project, "uncertainty", count=20, control_share=0.25, seed=5)
    assert (built.chosen, built.control) == (15, 5)
    gaps = {
        arm: [
            abs(float.__sub__(*(r.scores.get().value for r in item.responses.all())))
            for item in project.items.filter(arm=arm)
        ]
        for arm in ("uncertainty", "random")
    }
    assert max(gaps["uncertainty"]) < 30  # the closest of those that fell into this arm
    assert max(gaps["random"]) > 30
    assert project.items.values("prompt").distinct().count() == 20


def test_the_control_arm_shrinks_with_what_the_strategy_finds(project: Project) -> None:
    for _ in range(40):
        prompt = make_prompt(project)
        make_response(prompt, source="one")
        make_response(prompt, source="one")
    for _ in range(10):
        prompt = make_prompt(project)
        make_response(prompt, source="one")
        make_response(prompt, source="two")
    built = services.build_items(project, "several_sources", count=50, control_share=0.5, seed=1)
    assert 0 < built.chosen <= 10
    assert built.control == built.chosen


def test_few_prompts_are_not_wasted(project: Project) -> None:
    for _ in range(4):
        scored_prompt(project, 0.0, 1.0)
    built = services.build_items(project, "several_sources", count=100, control_share=0.25)
    assert (built.chosen, built.control) == (3, 1)


def test_an_item_of_a_build_says_how_it_came_about(project: Project) -> None:
    source = services.get_or_add_source(project, "new", kind=Source.Kind.CHECKPOINT)
    prompt = make_prompt(project)
    for text in ("a", "b"):
        services.get_or_add_response(prompt, source, text)
    services.build_items(project, "same_policy", count=1, control_share=0.0, priority=4)
    item = project.items.get()
    assert (item.arm, item.origin, item.priority) == ("same_policy", Item.Origin.SAMPLE, 4)
    assert (item.task_type, item.status, item.answers_wanted) == ("pairwise", "open", 1)


def test_the_canonical_order_does_not_tell_the_score(project: Project) -> None:
    for _ in range(60):
        scored_prompt(project, 1.0, 2.0)
    services.build_items(project, "hard_negatives", count=60, control_share=0.0, seed=2)
    first_is_better = sum(
        item.item_responses.get(position=0).response.scores.get().value == 2.0
        for item in project.items.all()
    )
    assert 15 < first_is_better < 45


def test_nothing_is_asked_twice(project: Project) -> None:
    prompt = make_prompt(project)
    make_item(project, ["a", "b"], prompt=prompt)
    make_response(prompt, "c")
    built = [services.build_items(project, "random", count=5).control for _ in range(4)]
    assert built == [1, 1, 0, 0]
    groups = asked(project, "random")
    assert len({frozenset(group) for group in groups}) == len(groups) == 3


def test_equal_texts_never_meet(project: Project) -> None:
    prompt = make_prompt(project)
    for source in ("one", "two"):
        make_response(prompt, "the same", source)
    assert services.build_items(project, "random", count=5).control == 0


def test_the_same_seed_builds_the_same_items(project: Project) -> None:
    for _ in range(12):
        scored_prompt(project, 0.0, 1.0, 2.0)
    for arm in ("first", "again"):
        services.build_items(project, "hard_negatives", count=6, control_share=0.5, seed=9)
        built = [
            (i.arm, [p.response_id for p in i.item_responses.all()])
            for i in project.items.order_by("pk")
        ]
        if arm == "first":
            before = built
            project.items.all().delete()
    assert built == before


def test_rankings_are_built_of_more_responses(project: Project) -> None:
    scored_prompt(project, 0.0, 1.0, 2.0, 5.0)
    built = services.build_items(
        project, "uncertainty", count=1, control_share=0.0, k=3, task_type="ranking"
    )
    assert built.chosen == 1
    item = project.items.get()
    assert (item.task_type, item.responses.count()) == ("ranking", 3)


@pytest.mark.parametrize(
    ("strategy", "wish", "reason"),
    [
        ("luck", {}, "no strategy luck"),
        ("random", {"count": 0}, "count must lie"),
        ("random", {"count": 10**6}, "count must lie"),
        ("random", {"control_share": 1.5}, "control_share must lie"),
        ("random", {"control_share": float("nan")}, "control_share must lie"),
        ("random", {"k": 3}, "cannot be asked about 3"),
        ("random", {"task_type": "essay"}, "no task type essay"),
        ("uncertainty", {}, "No response of this project has a score"),
    ],
)
def test_a_bad_wish_is_refused(
    strategy: str, wish: dict[str, Any], reason: str, project: Project
) -> None:
    with pytest.raises(services.ContentInvalid, match=reason):
        services.build_items(project, strategy, **{"count": 1, **wish})


def test_a_scorer_is_named_where_there_are_several(project: Project) -> None:
    scored_prompt(project, 0.0, 1.0, scorer="first")
    scored_prompt(project, 0.0, 1.0, scorer="second")
    for scorer in ("", "third"):
        with pytest.raises(services.ContentInvalid, match="these are: first, second"):
            services.build_items(project, "uncertainty", count=1, scorer=scorer)
    wish: dict[str, Any] = {"count": 5, "scorer": "second", "control_share": 0.0}
    assert services.build_items(project, "uncertainty", **wish).chosen == 1


def test_the_command_says_what_it_built(project: Project) -> None:
    for _ in range(5):
        scored_prompt(project, 0.0, 1.0)
    out = StringIO()
    arguments = ["--strategy=same_policy", "--count=5", "--control-share=0.4", "--seed=3"]
    with pytest.raises(CommandError, match="between 1 and"):
        call_command("build_items", project.slug, "--strategy=random", "--count=0")
    call_command("build_items", project.slug, *arguments, stdout=out)
    assert out.getvalue().startswith("0 items of the arm same_policy and 0 of the arm random")
    call_command("build_items", project.slug, "--strategy=several_sources", "--count=5", stdout=out)
    assert project.items.filter(arm="several_sources").exists()
