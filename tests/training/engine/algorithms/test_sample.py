import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.engine import runs
from training.engine.algorithms import sample
from training.engine.data import prompt_ids
from training.engine.modeling import load_policy
from training.engine.rundir import RunDir

PROMPTS: list[dict[str, Any]] = [
    {
        "prompt_id": number,
        "messages": [{"role": "user", "content": " ".join(runs.WORDS[: 1 + number % 4])}],
        "model": model,
        "n": 2,
    }
    for number in range(3)
    for model in ("policy", "opponent")
]


def sampling_run(folder: Path, tiny: Path, other: Path, **config: Any) -> Path:
    settings = {"max_new_tokens": 6, "batch_size": 3, **config}
    return runs.make_run(
        folder, "sample", {"policy": tiny, "opponent": other}, settings, prompts=PROMPTS
    )


def by_key(events: list[dict[str, Any]]) -> dict[tuple[int, str, int], list[int]]:
    found = {(e["prompt_id"], e["model"], e["index"]): e["token_ids"] for e in events}
    assert len(found) == len(events)
    return found


def test_every_prompt_is_answered_by_each_model_as_often_as_asked(
    tiny: Path, other_tiny: Path, tmp_path: Path
) -> None:
    folder = sampling_run(tmp_path / "run", tiny, other_tiny)
    runs.carry_out(folder)
    events = runs.events(folder, 1, "sample")
    assert by_key(events).keys() == {
        (number, model, index)
        for number in range(3)
        for model in ("policy", "opponent")
        for index in range(2)
    }
    policy = load_policy(tiny, "float32")
    for event in events:
        assert event["step"] == 0
        text = policy.tokenizer.decode(event["token_ids"], skip_special_tokens=True)
        assert event["text"] == text.replace("\0", "\ufffd")
        assert event["is_truncated"] == (policy.tokenizer.eos_token_id not in event["token_ids"])
        assert -100 < event["logprob"] < 0
    result = runs.result(folder)
    assert result["samples"] == 12
    assert result["truncated_share"] == sum(e["is_truncated"] for e in events) / 12
    assert "stopped" not in result


def test_samples_follow_the_seed_and_differ_between_models(
    tiny: Path, other_tiny: Path, tmp_path: Path
) -> None:
    found = []
    for number, config in enumerate([{"seed": 1}, {"seed": 1, "batch_size": 7}, {"seed": 2}]):
        folder = sampling_run(tmp_path / str(number), tiny, other_tiny, **config)
        found.append(by_key([e for e in runs.carry_out(folder) if e["event"] == "sample"]))
    assert found[0] == found[1]
    assert found[0] != found[2]
    assert found[0][0, "policy", 0] != found[0][0, "opponent", 0]
    assert found[0][0, "policy", 0] != found[0][0, "policy", 1]


def test_a_resumed_run_writes_what_is_missing_and_nothing_twice(
    tiny: Path, other_tiny: Path, tmp_path: Path
) -> None:
    whole = sampling_run(tmp_path / "whole", tiny, other_tiny)
    runs.carry_out(whole)
    expected = by_key(runs.events(whole, 1, "sample"))

    folder = sampling_run(tmp_path / "cut", tiny, other_tiny)
    first = RunDir(folder, 1)
    lines = [json.dumps(e) for e in runs.events(whole, 1) if e["event"] == "sample"]
    first.attempt_dir.mkdir(parents=True)
    first.events_path.write_text("\n".join(lines[:5]) + "\n" + lines[5][:20])  # killed in a line
    runs.carry_out(folder, attempt=2)
    both = runs.events(folder, 1, "sample") + runs.events(folder, 2, "sample")
    assert by_key(both) == expected
    assert len(runs.events(folder, 2, "sample")) == 7
    assert runs.result(folder, 2)["samples"] == 12


def test_a_finished_run_loads_no_model_again(
    tiny: Path, other_tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sampling_run(tmp_path / "run", tiny, other_tiny)
    runs.carry_out(folder)
    loaded: list[int] = []
    monkeypatch.setattr(sample, "load_policy", lambda *_: loaded.append(1))
    runs.carry_out(folder, attempt=2)
    assert not loaded
    assert runs.result(folder, 2)["samples"] == 12


def test_a_run_that_is_asked_to_stop_ends_with_what_it_has(
    tiny: Path, other_tiny: Path, tmp_path: Path
) -> None:
    folder = sampling_run(tmp_path / "run", tiny, other_tiny, batch_size=1)
    (folder / "stop").touch()
    runs.carry_out(folder)
    assert runs.events(folder, 1, "sample") == []
    assert runs.result(folder)["stopped"] is True
    (folder / "stop").unlink()
    runs.carry_out(folder, attempt=2)
    assert len(runs.events(folder, 2, "sample")) == 12


def test_the_prompt_is_written_as_in_training(tiny: Path) -> None:
    tokenizer = load_policy(tiny, "float32").tokenizer
    ids = prompt_ids(tokenizer, PROMPTS[0]["messages"])
    assert tokenizer.decode(ids) == "<|im_start|>user\nriver<|im_end|>\n<|im_start|>assistant\n"
