"""What counts as a current answer, and what a group holds."""

import pytest

from annotation import services
from annotation.exports.filters import FilterInvalid, clean_filters
from annotation.exports.rows import CHUNK, groups, judged_items
from annotation.models import Assignment, Item, Project, Prompt
from tests.builders import make_annotation, make_item, make_member, make_prompt

pytestmark = pytest.mark.django_db


def test_a_group_is_the_row_that_training_reads(project: Project) -> None:
    item = make_item(project, ["yes", "no"], sources=["old", "new"])
    annotation = make_annotation(item, strength=-2)
    first, second = (place.response for place in item.item_responses.order_by("position"))
    assert list(groups(project)) == [
        {
            "group": item.pk,
            "prompt_id": item.prompt_id,
            "root": item.prompt.conversation_root,
            "split": item.prompt.split,
            "messages": item.prompt.messages,
            "responses": [
                {"id": first.pk, "text": "yes", "source": "old"},
                {"id": second.pk, "text": "no", "source": "new"},
            ],
            "preferences": [{"a": 0, "b": 1, "p": 0.0, "strength": 2.0, "weight": 1.0}],
            "annotations": [annotation.pk],
        }
    ]


def test_the_votes_on_a_pair_are_merged(project: Project) -> None:
    item = make_item(project, answers_wanted=3)
    for strength in (3, 1, -1):
        make_annotation(item, strength=strength)
    (group,) = groups(project)
    # p = (1 + 1 + 0) / 3, strength = (3 + 1 + 1) / 3
    assert group["preferences"] == [
        {"a": 0, "b": 1, "p": pytest.approx(2 / 3), "strength": pytest.approx(5 / 3), "weight": 3.0}
    ]
    assert len(group["annotations"]) == 3


def test_a_ranking_gives_every_pair_its_share(project: Project) -> None:
    item = make_item(project, ["a", "b", "c"], task_type="ranking")
    make_annotation(item, answer={"groups": [[2], [0, 1]]})
    (group,) = groups(project)
    found = [(p["a"], p["b"], p["p"]) for p in group["preferences"]]
    assert found == [(0, 1, 0.5), (0, 2, 0.0), (1, 2, 0.0)]
    assert sum(p["weight"] for p in group["preferences"]) == pytest.approx(1.0)


def test_only_the_newest_revision_counts(project: Project) -> None:
    item = make_item(project)
    first = make_annotation(item, strength=3)
    services.submit_answer(
        first.assignment,
        answer={"strength": -1, "both_bad": False},
        submit_key="changed my mind",
    )
    (group,) = groups(project)
    assert [(p["p"], p["strength"]) for p in group["preferences"]] == [(0.0, 1.0)]
    assert first.pk not in group["annotations"]


def test_an_answer_taken_back_is_left_out(project: Project) -> None:
    annotator = make_member(project)
    make_annotation(make_item(project), annotator)
    services.undo_last(project, annotator)
    assert list(judged_items(project)) == []


def test_an_answer_that_came_after_all_slots_were_taken_is_left_out(project: Project) -> None:
    item = make_item(project)
    kept = make_annotation(item)
    late = make_member(project)
    assignment = Assignment.objects.create(
        item=item,
        annotator=late,
        status=Assignment.Status.EXPIRED,
        display_seed=0,
        display_order=[0, 1],
        lease_until=kept.created,
    )
    extra = services.submit_answer(
        assignment, answer={"strength": 1, "both_bad": False}, submit_key="late"
    )
    assert extra.assignment.status == Assignment.Status.EXTRA
    (judged,) = judged_items(project)
    assert [annotation.pk for annotation in judged.answers] == [kept.pk]


def test_both_bad_prefers_nothing(project: Project) -> None:
    make_annotation(make_item(project), both_bad=True)
    assert list(groups(project)) == []
    assert len(list(judged_items(project))) == 1


def test_other_projects_are_left_out(project: Project, project_elsewhere: Project) -> None:
    make_annotation(make_item(project_elsewhere))
    assert list(groups(project)) == []


def test_items_come_in_order_whatever_the_order_of_answers(project: Project) -> None:
    items = [make_item(project) for _ in range(4)]
    for item in reversed(items):
        make_annotation(item)
    assert [group["group"] for group in groups(project)] == [item.pk for item in items]


def test_a_split_is_chosen_by_the_prompt(project: Project) -> None:
    for number in range(8):
        prompt = make_prompt(project)
        split = Prompt.Split.TEST if number % 2 else Prompt.Split.TRAIN
        Prompt.objects.filter(pk=prompt.pk).update(split=split)
        make_annotation(make_item(project, prompt=prompt))
    train, test = groups(project, split="train"), groups(project, split="test")
    assert {group["split"] for group in train} == {"train"}
    assert [group["split"] for group in test] == ["test"] * 4
    with pytest.raises(FilterInvalid, match="train or test"):
        list(groups(project, split="validation"))


def test_filters_choose_items_and_answers(project: Project) -> None:
    plain = make_item(project, round=0)
    sampled = make_item(project, round=1, origin=Item.Origin.SAMPLE, sources=["new", "old"])
    annotations = {item.pk: make_annotation(item) for item in (plain, sampled)}

    def chosen(**filters: object) -> list[int]:
        return [group["group"] for group in groups(project, filters=filters)]

    assert chosen(rounds=[1]) == [sampled.pk]
    assert chosen(origins=["import"]) == [plain.pk]
    assert chosen(sources=["demo"]) == [plain.pk]
    assert chosen(sources=["new", "old", "demo"]) == [plain.pk, sampled.pk]
    assert chosen(sources=["new"]) == []  # one of its two responses is from elsewhere
    moment = annotations[sampled.pk].created
    assert chosen(since=moment.isoformat()) == [sampled.pk]
    assert chosen(rounds=[], origins=None, since="") == [plain.pk, sampled.pk]


@pytest.mark.parametrize(
    ("filters", "field"),
    [
        ({"round": [1]}, "round"),
        ({"rounds": "1"}, "rounds"),
        ({"rounds": [-1]}, "rounds"),
        ({"rounds": ["1"]}, "rounds"),
        ({"origins": ["elsewhere"]}, "origins"),
        ({"sources": [1]}, "sources"),
        ({"answers": 0}, "answers"),
        ({"answers": True}, "answers"),
        ({"agreement": 1.5}, "agreement"),
        ({"agreement": "most"}, "agreement"),
        ({"annotators": "abc"}, "annotators"),
        ({"guidelines": ["1"]}, "guidelines"),
        ({"labels": "truth"}, "labels"),
        ({"since": "yesterday"}, "since"),
        ({"since": "2026-02-30"}, "since"),
    ],
)
def test_a_bad_filter_is_refused_by_name(filters: dict[str, object], field: str) -> None:
    with pytest.raises(FilterInvalid) as refusal:
        clean_filters(filters)
    assert refusal.value.field == field


def test_cleaned_filters_are_json_and_stay_what_they_are() -> None:
    cleaned = clean_filters({"rounds": [2, 1, 1], "since": "2026-01-31", "sources": []})
    assert cleaned == {"rounds": [1, 2], "since": "2026-01-31T00:00:00+00:00"}
    assert clean_filters(cleaned) == cleaned


def test_the_number_of_queries_does_not_grow_with_the_items(
    project: Project, django_assert_num_queries: object
) -> None:
    for _ in range(6):
        make_annotation(make_item(project))
    assert CHUNK >= 6
    # weights; items with prompts; places with responses and sources; assignments; annotations;
    # flags; verdicts
    with django_assert_num_queries(7):  # type: ignore[operator]
        assert len(list(groups(project))) == 6
