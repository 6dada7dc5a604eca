"""Categories that the project warns of, and that a person may opt out of."""

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from annotation import queries, queries_projects, services
from annotation.models import Assignment, CategoryOptOut, Item, Project
from annotation.services import gold
from tests.builders import make_annotation, make_assignment, make_item, make_member, make_prompt

HARM = "self_harm"


@pytest.fixture
def wary_project(project: Project) -> Project:
    return services.update_project(project, task_config={"harm_categories": [HARM, "violence"]})


def item_of(project: Project, category: str = "", **fields: int) -> Item:
    return make_item(project, prompt=make_prompt(project, category=category), **fields)


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_what_a_person_opted_out_of_is_given_to_others_only(
    wary_project: Project, annotator: User
) -> None:
    harmful, violent, kind = (item_of(wary_project, each) for each in (HARM, "violence", "kind"))
    services.opt_out(wary_project, annotator, HARM)
    given = [services.claim_next(wary_project, annotator) for _ in range(3)]
    assert [each.item for each in given if each] == [violent, kind]
    assert queries_projects.open_to(wary_project, annotator) == 2  # both are held
    assert queries_projects.home(annotator)[0].open_to_me == 2
    other = make_member(wary_project)
    assert queries_projects.open_to(wary_project, other) == 1
    assert make_assignment(harmful, other).item == harmful


def test_an_opt_out_holds_for_one_person_in_one_project(
    wary_project: Project, project_elsewhere: Project, annotator: User
) -> None:
    services.add_member(project_elsewhere, annotator)
    here, there = item_of(wary_project, HARM), item_of(project_elsewhere, HARM)
    services.opt_out(wary_project, annotator, HARM)
    assert services.claim_next(wary_project, annotator) is None
    elsewhere = services.claim_next(project_elsewhere, annotator)
    assert elsewhere is not None
    assert elsewhere.item == there
    assert make_assignment(here).item == here


def test_what_is_held_of_the_category_goes_back(wary_project: Project, annotator: User) -> None:
    answered = make_annotation(item_of(wary_project, HARM), annotator)
    held = [make_assignment(item_of(wary_project, HARM), annotator) for _ in range(2)]
    kept = make_assignment(item_of(wary_project), annotator)
    services.opt_out(wary_project, annotator, HARM)
    for assignment in held:
        assignment.refresh_from_db()
        assert assignment.status == Assignment.Status.SKIPPED
        assert assignment.skip_reason == "Opted out of this category"
        assignment.item.refresh_from_db()
        assert assignment.item.open_slots == 1
    kept.refresh_from_db()
    assert kept.status == Assignment.Status.LEASED
    answered.assignment.refresh_from_db()
    assert answered.assignment.status == Assignment.Status.ANSWERED


def test_a_lease_that_ran_out_does_not_bring_the_category_back(
    wary_project: Project, annotator: User
) -> None:
    assignment = make_assignment(item_of(wary_project, HARM), annotator)
    Assignment.objects.filter(pk=assignment.pk).update(lease_until="2020-01-01T00:00Z")
    services.release_stale(wary_project)
    services.opt_out(wary_project, annotator, HARM)
    assert services.claim_next(wary_project, annotator) is None


def test_gold_of_the_category_is_not_asked_either(
    wary_project: Project, annotator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gold, "is_time_for_gold", lambda share: share > 0)
    services.make_gold(
        item_of(wary_project, HARM),
        kind="hidden",
        answer={"strength": 1, "both_bad": False},
        reason="It is right.",
    )
    services.set_policy(wary_project, hidden_share=0.1)
    kind = item_of(wary_project, "kind")
    assert queries_projects.open_to(wary_project, annotator) == 2
    services.opt_out(wary_project, annotator, HARM)
    assert queries_projects.open_to(wary_project, annotator) == 1
    assert queries_projects.home(annotator)[0].open_to_me == 1
    services.claim_turn(wary_project, annotator)
    held = queries.open_assignments(wary_project, annotator)
    assert [each.item for each in held] == [kind]


def test_it_is_taken_back_on_the_page(wary_project: Project, annotator: User) -> None:
    item_of(wary_project, HARM)
    client, url = signed_in(annotator), reverse("categories", args=[wary_project.slug])
    assert client.post(url, {"unwanted": [HARM, "unheard of"]}).status_code == 302
    assert [each.category for each in CategoryOptOut.objects.all()] == [HARM]
    assert services.claim_next(wary_project, annotator) is None
    page = client.get(url).content.decode()
    assert page.count(" checked") == 1
    assert client.post(url, {}).status_code == 302
    assert services.claim_next(wary_project, annotator) is not None


def test_an_opt_out_can_be_taken_back_when_the_warning_is_gone(
    wary_project: Project, annotator: User
) -> None:
    services.opt_out(wary_project, annotator, HARM)
    services.update_project(wary_project, task_config={})
    client, url = signed_in(annotator), reverse("categories", args=[wary_project.slug])
    assert HARM in client.get(url).content.decode()
    client.post(url, {"unwanted": [HARM]})
    assert CategoryOptOut.objects.count() == 1
    client.post(url, {})
    assert CategoryOptOut.objects.count() == 0


def test_the_screen_warns_of_these_categories_and_names_no_other(
    wary_project: Project, annotator: User
) -> None:
    item_of(wary_project, "canary")
    item_of(wary_project, HARM)
    client, url = signed_in(annotator), reverse("next_item", args=[wary_project.slug])
    plain = client.post(url).content.decode()
    assert "canary" not in plain
    assert "inert" not in plain
    key = Assignment.objects.get().key
    warned = client.post(url, {"held": str(key)}).content.decode()
    assert f'data-warning="{HARM}" data-veiled' in warned
    assert '<div class="item__texts" inert>' in warned


def test_one_cannot_opt_out_of_what_the_project_does_not_warn_of(
    wary_project: Project, annotator: User
) -> None:
    assignment = make_assignment(item_of(wary_project, "maths"), annotator)
    answer = signed_in(annotator).post(reverse("opt_out", args=[assignment.key]))
    assert answer.status_code == 409
    assert answer.json() == {"message": "This project does not warn of this category."}
    with pytest.raises(services.NotAllowed):
        services.opt_out(wary_project, annotator, "")
    assert CategoryOptOut.objects.count() == 0


def test_whoever_opted_out_is_missing_for_the_item(wary_project: Project, annotator: User) -> None:
    other = make_member(wary_project)
    harmful = item_of(wary_project, HARM, answers_wanted=2)
    kind = item_of(wary_project, "kind", answers_wanted=2)
    assert not queries_projects.short_of_people(wary_project).exists()
    services.opt_out(wary_project, annotator, HARM)
    assert [(each.pk, each.missing) for each in queries_projects.short_of_people(wary_project)] == [
        (harmful.pk, 1)
    ]
    # Who answered before opting out is not counted twice.
    services.choose_categories(wary_project, annotator, [])
    make_annotation(harmful, annotator)
    services.opt_out(wary_project, annotator, HARM)
    assert not queries_projects.short_of_people(wary_project).exists()
    services.opt_out(wary_project, other, HARM)
    short = queries_projects.short_of_people(wary_project)
    assert [(each.pk, each.missing) for each in short] == [(harmful.pk, 1)]
    assert kind not in short


def test_settings_hold_the_categories(project: Project, manager: User) -> None:
    url = reverse("project_settings", args=[project.slug])
    fields = {"name": "Demo", "answers_per_item": "2", "lease_seconds": "120"}
    both = {"pairwise-allow_tie": "on", "pairwise-allow_both_bad": "on"}
    client = signed_in(manager)
    client.post(url, fields | both | {"harm_categories": f"{HARM}\n\nhate speech\n"})
    project.refresh_from_db()
    assert project.harm_categories == [HARM, "hate speech"]
    assert f"{HARM}\nhate speech</textarea>" in client.get(url).content.decode()
    client.post(url, fields | both)
    project.refresh_from_db()
    assert project.task_config == {}
