from pathlib import Path

import pytest
import torch

from tests.training.engine.runs import random_rows
from training.engine.configs import TrainConfig
from training.engine.data import collate, tokenise
from training.engine.modeling import Policy, load_policy
from training.engine.optim import make_optimizer


def loss_of(policy: Policy) -> torch.Tensor:
    groups, _ = tokenise(random_rows(3), policy.tokenizer, 200)
    return -policy.logprobs(collate(groups)).mean()


def test_a_step_is_the_one_of_torch_s_adamw(tiny: Path) -> None:
    ours, theirs = load_policy(tiny, "float32"), load_policy(tiny, "float32")
    optimizer = make_optimizer(ours, TrainConfig(weight_decay=0.1, max_grad_norm=0.5))
    matrices = [p for _, p in theirs.trainable() if p.ndim > 1]
    gains = [p for _, p in theirs.trainable() if p.ndim <= 1]
    reference = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": gains, "weight_decay": 0.0}], lr=1e-3
    )
    for _ in range(3):
        torch.autograd.backward(loss_of(ours))
        gradients = ours.gradients()
        for name, parameter in theirs.trainable():
            parameter.grad = gradients[name].clone()
        norm = optimizer.step(1e-3)
        optimizer.zero_grad()
        expected = torch.nn.utils.clip_grad_norm_([*matrices, *gains], 0.5)
        reference.step()
        assert norm.item() == pytest.approx(expected.item(), rel=1e-4)
    for (name, mine), (_, other) in zip(ours.trainable(), theirs.trainable(), strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=2e-6, msg=name)


def test_without_a_limit_gradients_are_not_scaled(tiny: Path) -> None:
    policy = load_policy(tiny, "float32")
    optimizer = make_optimizer(policy, TrainConfig(max_grad_norm=0.0))
    torch.autograd.backward(1000 * loss_of(policy))
    expected = torch.stack([gradient.norm() for gradient in policy.gradients().values()]).norm()
    assert optimizer.step(1e-3).item() == pytest.approx(expected.item(), rel=1e-4)


def test_a_restored_optimizer_goes_on_bit_for_bit(tiny: Path) -> None:
    config = TrainConfig()
    straight = load_policy(tiny, "float32")
    optimizer = make_optimizer(straight, config)
    resumed = load_policy(tiny, "float32")
    for step in range(4):
        if step == 2:
            state = {name: value.clone() for name, value in optimizer.state_tensors().items()}
            with torch.no_grad():
                for (_, mine), (_, other) in zip(
                    resumed.trainable(), straight.trainable(), strict=True
                ):
                    mine.copy_(other)
            resumed.renew()
            resumed.renew()
            restored = make_optimizer(resumed, config)
            restored.load_state_tensors(state)
        torch.autograd.backward(loss_of(straight))
        optimizer.step(1e-3)
        optimizer.zero_grad()
        if step >= 2:
            torch.autograd.backward(loss_of(resumed))
            restored.step(1e-3)
            restored.zero_grad()
    for (name, mine), (_, other) in zip(resumed.trainable(), straight.trainable(), strict=True):
        assert torch.equal(mine, other), name
    ended, expected = restored.state_tensors(), optimizer.state_tensors()
    assert ended.keys() == expected.keys()
    assert all(torch.equal(ended[name], expected[name]) for name in ended)
