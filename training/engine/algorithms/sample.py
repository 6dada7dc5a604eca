"""Sampling: a model (or two) answers prompts. Token ids and log-probabilities are kept, because a
text that is tokenised again need not give the same ids.

Every sample has a seed made of the run's seed, the prompt, the model and its index, so a resumed
run writes exactly the samples that an uninterrupted one would have written.
"""

import time
from collections.abc import Iterator
from typing import Any

from training.engine.configs import SampleConfig
from training.engine.data import prompt_ids
from training.engine.fit import Clock, machine
from training.engine.generation import generate
from training.engine.modeling import load_policy
from training.engine.numerics import seed_from
from training.engine.rundir import RunDir, whole_lines

Key = tuple[int, str, int]  # prompt, model, index


def wanted(run: RunDir) -> Iterator[tuple[Key, list[dict[str, str]]]]:
    for row in run.rows("prompts"):
        for index in range(row["n"]):
            yield (row["prompt_id"], row["model"], index), row["messages"]


def earlier_samples(run: RunDir) -> dict[Key, dict[str, Any]]:
    """What this and earlier attempts have already written."""
    found: dict[Key, dict[str, Any]] = {}
    for attempt in range(1, run.last_attempt() + 1):
        events, _ = whole_lines(RunDir(run.path, attempt).events_path, 0)
        for event in events:
            if event["event"] == "sample":
                found[event["prompt_id"], event["model"], event["index"]] = event
    return found


def train(config: SampleConfig, run: RunDir) -> None:
    """Write every sample that is not there yet, one event each."""
    folders = run.read_config()["models"]
    everything = list(wanted(run))
    written = earlier_samples(run)
    for name in dict.fromkeys(key[1] for key, _ in everything):
        todo = [(key, messages) for key, messages in everything if key[1] == name]
        todo = [(key, messages) for key, messages in todo if key not in written]
        if todo and not run.stop_requested():
            write(config, run, folders[name], todo, written, len(everything))
    metrics: dict[str, float] = {"samples": len(written), **machine()}
    if len(written) < len(everything):
        metrics["stopped"] = True
    if written:
        samples = written.values()
        metrics["truncated_share"] = sum(s["is_truncated"] for s in samples) / len(written)
        metrics["mean_tokens"] = sum(len(s["token_ids"]) for s in samples) / len(written)
    run.emit("result", metrics=metrics)


def write(
    config: SampleConfig,
    run: RunDir,
    folder: str,
    todo: list[tuple[Key, list[dict[str, str]]]],
    written: dict[Key, dict[str, Any]],
    total: int,
) -> None:
    run.phase("load", len(written), total)
    policy = load_policy(folder, config.dtype)
    tokenizer = policy.tokenizer
    responses = generate(
        policy,
        tokenizer,
        [prompt_ids(tokenizer, messages) for _, messages in todo],
        max_new_tokens=config.max_new_tokens,
        temperature=config.temperature,
        batch_size=config.batch_size,
        seeds=[seed_from("sample", config.seed, *key) for key, _ in todo],
    )
    clock = Clock(run, "sample", total, len(written))
    began, tokens = time.monotonic(), 0
    for response in responses:
        prompt_id, model, index = key = todo[response.index][0]
        sample = {
            "step": 0,
            "prompt_id": prompt_id,
            "model": model,
            "index": index,
            # PostgreSQL stores no NUL; the ids say what was really written.
            "text": str(tokenizer.decode(response.ids, skip_special_tokens=True)).replace(
                "\0", "\ufffd"
            ),
            "token_ids": response.ids,
            "logprob": sum(response.logprobs),
            "is_truncated": response.is_truncated,
        }
        run.emit("sample", **sample)
        written[key] = sample
        clock.tick(len(written))
        tokens += len(response.ids)
        if run.stop_requested():
            break
    print(f"{model}: {tokens / (time.monotonic() - began):.1f} tokens a second", flush=True)
