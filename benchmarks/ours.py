"""Our side of a benchmark, in a process of its own: `python -m benchmarks.ours TASK WORKLOAD`.

Prints one JSON line. The clock runs from the loaded model to the last update; whatever the method
needs (DPO's reference pass) lies within.
"""

import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch

from training.engine.algorithms import dpo, reward
from training.engine.configs import DPOConfig, RewardConfig
from training.engine.data import Group, Pair, collate
from training.engine.generation import generate
from training.engine.memory import keep_freed_memory
from training.engine.modeling import load_policy, load_reward
from training.engine.optim import make_optimizer


def main() -> None:
    keep_freed_memory()  # as the engine does
    task, work = sys.argv[1], json.loads(Path(sys.argv[2]).read_text())
    torch.set_num_threads(work["threads"])
    tasks = {
        "dpo": run_dpo,
        "padded": run_padded,
        "reward": run_reward,
        "sample": run_sample,
        "loss": final_loss,
    }
    result = tasks[task](work)
    print(json.dumps({"peak_gib": peak_gib()} | result))


def peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def groups_of(work: dict[str, Any]) -> list[list[Group]]:
    return [
        [
            Group(i, p, [chosen, rejected], [Pair(0, 1, 1.0)], [0, 1])
            for i, (p, chosen, rejected) in enumerate(batch)
        ]
        for batch in work["batches"]
    ]


def run_dpo(work: dict[str, Any]) -> dict[str, Any]:
    policy = load_policy(work["model"], work["dtype"])
    config = DPOConfig(learning_rate=work["learning_rate"], beta=0.1)
    batches = groups_of(work)
    began = time.perf_counter()
    optimizer = make_optimizer(policy, config)
    references = []
    for groups in batches:
        with torch.no_grad():
            references.append(dpo.response_logprobs(policy, collate(groups)))
    after_reference = time.perf_counter()
    losses = []
    for groups, reference in zip(batches, references, strict=True):
        loss, _ = dpo.batch_loss(policy, collate(groups), reference, config)
        torch.autograd.backward(loss)
        optimizer.step(work["learning_rate"])
        optimizer.zero_grad()
        losses.append(loss.item())
    result = {
        "seconds": time.perf_counter() - began,
        "reference_seconds": after_reference - began,
        "peak_gib": peak_gib(),
        "losses": losses,
        # chosen and rejected of each pair, as the rival gives them
        "logprobs": [r.view(-1, 2).tolist() for r in references],
    }
    policy.save_model(work["save"])
    return result


@torch.no_grad()
def run_padded(work: dict[str, Any]) -> dict[str, Any]:
    """The responses' summed log-probabilities in rows of their own, padded: as the rival's lie."""
    policy = load_policy(work["model"], work["dtype"], layout="padded")
    sums = [dpo.response_logprobs(policy, collate(groups)) for groups in groups_of(work)]
    return {"logprobs": [each.view(-1, 2).tolist() for each in sums]}


def run_reward(work: dict[str, Any]) -> dict[str, Any]:
    model = load_reward(work["model"], work["dtype"])
    config = RewardConfig(learning_rate=work["learning_rate"], centering=0.0)
    batches = groups_of(work)
    began = time.perf_counter()
    optimizer = make_optimizer(model, config)
    losses = []
    for groups in batches:
        loss, _ = reward.batch_loss(model, collate(groups), config)
        torch.autograd.backward(loss)
        optimizer.step(work["learning_rate"])
        optimizer.zero_grad()
        losses.append(loss.item())
    seconds, peak = time.perf_counter() - began, peak_gib()
    model.save_model(work["save"])
    return {"seconds": seconds, "peak_gib": peak, "losses": losses}


@torch.no_grad()
def final_loss(work: dict[str, Any]) -> dict[str, Any]:
    """The mean loss over the batches, in float32, of the weights in `final`, whoever made them."""
    losses = []
    if work["kind"] == "reward":
        model = load_reward(work["final"], "float32")
        rewarding = RewardConfig(centering=0.0)
        losses = [
            reward.batch_loss(model, collate(groups), rewarding)[0].item()
            for groups in groups_of(work)
        ]
    else:
        before, after = (load_policy(work[name], "float32") for name in ("model", "final"))
        config = DPOConfig(beta=0.1)
        for groups in groups_of(work):
            batch = collate(groups)
            reference = dpo.response_logprobs(before, batch)
            losses.append(dpo.batch_loss(after, batch, reference, config)[0].item())
    return {"loss": statistics.fmean(losses)}


def run_sample(work: dict[str, Any]) -> dict[str, Any]:
    policy = load_policy(work["model"], work["dtype"])
    began = time.perf_counter()
    tokens = sum(
        len(generated.ids)
        for generated in generate(
            policy,
            policy.tokenizer,
            work["prompts"],
            max_new_tokens=work["max_new_tokens"],
            temperature=1.0,
            batch_size=work["batch_size"],
            seeds=list(range(len(work["prompts"]))),
            stops=frozenset() if work["equal"] else None,
        )
    )
    return {"seconds": time.perf_counter() - began, "tokens": tokens}


if __name__ == "__main__":
    main()
