"""Categories of prompts: target shares, moving, renaming, and building towards the shares."""

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from annotation import queries_prompts, services
from annotation.models import Bookmark, CategoryOptOut, Project, Prompt
from tests.builders import make_item, make_member, make_project, make_prompt, make_response

pytestmark = pytest.mark.django_db

PAGE = "/projects/demo/prompts/"


def targets(project: Project) -> dict[str, float]:
    return dict(project.category_targets.values_list("category", "share"))


def add_prompts(project: Project, category: str, count: int) -> None:
    for _ in range(count):
        prompt = make_prompt(project, category=category)
        for source in ("one", "two"):
            make_response(prompt, source=source)


def built_by_category(project: Project) -> dict[str, int]:
    names = project.items.exclude(arm="random").values_list("prompt__category", flat=True)
    return {name: list(names).count(name) for name in set(names)}


@pytest.fixture
def researching(client: Client, researcher: User) -> Client:
    client.force_login(researcher)
    return client


# --- target shares --------------------------------------------------------------------------------


def test_shares_replace_those_before(project: Project) -> None:
    services.set_targets(project, {"maths": 0.5, "code": 0.5})
    services.set_targets(project, {" code ": 0.25, "letters": 0.0})
    assert targets(project) == {"code": 0.25, "letters": 0.0}


@pytest.mark.parametrize(
    ("shares", "reason"),
    [
        ({"a": 0.6, "b": 0.5}, "The target shares sum to 110 %; make them 100 % or less"),
        ({"a": 1.2}, "The share of “a” must lie between 0 and 100 %."),
        ({"a": float("nan")}, "The share of “a” must lie"),
        ({" ": 0.2}, "A category needs a name."),
        ({"a": 0.1, " a": 0.2}, "“a” stands there twice"),
        ({"x" * 101: 0.1}, "at most 100 characters"),
        ({"two\nlines": 0.1}, "one line of plain characters"),
    ],
)
def test_shares_that_make_no_sense_change_nothing(
    project: Project, shares: dict[str, float], reason: str
) -> None:
    services.set_targets(project, {"kept": 0.3})
    with pytest.raises(services.ContentInvalid, match=reason):
        services.set_targets(project, shares)
    assert targets(project) == {"kept": 0.3}


def test_items_are_built_towards_the_shares(project: Project) -> None:
    for category in ("maths", "code", "letters", ""):
        add_prompts(project, category, 12)
    for prompt in project.prompts.filter(category="maths")[:4]:
        make_item(project, prompt=prompt)
    project.items.update(arm="random")
    services.set_targets(project, {"maths": 0.5, "code": 0.25})
    # 16 in all: maths lacks 8 - 4, code lacks 4, all others lack 4.
    built = services.build_items(
        project, "several_sources", count=12, control_share=0.0, balance=True
    )
    assert built.chosen == 12
    by_category = built_by_category(project)
    others = by_category.get("", 0) + by_category.get("letters", 0)
    assert (by_category["maths"], by_category["code"], others) == (4, 4, 4)


def test_retired_items_and_gold_are_not_counted_as_asked(project: Project) -> None:
    for category in ("maths", "code"):
        add_prompts(project, category, 5)
    gold, retired = [
        make_item(project, prompt=prompt) for prompt in project.prompts.filter(category="maths")[:2]
    ]
    services.make_gold(gold, kind="hidden", answer={"strength": 1, "both_bad": False}, reason="So.")
    services.retire_item(retired)
    services.set_targets(project, {"maths": 0.5, "code": 0.5})
    project.items.update(arm="random")
    services.build_items(project, "several_sources", count=4, control_share=0.0, balance=True)
    assert built_by_category(project) == {"maths": 2, "code": 2}


def test_the_control_arm_is_never_balanced(project: Project) -> None:
    add_prompts(project, "maths", 30)
    services.set_targets(project, {"code": 1.0})
    built = services.build_items(
        project, "several_sources", count=10, control_share=0.5, balance=True
    )
    assert (built.chosen, built.control) == (0, 0)  # nothing to compare a control with
    with pytest.raises(services.ContentInvalid, match="so they are not balanced"):
        services.build_items(project, "random", count=10, balance=True)


def test_balance_needs_a_share(project: Project) -> None:
    add_prompts(project, "maths", 2)
    with pytest.raises(services.ContentInvalid, match="No category has a target share yet"):
        services.build_items(project, "several_sources", count=2, balance=True)
    with pytest.raises(CommandError, match="No category has a target share yet"):
        call_command(
            "build_items", "demo", "--strategy", "several_sources", "--count", "2", "--balance"
        )


def test_balance_is_offered_where_there_are_shares(researching: Client, project: Project) -> None:
    add_prompts(project, "maths", 3)
    add_prompts(project, "code", 3)
    page = "/projects/demo/items/build/"
    assert "balance" not in researching.get(page).context["form"].fields
    services.set_targets(project, {"maths": 1.0})
    wish = {"strategy": "several_sources", "count": "6", "control_share": "0", "balance": "on"}
    reply = researching.post(page, wish, follow=True)
    assert "Queued: 3 chosen" in reply.content.decode()
    assert built_by_category(project) == {"maths": 3}


# --- moving and renaming --------------------------------------------------------------------------


def test_prompts_move_and_passed_items_are_found_again(project: Project, annotator: User) -> None:
    other = make_prompt(make_project("other"), category="violence")
    item = make_item(project, prompt=make_prompt(project, category="violence"))
    services.update_project(project, task_config={"harm_categories": ["violence"]})
    services.opt_out(project, annotator, "violence")
    make_item(project)
    services.skip(services.claim_next(project, annotator), "later")  # type: ignore[arg-type]
    assert services.claim_next(project, annotator) is None
    moved = services.set_category(project, Prompt.objects.filter(category="violence"), "history")
    assert moved == 1
    other.refresh_from_db()
    assert other.category == "violence"
    assert not Bookmark.objects.filter(annotator=annotator).exists()
    turn = services.claim_next(project, annotator)
    assert turn is not None
    assert turn.item == item
    assert services.set_category(project, project.prompts.all(), "history") == 1  # the second one
    assert services.set_category(project, project.prompts.all(), "") == 2


def test_a_rename_takes_everything_along(project: Project, annotator: User) -> None:
    make_prompt(project, category="violent")
    services.update_project(project, task_config={"harm_categories": ["violent", "drugs"]})
    services.opt_out(project, annotator, "violent")
    services.set_targets(project, {"violent": 0.25})
    assert services.rename_category(project, "violent", " violence ") == 1
    project.refresh_from_db()
    assert project.harm_categories == ["violence", "drugs"]
    assert targets(project) == {"violence": 0.25}
    assert CategoryOptOut.objects.get().category == "violence"
    assert project.prompts.get().category == "violence"


def test_a_merge_keeps_every_opt_out_once_and_adds_the_shares(project: Project) -> None:
    services.update_project(project, task_config={"harm_categories": ["a", "b"]})
    both, one = make_member(project), make_member(project)
    for person, category in ((both, "a"), (both, "b"), (one, "a")):
        services.opt_out(project, person, category)
    services.set_targets(project, {"a": 0.25, "b": 0.5})
    for category in ("a", "b", "c"):
        make_prompt(project, category=category)
    assert services.rename_category(project, "a", "b") == 1
    project.refresh_from_db()
    assert project.harm_categories == ["b"]
    assert targets(project) == {"b": 0.75}
    opted_out = CategoryOptOut.objects.values_list("annotator", "category")
    assert set(opted_out) == {(both.pk, "b"), (one.pk, "b")}
    assert len(opted_out) == 2
    counts = {line.name: line.prompts for line in queries_prompts.categories_of(project)}
    assert counts == {"b": 2, "c": 1}


@pytest.mark.parametrize(("old", "new"), [("a", " "), ("", "b"), ("a", "a"), ("a", "x" * 101)])
def test_a_rename_needs_two_names(project: Project, old: str, new: str) -> None:
    with pytest.raises(services.ContentInvalid):
        services.rename_category(project, old, new)


# --- the page -------------------------------------------------------------------------------------


def test_the_page_filters_by_category_and_text(researching: Client, project: Project) -> None:
    make_prompt(project, "Wie geht es Frau Müller?", category="letters")
    make_prompt(project, "What is 2 + 2?", category="maths")
    make_prompt(project, "And 3 + 3?")

    def shown(**query: str) -> list[str]:
        return [str(prompt) for prompt in researching.get(PAGE, query).context["page"]]

    assert len(shown()) == 3
    assert shown(category="maths") == ["What is 2 + 2?"]
    assert shown(category="-") == ["And 3 + 3?"]
    assert shown(text="wie GEHT") == ["Wie geht es Frau Müller?"]
    assert shown(text="Müller") == ["Wie geht es Frau Müller?"]
    assert shown(text="3 +", category="maths") == []
    assert len(shown(category="made up")) == 3


def test_ticked_prompts_move(researching: Client, project: Project) -> None:
    first, second, third = (make_prompt(project) for _ in range(3))
    sent = {"action": "assign", "prompt": [first.pk, third.pk], "to": "maths"}
    reply = researching.post(PAGE, sent, follow=True)
    assert "2 prompts moved to “maths”." in reply.content.decode()
    assert set(project.prompts.filter(category="maths")) == {first, third}
    assert second.category == ""


def test_all_that_match_move(researching: Client, project: Project) -> None:
    for number in range(60):
        make_prompt(project, f"Sum {number}?")
    make_prompt(project, "A letter?")
    sent = {"action": "assign", "everything": "on", "to": "maths"}
    reply = researching.post(f"{PAGE}?text=Sum", sent)
    assert reply.status_code == 302
    assert reply["Location"] == f"{PAGE}?category=&text=Sum"
    assert project.prompts.filter(category="maths").count() == 60


@pytest.mark.parametrize(
    ("sent", "form", "field", "reason"),
    [
        ({"action": "assign", "to": "x"}, "assign", "prompt", "Tick the prompts first"),
        ({"action": "assign", "prompt": "99999999"}, "assign", "prompt", "not on this page"),
        ({"action": "rename", "rename-old": "maths"}, "rename", "new", "required"),
        ({"action": "rename", "rename-old": "no", "rename-new": "x"}, "rename", "old", "valid"),
        (
            {"action": "targets", "category": ["maths"], "share_0": "101"},
            "targets",
            "share_0",
            "less than or equal to 100",
        ),
        (
            {"action": "targets", "category": ["a", "b"], "share_0": "60", "share_1": "50"},
            "targets",
            "__all__",
            "sum to 110 %",
        ),
        ({"action": "targets", "new_category": "x"}, "targets", "new_share", "Say which share"),
        ({"action": "targets", "new_share": "5"}, "targets", "new_category", "Say which category"),
        (
            {
                "action": "targets",
                "category": ["maths"],
                "new_category": "maths",
                "new_share": "5",
            },
            "targets",
            "new_category",
            "a line of its own",
        ),
    ],
)
def test_a_bad_form_names_its_field(
    researching: Client,
    project: Project,
    sent: dict[str, object],
    form: str,
    field: str,
    reason: str,
) -> None:
    make_prompt(project, category="maths")
    reply = researching.post(PAGE, sent)
    assert reply.status_code == 422
    assert reason in str(reply.context[form].errors[field])
    assert targets(project) == {}
    assert project.prompts.get().category == "maths"


def test_shares_are_edited_in_percent(researching: Client, project: Project) -> None:
    make_prompt(project, category="maths")
    sent = {
        "action": "targets",
        "category": ["maths"],
        "share_0": "12.5",
        "new_category": "code",
        "new_share": "50",
    }
    assert researching.post(PAGE, sent).status_code == 302
    assert targets(project) == {"maths": 0.125, "code": 0.5}
    lines = researching.get(PAGE).context["targets"].rows
    assert [(line.name, field.value()) for line, field in lines] == [
        ("code", "50"),
        ("maths", "12.5"),
    ]
    cleared = {"action": "targets", "category": ["code", "maths"], "share_0": "50", "share_1": ""}
    researching.post(PAGE, cleared)
    assert targets(project) == {"code": 0.5}


def test_the_page_asks_the_same_number_of_queries_for_many_prompts(
    researching: Client, project: Project, django_assert_max_num_queries: object
) -> None:
    for number in range(40):
        make_prompt(project, category=f"category {number % 7}")
    with django_assert_max_num_queries(16):  # type: ignore[operator]
        researching.get(PAGE)
