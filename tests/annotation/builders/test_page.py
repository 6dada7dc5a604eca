"""The page on which a researcher has items built."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from annotation import services
from annotation.models import Project
from tests.builders import make_annotation, make_item, make_project, make_prompt, make_response

pytestmark = pytest.mark.django_db

PAGE = "/projects/demo/items/build/"
WISH = {"strategy": "several_sources", "count": "10", "control_share": "0"}


@pytest.fixture
def researching(client: Client, researcher: User) -> Client:
    client.force_login(researcher)
    return client


def add_prompts(project: Project, count: int) -> None:
    for _ in range(count):
        prompt = make_prompt(project)
        for source in ("old", "new"):
            services.record_score(make_response(prompt, source=source), "rm", 1.0)


def test_items_are_queued_and_counted_by_arm(researching: Client, project: Project) -> None:
    add_prompts(project, 3)
    make_annotation(make_item(project, arm="sampled"))
    reply = researching.post(PAGE, WISH, follow=True)
    assert "Queued: 3 chosen, 0 at random." in reply.content.decode()
    lines = [(line.arm, line.items, line.complete, line.answers) for line in reply.context["arms"]]
    assert lines == [("several_sources", 3, 0, 0), ("sampled", 1, 1, 1)]
    again = researching.post(PAGE, WISH, follow=True)
    assert "Nothing new to ask was found." in again.content.decode()


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"strategy": "luck"}, "strategy", "Select a valid choice"),
        ({"count": "501"}, "count", "At most 500 at once"),
        ({"count": "0"}, "count", "greater than or equal to 1"),
        ({"control_share": "1.5"}, "control_share", "less than or equal to 1"),
        ({"control_share": "nan"}, "control_share", "Enter a number"),
        ({"strategy": "uncertainty"}, "__all__", "No response of this project has a score"),
    ],
)
def test_a_bad_wish_names_its_field(
    changes: dict[str, str], field: str, reason: str, researching: Client, project: Project
) -> None:
    reply = researching.post(PAGE, WISH | changes)
    assert reply.status_code == 422
    assert list(reply.context["form"].errors) == [field]
    assert reason in reply.context["form"].errors[field][0]
    assert not project.items.exists()


def test_only_what_can_be_chosen_is_asked(
    researching: Client, researcher: User, project: Project
) -> None:
    form = researching.get(PAGE).context["form"]
    assert list(form.fields) == [  # pairs; nobody scored
        "strategy",
        "count",
        "control_share",
        "batch",
    ]
    ranking = make_project(slug="rankings", task_type="ranking")
    services.add_member(ranking, researcher, "researcher")
    add_prompts(ranking, 2)
    services.record_score(make_response(make_prompt(ranking)), "other", 1.0)
    form = researching.get("/projects/rankings/items/build/").context["form"]
    assert list(form.fields) == ["strategy", "k", "count", "control_share", "scorer", "batch"]
    wish = WISH | {"strategy": "hard_negatives", "k": "2", "scorer": "rm"}
    reply = researching.post("/projects/rankings/items/build/", wish, follow=True)
    assert "Queued: 2 chosen" in reply.content.decode()
