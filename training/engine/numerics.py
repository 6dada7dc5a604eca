"""The arithmetic that more than one algorithm needs. All of it in float32 or better."""

import hashlib
import math
from collections.abc import Hashable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


class Diverged(RuntimeError):
    """A number that steers the run is not finite any more."""

    def __init__(self, name: str, step: int) -> None:
        super().__init__(
            f"{name} is not finite at step {step}: the run diverged. "
            "Start again from the last checkpoint with a lower learning rate."
        )
        self.name = name
        self.step = step


def check_finite(values: dict[str, float], step: int) -> None:
    """Raise Diverged, naming the number and the step, if one of `values` is NaN or infinite."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise Diverged(name, step)


def logprobs_of(logits: Tensor, targets: Tensor, temperature: float = 1.0) -> Tensor:
    """log softmax(logits / temperature) at `targets`: (M, V), (M,) → (M,) in float32."""
    scaled = logits.float() / temperature
    chosen = scaled.gather(1, targets[:, None]).squeeze(1)
    return chosen - scaled.logsumexp(dim=1)


def sum_by(values: Tensor, owner: Tensor, count: int) -> Tensor:
    """Sums of `values` (M,) for each of `count` owners → (count,).

    In float64: one float32 after the other, the log-probabilities of 200 tokens add up to an error
    of 1e-4.
    """
    sums = torch.zeros(count, dtype=torch.float64, device=values.device)
    return sums.index_add(0, owner, values.double()).to(values.dtype)


def bernoulli_loss(logit: Tensor, p: Tensor) -> Tensor:
    """−[p log σ(logit) + (1−p) log σ(−logit)], without overflow; p may lie between 0 and 1."""
    return -(p * F.logsigmoid(logit) + (1 - p) * F.logsigmoid(-logit))


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Σ w v / Σ w; 0 where no weight is."""
    return (values * weight).sum() / weight.sum().clamp_min(1e-12)


def agreement(logit: Tensor, p: Tensor) -> Tensor:
    """1 where the sign of `logit` says what the judgement says, ½ where it is zero, else 0."""
    return 0.5 + 0.5 * torch.sign(logit) * torch.sign(p - 0.5)


def mean_with_error(
    values: Sequence[float], clusters: Sequence[Hashable]
) -> tuple[float, float | None]:
    """Mean and its cluster-robust standard error.

    Values of one cluster (one conversation) are not independent. With C clusters, n values and
    residuals e:  SE = √( C/(C−1) · Σ_c (Σ_{i∈c} e_i)² ) / n  (Liang and Zeger 1986). With one value
    a cluster this is the sample standard deviation / √n. None with fewer than two clusters.
    """
    if not values:
        return float("nan"), None
    mean = math.fsum(values) / len(values)
    residuals: dict[Hashable, float] = {}
    for value, cluster in zip(values, clusters, strict=True):
        residuals[cluster] = residuals.get(cluster, 0.0) + (value - mean)
    count = len(residuals)
    if count < 2:
        return mean, None
    total = math.fsum(residual**2 for residual in residuals.values())
    return mean, math.sqrt(count / (count - 1) * total) / len(values)


def learning_rate(step: int, total: int, peak: float, warmup_share: float, schedule: str) -> float:
    """Learning rate of step 1 … total: up to `peak` over the warm-up, then constant or to 0.

    The first step already moves (a schedule that starts at 0 wastes it, and short runs have few),
    and the last one of a linear schedule is the smallest positive rate.
    """
    warmup = round(warmup_share * total)
    if step <= warmup:
        return peak * step / warmup
    if schedule == "constant":
        return peak
    return peak * (total - step + 1) / (total - warmup)


def seed_from(*parts: object) -> int:
    """A seed below 2**63 that depends on every part and on nothing else."""
    digest = hashlib.sha256("\x1f".join(map(str, parts)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1
