"""What the engine writes becomes rows: whole lines only, once, and only for who holds the run."""

import json

import pytest

from annotation.models import Project
from tests.builders import make_prompt
from tests.training.builders import make_run
from training import ingest, runner
from training.engine.rundir import RunDir
from training.ingest import Claim
from training.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def held(project: Project) -> tuple[Run, Claim, RunDir]:
    run = make_run(project)
    claim = runner.claim_run(run.pk)
    assert claim is not None
    return run, claim, RunDir(run.folder, claim.attempt)


Held = tuple[Run, Claim, RunDir]


def write(folder: RunDir, text: str) -> None:
    folder.attempt_dir.mkdir(parents=True, exist_ok=True)
    with folder.events_path.open("a", encoding="utf-8") as events:
        events.write(text)


def test_a_half_written_line_waits_for_its_other_half(held: Held) -> None:
    run, claim, folder = held
    line = json.dumps({"event": "metrics", "step": 1, "values": {"loss": 0.5}}) + "\n"
    write(folder, line + line.replace('"step": 1', '"step": 2')[:20])
    assert ingest.pull(claim, folder) == 1
    run.refresh_from_db()
    assert run.events_offset == len(line)
    assert ingest.pull(claim, folder) == 0
    write(folder, line.replace('"step": 1', '"step": 2')[20:])
    assert ingest.pull(claim, folder) == 1
    assert list(run.metrics.values_list("step", flat=True)) == [1, 2]


def test_taking_a_file_in_again_changes_nothing(held: Held, project: Project) -> None:
    run, claim, folder = held
    prompt = make_prompt(project)
    folder.metrics(1, {"loss": 0.5})
    folder.emit(
        "sample",
        **{"step": 0, "prompt_id": prompt.pk, "model": "policy", "index": 0, "text": "Hi\x00"},
        **{"token_ids": [1], "logprob": -1.0, "is_truncated": False},
    )
    ingest.pull(claim, folder)
    Run.objects.filter(pk=run.pk).update(events_offset=0)
    ingest.pull(claim, folder)
    assert run.metrics.count() == run.samples.count() == 1
    assert run.samples.get().text == "Hi\ufffd"


def test_a_resumed_run_may_measure_a_step_again(held: Held) -> None:
    run, claim, folder = held
    folder.metrics(7, {"loss": 0.5})
    folder.metrics(7, {"loss": 0.25})
    ingest.pull(claim, folder)
    assert run.metrics.get().value == 0.25


def test_an_old_attempt_writes_nothing(held: Held) -> None:
    run, claim, folder = held
    folder.metrics(1, {"loss": 0.5})
    Run.objects.filter(pk=run.pk).update(attempt=claim.attempt + 1)
    with pytest.raises(ingest.Fenced):
        ingest.pull(claim, folder)
    assert not run.metrics.exists()


def test_a_run_that_was_taken_back_takes_nothing_in(held: Held) -> None:
    run, claim, folder = held
    folder.metrics(1, {"loss": 0.5})
    Run.objects.filter(pk=run.pk).update(status=Run.Status.QUEUED)
    with pytest.raises(ingest.Fenced):
        ingest.pull(claim, folder)
    assert not run.metrics.exists()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"event": "metrics", "step": 1, "values": {"loss": NaN}}', "loss is nan"),
        ('{"event": "metrics", "step": 1, "values": {"loss": Infinity}}', "loss is inf"),
        ('{"event": "result", "metrics": {"accuracy": -Infinity}}', "accuracy is -inf"),
        ('{"event": "surprise"}', "unknown event 'surprise'"),
        ("not json", "no JSON"),
        (
            '{"event": "sample", "step": 0, "prompt_id": 99999, "model": "policy", "index": 0,'
            ' "text": "", "token_ids": [], "logprob": 0, "is_truncated": false}',
            "prompt 99999",
        ),
        (
            '{"event": "checkpoint", "step": 1, "path": "../../elsewhere", "role": "policy",'
            ' "is_final": true, "is_adapter": false, "sha256": "", "size_bytes": 1}',
            "outside the run's folder",
        ),
    ],
)
def test_nonsense_is_refused_as_a_whole(held: Held, line: str, reason: str) -> None:
    run, claim, folder = held
    folder.metrics(1, {"fine": 1.0})
    write(folder, line + "\n")
    with pytest.raises(ingest.BadEvent, match=reason):
        ingest.pull(claim, folder)
    run.refresh_from_db()
    assert run.events_offset == 0
    assert not run.metrics.exists()


def test_progress_and_offset_are_written_together_without_touching_the_rest(held: Held) -> None:
    run, claim, folder = held
    folder.phase("train", 3, 10, eta_seconds=7.5)
    before = Run.objects.get(pk=run.pk)
    Run.objects.filter(pk=run.pk).update(cancel_requested=before.started)
    ingest.pull(claim, folder)
    run.refresh_from_db()
    assert (run.phase, run.done, run.total, run.eta_seconds) == ("train", 3, 10, 7.5)
    assert run.cancel_requested == before.started
