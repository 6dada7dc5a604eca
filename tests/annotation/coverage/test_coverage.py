"""The coverage page: counts, what a worker measures, and the files."""

import csv
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from annotation import services, tasks
from annotation.aggregation import diversity as diversity_module
from annotation.coverage import jobs, sample
from annotation.models import DiversityReport, Project
from annotation.queries_coverage import coverage_page, csv_of
from tests.builders import (
    make_annotation,
    make_item,
    make_member,
    make_project,
    make_prompt,
    make_response,
)

pytestmark = pytest.mark.django_db

PAGE = "/projects/demo/coverage/"


@pytest.fixture
def researching(client: Client, researcher: User) -> Client:
    client.force_login(researcher)
    return client


def measured(project: Project) -> dict[tuple[str, str], dict[str, Any]]:
    report = jobs.measure(project)
    jobs.carry_out(report.pk)
    report.refresh_from_db()
    assert report.status == "finished", report.error
    return {(group["kind"], group["name"]): group for group in report.figures["groups"]}


def rows(project: Project, table: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(csv_of(project, table))))


# --- counts ---------------------------------------------------------------------------------------


def test_what_is_asked_is_counted_by_category(project: Project) -> None:
    maths = [make_prompt(project, category="maths") for _ in range(3)]
    code = make_prompt(project, category="code")
    for prompt, arm in zip(maths, ["hard_negatives", "random", "random"], strict=True):
        make_item(project, prompt=prompt, arm=arm)
    make_annotation(project.items.get(arm="hard_negatives"), make_member(project))
    make_annotation(make_item(project, prompt=code), make_member(project))
    services.retire_item(make_item(project, prompt=code))
    services.make_gold(
        make_item(project, prompt=code),
        kind="hidden",
        answer={"strength": 1, "both_bad": False},
        reason="So.",
    )
    make_item(make_project("other"), prompt=None)
    services.set_targets(project, {"maths": 0.5, "letters": 0.25})
    page = coverage_page(project)
    lines = [
        (line.name, line.prompts, line.items, line.open, line.answers, line.hard, line.target)
        for line in page.categories
    ]
    assert lines == [
        ("code", 1, 1, 0, 1, 0, None),
        ("letters", 0, 0, 0, 0, 0, 0.25),
        ("maths", 3, 3, 2, 1, 1, 0.5),
    ]
    assert [line.share for line in page.categories] == [0.25, 0, 0.75]
    assert page.categories[2].hard_share == pytest.approx(1 / 3)
    assert page.categories[1].hard_share is None


def test_responses_are_counted_by_source_and_category(project: Project) -> None:
    maths, none = make_prompt(project, category="maths"), make_prompt(project)
    for prompt, source in [(maths, "a"), (maths, "b"), (none, "b")]:
        make_response(prompt, source=source)
    page = coverage_page(project)
    assert [line.name for line in page.categories] == ["maths", ""]
    assert [(s.name, s.responses, s.by_category) for s in page.sources] == [
        ("b", 2, [1, 1]),
        ("a", 1, [1, 0]),
    ]
    assert rows(project, "sources")[1] == {
        "source": "b",
        "category": "(none)",
        "responses": "1",
    }


def test_a_project_without_anything_has_a_page(researching: Client) -> None:
    text = researching.get(PAGE).content.decode()
    assert "No prompts yet" in text
    assert "Nothing was measured yet" in text


def test_the_page_asks_the_same_number_of_queries_for_many_categories(
    researching: Client, project: Project, django_assert_max_num_queries: Any
) -> None:
    for number in range(20):
        make_item(project, prompt=make_prompt(project, category=f"c{number}"))
    with django_assert_max_num_queries(14):
        researching.get(PAGE)


# --- what is measured -----------------------------------------------------------------------------


def test_each_source_and_category_is_measured(project: Project) -> None:
    maths, none = make_prompt(project, category="maths"), make_prompt(project)
    make_response(maths, "one two", "a")
    make_response(maths, "one two ", "b")
    make_response(none, "three", "b")
    make_response(none, "שלום לכולם", "c")
    groups = measured(project)
    assert list(groups) == [
        ("all", ""),
        ("source", "b"),
        ("source", "a"),
        ("source", "c"),
        ("category", ""),
        ("category", "maths"),
    ]
    everything = groups["all", ""]
    assert (everything["n"], everything["words"], everything["right_to_left"]) == (4, 7, 1)
    assert (everything["equal"], everything["near"]) == (1, 1)
    assert everything["distinct_1"] == pytest.approx(5 / 7)
    assert groups["category", "maths"]["mean_interval"] is None  # one prompt: no error
    assert groups["source", "c"]["right_to_left"] == 1


def test_a_large_group_is_sampled_and_the_page_says_so(
    researching: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sample, "MAX_SAMPLE", 5)
    for _ in range(12):
        make_response(make_prompt(project))
    first = measured(project)["all", ""]
    assert (first["n"], first["responses"]) == (5, 12)
    chosen = [group.chosen for group in sample.groups_of(project)]
    assert chosen == [group.chosen for group in sample.groups_of(project)]
    assert len(set(chosen[0])) == 5
    text = researching.get(PAGE).content.decode()
    assert '5 <small class="muted">of 12</small>' in text


def test_the_sample_is_not_the_beginning() -> None:
    group = sample.Group("all", "")
    for pk in range(20_000):
        group.add(pk)
    assert len(group.chosen) == len(set(group.chosen)) == sample.MAX_SAMPLE
    assert 9_500 < sum(group.chosen) / sample.MAX_SAMPLE < 10_500


def test_asking_twice_measures_once_and_old_figures_stand_meanwhile(project: Project) -> None:
    make_response(make_prompt(project))
    measured(project)
    again, same = jobs.measure(project), jobs.measure(project)
    assert (again.pk, again.status) == (same.pk, "queued")
    assert coverage_page(project).groups
    assert coverage_page(project).is_live
    tasks.measure_diversity(again.pk)
    tasks.measure_diversity(again.pk)
    again.refresh_from_db()
    assert (again.status, again.attempt) == ("finished", 1)


def test_a_failure_says_so_and_can_be_tried_again(
    researching: Client, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_response(make_prompt(project))
    report = jobs.measure(project)

    def broken(_: object) -> int:
        raise MemoryError

    monkeypatch.setattr(diversity_module, "near_duplicates", broken)
    with pytest.raises(MemoryError):
        jobs.carry_out(report.pk)
    assert "Measuring broke off: MemoryError." in researching.get(PAGE).content.decode()
    monkeypatch.undo()
    assert researching.post(PAGE).status_code == 302
    jobs.carry_out(report.pk)
    report.refresh_from_db()
    assert (report.status, report.error) == ("finished", "")


def test_a_lost_report_is_queued_again_and_given_up_in_the_end(
    project: Project, settings: Settings
) -> None:
    report = jobs.measure(project)
    long_ago = timezone.now() - timedelta(seconds=11 * settings.LOST_AFTER_SECONDS)
    lost = DiversityReport.objects.filter(pk=report.pk)
    lost.update(status="running", attempt=1, heartbeat=timezone.now())
    assert jobs.requeue_lost() == []
    lost.update(heartbeat=long_ago)
    assert jobs.requeue_lost() == [report.pk]
    lost.update(status="running", attempt=settings.MAX_ATTEMPTS, heartbeat=long_ago)
    assert jobs.requeue_lost() == []
    report.refresh_from_db()
    assert report.status == "failed"


def test_the_live_part_is_asked_for_alone(researching: Client, project: Project) -> None:
    make_response(make_prompt(project))
    researching.post(PAGE)
    part = researching.get(PAGE, headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith("<section")
    assert 'hx-trigger="every 2s"' in part
    jobs.carry_out(project.diversity_report.pk)
    assert "hx-trigger" not in researching.get(PAGE).content.decode()


# --- files ----------------------------------------------------------------------------------------


def test_tables_are_files(researching: Client, project: Project) -> None:
    make_item(project, prompt=make_prompt(project, category="=1+1"))
    services.set_targets(project, {"=1+1": 0.5})
    measured(project)
    reply = researching.get(f"{PAGE}categories.csv")
    assert reply["Content-Disposition"] == 'attachment; filename="demo_categories.csv"'
    assert reply["Content-Type"] == "text/csv; charset=utf-8"
    line = rows(project, "categories")[0]
    assert line["category"] == "'=1+1"  # no formula for a spreadsheet
    assert (line["share"], line["target_share"], line["open_items"]) == ("1.0", "0.5", "1")
    everything = rows(project, "diversity")[0]
    assert (everything["group"], everything["sampled"], everything["equal"]) == ("all", "2", "0")
    assert researching.get(f"{PAGE}secrets.csv").status_code == 404
