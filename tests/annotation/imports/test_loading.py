"""What a file leaves in the database: everything accounted for, nothing twice."""

import json
import random
from datetime import timedelta
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command
from django.db.models import F
from django.utils import timezone

from annotation import services
from annotation.exports.rows import groups
from annotation.exports.writer import write_export
from annotation.imports import jobs, loader
from annotation.imports.jobs import ImportRefused, import_file
from annotation.models import (
    Annotation,
    Assignment,
    ImportBatch,
    Item,
    Project,
    Prompt,
    Response,
    Source,
)
from tests.annotation.imports.test_formats import deep_tree, node, reply
from tests.builders import make_annotation, make_item, make_member, make_project, make_prompt

pytestmark = pytest.mark.django_db


def write(path: Path, *records: Any) -> Path:
    lines = (record if isinstance(record, str) else json.dumps(record) for record in records)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def pairs(count: int) -> list[dict[str, str]]:
    return [{"prompt": f"p{n}", "chosen": f"c{n}", "rejected": f"r{n}"} for n in range(count)]


def contents(project: Project) -> dict[str, Any]:
    """All that an import leaves, without ids and times."""
    return {
        "prompts": sorted(project.prompts.values_list("content_hash", "split")),
        "responses": sorted(
            Response.objects.filter(prompt__project=project).values_list(
                "prompt__content_hash", "text_hash", "source__slug"
            )
        ),
        "items": sorted(project.items.values_list("key", "status", "answer_count")),
        "answers": sorted(
            (key, json.dumps(answer, sort_keys=True))
            for key, answer in Annotation.objects.filter(
                assignment__item__project=project
            ).values_list("assignment__item__key", "answer")
        ),
    }


def test_every_line_is_counted_once(project: Project, tmp_path: Path) -> None:
    make_prompt(project, "known")
    file = write(
        tmp_path / "prompts.jsonl",
        {"prompt": "one", "category": "numbers"},
        "{broken",
        {"prompt": "known"},
        {"prompt": "one"},
        {"prompt": "a\x00b"},
        {"question": "?"},
    )
    job = import_file(project, "prompts", "prompts", file)
    assert job.status == ImportBatch.Status.FINISHED
    assert (job.line_count, job.prompt_count, job.known_count, job.rejected_count) == (6, 1, 2, 3)
    assert list(job.rejections.values_list("line", flat=True)) == [2, 5, 6]
    assert "NUL" in job.rejections.all()[1].reason
    prompt = project.prompts.get(batch=job)
    assert (prompt.messages, prompt.category) == ([{"role": "user", "content": "one"}], "numbers")


def test_reading_a_file_again_adds_nothing(project: Project, tmp_path: Path) -> None:
    file = write(tmp_path / "pairs.jsonl", *pairs(7))
    first = import_file(project, "comparisons", "trl", file)
    before = contents(project)
    second = import_file(project, "comparisons", "trl", file)
    assert (first.item_count, first.annotation_count, first.response_count) == (7, 7, 14)
    assert (second.item_count, second.known_count, second.line_count) == (0, 7, 7)
    assert contents(project) == before
    assert first.sha256 == second.sha256 != ""


def test_the_same_pair_in_another_order_or_format_is_known(
    project: Project, tmp_path: Path
) -> None:
    first = write(tmp_path / "a.jsonl", {"prompt": "Hi", "chosen": "a", "rejected": "b"})
    swapped = write(tmp_path / "b.jsonl", {"prompt": "Hi", "chosen": "b", "rejected": "a"})
    transcript = {
        "chosen": "\n\nHuman: Hi\n\nAssistant: a",
        "rejected": "\n\nHuman: Hi\n\nAssistant: b",
    }
    import_file(project, "comparisons", "trl", first)
    assert import_file(project, "comparisons", "trl", swapped).known_count == 1
    other = import_file(project, "comparisons", "hh", write(tmp_path / "c.jsonl", transcript))
    assert other.known_count == 1
    assert project.items.count() == 1


def test_imported_votes_hold_the_slots_of_complete_items(project: Project, tmp_path: Path) -> None:
    import_file(project, "comparisons", "trl", write(tmp_path / "pairs.jsonl", *pairs(3)))
    for item in project.items.prefetch_related("assignments__annotations"):
        (assignment,) = item.assignments.all()
        (annotation,) = assignment.annotations.all()
        assert (item.status, item.answers_wanted, item.open_slots) == ("complete", 1, 0)
        assert (item.answer_count, item.origin) == (1, Item.Origin.IMPORT)
        assert (assignment.status, assignment.slot) == (Assignment.Status.ANSWERED, 0)
        assert (annotation.revision, annotation.submit_key) == (1, "imported")
        annotator = assignment.annotator
        assert annotator.get_username() == "imported_trl"
        assert not annotator.is_active
        assert not annotator.has_usable_password()
    assert services.claim_next(project, make_member(project)) is None


def test_the_bulk_loader_leaves_what_the_services_would(project: Project, tmp_path: Path) -> None:
    import_file(project, "comparisons", "trl", write(tmp_path / "pairs.jsonl", *pairs(1)))
    bulk = Item.objects.get()
    by_hand = make_item(
        make_project(), [r.text for r in bulk.responses.order_by("item_responses__position")]
    )
    (vote,) = Annotation.objects.filter(assignment__item=bulk)
    services.record_imported_answer(by_hand, vote.answer or {}, annotator_name="trl")
    names = ("status", "answers_wanted", "open_slots", "answer_count", "task_type", "arm", "round")

    def facts(item: Item) -> dict[str, Any]:
        item.refresh_from_db()
        (turn,) = item.assignments.all()
        (said,) = turn.annotations.all()
        return {name: getattr(item, name) for name in names} | {
            "turn": (turn.status, turn.slot, turn.display_seed, turn.display_order),
            "who": turn.annotator_id,
            "said": (said.revision, said.kind, said.answer, said.submit_key, said.rationale),
        }

    assert facts(bulk) == facts(by_hand)


def test_a_whole_tree_falls_into_one_split(tmp_path: Path) -> None:
    project = make_project(test_share=0.5)
    trees = []
    for number in range(30):
        deeper = node("prompter", f"And {number}?", reply("x", 0), reply("y", 1))
        root = node("prompter", f"Why {number}?", reply("a", 0, deeper), reply("b", 1))
        trees.append({"prompt": root})
    job = import_file(project, "comparisons", "oasst", write(tmp_path / "trees.jsonl", *trees))
    assert (job.line_count, job.item_count) == (30, 60)
    splits: dict[str, set[str]] = {}
    for root_hash, split in project.prompts.values_list("conversation_root", "split"):
        splits.setdefault(root_hash, set()).add(split)
    assert len(splits) == 30
    assert all(len(found) == 1 for found in splits.values())
    assert {split for found in splits.values() for split in found} == {"train", "test"}
    assert project.sources.get().kind == Source.Kind.HUMAN


def test_an_export_of_preferences_can_be_read_in_again(project: Project, tmp_path: Path) -> None:
    import_file(project, "comparisons", "trl", write(tmp_path / "pairs.jsonl", *pairs(5)))
    exported = tmp_path / "out.parquet"
    write_export(project, "trl_preference", exported)
    again = make_project()
    assert import_file(again, "comparisons", "trl", exported).item_count == 5

    def said(of: Project) -> list[Any]:
        return sorted(
            (g["messages"][0]["content"], g["responses"][0]["text"], g["preferences"][0]["p"])
            for g in groups(of)
        )

    assert said(project) == said(again)


def test_k_wise_comes_back_with_every_vote(project: Project, tmp_path: Path) -> None:
    people = [make_member(project), make_member(project)]
    prompt = make_prompt(project, "Hi|||Hello.|||Name a prime.")
    sources = ["old", "new", "old"]
    for key in ("first", "retest"):
        item = make_item(
            project,
            ["a", "b", "c"],
            prompt=prompt,
            sources=sources,
            key=key,
            task_type="ranking",
            answers_wanted=2,
        )
        make_annotation(item, people[0], answer={"groups": [[1], [0, 2]]})
        make_annotation(item, people[1], answer={"groups": [[0], [1], [2]]})

    def exported(of: Project, name: str) -> tuple[Path, list[dict[str, Any]]]:
        path = tmp_path / f"{name}.parquet"
        write_export(of, "k_wise", path)
        rows = pq.read_table(path).to_pylist()
        for row in rows:
            del row["item"], row["split"]
            for vote in row["votes"]:
                del vote["annotator"]
        return path, rows

    path, rows = exported(project, "out")
    again = make_project()
    job = import_file(again, "comparisons", "k_wise", path)
    assert (job.line_count, job.item_count, job.annotation_count) == (2, 2, 4)
    assert exported(again, "again")[1] == rows
    assert import_file(again, "comparisons", "k_wise", path).known_count == 2
    assert exported(again, "and again")[1] == rows


def test_labelled_responses_come_back_as_thumbs(project: Project, tmp_path: Path) -> None:
    prompt = make_prompt(project, "Hi|||Hello.|||Name a prime.")
    for text, good, source in [("Seven.", True, "new"), ("Nine.", False, "old")]:
        item = make_item(project, [text], prompt=prompt, task_type="thumbs", sources=[source])
        make_annotation(item, answer={"good": good})
    make_annotation(make_item(project, ["no", "nor"], prompt=prompt), both_bad=True)

    path, rows = exported_again(project, "trl_unpaired", tmp_path / "out.parquet")
    again = make_project()
    job = import_file(again, "comparisons", "trl_unpaired", path)
    assert (job.item_count, job.annotation_count, job.prompt_count) == (4, 4, 1)
    assert set(again.items.values_list("task_type", flat=True)) == {"thumbs"}
    assert exported_again(again, "trl_unpaired", tmp_path / "again.parquet")[1] == rows
    assert import_file(again, "comparisons", "trl_unpaired", path).known_count == 4


def test_demonstrations_come_back(project: Project, tmp_path: Path) -> None:
    prompt = make_prompt(project, "Hi|||Hello.|||Why is the sky blue?")
    asked = services.queue_item(
        project, prompt, [], key="one", task_type="demonstration", answers_wanted=2
    )
    assert asked is not None
    for text in ("Air scatters blue most.", "It scatters, *mostly* blue.\n\n- so there"):
        make_annotation(asked, answer={"text": text, "edited": None})
    draft = make_item(project, ["It scaters."], prompt=prompt, task_type="demonstration")
    make_annotation(draft, answer={"text": "It scatters.", "edited": 0})

    path, rows = exported_again(project, "sft_messages", tmp_path / "out.jsonl")
    again = make_project()
    job = import_file(again, "comparisons", "sft_messages", path)
    assert (job.item_count, job.annotation_count, job.response_count) == (3, 3, 0)
    back = exported_again(again, "sft_messages", tmp_path / "again.jsonl")[1]
    assert [row["messages"] for row in back] == [row["messages"] for row in rows]
    assert import_file(again, "comparisons", "sft_messages", path).known_count == 3


def exported_again(of: Project, format_slug: str, path: Path) -> tuple[Path, list[dict[str, Any]]]:
    """The file, and its rows without the names that hold in one project alone."""
    write_export(of, format_slug, path)
    if path.suffix == ".parquet":
        rows = pq.read_table(path).to_pylist()
    else:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
    apart = ("item", "annotation", "split")
    return path, [{k: v for k, v in row.items() if k not in apart} for row in rows]


def test_a_vote_that_ranks_only_some_is_refused_by_its_line(
    project: Project, tmp_path: Path
) -> None:
    line = {"prompt": "Hi", "responses": ["a", "b", "c"], "groups": [[0], [1]]}
    whole = line | {"groups": [[0], [1], [2]]}
    job = import_file(project, "comparisons", "k_wise", write(tmp_path / "k.jsonl", line, whole))
    assert (job.item_count, job.rejected_count) == (1, 1)
    assert job.rejections.get().line == 1
    assert "each response 0 … 2 once" in job.rejections.get().reason


@pytest.mark.parametrize("place", [1, 3, 5])
def test_the_place_of_a_failure_does_not_matter(
    place: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between two batches and run again, the same set of rows is there."""
    monkeypatch.setattr(loader, "BATCH_LINES", 10)
    file = write(tmp_path / "pairs.jsonl", *pairs(45), "{broken")
    whole, project = make_project(split_salt="s"), make_project(split_salt="s")
    import_file(whole, "comparisons", "trl", file)
    stored, real = count(1), loader._store

    def store(*args: Any) -> None:
        if next(stored) == place:
            raise KeyboardInterrupt
        real(*args)

    with monkeypatch.context() as patch:
        patch.setattr(loader, "_store", store)
        with pytest.raises(KeyboardInterrupt):
            import_file(project, "comparisons", "trl", file)
    broken = ImportBatch.objects.filter(project=project).get()
    assert broken.status == ImportBatch.Status.FAILED
    assert broken.line_count == (place - 1) * 10
    job = import_file(project, "comparisons", "trl", file)
    assert (job.item_count, job.known_count) == (45 - (place - 1) * 10, (place - 1) * 10)
    assert contents(project) == contents(whole)


def test_a_batch_is_all_or_nothing(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: Any) -> None:
        raise RuntimeError("in the middle")

    monkeypatch.setattr(loader.ComparisonLoader, "_add_items", fail)
    with pytest.raises(RuntimeError, match="in the middle"):
        import_file(project, "comparisons", "trl", write(tmp_path / "pairs.jsonl", *pairs(3)))
    assert not Prompt.objects.exists()
    assert not Response.objects.exists()
    assert "RuntimeError" in ImportBatch.objects.get().error


def test_a_mixed_bad_file_is_accounted_for(project: Project, tmp_path: Path) -> None:
    chance = random.Random(7)
    bad = [
        "{broken",
        '{"prompt": "\\ud800", "chosen": "a", "rejected": "b"}',
        json.dumps({"prompt": "a\x00", "chosen": "a", "rejected": "b"}),
        "[" * 5000,
        json.dumps({"prompt": "p", "chosen": "same", "rejected": "same"}),
        json.dumps({"bad \x00 name": 1}),
    ]
    lines: list[Any] = [*pairs(1200), *(chance.choice(bad) for _ in range(60)), *pairs(40)]
    chance.shuffle(lines)
    job = import_file(project, "comparisons", "trl", write(tmp_path / "mixed.jsonl", *lines))
    assert job.status == ImportBatch.Status.FINISHED
    assert (job.line_count, job.item_count, job.known_count) == (1300, 1200, 40)
    assert job.rejected_count == job.rejections.count() == 60
    wrong = {n for n, line in enumerate(lines, start=1) if isinstance(line, str)}
    assert set(job.rejections.values_list("line", flat=True)) == wrong


def test_a_wrong_format_ends_early(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "MAX_REJECTED", 20)
    monkeypatch.setattr(loader, "BATCH_LINES", 10)
    file = write(tmp_path / "trees.jsonl", *({"prompt": deep_tree(2)} for _ in range(100)))
    job = import_file(project, "comparisons", "trl", file)
    assert job.status == ImportBatch.Status.FAILED
    assert "right format" in job.error
    assert job.line_count < 100


def test_a_lost_attempt_writes_nothing_more(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader, "BATCH_LINES", 10)
    file = write(tmp_path / "pairs.jsonl", *pairs(30))
    real = loader._store

    def store(job: ImportBatch, *args: Any) -> None:
        real(job, *args)
        ImportBatch.objects.filter(pk=job.pk).update(attempt=F("attempt") + 1)  # taken over

    monkeypatch.setattr(loader, "_store", store)
    import_file(project, "comparisons", "trl", file)
    job = ImportBatch.objects.get()
    assert (job.status, job.line_count) == (ImportBatch.Status.RUNNING, 10)
    assert project.items.count() == 10


# --- jobs ---------------------------------------------------------------------------------------


def upload(project: Project, *records: Any) -> ImportBatch:
    content = "\n".join(json.dumps(record) for record in records).encode()
    return jobs.add_upload(project, "prompts", "prompts", [content], "../../mine.jsonl", None)


def test_an_upload_is_read_once_however_often_the_message_comes(project: Project) -> None:
    job = upload(project, {"prompt": "one"}, {"prompt": "two"})
    assert job.file_name == "mine.jsonl"
    assert jobs.stored_path(job.stored_name).parent.name == "uploads"
    for _ in range(2):
        jobs.carry_out(job.pk)
    job.refresh_from_db()
    assert (job.status, job.attempt, job.prompt_count) == ("finished", 1, 2)
    assert not jobs.stored_path(job.stored_name).exists()


def test_a_job_that_was_lost_is_taken_up_again_and_counted_anew(project: Project) -> None:
    job = upload(project, {"prompt": "one"}, {"broken": 1})
    silent = timezone.now() - timedelta(minutes=5)
    ImportBatch.objects.filter(pk=job.pk).update(
        status="running", attempt=1, heartbeat=silent, line_count=77, rejected_count=7
    )
    job.rejections.create(line=3, reason="of the lost attempt")
    assert jobs.requeue_lost() == [job.pk]
    jobs.carry_out(job.pk)
    job.refresh_from_db()
    assert (job.status, job.attempt, job.line_count, job.rejected_count) == ("finished", 2, 2, 1)
    assert job.rejections.get().line == 2


def test_a_job_that_beats_is_left_alone(project: Project) -> None:
    job = upload(project, {"prompt": "one"})
    ImportBatch.objects.filter(pk=job.pk).update(status="running", heartbeat=timezone.now())
    assert jobs.requeue_lost() == []


def test_a_job_that_is_lost_too_often_fails(project: Project) -> None:
    job = upload(project, {"prompt": "one"})
    silent = timezone.now() - timedelta(minutes=5)
    ImportBatch.objects.filter(pk=job.pk).update(status="running", attempt=3, heartbeat=silent)
    assert jobs.requeue_lost() == []
    job.refresh_from_db()
    assert job.status == ImportBatch.Status.FAILED
    assert "ended" in job.error


def test_an_upload_that_is_gone_fails_with_a_sentence(project: Project) -> None:
    job = upload(project, {"prompt": "one"})
    jobs.stored_path(job.stored_name).unlink()
    jobs.carry_out(job.pk)
    job.refresh_from_db()
    assert job.error == "The file cannot be read: No such file or directory."


# --- commands -----------------------------------------------------------------------------------


def test_the_commands_say_what_was_taken_and_what_not(project: Project, tmp_path: Path) -> None:
    out, err = StringIO(), StringIO()
    prompts = write(tmp_path / "prompts.jsonl", {"prompt": "one"}, "{broken")
    call_command("import_prompts", project.slug, str(prompts), stdout=out, stderr=err)
    assert "2 lines: 0 known already, 1 rejected. Added 1 prompts" in out.getvalue()
    assert "line 2: Not valid JSON" in err.getvalue()
    file = str(write(tmp_path / "pairs.jsonl", *pairs(2)))
    call_command("import_comparisons", project.slug, file, "--format", "trl", stdout=out)
    assert "2 items, 2 annotations" in out.getvalue()
    target = tmp_path / "out.jsonl"
    call_command(
        "export",
        project.slug,
        "--format=trl_preference",
        f"--output={target}",
        stdout=out,
        stderr=err,
    )
    assert json.loads(out.getvalue().splitlines()[-1])["rows"] == 2
    assert len(target.read_text().splitlines()) == 2


def test_the_commands_refuse_in_a_sentence(project: Project, tmp_path: Path) -> None:
    file = str(write(tmp_path / "pairs.jsonl", *pairs(1)))
    with pytest.raises(CommandError, match=f"no project nothing. Projects here: {project.slug}"):
        call_command("import_prompts", "nothing", file)
    with pytest.raises(CommandError, match="not a file"):
        call_command("import_prompts", project.slug, str(tmp_path / "missing.jsonl"))
    with pytest.raises(CommandError, match="must end with"):
        call_command("export", project.slug, "--format=raw", f"--output={tmp_path / 'x.txt'}")
    damaged = tmp_path / "x.parquet"
    damaged.write_bytes(b"PAR1")
    with pytest.raises(CommandError, match="not read to its end"):
        call_command("import_prompts", project.slug, str(damaged), stdout=StringIO())


def test_a_format_that_is_none_is_refused_before_anything_is_stored(
    project: Project, tmp_path: Path
) -> None:
    with pytest.raises(ImportRefused, match="not a format of comparisons"):
        import_file(project, "comparisons", "prompts", write(tmp_path / "a.jsonl"))
    assert not ImportBatch.objects.exists()
