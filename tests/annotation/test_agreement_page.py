"""The agreement page: what each figure is made of, by hand."""

import csv
from collections import OrderedDict
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.test import Client

from annotation import kept_answers, services
from annotation.models import Annotation, Item, Membership, Project
from annotation.queries_agreement import agreement_page
from tests.builders import make_annotation, make_item, make_member, make_project, make_prompt

pytestmark = pytest.mark.django_db

A, B = {"strength": 2, "both_bad": False}, {"strength": -2, "both_bad": False}
TIE, BAD = {"strength": 0, "both_bad": False}, {"strength": 0, "both_bad": True}


@pytest.fixture
def people(project: Project) -> list[User]:
    return [make_member(project, username=name) for name in ("ann", "ben", "cat")]


def say(project: Project, people: list[User], *answers: dict, **fields) -> None:
    """One item more, with an answer of each of the people in turn."""
    item = make_item(project, answers_wanted=len(answers), **fields)
    for person, answer in zip(people, answers, strict=False):
        make_annotation(item, person, answer=answer)


def test_the_headline_by_hand(project: Project, people: list[User]) -> None:
    """Two people, aa, bb, ab, =b: of coincidences 2 + 2 agree, 4 do not; n_a = 3, n_b = 4, n_= = 1.

    α = 1 - 7 · 4 / (64 - 9 - 16 - 1) = 1 - 28 / 38.
    """
    for first, second in ((A, A), (B, B), (A, B), (TIE, B)):
        say(project, people, first, second)
    page = agreement_page(project)
    assert page.chosen is not None
    assert page.chosen.name == "direction"
    assert page.headline is not None
    assert page.headline.value == pytest.approx(1 - 28 / 38)
    assert (page.headline.n, page.headline.items) == (8, 4)
    figures = {figure.label: figure.found.value for figure in page.figures}
    assert figures["Percent agreement"] == 0.5


def test_strength_is_compared_among_those_who_chose_a_stop(
    project: Project, people: list[User]
) -> None:
    say(project, people, A, {"strength": 3, "both_bad": False})
    say(project, people, B, BAD)
    say(project, people, B, B)
    page = agreement_page(project, "strength_7")
    assert page.chosen is not None
    assert page.chosen.scale == (-3, -2, -1, 0, 1, 2, 3)
    assert page.headline is not None
    assert (page.headline.n, page.headline.items) == (4, 2)
    found = {each.name: alpha for each, alpha in page.measures}
    assert list(found) == ["direction", "strength_7"]
    assert found["strength_7"] == page.headline


def test_both_bad_is_an_answer_of_its_own(project: Project, people: list[User]) -> None:
    say(project, people, BAD, BAD)
    say(project, people, A, A)
    headline = agreement_page(project).headline
    assert headline is not None
    assert headline.value == 1.0


def test_people_with_the_rest_and_two_by_two(project: Project, people: list[User]) -> None:
    say(project, people, A, A, B)
    say(project, people, B, B)
    page = agreement_page(project)
    found = {each.name: (each.rest.share.rate, each.rest.share.n) for each in page.people}
    assert found == {"ann": (2 / 3, 3), "ben": (2 / 3, 3), "cat": (0.0, 2)}
    assert page.people[0].name == "cat"  # who agrees least
    assert page.pairs is not None
    cells = {
        (name, other): (cell.rate, cell.n) if cell else None
        for name, row in page.pairs.rows
        for other, cell in zip(page.pairs.names, row, strict=True)
    }
    assert cells["ann", "ben"] == cells["ben", "ann"] == (1.0, 2)
    assert cells["ann", "cat"] == (0.0, 1)
    assert cells["ann", "ann"] is None


def test_researchers_are_the_ceiling_and_the_measure(project: Project, people: list[User]) -> None:
    researchers = [
        make_member(project, Membership.Role.RESEARCHER, name) for name in ("rita", "rolf")
    ]
    everybody = [*researchers, people[0]]
    say(project, everybody, A, A, A)
    say(project, everybody, B, B, A)
    page = agreement_page(project)
    assert page.ceiling is not None
    assert (page.ceiling.value, page.ceiling.n) == (1.0, 4)
    ann = next(each for each in page.people if each.name == "ann")
    assert ann.with_researchers is not None
    assert (ann.with_researchers.rate, ann.with_researchers.n) == (0.5, 4)
    rita = next(each for each in page.people if each.name == "rita")
    assert rita.is_researcher
    assert rita.with_researchers is not None
    assert rita.with_researchers.rate == 1.0  # with the other researcher


def test_the_parts(project: Project, people: list[User]) -> None:
    for category, second in (("maths", A), ("maths", A), ("poetry", B)):
        prompt = make_prompt(project, category=category)
        say(project, people, A, second, prompt=prompt)
        say(project, people, B, B, prompt=make_prompt(project, category=category))
    first = Annotation.objects.order_by("pk").first()
    assert first is not None
    week_before = Annotation.objects.filter(assignment__item=first.assignment.item_id)
    Annotation.objects.update(created=datetime(2026, 11, 25, 9, tzinfo=UTC))
    week_before.update(created=datetime(2026, 11, 22, 23, tzinfo=UTC))
    parts = {part.slug: part for part in agreement_page(project).parts}
    categories = {line.name: line for line in parts["categories"].lines}
    assert categories["maths"].share.value == 1.0
    assert (categories["poetry"].share.value, categories["poetry"].alpha.n) == (0.5, 4)
    weeks = [(line.name, line.alpha.n) for line in parts["weeks"].lines]
    assert weeks == [("16 Nov 2026", 2), ("23 Nov 2026", 10)]
    assert "sources" not in parts  # all of one pair


def test_each_number_leads_to_the_items_behind_it(
    project: Project, people: list[User], client: Client, researcher: User
) -> None:
    prompt = make_prompt(project, category="maths")
    say(project, people, A, A, prompt=prompt, sources=["old", "new"])
    services.put_into_batch(services.add_batch(project, "pilot"), Item.objects.all())
    Annotation.objects.update(created=datetime(2026, 11, 22, 23, tzinfo=UTC))
    services.new_guideline(project, "Prefer the shorter one.", people[0])
    say(project, people, A, B, sources=["old", "base"])
    Annotation.objects.filter(guideline__version=2).update(
        created=datetime(2026, 11, 23, tzinfo=UTC)
    )
    client.force_login(researcher)
    page = agreement_page(project)
    parts = {part.slug: part.lines for part in page.parts}
    assert set(parts) == {"weeks", "categories", "batches", "sources", "guidelines"}
    for slug, lines in parts.items():
        shown = [client.get(f"/projects/demo/browse/?{line.query}") for line in lines]
        found = [[line.item.pk for line in each.context["page"].lines] for each in shown]
        assert sorted(found) == sorted([pk] for pk in Item.objects.values_list("pk", flat=True)), (
            slug
        )
    assert page.pairs is not None
    cell = page.pairs.rows[0][1][1]
    assert cell is not None
    both = client.get(f"/projects/demo/browse/?{cell.query}").context["page"]
    assert len(both.lines) == cell.n == 2


def test_guideline_versions_and_source_pairs(project: Project, people: list[User]) -> None:
    say(project, people, A, A, sources=["old", "new"])
    services.new_guideline(project, "Prefer the shorter one.", people[0])
    say(project, people, A, B, sources=["new", "other"])
    parts = {part.slug: part for part in agreement_page(project).parts}
    shares = {line.name: line.share.value for line in parts["guidelines"].lines}
    assert sorted(shares.values()) == [0.0, 1.0]
    assert len(parts["sources"].lines) == 2


def test_a_new_guideline_is_held_beside_the_one_before(
    project: Project, people: list[User]
) -> None:
    """1 - 7 · 4 / (64 - 16 - 16) = ⅛ under the first version, 1 under the second."""
    for first, second in ((A, B), (A, A), (B, B), (B, A)):
        say(project, people, first, second)
    services.new_guideline(project, "Prefer the shorter one.", people[0])
    for person in people:
        services.acknowledge(project, person, project.guidelines.order_by("version").last().version)
    for answer in (A, B) * 4:
        say(project, people, answer, answer)
    (lines,) = (p.lines for p in agreement_page(project).parts if p.slug == "guidelines")
    assert [line.change is None for line in lines] == [True, False]
    before, after = (line.alpha.value for line in lines)
    assert (before, after) == (pytest.approx(0.125), pytest.approx(1.0))
    change = lines[1].change
    assert change is not None
    assert change.value == pytest.approx(0.875)
    assert change.interval is not None
    assert change.interval[0] <= 0.875 <= change.interval[1]


@pytest.mark.parametrize(
    ("task_type", "config", "answers", "measures"),
    [
        (
            "ranking",
            {},
            [{"groups": [[0], [1, 2]]}, {"groups": [[0], [1], [2]]}],
            {"direction": (2 / 3, 6)},
        ),
        (
            "rate_then_rank",
            {},
            [
                {"ratings": [5, 3], "flags": [[], []], "groups": [[0], [1]]},
                {"ratings": [5, 2], "flags": [[], []], "groups": [[0], [1]]},
            ],
            {"direction": (1.0, 2), "rating": (0.5, 4)},
        ),
        (
            "likert",
            {},
            [
                {
                    "stops": 5,
                    "ratings": [{"helpful": 4, "honest": None, "harmless": 5}] * 2,
                },
                {
                    "stops": 5,
                    "ratings": [{"helpful": 2, "honest": 3, "harmless": 5}] * 2,
                },
            ],
            {"helpful_5": (0.0, 4), "harmless_5": (1.0, 4), "direction": (1.0, 2)},
        ),
        ("thumbs", {}, [{"good": True}, {"good": False}], {"good": (0.0, 2)}),
    ],
)
def test_each_task_type(task_type: str, config: dict, answers: list, measures: dict) -> None:
    project = make_project(task_type=task_type, task_config=config)
    people = [make_member(project) for _ in answers]
    counts = {"ranking": 3, "thumbs": 1}
    say(project, people, *answers, texts="abcd"[: counts.get(task_type, 2)])
    for name, (share, n) in measures.items():
        page = agreement_page(project, name)
        found = {figure.label: figure.found for figure in page.figures}["Percent agreement"]
        assert (found.value, found.n) == (pytest.approx(share), n), name


def test_not_rankable_is_said_of_every_pair() -> None:
    project = make_project(task_type="ranking")
    people = [make_member(project) for _ in range(2)]
    nothing = {"groups": [], "not_rankable": True, "reason": "unclear_prompt"}
    say(project, people, nothing, nothing, texts="abc")
    say(project, people, nothing, {"groups": [[0], [1], [2], [3]]}, texts="abcd")
    page = agreement_page(project)
    assert page.headline is not None
    assert page.headline.n == 2 * 3 + 2 * 6


def test_without_two_answers_it_says_what_to_do(
    project: Project, people: list[User], client: Client
) -> None:
    client.force_login(make_member(project, Membership.Role.RESEARCHER))
    url = f"/projects/{project.slug}/agreement/"
    assert "No answers yet" in client.get(url).content.decode()
    say(project, people, A)
    shown = client.get(url).content.decode()
    assert "Nothing to compare yet" in shown
    assert "No item has two answers yet." in shown
    assert client.get(f"{url}?measure=nonsense").status_code == 404


@pytest.mark.parametrize("table", ["figures", "measures", "people", "pairs", "weeks"])
def test_each_table_is_a_file(
    project: Project, people: list[User], client: Client, table: str
) -> None:
    say(project, people, A, A, B)
    client.force_login(make_member(project, Membership.Role.RESEARCHER))
    url = f"/projects/{project.slug}/agreement/"
    sent = client.get(f"{url}{table}.csv?measure=direction")
    rows = list(csv.DictReader(StringIO(sent.content.decode())))
    assert len(rows) == {"figures": 4, "measures": 2, "people": 3, "pairs": 6, "weeks": 1}[table]
    if table == "people":
        assert (rows[0]["person"], float(rows[0]["with_the_rest"])) == ("cat", 0.0)
    assert client.get(f"{url}nothing.csv").status_code == 404


# --- carried on -----------------------------------------------------------------------------------


def test_the_page_that_is_carried_on_is_the_page_made_anew(
    project: Project, people: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever happens between one look and the next."""
    monkeypatch.setattr(kept_answers, "SMALL", 0)
    researcher = make_member(project, Membership.Role.RESEARCHER)
    everybody = [*people, researcher]
    for number in range(6):
        prompt = make_prompt(project, category=("maths", "poems")[number % 2])
        sources = (["old", "new"], ["new", "third"])[number % 2]
        texts = [f"a{number}", f"b{number}"]
        answers = (A, B, TIE, BAD)[number % 4 :] + (A, A, B)
        say(project, everybody, *answers[:4], prompt=prompt, sources=sources, texts=texts)

    def check() -> None:
        for measure in ("direction", "strength_7"):
            carried = agreement_page(project, measure)
            with monkeypatch.context() as anew:
                anew.setattr(kept_answers, "_kept", OrderedDict())
                assert carried == agreement_page(project, measure)

    check()
    first = kept_answers.kept_answers(project)
    services.new_guideline(project, "Be strict.", researcher)
    for person in people:
        services.acknowledge(project, person, project.guidelines.first().version)
    say(project, people, A, B, prompt=make_prompt(project, category="plays"))
    check()
    answered = Annotation.objects.order_by("pk")[3].assignment
    services.submit_answer(answered, answer=B, submit_key="changed")
    check()
    services.undo_last(project, people[0])
    check()
    services.add_member(project, people[2], Membership.Role.RESEARCHER)
    check()
    last = kept_answers.kept_answers(project)
    assert last.changes[0][0] == first.version, "it was read anew, not carried on"
    assert len(last.changes) == 3
