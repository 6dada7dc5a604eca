import math
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForSequenceClassification
from trl import RewardConfig as TRLRewardConfig
from trl import RewardTrainer

from tests.training.engine import runs
from training.engine.algorithms.reward import batch_loss, centering_loss, centre, reward_loss
from training.engine.configs import RewardConfig
from training.engine.data import Group, collate, tokenise
from training.engine.modeling import RewardModel, load_reward
from training.engine.numerics import weighted_mean

ONE, ZERO = torch.tensor([1.0]), torch.tensor([0.0])


# --- the formula --------------------------------------------------------------------------------


def test_equal_scores_cost_ln_2() -> None:
    assert reward_loss(ZERO, ONE, ZERO).item() == pytest.approx(0.693147180559945, abs=1e-7)


def test_seven_wins_of_ten_give_the_difference_ln_seven_thirds() -> None:
    # d loss / dΔ = σ(Δ) − 0.7 = 0  at  Δ = ln(7/3) = 0.847298, where the loss is 0.610864
    delta = torch.tensor([math.log(7 / 3)], dtype=torch.float64, requires_grad=True)
    wins = torch.tensor([0.7], dtype=torch.float64)
    loss = reward_loss(delta, wins, torch.zeros(1, dtype=torch.float64))
    torch.autograd.backward(loss)
    assert delta.grad is not None
    assert delta.grad.item() == pytest.approx(0.0, abs=1e-15)
    assert loss.item() == pytest.approx(0.610864302054894, abs=1e-14)


def test_a_soft_label_with_a_margin_pulls_both_ways_by_hand() -> None:
    # ∂/∂Δ = −p σ(m − Δ) + (1 − p) σ(Δ + m), p = 0.8, m = 0.5, Δ = 0.3:
    # −0.8 · σ(0.2) + 0.2 · σ(0.8) = −0.8 · 0.549833997 + 0.2 · 0.689974481 = −0.301872302
    delta = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    p, margin = (torch.tensor([each], dtype=torch.float64) for each in (0.8, 0.5))
    torch.autograd.backward(reward_loss(delta, p, margin))
    assert delta.grad is not None
    assert delta.grad.item() == pytest.approx(-0.301872302, abs=1e-9)


def bradley_terry(wins: dict[tuple[int, int], int], count: int) -> list[float]:
    """Log-strengths by the minorise-maximise steps of Hunter 2004: another road there."""
    strength = [1.0] * count
    for _ in range(5000):
        for i in range(count):
            won = sum(n for (a, _), n in wins.items() if a == i)
            met = sum(n / (strength[a] + strength[b]) for (a, b), n in wins.items() if i in (a, b))
            strength[i] = won / met
    return [math.log(s / strength[0]) for s in strength]


def test_a_free_score_per_item_reaches_the_bradley_terry_estimate() -> None:
    # four items, with circles, and pairs that never met
    wins = {(0, 1): 3, (1, 0): 1, (1, 2): 4, (2, 1): 2, (2, 0): 2, (0, 2): 5, (2, 3): 1, (3, 2): 3}
    scores = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    a, b = torch.tensor(list(wins)).unbind(1)
    weight = torch.tensor(list(wins.values()), dtype=torch.float64)
    optimizer = torch.optim.LBFGS(
        [scores],
        max_iter=200,
        tolerance_grad=1e-13,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        delta = scores[a] - scores[b]
        loss = weighted_mean(
            reward_loss(delta, torch.ones_like(delta), torch.zeros_like(delta)), weight
        )
        torch.autograd.backward(loss)
        return loss

    optimizer.step(closure)
    found = (scores - scores[0]).tolist()
    assert found == pytest.approx(bradley_terry(wins, 4), abs=1e-8)


def test_two_responses_in_plackett_luce_are_bradley_terry() -> None:
    # −[r_w − logsumexp(r_w, r_l)] is −log σ(r_w − r_l)
    scores = torch.tensor([0.3, -1.1])
    plackett_luce = scores.logsumexp(0) - scores[0]
    assert reward_loss(scores[:1] - scores[1:], ONE, ZERO).item() == pytest.approx(
        plackett_luce.item(), abs=1e-7
    )


def test_the_pairs_of_a_ranking_have_the_known_mean_loss() -> None:
    # scores (2, 1, 0): mean of −log σ over Δ = 1, 1, 2 is 0.251150462026473
    delta = torch.tensor([1.0, 1.0, 2.0], dtype=torch.float64)
    loss = reward_loss(delta, torch.ones_like(delta), torch.zeros_like(delta))
    assert weighted_mean(loss, torch.full_like(delta, 1 / 3)).item() == pytest.approx(
        0.251150462026473, abs=1e-14
    )


def test_a_margin_asks_for_more_on_the_preferred_side() -> None:
    # −log σ(1 − 2) = 1.313262, whichever of the two is called a
    margin = torch.tensor([2.0])
    assert reward_loss(ONE, ONE, margin).item() == pytest.approx(1.313262, abs=1e-6)
    assert reward_loss(-ONE, ZERO, margin).item() == pytest.approx(1.313262, abs=1e-6)


def test_a_tie_is_best_at_no_difference() -> None:
    deltas = torch.tensor([-0.5, 0.0, 0.5])
    losses = reward_loss(deltas, torch.full((3,), 0.5), torch.zeros(3))
    assert losses.argmin().item() == 1
    assert losses[0].item() == pytest.approx(losses[2].item())


# --- on the tiny model --------------------------------------------------------------------------


def tiny_groups(reward: RewardModel, rows: list[dict[str, Any]]) -> list[Group]:
    groups, _ = tokenise(rows, reward.tokenizer, 200)
    return groups


def test_shifting_every_score_changes_no_ranking_loss(tiny: Path) -> None:
    reward = load_reward(tiny, "float32", seed=3)
    batch = collate(tiny_groups(reward, runs.random_rows(6, responses=3)))
    config = RewardConfig(centering=0.0)
    loss, _ = batch_loss(reward, batch, config)
    reward.bias = 5.0
    shifted, logged = batch_loss(reward, batch, config)
    assert shifted.item() == pytest.approx(loss.item(), abs=1e-6)
    centred, _ = batch_loss(reward, batch, RewardConfig(centering=0.1))
    # mean (r_a + r_b)² with both near 5
    assert centred.item() == pytest.approx(
        loss.item() + 0.1 * (2 * logged["score_mean"].item()) ** 2, rel=0.05
    )
    assert centering_loss(torch.tensor(1.0), torch.tensor(2.0)).item() == 9.0


def test_the_loss_and_its_gradient_are_trl_s(tiny: Path, tmp_path: Path) -> None:
    reward = load_reward(tiny, "float32", seed=3)
    reward.save_model(tmp_path / "model")
    draw = random.Random(1)
    rows = runs.random_rows(6)
    for row in rows:
        row["preferences"][0]["strength"] = float(draw.randint(1, 3))
    groups = tiny_groups(reward, rows)
    config = RewardConfig(centering=0.01, margin=0.5)
    loss, logged = batch_loss(reward, collate(groups), config)
    torch.autograd.backward(loss)

    text = [{"prompt": "a", "chosen": "b", "rejected": "c"}]
    trainer = RewardTrainer(
        AutoModelForSequenceClassification.from_pretrained(tmp_path / "model", num_labels=1),
        TRLRewardConfig(
            output_dir=str(tmp_path / "trl"),
            center_rewards_coefficient=0.01,
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=True,
            report_to="none",
        ),
        train_dataset=Dataset.from_list(text),
        processing_class=reward.tokenizer,
    )
    examples = [
        {
            "chosen_ids": group.prompt_ids + group.responses[0],
            "rejected_ids": group.prompt_ids + group.responses[1],
            "margin": 0.5 * group.preferences[0].strength,
        }
        for group in groups
    ]
    theirs = trainer.compute_loss(trainer.model, trainer.data_collator(examples))
    assert loss.item() == pytest.approx(theirs.item(), abs=1e-5)
    metrics = trainer._metrics["train" if trainer.model.training else "eval"]
    assert logged["accuracy"].item() == pytest.approx(metrics["accuracy"][0])
    assert logged["margin"].item() == pytest.approx(metrics["margin"][0], abs=1e-5)
    torch.autograd.backward(theirs)
    expected = {name: parameter.grad for name, parameter in trainer.model.named_parameters()}
    for name, gradient in reward.gradients().items():
        gap = float((gradient - expected[name]).norm())
        assert gap <= 1e-4 * float(expected[name].norm()) + 1e-7, name


def test_after_training_the_mean_score_is_zero(tiny: Path) -> None:
    reward = load_reward(tiny, "float32", seed=3)
    groups = tiny_groups(reward, runs.random_rows(9))
    centre(reward, groups, batch_size=4)
    assert reward.bias != 0.0
    assert reward.scores(collate(groups)).mean().item() == pytest.approx(0.0, abs=1e-6)


def test_strength_is_ignored_without_a_margin(tiny: Path) -> None:
    reward = load_reward(tiny, "float32", seed=3)
    rows = runs.random_rows(4)
    loss, _ = batch_loss(reward, collate(tiny_groups(reward, rows)), RewardConfig())
    for row in rows:
        row["preferences"][0]["strength"] = 3.0
    again, _ = batch_loss(reward, collate(tiny_groups(reward, rows)), RewardConfig())
    assert again.item() == loss.item()


# --- whole runs ---------------------------------------------------------------------------------


def test_a_planted_rule_is_found_under_noise(tiny: Path, tmp_path: Path) -> None:
    """600 pairs; the judgements follow the rule in 80 % of the training pairs."""
    training, held_out = runs.planted_rows(480, seed=1, noise=0.2), runs.planted_rows(120, seed=2)
    obeyed = sum(row["preferences"][0]["p"] == row["rule"] for row in training)
    assert obeyed == pytest.approx(0.8 * 480, abs=30)
    config = {"batch_size": 8, "learning_rate": 1e-3, "checkpoint_every": 0}
    folder = runs.make_run(
        tmp_path / "run", "reward", {"policy": tiny}, config, train=training, test=held_out
    )
    runs.carry_out(folder)
    result = runs.result(folder)
    assert result["test_n"] == 120
    assert result["test_accuracy"] >= 0.9
    assert result["test_accuracy_before"] < 0.75
    assert result["chance"] == 0.5


def test_a_run_reports_scores_errors_and_what_it_left_out(tiny: Path, tmp_path: Path) -> None:
    rows = runs.random_rows(24)
    rows[0]["responses"][0]["text"] = "long " * 200
    for number, row in enumerate(rows[16:]):
        row["root"] = f"root {number // 2}"
    config = {"batch_size": 4, "learning_rate": 1e-3, "max_length": 100, "epochs": 2}
    folder = runs.make_run(
        tmp_path / "run", "reward", {"policy": tiny}, config, train=rows[:16], test=rows[16:]
    )
    runs.carry_out(folder)
    result = runs.result(folder)
    assert result["dropped_too_long"] == 1
    assert result["dropped_unpaired"] == 1
    assert result["train_groups"] == 15
    assert (result["test_n"], result["test_roots"]) == (8, 4)
    assert 0 <= result["test_accuracy_se"] < 0.5
    assert result["steps"] == 8
    steps = [e for e in runs.events(folder, 1, "metrics") if "loss" in e["values"]]
    assert [event["step"] for event in steps] == list(range(1, 9))
    assert {"accuracy", "margin", "score_mean", "grad_norm", "learning_rate"} <= set(
        steps[0]["values"]
    )
    phases = [event["name"] for event in runs.events(folder, 1, "phase")]
    assert [name for i, name in enumerate(phases) if name not in phases[:i]] == [
        "load", "evaluate", "train", "finish", "save",
    ]  # fmt: skip
    (final,) = (e for e in runs.events(folder, 1, "checkpoint") if e["is_final"])
    assert (final["role"], final["is_adapter"], final["step"]) == ("reward", False, 8)
    model = load_reward(folder / final["path"] / "model", "float32")
    scores = model.scores(collate(tiny_groups(model, rows[1:16])))
    assert scores.mean().item() == pytest.approx(0.0, abs=1e-5)


def test_a_run_goes_on_from_a_reward_model(tiny: Path, tmp_path: Path) -> None:
    first = load_reward(tiny, "float32", seed=3)
    first.save_model(tmp_path / "first")
    folder = runs.make_run(
        tmp_path / "run",
        "reward",
        {"policy": tmp_path / "first"},
        {"learning_rate": 1e-12, "seed": 99},
        train=runs.random_rows(4),
    )
    runs.carry_out(folder)
    again = load_reward(folder / "checkpoints" / "final" / "model", "float32")
    torch.testing.assert_close(again.head.weight, first.head.weight, rtol=0, atol=1e-9)
