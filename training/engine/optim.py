"""AdamW behind a few calls, with a state that is tensors by name."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from training.engine.configs import TrainConfig
from training.engine.flat import FlatParameters
from training.engine.memory import zeros_like

if TYPE_CHECKING:
    from training.engine.modeling import Model

PIECE = 2**19  # numbers updated at a time: weights, gradients and both moments fit the cache
SUMMED = 2**18  # squares summed in float32; more would lose digits


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
    """The same AdamW over flat buffers, piece by piece.

    A piece's weights, gradient and moments are read from memory once: the gradient is widened and
    clipped, the float32 weights updated and their copy in the compute dtype renewed while all of
    it is in the cache. On a processor this update is bound by memory, not by arithmetic.
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
        norm: Tensor = torch.stack([norm_of(gradient) for gradient in gradients]).norm()
        limit = self.config.max_grad_norm
        divisor = ((norm + 1e-6) / limit).clamp_min(1.0) if limit else torch.ones_like(norm)
        self.steps += 1
        decays = (self.config.weight_decay, 0.0)
        for part, (master, gradient, decay) in enumerate(
            zip(self.flat.masters, gradients, decays, strict=True)
        ):
            first, second = (moments[part] for moments in self.moments.values())
            for start in range(0, len(master), PIECE):
                piece = slice(start, start + PIECE)
                torch._fused_adamw_(
                    [master[piece]],
                    [gradient[piece].to(torch.float32, copy=True)],  # is divided in place
                    [first[piece]],
                    [second[piece]],
                    [],
                    [self.steps],
                    lr=lr,
                    beta1=self.BETAS[0],
                    beta2=self.BETAS[1],
                    weight_decay=decay,
                    eps=self.EPS,
                    amsgrad=False,
                    maximize=False,
                    grad_scale=divisor,
                )
                if part == 0 and self.flat.weights is not master:
                    self.flat.weights[piece] = master[piece]
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


def norm_of(gradient: Tensor) -> Tensor:
    """The 2-norm, widened piece by piece: torch's norm of bfloat16 takes seven times as long."""
    total = torch.zeros((), dtype=torch.float64, device=gradient.device)
    for start in range(0, len(gradient), SUMMED):
        piece = gradient[start : start + SUMMED].float()
        total += piece.dot(piece)
    return total.sqrt().float()


def make_optimizer(model: "Model", config: TrainConfig) -> Optimizer | FlatOptimizer:
    if model.fast is not None:
        return FlatOptimizer(model.fast.flat, config)
    return Optimizer(model.trainable(), config)
