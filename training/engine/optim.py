"""AdamW behind a few calls, with a state that is tensors by name."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from training.engine.configs import TrainConfig
from training.engine.flat import FlatParameters
from training.engine.kernels import kernels_for
from training.engine.kernels.plain import AdamW
from training.engine.memory import zeros_like

if TYPE_CHECKING:
    from training.engine.modeling import Model


class Optimizer:
    """AdamW (Loshchilov and Hutter 2019) with the gradient's norm clipped.

    Weight decay touches matrices only: gains of norms are not weights.
    """

    def __init__(self, parameters: list[tuple[str, nn.Parameter]], config: TrainConfig) -> None:
        self.parameters = parameters
        self.max_grad_norm = config.max_grad_norm
        matrices = [p for _, p in parameters if p.ndim > 1]
        others = [p for _, p in parameters if p.ndim <= 1]
        groups = [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        self.adamw = torch.optim.AdamW(
            [group for group in groups if group["params"]], lr=config.learning_rate, fused=True
        )

    def step(self, lr: float) -> Tensor:
        """One update at learning rate `lr`; returns the gradient's norm before clipping."""
        gradients = [p.grad for _, p in self.parameters if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        if self.max_grad_norm:
            nn.utils.clip_grads_with_norm_(
                [p for _, p in self.parameters], self.max_grad_norm, norm
            )
        for group in self.adamw.param_groups:
            group["lr"] = lr
        self.adamw.step()
        return norm

    def zero_grad(self) -> None:
        self.adamw.zero_grad(set_to_none=True)

    def state_tensors(self) -> dict[str, Tensor]:
        """Every tensor of the state, named `PARAMETER/exp_avg` and the like."""
        return {
            f"{name}/{key}": value
            for name, parameter in self.parameters
            for key, value in self.adamw.state[parameter].items()
        }

    def load_state_tensors(self, tensors: dict[str, Tensor]) -> None:
        for name, parameter in self.parameters:
            self.adamw.state[parameter] = {
                key.rpartition("/")[2]: value.clone()
                for key, value in tensors.items()
                if key.rpartition("/")[0] == name
            }


class FlatOptimizer:
    """The same AdamW over flat buffers.

    Weights, gradients and moments are read from memory once (`kernels`): the gradient is widened
    and clipped, the float32 weights updated and their copy in the compute dtype renewed while all
    of it is in the cache. On a processor this update is bound by memory, not by arithmetic.
    """

    BETAS = (0.9, 0.999)
    EPS = 1e-8

    def __init__(self, flat: FlatParameters, config: TrainConfig) -> None:
        self.flat = flat
        self.config = config
        self.moments = {
            "exp_avg": [zeros_like(master) for master in flat.masters],
            "exp_avg_sq": [zeros_like(master) for master in flat.masters],
        }
        self.steps = torch.zeros((), dtype=torch.float32, device=flat.weights.device)

    def step(self, lr: float) -> Tensor:
        """One update at learning rate `lr`; returns the gradient's norm before clipping."""
        gradients = self.flat.complete_gradients()
        self.flat.packs.clear()
        ops = [kernels_for(gradient.device, gradient.dtype) for gradient in gradients]
        sums = [each.squares(gradient) for each, gradient in zip(ops, gradients, strict=True)]
        norm: Tensor = torch.stack(sums).sum().sqrt().float()
        limit = self.config.max_grad_norm
        divisor = ((norm + 1e-6) / limit).clamp_min(1.0) if limit else torch.ones_like(norm)
        self.steps += 1
        decays = (self.config.weight_decay, 0.0)
        copies = (self.flat.weights, self.flat.masters[1])
        for part, (master, gradient) in enumerate(zip(self.flat.masters, gradients, strict=True)):
            how = AdamW(lr, decays[part], self.BETAS, self.EPS, self.steps, divisor)
            moments = (self.moments["exp_avg"][part], self.moments["exp_avg_sq"][part])
            ops[part].adamw(master, gradient, moments, copies[part], how)
        return norm

    def zero_grad(self) -> None:
        self.flat.zero_gradients()

    def state_tensors(self) -> dict[str, Tensor]:
        """Every tensor of the state, named `PARAMETER/exp_avg` and the like."""
        tensors = {"/step": self.steps}
        for key, (matrices, vectors) in self.moments.items():
            for name, parameter in self.flat.named:
                tensors[f"{name}/{key}"] = self.flat.view(matrices, vectors, (parameter,))
        return tensors

    def load_state_tensors(self, tensors: dict[str, Tensor]) -> None:
        for name, tensor in self.state_tensors().items():
            tensor.copy_(tensors[name])


def make_optimizer(model: "Model", config: TrainConfig) -> Optimizer | FlatOptimizer:
    if model.fast is not None:
        return FlatOptimizer(model.fast.flat, config)
    return Optimizer(model.trainable(), config)
