"""Soft labels, weights and the filters that choose answers, from answers in the database."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from annotation import services
from annotation.exports import rows
from annotation.exports.merging import Merging, merging_of
from annotation.models import Annotation, Item, Membership, Project
from annotation.preferences import Preference
from annotation.pseudonyms import pseudonym
from tests.builders import make_annotation, make_item, make_member

pytestmark = pytest.mark.django_db


@pytest.fixture
def people(project: Project) -> list[User]:
    return [make_member(project) for _ in range(4)]


def judge(project: Project, said: list[tuple[User, int]]) -> Item:
    item = make_item(project, answers_wanted=len(said))
    for person, strength in said:
        make_annotation(item, person, strength=strength)
    return item


def crowd(project: Project, people: list[User], items: int = 12) -> list[Item]:
    """Three who agree but for one each time, and one who always says the opposite of the first."""
    one, two, three, contrary = people
    found = []
    for number in range(items):
        side = 1 if number % 2 else -1
        doubt = -side if number % 3 == 0 else side
        said = [(one, side), (two, side), (three, doubt), (contrary, -side)]
        found.append(judge(project, said))
    return found


def p_of(project: Project, **filters: Any) -> dict[int, float]:
    return {g["group"]: g["preferences"][0]["p"] for g in rows.groups(project, filters=filters)}


@pytest.mark.parametrize("model", ["dawid_skene", "crowd_bt"])
def test_who_is_contrary_does_not_split_a_pair(
    project: Project, people: list[User], model: str
) -> None:
    items = crowd(project, people)
    split = items[0]  # two against two
    votes, soft = p_of(project), p_of(project, labels=model)
    assert votes[split.pk] == 0.5
    assert soft[split.pk] < 0.25  # the first two said the second response is better
    merging = merging_of(project, {"labels": model})
    assert merging.modelled is not None
    reliability = merging.modelled.reliability
    assert reliability[people[0].pk] > reliability[people[2].pk] > reliability[people[3].pk]


def test_a_soft_label_weighs_one_answer_however_many_gave_it(
    project: Project, people: list[User]
) -> None:
    judge(project, [(person, 3) for person in people])
    judge(project, [(people[0], 3)])
    many, one = rows.groups(project, filters={"labels": "dawid_skene"})
    assert many["preferences"][0]["weight"] == one["preferences"][0]["weight"] == 1.0
    assert many["preferences"][0]["p"] > one["preferences"][0]["p"] > 0.5
    assert many["preferences"][0]["strength"] > one["preferences"][0]["strength"]


def test_each_pair_of_a_ranking_has_its_label_and_share(project: Project) -> None:
    item = make_item(project, ["a", "b", "c"], task_type="ranking", answers_wanted=2)
    for groups in ([[2], [0], [1]], [[2], [0, 1]]):
        make_annotation(item, answer={"groups": groups})
    (group,) = rows.groups(project, filters={"labels": "dawid_skene"})
    found = {(p["a"], p["b"]): (p["p"], p["weight"]) for p in group["preferences"]}
    assert found[0, 2][0] < 0.5
    assert found[1, 2][0] < 0.5
    assert 0.5 < found[0, 1][0] < 1  # one says the first, the other that they are equal
    assert [weight for _, weight in found.values()] == [pytest.approx(1 / 3)] * 3


def test_votes_are_weighed_by_whose_they_are_by_hand() -> None:
    first, second = [Preference(0, 1, p=1.0, strength=3.0)], [Preference(0, 1, p=0.0, strength=1.0)]
    merging = Merging(weights={7: 0.5})
    (merged,) = merging.merge(1, [(7, first), (8, second)])
    # p = ½·1 / 1½, strength = (½·3 + 1) / 1½
    assert (merged.p, merged.strength, merged.weight) == pytest.approx((1 / 3, 5 / 3, 1.5))
    (left,) = Merging(weights={7: 0.0}).merge(1, [(7, first), (8, second)])
    assert (left.p, left.weight) == (0.0, 1.0)
    (most,) = Merging("majority", {7: 0.4}).merge(1, [(7, first), (8, second)])
    assert most.p == 0.0


def test_a_weight_decides_in_votes_majority_and_models(
    project: Project, people: list[User]
) -> None:
    researcher = make_member(project, Membership.Role.MANAGER)
    item = judge(project, [(people[0], 2), (people[1], -2), (people[2], -2)])
    alone = judge(project, [(people[1], -2)])
    answers = {
        a.assignment.annotator_id: a.pk
        for a in Annotation.objects.all()
        if a.assignment.item_id == item.pk
    }
    assert p_of(project)[item.pk] == pytest.approx(1 / 3)
    for person in people[1:3]:
        services.set_weight(project, person, 0.25, by=researcher)
    assert p_of(project)[item.pk] == pytest.approx(1 / 1.5)
    assert p_of(project, labels="majority")[item.pk] == 1.0
    services.set_weight(project, people[1], 0.0, by=researcher)
    (group,) = rows.groups(project)
    assert group["annotations"] == [answers[people[0].pk], answers[people[2].pk]]
    assert alone.pk not in p_of(project), "nobody whose answer weighs anything answered it"
    facts = merging_of(project, {}).facts(project)
    assert facts["annotators"][pseudonym(project, people[1].pk)] == {"weight": 0.0}
    soft = p_of(project, labels="dawid_skene")
    assert set(soft) == {item.pk}
    assert soft[item.pk] > 0.5


def test_filters_choose_answers_by_person_and_guideline(
    project: Project, people: list[User]
) -> None:
    old = project.guidelines.get().version if project.guidelines.exists() else 0
    judge(project, [(people[0], 2), (people[1], -2)])
    newest = services.new_guideline(project, "Another text.", people[0])
    for person in people:
        services.acknowledge(project, person, newest.version)
    later = judge(project, [(people[0], 1)])
    assert set(p_of(project, guidelines=[newest.version])) == {later.pk}
    assert later.pk not in p_of(project, guidelines=[old])
    name = pseudonym(project, people[1].pk)
    assert list(p_of(project, annotators=[name]).values()) == [0.0]
    assert p_of(project, annotators=["nobody"]) == {}
    # the model knows nothing of those who were left out
    found = merging_of(project, {"labels": "dawid_skene", "annotators": [name]}).modelled
    assert found is not None
    assert set(found.reliability) == {people[1].pk}


def test_filters_choose_items_by_their_answers(project: Project, people: list[User]) -> None:
    alone = judge(project, [(people[0], 2)])
    agreed = judge(project, [(people[0], 2), (people[1], 1), (people[2], 3)])
    split = judge(project, [(people[0], 2), (people[1], 1), (people[2], -3)])
    assert set(p_of(project, answers=2)) == {agreed.pk, split.pk}
    assert set(p_of(project, agreement=0.6)) == {alone.pk, agreed.pk, split.pk}
    assert set(p_of(project, agreement=0.7)) == {alone.pk, agreed.pk}
    assert set(p_of(project, agreement=0.7, answers=2)) == {agreed.pk}
    # what a filter for answers left out counts no more
    name = pseudonym(project, people[0].pk)
    assert p_of(project, annotators=[name], answers=2) == {}


def test_the_manifest_names_no_person(project: Project, people: list[User]) -> None:
    crowd(project, people)
    facts = merging_of(project, {"labels": "crowd_bt"}).facts(project)
    assert facts["labels"] == "crowd_bt"
    assert set(facts["annotators"]) == {pseudonym(project, person.pk) for person in people}
    assert all(0 < each["reliability"] < 1 for each in facts["annotators"].values())


def test_a_project_without_answers_gives_nothing(project: Project) -> None:
    assert p_of(project, labels="dawid_skene") == {}
    make_annotation(make_item(project), both_bad=True)
    assert p_of(project, labels="crowd_bt") == {}
