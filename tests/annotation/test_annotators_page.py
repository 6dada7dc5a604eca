"""The annotators page: figures by hand, evidence, weights, pauses, and where answers were used."""

import csv
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.test import Client

from annotation import queries_reliability, services
from annotation.models import Annotation, AnnotatorWeight, Item, Membership, Pause, Project
from annotation.queries_annotator import annotator_page, find_annotator
from annotation.queries_annotators import AnnotatorLine, annotators_page
from annotation.queries_reliability import Week
from annotation.templatetags.plots import sparkline
from tests.builders import make_annotation, make_assignment, make_item, make_member, make_project

pytestmark = pytest.mark.django_db


def judge(item: Item, person: User, prefers_first: bool, *, rationale: str = "") -> Annotation:
    return make_annotation(item, person, strength=2 if prefers_first else -2, rationale=rationale)


def line_of(project: Project, name: str) -> AnnotatorLine:
    return next(line for line in annotators_page(project).lines if line.name == name)


def labels(line: AnnotatorLine) -> list[str]:
    return [each.label for each in line.shown]


@pytest.fixture
def crowd(project: Project) -> list[User]:
    """Three who agree on sixteen pairs, of which the first response is the better one, and mia, who
    prefers what is shown first whatever it is: to everybody, the better one half the time."""
    people = [make_member(project, username=name) for name in ("ann", "ben", "cat", "mia")]
    for number in range(16):
        item = make_item(project, ["right", "a longer one that is wrong"], answers_wanted=4)
        for place, person in enumerate(people):
            turn = make_assignment(item, person)
            turn.display_order = [(number + place) % 2, (number + place + 1) % 2]
            turn.save(update_fields=["display_order"])
            prefers_first = person.username != "mia" or turn.display_order[0] == 0
            answer = {"strength": 2 if prefers_first else -2, "both_bad": False}
            services.submit_answer(turn, answer=answer, submit_key="k", seconds=12.5)
    return people


def test_who_always_takes_the_first_place_is_found_and_nobody_else(
    project: Project, crowd: list[User]
) -> None:
    page = annotators_page(project)
    assert page.lines[0].name == "mia"
    assert "Always the same place" in labels(page.lines[0])
    sentence = next(s.sentence for s in page.lines[0].shown if s.label == "Always the same place")
    assert sentence.startswith("16 of 16 answers prefer the response shown first.")
    assert [labels(line) for line in page.lines[1:]] == [[], [], []]
    assert page.suspicious == 1


def test_reliability_follows_the_crowd(project: Project, crowd: list[User]) -> None:
    ann, mia = line_of(project, "ann"), line_of(project, "mia")
    assert ann.reliability is not None
    assert mia.reliability is not None
    assert ann.reliability.eta > 0.85 > mia.reliability.eta
    low, high = ann.reliability.interval
    assert low < ann.reliability.eta < high
    assert (ann.answers, ann.reliability.votes) == (16, 16)
    assert sum(week.n for week in ann.weeks) == 16
    assert sum(week.agreed for week in ann.weeks) == 16


def test_gold_counts_apart_and_decides_what_is_right(project: Project) -> None:
    ann = make_member(project, username="ann")
    for number in range(4):
        item = make_item(project, answers_wanted=2)
        answer = {"strength": 1, "both_bad": False}
        services.make_gold(item, kind="hidden", answer=answer, reason="So it is.")
        turn = services.claim_item(item, ann)
        assert turn is not None
        said = {"strength": 2 if number else -2, "both_bad": False}
        services.submit_answer(turn, answer=said, submit_key="k")
    line = line_of(project, "ann")
    assert (line.gold.agreed, line.gold.seen) == (3, 4)
    assert line.rest is None
    assert [(week.agreed, week.n) for week in line.weeks] == [(3, 4)]
    services.retire_gold(Item.objects.first().gold)  # type: ignore[union-attr]
    line = line_of(project, "ann")
    assert (line.gold.agreed, line.gold.seen) == (3, 3)


def test_training_items_measure_nobody_here(project: Project) -> None:
    ann = make_member(project, username="ann")
    item = make_item(project, answers_wanted=2)
    answer = {"strength": 1, "both_bad": False}
    services.make_gold(item, kind="training", answer=answer, reason="So it is.")
    turn = services.claim_item(item, ann)
    assert turn is not None
    services.submit_answer(turn, answer=answer, submit_key="k")
    line = line_of(project, "ann")
    assert (line.gold.seen, line.weeks, line.reliability) == (0, [], None)


def test_who_answers_faster_than_anybody_reads_is_found(project: Project) -> None:
    quick, slow = make_member(project, username="quick"), make_member(project, username="slow")
    for number in range(14):
        texts = [f"{number} {word} " + "word " * 60 for word in ("one", "two")]
        item = make_item(project, texts, answers_wanted=2)
        for person, seconds in ((quick, 1.5), (slow, 40.0)):
            services.submit_answer(
                make_assignment(item, person),
                answer={"strength": (-1) ** number, "both_bad": False},
                submit_key="k",
                seconds=seconds,
            )
    assert "Faster than reading" in labels(line_of(project, "quick"))
    assert labels(line_of(project, "slow")) == []


def test_copied_reasons_name_the_reason_and_who_else_gave_it(project: Project) -> None:
    cody, carl = make_member(project, username="cody"), make_member(project, username="carl")
    eva = make_member(project, username="eva")
    for number in range(12):
        item = make_item(project, answers_wanted=3)
        judge(item, cody, True, rationale="The answer is helpful and honest.")
        judge(item, carl, True, rationale="Answer helpful, and the honest IS!")
        numeral = "abcdefghijkl"[number] * 4
        judge(item, eva, True, rationale=f"It explains {numeral} rather better.")
    line = line_of(project, "cody")
    assert labels(line) == ["Copied reasons"]
    assert line.shown[0].beside == ("carl",)
    assert "12 of 12 reasons" in line.shown[0].sentence
    assert "“The answer is helpful and honest.”" in line.shown[0].sentence
    assert labels(line_of(project, "eva")) == []


def test_of_a_ranking_only_pairs_that_share_no_response_count() -> None:
    project = make_project(task_type="ranking")
    ann, ben = make_member(project, username="ann"), make_member(project, username="ben")
    item = make_item(project, texts="abcd", answers_wanted=2)
    for person in (ann, ben):
        services.submit_answer(
            make_assignment(item, person), answer={"groups": [[0], [1], [2], [3]]}, submit_key="k"
        )
    line = line_of(project, "ann")
    assert line.reliability is not None
    assert line.reliability.votes == 2  # 0-1 and 2-3, of six
    assert line.rest is not None
    assert (line.rest.share.rate, line.rest.share.n) == (1.0, 2)


def test_a_project_without_preferences_is_said_so() -> None:
    project = make_project(task_type="demonstration")
    assert annotators_page(project).lines == []
    item = make_item(project, texts=())
    services.submit_answer(
        make_assignment(item, make_member(project, username="ann")),
        answer={"text": "An ideal answer.", "edited": None},
        submit_key="k",
    )
    page = annotators_page(project)
    assert (page.figures.typical, page.figures.votes) == (None, 0)
    assert (page.lines[0].reliability, page.lines[0].suspicions) == (None, [])


def test_the_table_of_errors_tells_a_blind_eye(project: Project) -> None:
    people = [make_member(project, username=name) for name in ("ann", "ben", "cat", "zoe")]
    for number in range(30):
        item = make_item(project, answers_wanted=4)
        for person in people[:3]:
            judge(item, person, number % 2 == 0)
        judge(item, people[3], True)  # zoe never says the second
    confusion = annotator_page(project, people[3]).confusion
    assert confusion is not None
    assert confusion.labels == ["the first", "the second"]
    first, second = (cells for _, _, cells in confusion.rows)
    assert first[0] == pytest.approx(1.0, abs=0.01)
    assert second[1] == pytest.approx(0.0, abs=0.01)
    assert (confusion.answers, confusion.pairs) == (120, 30)


# --- what managers do -----------------------------------------------------------------------------


def test_the_newest_weight_holds_and_each_is_kept(project: Project, manager: User) -> None:
    ann, ben = make_member(project, username="ann"), make_member(project, username="ben")
    assert services.weights_of(project) == {}
    services.set_weight(project, ann, 0.5, manager)
    services.set_weight(project, ben, 0.0, manager)
    services.set_weight(project, ann, 1.0, manager)
    assert services.weights_of(project) == {ann.pk: 1.0, ben.pk: 0.0}
    assert services.weights_of(make_project()) == {}
    history = AnnotatorWeight.objects.filter(annotator=ann)
    assert [(each.weight, each.created_by) for each in history] == [(1.0, manager), (0.5, manager)]


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_weight_lies_between_0_and_1(project: Project, manager: User, weight: float) -> None:
    with pytest.raises(services.AnswerInvalid, match="number from 0 to 1"):
        services.set_weight(project, manager, weight, manager)
    assert services.weights_of(project) == {}


def test_one_click_weighs_and_pauses(
    project: Project, crowd: list[User], manager: User, client: Client
) -> None:
    client.force_login(manager)
    mia = crowd[3]
    address = f"/projects/{project.slug}/annotators/{mia.pk}/"
    sent = client.post(address, {"action": "weight", "weight": "0.5", "back": "list"})
    assert sent["Location"] == f"/projects/{project.slug}/annotators/"
    assert services.weights_of(project) == {mia.pk: 0.5}
    assert client.post(address, {"action": "pause", "back": "list"}).status_code == 302
    pause = Pause.objects.get(annotator=mia)
    assert pause.message.startswith("Before you go on we would like to talk")
    assert line_of(project, "mia").is_paused
    sent = client.post(address, {"action": "resume"})
    assert sent["Location"] == address
    assert not line_of(project, "mia").is_paused
    refused = client.post(address, {"action": "weight", "weight": "2"})
    assert refused.status_code == 422
    assert "Weight: give a number from 0 to 1." in refused.content.decode()
    refused = client.post(address, {"action": "weight"})
    assert refused.status_code == 422


def test_a_researcher_reads_and_does_not_act(
    project: Project, crowd: list[User], researcher: User, client: Client
) -> None:
    client.force_login(researcher)
    page = client.get(f"/projects/{project.slug}/annotators/").content.decode()
    assert "1 of 4 people should be looked at" in page
    assert 'name="weight"' not in page
    address = f"/projects/{project.slug}/annotators/{crowd[3].pk}/"
    assert 'name="weight"' not in client.get(address).content.decode()
    assert client.post(address, {"action": "weight", "weight": "0"}).status_code == 403
    assert services.weights_of(project) == {}


def test_who_left_still_has_a_page_and_a_stranger_none(
    project: Project, crowd: list[User], researcher: User, client: Client
) -> None:
    services.remove_member(project, crowd[3])
    client.force_login(researcher)
    address = f"/projects/{project.slug}/annotators/{crowd[3].pk}/"
    assert client.get(address).status_code == 200
    assert find_annotator(project, crowd[3].pk) == crowd[3]
    stranger = make_member(make_project())
    assert client.get(address.replace(str(crowd[3].pk), str(stranger.pk))).status_code == 404


def test_the_file_holds_everybody(
    project: Project, crowd: list[User], researcher: User, client: Client
) -> None:
    client.force_login(researcher)
    sent = client.get(f"/projects/{project.slug}/annotators.csv").content.decode()
    rows = {row["person"]: row for row in csv.DictReader(StringIO(sent))}
    assert set(rows) == {"ann", "ben", "cat", "mia"}
    assert "Always the same place: 16 of 16 answers" in rows["mia"]["evidence"]
    assert (rows["ann"]["answers"], rows["ann"]["weight"], rows["ann"]["gold_seen"]) == (
        "16",
        "1.0",
        "0",
    )


def test_weeks_follow_the_time_of_answering(project: Project) -> None:
    ann, ben = make_member(project, username="ann"), make_member(project, username="ben")
    for number in range(3):
        item = make_item(project, answers_wanted=2)
        for person in (ann, ben):
            said = judge(item, person, True)
            Annotation.objects.filter(pk=said.pk).update(
                created=said.created - timedelta(weeks=number)
            )
    weeks = line_of(project, "ann").weeks
    assert [week.n for week in weeks] == [1, 1, 1]
    assert weeks[2].number - weeks[0].number == 2


def test_members_of_all_roles_are_named(project: Project) -> None:
    rolf = make_member(project, Membership.Role.RESEARCHER, "rolf")
    judge(make_item(project), rolf, True)
    assert line_of(project, "rolf").role == "Researcher"


def test_figures_are_kept_until_somebody_answers_or_gold_changes(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[int] = []
    whole = queries_reliability.material

    def material(project: Project) -> queries_reliability.Material:
        counted.append(1)
        return whole(project)

    monkeypatch.setattr(queries_reliability, "material", material)
    ann, ben = make_member(project, username="ann"), make_member(project, username="ben")
    item = make_item(project, answers_wanted=2)
    judge(item, ann, True)
    for expected in (1, 1):
        assert line_of(project, "ann").answers == 1
        assert len(counted) == expected
    services.set_weight(project, ann, 0.5, ben)
    services.pause(project, ann, "Let us talk.")
    line = line_of(project, "ann")
    assert (line.weight, line.is_paused, len(counted)) == (0.5, True, 1)
    judge(item, ben, True)
    assert len(annotators_page(project).lines) == 2
    answer = {"strength": 1, "both_bad": False}
    gold = services.make_gold(item, kind="hidden", answer=answer, reason="So it is.")
    assert line_of(project, "ann").gold.seen == 1
    services.retire_gold(gold)
    assert line_of(project, "ann").gold.seen == 0
    assert len(counted) == 4


def test_a_sparkline_runs_from_the_first_week_to_the_last() -> None:
    """Of three weeks apart by one and two: at a third of the width; ½ stands in the middle."""
    weeks = [Week(10, 4, 4), Week(11, 1, 2), Week(13, 0, 3)]
    drawn = sparkline(weeks)
    assert drawn["points"] == "2.0,2.0 32.7,12.0 94.0,22.0"
    assert (drawn["x"], drawn["y"]) == (94.0, 22.0)
    assert sparkline(weeks[:1])["points"] == "2.0,2.0"
