"""Reward model: a score r(x, y) learnt from preferences (Bradley and Terry 1952; Stiennon et al.
2020, arXiv:2009.01325; margin of Llama 2, arXiv:2307.09288, eq. 2).

    Δ    = r(x, a) − r(x, b)
    loss = −[ p log σ(Δ − m) + (1 − p) log σ(−Δ − m) ] + c · (r_a + r_b)²

p is how much people preferred a (½ for a tie), m = margin · strength, c the centring weight
(Eisenstein et al. 2023, arXiv:2312.09244). r is read at the token that ends the response. All pairs
of a prompt stand in one batch: spread over an epoch they would be seen K − 1 times each (Ouyang et
al. 2022, arXiv:2203.02155, section 3.5). After training a bias makes the mean score 0.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from training.engine.configs import RewardConfig
from training.engine.data import Group, TreeBatch, collate, in_order, tokenise, without_ties
from training.engine.fit import Job, evaluate_pairs, fit
from training.engine.modeling import RewardModel, load_reward
from training.engine.numerics import agreement, weighted_mean
from training.engine.rundir import RunDir

CENTRE_ON = 512  # groups whose mean score is brought to 0; more would not move it by much


def reward_loss(delta: Tensor, p: Tensor, margin: Tensor) -> Tensor:
    """Bradley–Terry with a margin, for each pair."""
    return -(p * F.logsigmoid(delta - margin) + (1 - p) * F.logsigmoid(-delta - margin))


def centering_loss(score_a: Tensor, score_b: Tensor) -> Tensor:
    return (score_a + score_b).square()


def batch_loss(
    reward: RewardModel, batch: TreeBatch, config: RewardConfig
) -> tuple[Tensor, dict[str, Tensor]]:
    """The loss of a batch and its metrics."""
    scores = reward.scores(batch)
    a, b = scores[batch.pairs[:, 0]], scores[batch.pairs[:, 1]]
    delta = a - b
    each = reward_loss(delta, batch.p, config.margin * batch.strength)
    ranking = weighted_mean(each, batch.weight)
    loss = ranking + config.centering * weighted_mean(centering_loss(a, b), batch.weight)
    with torch.no_grad():
        decided = batch.weight * (batch.p != 0.5)
        logged = {
            "ranking_loss": ranking,
            "accuracy": weighted_mean(agreement(delta, batch.p), decided),
            "margin": weighted_mean(delta * torch.sign(batch.p - 0.5), decided),
            "score_mean": scores.mean(),
            "score_min": scores.min(),
            "score_max": scores.max(),
        }
    return loss, logged


def train(config: RewardConfig, run: RunDir) -> None:
    run.phase("load")
    torch.manual_seed(config.seed)
    reward = load_reward(
        run.read_config()["models"]["policy"],
        config.dtype,
        config.lora_rank,
        config.lora_alpha,
        config.layout,
        config.seed,
    )
    train_groups, dropped = tokenise(run.rows("train"), reward.tokenizer, config.max_length)
    test_groups, dropped_test = tokenise(run.rows("test"), reward.tokenizer, config.max_length)
    if config.ties == "drop":
        train_groups = without_ties(train_groups)

    def pair_logits(batch: TreeBatch, groups: Sequence[Group]) -> Tensor:
        scores = reward.scores(batch)
        return scores[batch.pairs[:, 0]] - scores[batch.pairs[:, 1]]

    fit(
        Job(
            run=run,
            config=config,
            model=reward,
            role="reward",
            train=train_groups,
            facts={
                "chance": 0.5,
                "train_groups": len(train_groups),
                **{f"dropped_{name}": n for name, n in dropped.items()},
                **{f"dropped_test_{name}": n for name, n in dropped_test.items()},
            },
            loss=lambda batch, groups: batch_loss(reward, batch, config),
            evaluate=lambda: evaluate_pairs(
                run, test_groups, config.batch_size, pair_logits, reward.device
            ),
            finish=lambda: centre(reward, train_groups[:CENTRE_ON], config.batch_size),
        )
    )


@torch.no_grad()
def centre(reward: RewardModel, groups: Sequence[Group], batch_size: int) -> None:
    """Set the bias so that the mean score of the responses of `groups` is 0."""
    reward.bias = 0.0
    scores = [
        reward.scores(collate(chunk).to(reward.device)) for chunk in in_order(groups, batch_size)
    ]
    reward.bias = -float(torch.cat(scores).double().mean())
