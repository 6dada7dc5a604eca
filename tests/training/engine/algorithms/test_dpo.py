import math
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM
from trl import DPOConfig as TRLDPOConfig
from trl import DPOTrainer

from tests.training.engine import runs
from training.engine.algorithms import dpo
from training.engine.algorithms.dpo import (
    batch_loss,
    dpo_loss,
    implicit_rewards,
    reference_logprobs,
    response_logprobs,
)
from training.engine.configs import DPOConfig
from training.engine.data import Group, collate, tokenise
from training.engine.fit import NothingToLearn
from training.engine.modeling import Policy, load_policy
from training.engine.numerics import Diverged
from training.engine.optim import make_optimizer
from training.engine.rundir import RunDir


def double(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


# --- the formula --------------------------------------------------------------------------------


def test_the_policy_that_is_its_reference_loses_ln_2() -> None:
    logprobs = double(-12.0, -7.0)
    h = implicit_rewards(logprobs, logprobs, beta=0.1).diff()
    assert dpo_loss(h, double(1.0)).item() == pytest.approx(0.693147180559945, abs=1e-15)


def test_the_loss_and_its_gradient_match_the_formula_by_hand() -> None:
    # h = 0.1 [(−3 + 3.5) − (−2.5 + 2)] = 0.1; −log σ(0.1) = 0.644396660073571;
    # ∂/∂log π_w = −β σ(−h) = −0.047502081252106, and the opposite for the other
    logprobs = double(-3.0, -2.5).requires_grad_()
    r = implicit_rewards(logprobs, double(-3.5, -2.0), beta=0.1)
    loss = dpo_loss(r[0] - r[1], double(1.0)).squeeze()
    torch.autograd.backward(loss)
    assert loss.item() == pytest.approx(0.644396660073571, abs=1e-14)
    assert logprobs.grad is not None
    assert logprobs.grad.tolist() == pytest.approx(
        [-0.047502081252106, 0.047502081252106], abs=1e-14
    )


def test_soft_judgements_and_smoothing_mix_both_directions() -> None:
    h, forward = double(0.3), math.log(1 + math.exp(-0.3))  # −log σ(h)
    backward = forward + 0.3  # −log σ(−h)
    assert dpo_loss(h, double(0.25)).item() == pytest.approx(0.25 * forward + 0.75 * backward)
    # 10 % of the judgements flipped: q = 0.9 · 0.9 + 0.1 · 0.1 = 0.82
    assert dpo_loss(h, double(0.9), 0.1).item() == pytest.approx(0.82 * forward + 0.18 * backward)


def test_the_gradient_of_a_soft_label_by_hand() -> None:
    # ∂/∂h = σ(h) − p; h = 0.1 (3 − 0) = 0.3, p = 0.25: σ(0.3) − 0.25 = 0.324442517, times ±β
    logprobs = double(-3.0, -2.0).requires_grad_()
    r = implicit_rewards(logprobs, double(-6.0, -2.0), beta=0.1)
    torch.autograd.backward(dpo_loss(r[0] - r[1], double(0.25)).squeeze())
    assert logprobs.grad is not None
    assert logprobs.grad.tolist() == pytest.approx([0.0324442517, -0.0324442517], abs=1e-10)


def test_a_shift_of_both_log_ratios_changes_nothing() -> None:
    logprobs, reference = double(-3.0, -2.5), double(-3.5, -2.0)
    h = implicit_rewards(logprobs, reference, 0.1).diff()
    shifted = implicit_rewards(logprobs + 4.0, reference, 0.1).diff()
    torch.testing.assert_close(h, shifted)


def test_exact_descent_reaches_the_optimum_of_the_bandit() -> None:
    # π₀ = (.5, .3, .2), r = (0, 1, 2), β = .5: π* ∝ π₀ exp(r/β). DPO on pairs labelled by
    # σ(r_a − r_b) has the same optimum, with loss .509913357621215 (uniform over the three pairs).
    reference, reward = double(0.5, 0.3, 0.2).log(), double(0.0, 1.0, 2.0)
    a, b = torch.tensor([0, 0, 1]), torch.tensor([1, 2, 2])
    p = torch.sigmoid(reward[a] - reward[b])
    logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [logits],
        max_iter=500,
        tolerance_grad=1e-14,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        r = implicit_rewards(logits.log_softmax(0), reference, beta=0.5)
        loss = dpo_loss(r[a] - r[b], p).mean()
        torch.autograd.backward(loss)
        return loss

    loss = optimizer.step(closure)
    assert closure().item() == pytest.approx(0.509913357621215, abs=1e-12)
    assert loss.item() >= closure().item()
    expected = [0.0366667118402, 0.1625594344504, 0.8007738537094]
    assert logits.softmax(0).tolist() == pytest.approx(expected, abs=1e-7)


# --- on the tiny model --------------------------------------------------------------------------


def tiny_groups(policy: Policy, rows: list[dict[str, Any]]) -> list[Group]:
    groups, _ = tokenise(rows, policy.tokenizer, 200)
    return groups


@torch.no_grad()
def reference_of(folder: Path, groups: list[Group]) -> torch.Tensor:
    return response_logprobs(load_policy(folder, "float32"), collate(groups))


def test_a_real_model_starts_at_ln_2(tiny: Path) -> None:
    policy = load_policy(tiny, "float32")
    groups = tiny_groups(policy, runs.random_rows(5, responses=3))
    loss, logged = batch_loss(policy, collate(groups), reference_of(tiny, groups), DPOConfig())
    assert loss.item() == pytest.approx(math.log(2), abs=1e-6)
    assert logged["margin"].item() == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_the_loss_and_its_gradient_are_trl_s(
    tiny: Path, other_tiny: Path, tmp_path: Path, label_smoothing: float
) -> None:
    policy = load_policy(other_tiny, "float32")
    groups = tiny_groups(policy, runs.random_rows(6))
    config = DPOConfig(beta=0.3, label_smoothing=label_smoothing)
    loss, logged = batch_loss(policy, collate(groups), reference_of(tiny, groups), config)
    torch.autograd.backward(loss)

    text = [{"prompt": "a", "chosen": "b", "rejected": "c"}]
    trainer = DPOTrainer(
        AutoModelForCausalLM.from_pretrained(other_tiny),
        AutoModelForCausalLM.from_pretrained(tiny),
        TRLDPOConfig(
            output_dir=str(tmp_path / "trl"),
            beta=0.3,
            # TRL 1.16 smooths labels in "robust" (unbiased) only; "sigmoid" has none.
            loss_type=["robust" if label_smoothing else "sigmoid"],
            label_smoothing=label_smoothing,
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=True,
            report_to="none",
        ),
        train_dataset=Dataset.from_list(text),
        processing_class=policy.tokenizer,
    )
    examples = [
        {
            "prompt_ids": group.prompt_ids,
            "chosen_ids": group.responses[0],
            "rejected_ids": group.responses[1],
        }
        for group in groups
    ]
    theirs = trainer.compute_loss(trainer.model, trainer.data_collator(examples))
    if label_smoothing:  # ours is (1−ε) l₊ + ε l₋; theirs ((1−ε) l₊ − ε l₋) / (1 − 2ε), l₋ = l₊ + h
        e, h = label_smoothing, logged["margin"]
        plain = theirs.item() + e * h.item() / (1 - 2 * e)  # mean l₊
        assert loss.item() == pytest.approx(plain + e * h.item(), abs=1e-5)
        return
    assert loss.item() == pytest.approx(theirs.item(), abs=1e-5)
    metrics = trainer._metrics["train" if trainer.model.training else "eval"]
    for ours, name in {
        "reward_w": "rewards/chosen",
        "reward_l": "rewards/rejected",
        "margin": "rewards/margins",
        "accuracy": "rewards/accuracies",
    }.items():
        assert logged[ours].item() == pytest.approx(metrics[name][0], abs=1e-4), ours
    torch.autograd.backward(theirs)
    expected = {name: parameter.grad for name, parameter in trainer.model.named_parameters()}
    for name, gradient in policy.gradients().items():
        gap = float((gradient - expected[name]).norm())
        assert gap <= 1e-4 * float(expected[name].norm()) + 1e-7, name


def test_a_step_raises_the_preferred_response_over_the_other(tiny: Path) -> None:
    policy, config = load_policy(tiny, "float32"), DPOConfig(learning_rate=1e-4)
    groups = tiny_groups(policy, runs.random_rows(4))
    batch, reference = collate(groups), reference_of(tiny, groups)
    optimizer = make_optimizer(policy, config)
    loss, _ = batch_loss(policy, batch, reference, config)
    torch.autograd.backward(loss)
    optimizer.step(config.learning_rate)
    with torch.no_grad():
        after, logged = batch_loss(policy, batch, reference, config)
    assert after.item() < loss.item()
    assert logged["margin"].item() > 0


def test_the_reference_is_computed_once_and_kept_with_the_run(
    tiny: Path, other_tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, config, run = load_policy(tiny, "float32"), DPOConfig(), RunDir(tmp_path)
    groups = tiny_groups(policy, runs.random_rows(9))
    first = reference_logprobs(run, policy, "hash", config, groups[:6], groups[6:])
    assert first.keys() == {group.group for group in groups}
    expected = reference_of(tiny, groups)
    found = torch.cat([first[group.group] for group in groups])
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4)

    computed = []
    monkeypatch.setattr(dpo, "response_logprobs", lambda *_: computed.append(1))
    again = reference_logprobs(run, policy, "hash", config, groups[:6], groups[6:])
    assert not computed
    assert all(torch.equal(again[number], first[number]) for number in first)

    monkeypatch.undo()
    other = load_policy(other_tiny, "float32")
    changed = reference_logprobs(run, other, "other hash", config, groups[:6], groups[6:])
    assert not torch.equal(changed[groups[0].group], first[groups[0].group])


def test_with_adapters_the_reference_is_the_network_without_them(
    tiny: Path, tmp_path: Path
) -> None:
    policy, run = load_policy(tiny, "float32", lora_rank=4), RunDir(tmp_path)
    with torch.no_grad():
        for _, parameter in policy.trainable():
            parameter += 0.1
    groups = tiny_groups(policy, runs.random_rows(3))
    found = reference_logprobs(run, policy, "hash", DPOConfig(), groups, [])
    expected = reference_of(tiny, groups)
    torch.testing.assert_close(
        torch.cat([found[group.group] for group in groups]), expected, rtol=0, atol=1e-4
    )


# --- whole runs ---------------------------------------------------------------------------------


@pytest.mark.parametrize("rank", [0, 8])
def test_a_run_learns_what_people_prefer(tiny: Path, tmp_path: Path, rank: int) -> None:
    config = {"batch_size": 8, "learning_rate": 2e-3, "lora_rank": rank, "epochs": 2}
    folder = runs.make_run(
        tmp_path / "run",
        "dpo",
        {"policy": tiny},
        config,
        train=runs.planted_rows(120, seed=1),
        test=runs.planted_rows(40, seed=2),
    )
    runs.carry_out(folder)
    result = runs.result(folder)
    assert result["test_accuracy"] >= 0.9
    assert result["test_accuracy_before"] == 0.5  # every implicit reward is 0
    assert result["test_loss_before"] == pytest.approx(math.log(2), abs=1e-6)
    losses = runs.losses(folder)
    assert losses[1] == pytest.approx(math.log(2), abs=1e-6)
    assert losses[30] < 0.3
    phases = [event["name"] for event in runs.events(folder, 1, "phase")]
    assert [name for i, name in enumerate(phases) if name not in phases[:i]] == [
        "load", "reference", "evaluate", "train", "finish", "save",
    ]  # fmt: skip
    (final,) = (e for e in runs.events(folder, 1, "checkpoint") if e["is_final"])
    assert (final["role"], final["is_adapter"]) == ("policy", rank > 0)
    trained = load_policy(folder / final["path"] / "model", "float32")
    groups = tiny_groups(trained, runs.planted_rows(40, seed=2))
    _, logged = batch_loss(trained, collate(groups), reference_of(tiny, groups), DPOConfig())
    assert logged["accuracy"].item() >= 0.9  # what is downloaded is what was trained


def test_a_run_that_diverges_says_at_which_step_and_keeps_what_it_had(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"batch_size": 2, "checkpoint_every": 2}
    folder = runs.make_run(
        tmp_path / "run", "dpo", {"policy": tiny}, config, train=runs.random_rows(12)
    )
    calls = []

    def loss_that_breaks(*arguments: Any) -> Any:
        calls.append(1)
        loss, logged = batch_loss(*arguments)
        return (loss * float("nan"), logged) if len(calls) == 4 else (loss, logged)

    monkeypatch.setattr(dpo, "batch_loss", loss_that_breaks)
    with pytest.raises(Diverged, match="loss is not finite at step 4"):
        runs.carry_out(folder)
    assert list(runs.losses(folder)) == [1, 2, 3]
    assert runs.events(folder, 1, "result") == []
    monkeypatch.undo()
    runs.carry_out(folder, attempt=2)
    assert list(runs.losses(folder, [2])) == [3, 4, 5, 6]


def test_nothing_to_learn_from_is_said_in_words(tiny: Path, tmp_path: Path) -> None:
    rows = [runs.make_row(1, ["a", "b"], [runs.prefer(0, 1, p=0.5)])]
    folder = runs.make_run(tmp_path / "run", "dpo", {"policy": tiny}, {}, train=rows)
    with pytest.raises(NothingToLearn, match="Judge more pairs"):
        runs.carry_out(folder)


def test_the_number_of_steps_can_be_bounded(tiny: Path, tmp_path: Path) -> None:
    config = {"batch_size": 2, "max_steps": 3, "epochs": 2, "evaluate_every": 2}
    rows = runs.random_rows(8)
    folder = runs.make_run(
        tmp_path / "run", "dpo", {"policy": tiny}, config, train=rows[:6], test=rows[6:]
    )
    runs.carry_out(folder)
    assert list(runs.losses(folder)) == [1, 2, 3]
    tested = [e["step"] for e in runs.events(folder, 1, "metrics") if "test_loss" in e["values"]]
    assert tested == [0, 2, 3]
