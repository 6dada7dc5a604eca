"""Direct Preference Optimization (Rafailov et al. 2023, arXiv:2305.18290, eq. 7).

    r̂(y)  = β [ log π(y|x) − log π₀(y|x) ]
    h     = r̂(a) − r̂(b)
    loss  = −[ q log σ(h) + (1 − q) log σ(−h) ],   q = p (1 − ε) + (1 − p) ε

Log-probabilities are summed over the response's tokens, with the one that ends it. p is how much
people preferred a (½ for a tie), π₀ the frozen model the run starts from, ε the label smoothing of
cDPO. log π₀ is computed once, before training, and kept in the run's folder.

Both log-probabilities falling is expected (only their difference is trained); r̂ of the preferred
response far below 0 while responses grow longer is not.
"""

import hashlib
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from training.engine.configs import DPOConfig
from training.engine.data import (
    Group,
    TreeBatch,
    batches,
    collate,
    in_order,
    tokenise,
    without_ties,
)
from training.engine.fit import Clock, Job, Stopped, evaluate_pairs, fit
from training.engine.modeling import Policy, load_policy, weights_hash
from training.engine.numerics import agreement, bernoulli_loss, sum_by, weighted_mean
from training.engine.rundir import RunDir


def implicit_rewards(logprobs: Tensor, reference: Tensor, beta: float) -> Tensor:
    """r̂ of each response (R,)."""
    return beta * (logprobs - reference)


def dpo_loss(h: Tensor, p: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """The loss of each pair; p may be soft."""
    return bernoulli_loss(h, p * (1 - label_smoothing) + (1 - p) * label_smoothing)


def response_logprobs(policy: Policy, batch: TreeBatch) -> Tensor:
    """log π(y|x) of each response: (R,) float32."""
    return sum_by(policy.logprobs(batch), batch.owner, batch.responses)


def batch_loss(
    policy: Policy, batch: TreeBatch, reference: Tensor, config: DPOConfig
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of a batch and its metrics; `reference` is log π₀ of each response (R,)."""
    logprobs = response_logprobs(policy, batch)
    r = implicit_rewards(logprobs, reference, config.beta)
    a, b = batch.pairs.unbind(1)
    h = r[a] - r[b]
    loss = weighted_mean(dpo_loss(h, batch.p, config.label_smoothing), batch.weight)
    with torch.no_grad():
        decided = batch.weight * (batch.p != 0.5)
        a_wins = batch.p > 0.5
        winner, loser = torch.where(a_wins, a, b), torch.where(a_wins, b, a)
        logged = {
            "accuracy": weighted_mean(agreement(h, batch.p), decided),
            "margin": weighted_mean(r[winner] - r[loser], decided),
            "reward_w": weighted_mean(r[winner], decided),
            "reward_l": weighted_mean(r[loser], decided),
            "logp_w": weighted_mean(logprobs[winner], decided),
            "logp_l": weighted_mean(logprobs[loser], decided),
        }
    return loss, logged


def train(config: DPOConfig, run: RunDir) -> None:
    run.phase("load")
    torch.manual_seed(config.seed)
    folder = run.read_config()["models"]["policy"]
    policy = load_policy(folder, config.dtype, config.lora_rank, config.lora_alpha, config.layout)
    train_groups, dropped = tokenise(run.rows("train"), policy.tokenizer, config.max_length)
    test_groups, dropped_test = tokenise(run.rows("test"), policy.tokenizer, config.max_length)
    if config.ties == "drop":
        train_groups = without_ties(train_groups)
    reference = reference_logprobs(
        run, policy, weights_hash(folder), config, train_groups, test_groups
    )

    def before(groups: Sequence[Group]) -> Tensor:
        return torch.cat([reference[group.group] for group in groups]).to(policy.device)

    def pair_logits(batch: TreeBatch, groups: Sequence[Group]) -> Tensor:
        r = implicit_rewards(response_logprobs(policy, batch), before(groups), config.beta)
        return r[batch.pairs[:, 0]] - r[batch.pairs[:, 1]]

    fit(
        Job(
            run=run,
            config=config,
            model=policy,
            role="policy",
            train=train_groups,
            facts={
                "chance": 0.5,
                "train_groups": len(train_groups),
                **{f"dropped_{name}": n for name, n in dropped.items()},
                **{f"dropped_test_{name}": n for name, n in dropped_test.items()},
            },
            loss=lambda batch, groups: batch_loss(policy, batch, before(groups), config),
            evaluate=lambda: evaluate_pairs(
                run, test_groups, config.batch_size, pair_logits, policy.device
            ),
        )
    )


# --- the reference, once ------------------------------------------------------------------------


def reference_logprobs(
    run: RunDir,
    policy: Policy,
    weights: str,
    config: DPOConfig,
    train_groups: Sequence[Group],
    test_groups: Sequence[Group],
) -> dict[int, Tensor]:
    """log π₀ of each group's responses, by group number; from the run's folder if it is there.

    `policy` must not have been trained yet. The batches are those of the first epoch and of the
    evaluation, so that π/π₀ is exactly 1 at the first step even where bfloat16 rounds. Raises
    Stopped.
    """
    name = f"reference-{cache_key(weights, policy, config, [*train_groups, *test_groups])}"
    path = run.path / "cache" / f"{name}.safetensors"
    if path.exists():
        return {int(number): values for number, values in load_file(path).items()}
    chunks = [
        *batches(train_groups, config.batch_size, config.seed, epoch=0),
        *in_order(test_groups, config.batch_size),
    ]
    clock = Clock(run, "reference", len(chunks))
    found: dict[int, Tensor] = {}
    for number, chunk in enumerate(chunks, start=1):
        if run.stop_requested():
            raise Stopped
        with torch.no_grad(), policy.reference() if policy.is_adapted else nullcontext():
            values = response_logprobs(policy, collate(chunk).to(policy.device)).cpu()
        sizes = [len(group.responses) for group in chunk]
        for group, own in zip(chunk, torch.split(values, sizes), strict=True):
            found[group.group] = own.clone()
        clock.tick(number)
    keep(found, path)
    return found


def cache_key(weights: str, policy: Policy, config: DPOConfig, groups: Sequence[Group]) -> str:
    """A hash of everything the reference's log-probabilities depend on."""
    digest = hashlib.sha256(f"{weights} {policy.dtype} {policy.layout}".encode())
    digest.update(f" {config.batch_size} {config.seed}".encode())
    for group in groups:
        digest.update(f"\n{group.group} {group.prompt_ids} {group.responses}".encode())
    return digest.hexdigest()[:32]


def keep(found: dict[int, Tensor], path: Path) -> None:
    """Write the cache; a half-written one is never found under its name."""
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(".tmp")
    save_file({str(number): values for number, values in found.items()}, partial)
    partial.rename(path)
