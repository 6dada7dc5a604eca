"""A raw export read back: every vote as it was, whatever its task type, and nothing twice."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from annotation import services
from annotation.exports.rows import groups
from annotation.exports.writer import write_export
from annotation.imports import comparison_loader, loader
from annotation.imports.files import LineInvalid
from annotation.imports.jobs import import_file
from annotation.imports.raw import comparisons
from annotation.models import Annotation, Flag, ImportBatch, Item, Project
from annotation.task_types import TASK_TYPES
from tests.annotation.imports.test_loading import write
from tests.builders import (
    make_annotation,
    make_assignment,
    make_item,
    make_member,
    make_project,
    make_prompt,
)

pytestmark = pytest.mark.django_db

OURS = ("annotation", "item", "prompt_id", "annotator")  # names that hold in one project alone
GUIDELINE = "guideline_version"  # of texts that the other project does not have


def raw(project: Project, folder: Path, name: str = "raw") -> tuple[Path, list[dict[str, Any]]]:
    path = folder / f"{name}.jsonl"
    write_export(project, "raw", path)
    return path, [json.loads(line) for line in path.read_text().splitlines()]


def read_in(project: Project, path: Path) -> ImportBatch:
    job = import_file(project, "comparisons", "raw", path)
    assert (job.status, job.error) == ("finished", "")
    assert list(job.rejections.values_list("line", "reason")) == []
    return job


def renamed(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows with our names replaced by numbers in the order in which they come."""
    names: dict[tuple[str, Any], int] = {}

    def number(kind: str, name: Any) -> int:
        return names.setdefault((kind, name), len(names))

    return [
        row
        | {field: number(field, row[field]) for field in OURS}
        | {"responses": [r | {"id": number("response", r["id"])} for r in row["responses"]]}
        | {GUIDELINE: None}
        for row in rows
    ]


def answered_in_form(slug: str, item: Item, annotator: Any) -> Annotation:
    """The task type's example, as its form takes it."""
    kind = TASK_TYPES[slug]
    assignment = make_assignment(item, annotator)
    form = kind.AnswerForm(kind.EXAMPLE, responses=kind.EXAMPLE_RESPONSES)
    assert form.is_valid(), form.errors
    return services.submit_answer(
        assignment,
        answer=kind.to_canonical(form.cleaned_data, assignment.display_order),
        rationale=form.cleaned_data["rationale"],
        submit_key="first",
        seconds=7.25,
    )


def item_of(slug: str, project: Project, **more: Any) -> Item:
    prompt = make_prompt(project, category="science", external_id=f"{slug} 1", split="test")
    count = TASK_TYPES[slug].EXAMPLE_RESPONSES
    responses = [
        services.get_or_add_response(
            prompt,
            services.get_or_add_source(project, f"model_{number % 2}"),
            f"Text {number}.\n\n- with a list",
            is_truncated=number == 1,
        )[0]
        for number in range(count)
    ]
    item = services.queue_item(
        project, prompt, responses, key=f"{slug} item", task_type=slug, answers_wanted=2, **more
    )
    assert item is not None
    return item


@pytest.mark.parametrize("slug", TASK_TYPES)
def test_every_task_type_comes_back_as_it_was(slug: str, tmp_path: Path) -> None:
    project = make_project(guideline="Be kind.", test_share=0.5)
    item = item_of(slug, project, round=3, arm="hard_negatives", origin=Item.Origin.SAMPLE)
    people = [make_member(project), make_member(project)]
    first = answered_in_form(slug, item, people[0])
    answered_in_form(slug, item, people[1])
    services.submit_answer(
        first.assignment, answer=first.answer or {}, rationale="Clearer.", submit_key="edited"
    )
    services.flag(first.assignment, "unsafe")
    path, rows = raw(project, tmp_path)
    assert len(rows) == 2

    other = make_project(test_share=0.0)  # by its own rule nothing would be held out
    job = read_in(other, path)
    assert (job.item_count, job.annotation_count, job.prompt_count) == (1, 2, 1)
    _, again = raw(other, tmp_path, "again")
    assert renamed(again) == renamed(rows)
    assert {row["split"] for row in again} == {"test"}
    assert not {row["annotator"] for row in again} & {row["annotator"] for row in rows}
    assert [group["preferences"] for group in groups(other)] == [
        group["preferences"] for group in groups(project)
    ]


def test_what_the_settings_added_to_an_answer_comes_back(tmp_path: Path) -> None:
    config = {"scale": 9, "dimensions": ["honesty", "style"], "reasons": ["shorter"]}
    project, other = make_project(task_config=config), make_project(task_config=config)
    said = {"scale": 9, "dimensions": {"style": -1}, "reasons": ["shorter"]}
    make_annotation(make_item(project), answer={"strength": 4, "both_bad": False, **said})
    path, rows = raw(project, tmp_path)
    assert json.loads(rows[0]["task_config"]) == config
    read_in(other, path)
    assert renamed(raw(other, tmp_path, "again")[1]) == renamed(rows)
    plain = import_file(make_project(), "comparisons", "raw", path)
    assert plain.rejections.get().reason == "style is no dimension of this project."


NONSENSE: list[Any] = [{}, {"x": 1}, {"strength": []}, {"groups": [[{}]]}, {"good": None}]
NONSENSE += [{"text": {}, "edited": []}, {"text": "a", "edited": 10**9}]
NONSENSE += [{"stops": {}, "ratings": [[]]}, {"stops": 5, "ratings": [{"helpful": {}}, {}]}]


@pytest.mark.parametrize("slug", TASK_TYPES)
def test_nonsense_is_refused_line_by_line(slug: str, project: Project, tmp_path: Path) -> None:
    kind = TASK_TYPES[slug]
    texts = [{"text": f"text {number}"} for number in range(kind.EXAMPLE_RESPONSES)]
    lines = [row(task_type=slug, responses=texts, answer=json.dumps(said)) for said in NONSENSE]
    job = import_file(project, "comparisons", "raw", write(tmp_path / "raw.jsonl", *lines))
    assert (job.status, job.rejected_count, job.annotation_count) == (
        "finished",
        len(NONSENSE),
        0,
    )
    assert all(reason.endswith(".") for reason in job.rejections.values_list("reason", flat=True))


def full_project(test_share: float = 0.4) -> Project:
    project = make_project(test_share=test_share)
    people = [make_member(project) for _ in range(3)]
    for number in range(12):
        item = make_item(
            project, answers_wanted=3, prompt=make_prompt(project, f"{number}|||a|||b")
        )
        for person, strength in zip(people, (3, -1, 0), strict=True):
            make_annotation(item, person, strength=strength, rationale=f"because {number}")
    return project


def test_a_whole_project_comes_back_in_whatever_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = full_project()
    path, rows = raw(project, tmp_path)
    monkeypatch.setattr(loader, "BATCH_LINES", 4)  # three votes an item: items are cut in two
    other = make_project()
    job = read_in(other, path)
    assert (job.line_count, job.item_count, job.annotation_count) == (36, 12, 36)
    by_item: Callable[[dict[str, Any]], Any] = lambda row: (row["item"], row["annotation"])  # noqa: E731
    _, again = raw(other, tmp_path, "again")
    assert renamed(again) == renamed(sorted(rows, key=by_item))
    for item in other.items.all():
        assert (item.status, item.answers_wanted, item.answer_count) == ("complete", 3, 3)
        assert item.open_slots == 0
        assert sorted(item.assignments.values_list("slot", flat=True)) == [0, 1, 2]
    assert services.claim_next(other, make_member(other)) is None


def test_reading_it_again_adds_nothing(tmp_path: Path) -> None:
    path, _ = raw(full_project(), tmp_path)
    other = make_project()
    read_in(other, path)
    before = raw(other, tmp_path, "before")[1]
    job = read_in(other, path)
    assert (job.known_count, job.item_count, job.annotation_count) == (36, 0, 0)
    assert raw(other, tmp_path, "after")[1] == before


def test_items_come_back_into_their_batches(tmp_path: Path) -> None:
    project = make_project()
    for name in ("first", "second", "first"):
        batch = services.get_or_add_batch(project, name)
        make_annotation(make_item(project, named_batch=batch))
    make_annotation(make_item(project))
    path, rows = raw(project, tmp_path)
    other = make_project()
    read_in(other, path)
    assert renamed(raw(other, tmp_path, "again")[1]) == renamed(rows)
    assert sorted(other.batches.values_list("name", flat=True)) == ["first", "second"]
    item = other.items.filter(named_batch__name="second").get()
    assert (item.lane, item.priority) == (item.named_batch.lane, item.named_batch.priority)


def test_what_is_passed_over_is_not_called_known(tmp_path: Path) -> None:
    path, rows = raw(full_project(), tmp_path)
    retest = rows[0] | {"retest": True}
    path.write_text("".join(json.dumps(row) + "\n" for row in [*rows, retest]))
    assert read_in(make_project(), path).known_count == 0


def test_a_project_s_own_export_is_known_to_it(tmp_path: Path) -> None:
    project = full_project()
    path, rows = raw(project, tmp_path)
    job = read_in(project, path)
    assert (job.known_count, job.annotation_count, job.item_count) == (36, 0, 0)
    assert raw(project, tmp_path, "after")[1] == rows


def test_answers_that_came_later_join_their_item(tmp_path: Path) -> None:
    project, other = make_project(), make_project()
    item = make_item(project, answers_wanted=2)
    make_annotation(item, strength=1)
    read_in(other, raw(project, tmp_path)[0])
    make_annotation(item, strength=-2)
    path, rows = raw(project, tmp_path, "later")
    job = read_in(other, path)
    assert (job.known_count, job.item_count, job.annotation_count) == (1, 0, 1)
    assert renamed(raw(other, tmp_path, "again")[1]) == renamed(rows)
    joined = other.items.get()
    assert (joined.answers_wanted, joined.answer_count, joined.open_slots) == (2, 2, 0)


def test_an_open_item_of_ours_keeps_its_slots_when_votes_join_it(tmp_path: Path) -> None:
    project = make_project()
    item = make_item(project, answers_wanted=2)
    make_annotation(item)
    path, (row,) = raw(project, tmp_path)
    stranger = write(tmp_path / "more.jsonl", row | {"annotator": "ffff0000ffff0000"})
    assert read_in(project, stranger).annotation_count == 1
    item.refresh_from_db()
    assert (item.status, item.answers_wanted, item.answer_count, item.open_slots) == (
        "open",
        3,
        2,
        1,
    )
    make_annotation(item)
    item.refresh_from_db()
    assert (item.status, item.answer_count, item.open_slots) == ("complete", 3, 0)


def test_equal_questions_of_the_file_stay_apart(tmp_path: Path) -> None:
    project, other = make_project(), make_project()
    prompt = make_prompt(project)
    for key in ("first", "retest"):
        make_annotation(make_item(project, ["a", "b"], prompt=prompt, key=key, arm=key))
    path, _ = raw(project, tmp_path)
    assert read_in(other, path).item_count == 2
    assert list(other.items.values_list("arm", flat=True)) == ["first", "retest"]


def test_a_conversation_stays_in_the_split_that_it_has_here(tmp_path: Path) -> None:
    project, other = make_project(test_share=0.0), make_project(test_share=0.9)
    prompt = make_prompt(project, "Hi|||Hello.|||More?")
    make_annotation(make_item(project, prompt=prompt))
    path, (row,) = raw(project, tmp_path)
    assert row["split"] == "train"
    read_in(other, path)
    later = make_prompt(other, "Hi|||Hello.|||And now?")
    assert later.conversation_root == row["conversation_root"]
    assert later.split == "train"
    held_out = make_project(test_share=0.9, split_salt=make_salt_for(row["conversation_root"]))
    make_prompt(held_out, "Hi")
    read_in(held_out, path)
    assert set(held_out.prompts.values_list("split", flat=True)) == {"test"}


def make_salt_for(root: str) -> str:
    """A salt by which this conversation is held out."""
    salts = (str(number) for number in range(10_000))
    return next(s for s in salts if Project(split_salt=s, test_share=0.9).split_of(root) == "test")


def test_answers_are_checked_under_the_settings_of_this_project(tmp_path: Path) -> None:
    project = make_project()
    make_annotation(make_item(project), strength=0)
    path, _ = raw(project, tmp_path)
    strict = make_project(task_config={"allow_tie": False})
    job = import_file(strict, "comparisons", "raw", path)
    assert job.rejections.get().reason.startswith("In this project one response")
    assert not Annotation.objects.filter(assignment__item__project=strict).exists()


def test_annotators_who_are_too_many_end_the_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison_loader, "MAX_ANNOTATORS", 2)
    path, _ = raw(full_project(), tmp_path)
    job = import_file(make_project(), "comparisons", "raw", path)
    assert job.status == ImportBatch.Status.FAILED
    assert job.error == "The file names more than 2 annotators."


def row(**changes: Any) -> dict[str, Any]:
    return {
        "item": 7,
        "task_type": "pairwise",
        "split": "train",
        "messages": [{"role": "user", "content": "Hi"}],
        "responses": [{"text": "a", "source": "one"}, {"text": "b", "source": "two"}],
        "annotator": "ab12",
        "answer": '{"strength": 2, "both_bad": false}',
    } | changes


def test_the_least_that_a_line_can_be() -> None:
    (comparison,) = comparisons(row())
    assert comparison.answer == {"strength": 2, "both_bad": False}
    assert (comparison.vote.revision, comparison.asked.arm) == (1, "random")


def test_what_a_line_says_of_its_vote_is_kept() -> None:
    (comparison,) = comparisons(
        row(
            created="2026-01-31T12:00:00.5+01:00",
            flags=["unsafe", "unsafe"],
            seconds=10**6,
            display_order=[1, 0],
        )
    )
    vote = comparison.vote
    assert vote.created == datetime(2026, 1, 31, 11, 0, 0, 500_000, UTC)
    assert (vote.flags, vote.seconds, vote.display_order) == (("unsafe",), 86_400.0, (1, 0))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"task_type": "essay"}, "no task type essay"),
        ({"task_type": ["pairwise"]}, "no task type"),
        ({"item": None}, "item is missing"),
        ({"item": 2**70}, "item must be a whole number"),
        ({"item": "7"}, "item must be a whole number"),
        ({"split": "validation"}, "split is one of train, test"),
        ({"split": ["train"]}, "split is one of"),
        ({"origin": "moon"}, "origin is one of"),
        ({"round": -1}, "round must be"),
        ({"arm": "x" * 33}, "arm has more than 32"),
        ({"conversation_root": "root"}, "64 hexadecimal"),
        ({"messages": "Hi"}, None),
        ({"messages": []}, "at least one"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "ends with the user"),
        ({"responses": ["a", "b"]}, "list of objects"),
        ({"responses": [{"text": ""}, {"text": "b"}]}, "Response 0 is empty"),
        ({"responses": [{"text": "a", "source": "x" * 101}, {"text": "b"}]}, "at most 100"),
        ({"annotator": ""}, "annotator is missing"),
        ({"annotator": "a_"}, "annotator must be"),
        ({"annotator": "a b"}, "annotator must be"),
        ({"annotator": 5}, "annotator must be"),
        ({"answer": "{"}, "answer is not valid JSON"),
        ({"answer": "[]"}, "answer must be an object"),
        ({"rationale": "x" * 10_001}, "more than 10000"),
        ({"rationale": "a\x00"}, "NUL"),
        ({"display_order": [0, 0]}, "display_order"),
        ({"display_order": [True, False]}, "display_order"),
        ({"display_order": [0]}, "display_order"),
        ({"seconds": "5"}, "seconds"),
        ({"seconds": -1}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"revision": 0.5}, "revision"),
        ({"flags": "unsafe"}, "flags"),
        ({"flags": ["x" * 101]}, "A flag has more"),
        ({"created": "yesterday"}, "created must be a time"),
        ({"created": "2026-02-30T00:00:00Z"}, "created must be a time"),
        ({"created": "2026-01-31T12:00:00"}, "with its zone"),
        ({"created": "2999-01-31T12:00:00Z"}, "between the year 2000 and now"),
    ],
)
def test_a_bad_line_names_its_field(changes: dict[str, Any], reason: str | None) -> None:
    if reason is None:
        assert list(comparisons(row(**changes)))  # a text is a conversation of one turn
        return
    with pytest.raises(LineInvalid, match=reason):
        list(comparisons(row(**changes)))


def test_a_bad_line_leaves_the_others_alone(project: Project, tmp_path: Path) -> None:
    lines = [
        row(),
        row(answer='{"strength": 9}', annotator="cd34"),
        row(annotator="cd34", responses=[{"text": "a"}, {"text": "a "}]),
        row(annotator="cd34", responses=[{"text": "a"}]),
        row(annotator="ef56", flags=["broken"]),
    ]
    job = import_file(project, "comparisons", "raw", write(tmp_path / "raw.jsonl", *lines))
    assert (job.annotation_count, job.rejected_count, job.item_count) == (2, 3, 1)
    assert list(job.rejections.values_list("line", flat=True)) == [2, 3, 4]
    assert "read the same" in job.rejections.get(line=3).reason
    assert job.rejections.get(line=4).reason == (
        "Pairwise comparison: this cannot be asked about 1 responses."
    )
    assert Flag.objects.get().annotator.get_username() == "imported_raw_ef56"


def test_verdicts_come_along_and_are_added_once(tmp_path: Path) -> None:
    project, other = make_project(), make_project()
    reviewer = make_member(project, "reviewer")
    kept, retired = make_item(project), make_item(project)
    for item in (kept, retired):
        make_annotation(item)
        services.give_verdict(
            item, kind="undecided", reason="Hm.", reviewer=reviewer, submit_key="a"
        )
    services.give_verdict(
        kept,
        kind="answer",
        answer={"strength": -1, "both_bad": False},
        reason="B is right.",
        reviewer=reviewer,
        submit_key="b",
    )
    services.give_verdict(
        retired, kind="retire", reason="Broken.", reviewer=reviewer, submit_key="b"
    )
    path, rows = raw(project, tmp_path)
    for _ in range(2):
        read_in(other, path)
    _, again = raw(other, tmp_path, "again")

    def said(found: list[dict[str, Any]]) -> list[Any]:
        ours = ("reviewer", GUIDELINE)
        return [
            [{k: v for k, v in one.items() if k not in ours} for one in row["verdicts"]]
            for row in found
        ]

    assert said(again) == said(rows)
    assert [len(one) for one in said(rows)] == [2, 2]
    assert [item.status for item in other.items.order_by("id")] == ["complete", "retired"]
    # Into its own project nothing is added: what was decided here holds here.
    read_in(project, path)
    assert [item.verdicts.count() for item in (kept, retired)] == [2, 2]


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        ("x", "verdicts must be a list"),
        ([{"kind": "maybe"}], "kind of a verdict is one of"),
        ([{"kind": "retire", "reason": ""}], "needs a kind and a reason"),
        ([{"kind": "answer", "reason": "x", "reviewer": "r"}], "holds an answer"),
        ([{"kind": "retire", "reason": "x", "answer": "{}"}], "holds an answer"),
        ([{"kind": "retire", "reason": "x", "reviewer": "-"}], "annotator must be"),
        ([{"kind": "retire", "reason": "x", "reviewer": "r"}] * 101, "at most 100"),
    ],
)
def test_what_is_no_verdict_is_refused(tmp_path: Path, verdict: Any, sentence: str) -> None:
    project = make_project()
    make_annotation(make_item(project))
    _, (row,) = raw(project, tmp_path)
    with pytest.raises(LineInvalid, match=sentence):
        list(comparisons(row | {"verdicts": verdict}))


def test_a_verdicts_answer_is_checked_like_any_other(tmp_path: Path) -> None:
    project, other = make_project(), make_project()
    make_annotation(make_item(project))
    path, (row,) = raw(project, tmp_path)
    bad = {"kind": "answer", "reason": "x", "reviewer": "r", "answer": '{"strength": 9}'}
    path.write_text(json.dumps(row | {"verdicts": [bad]}) + "\n")
    job = import_file(other, "comparisons", "raw", path)
    assert "A verdict:" in job.rejections.get().reason
    assert not other.items.exists()
