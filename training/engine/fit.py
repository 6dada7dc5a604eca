"""The training loop that algorithms share: batches, steps, checkpoints, evaluation, the end.

An algorithm hands over a `Job`: its model, its groups and three functions. The loop resumes from
the newest whole checkpoint; what it does then is a function of that checkpoint and the settings
alone, so an interrupted run ends with the same weights as one that was left in peace.
"""

import math
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from training.engine import checkpoints
from training.engine.checkpoints import Progress
from training.engine.configs import TrainConfig
from training.engine.data import Group, TreeBatch, batches, collate, in_order
from training.engine.modeling import Model, weights_hash
from training.engine.numerics import (
    agreement,
    bernoulli_loss,
    check_finite,
    learning_rate,
    mean_with_error,
)
from training.engine.optim import FlatOptimizer, Optimizer, make_optimizer
from training.engine.rundir import RunDir

BEAT = 1.0  # seconds between two reports of one phase


class Stopped(Exception):
    """The run was asked to end."""


class NothingToLearn(ValueError):
    """No judgement is left to train on; the message says why."""


@dataclass
class Job:
    run: RunDir
    config: TrainConfig
    model: Model
    role: str
    """policy or reward."""
    train: list[Group]
    facts: dict[str, float]
    """Goes into the result as it is: counts of what was left out, the line of chance."""
    loss: Callable[[TreeBatch, Sequence[Group]], tuple[Tensor, dict[str, Tensor]]]
    """The loss of one batch, and 0-d tensors to be logged."""
    evaluate: Callable[[], dict[str, float]]
    finish: Callable[[], None] = lambda: None
    """What is done once to the trained model."""


class Clock:
    """Reports how far a phase is, at most once a second, with the time that is left."""

    def __init__(self, run: RunDir, name: str, total: int, done: int = 0) -> None:
        self.run, self.name, self.total, self.first = run, name, total, done
        self.began = self.reported = time.monotonic()
        run.phase(name, done, total)

    def tick(self, done: int) -> None:
        now = time.monotonic()
        if now - self.reported >= BEAT or done == self.total:
            pace = (now - self.began) / max(done - self.first, 1)
            self.run.phase(self.name, done, self.total, round(pace * (self.total - done), 1))
            self.reported = now


def fit(job: Job) -> None:
    """Train, from wherever the run stands, and leave checkpoints/final and a result."""
    run, config, model = job.run, job.config, job.model
    identity = identity_of(run)
    optimizer = make_optimizer(model, config)
    total = count_steps(job)
    weights = sum(parameter.numel() for _, parameter in model.trainable())
    print(
        f"{weights / 1e6:.1f} million weights are trained on {len(job.train)} prompts in {total} "
        f"steps, in {model.dtype} and the {model.layout} layout",
        flush=True,
    )
    checkpoints.sweep(run)
    restored = checkpoints.load_latest(run, identity, model.device)
    if restored is not None:
        progress = restored.progress
        checkpoints.announce(run, restored.path, job.role, model.is_adapted)
        if restored.is_final:
            run.emit("result", metrics=progress.metrics)
            return
        restore(model, optimizer, restored)
        print(f"Resuming from {restored.path.name}", flush=True)
    else:
        measured = job.evaluate()
        run.metrics(0, measured)
        progress = Progress(metrics={f"{name}_before": v for name, v in measured.items()})

    def save(name: str, save_model: Callable[[Path], None] | None = None) -> None:
        run.phase("save", progress.step, total)
        weights = {name: p.data for name, p in model.trainable()}
        state = optimizer.state_tensors()
        path = checkpoints.save(run, name, identity, progress, weights, state, save_model)
        checkpoints.announce(run, path, job.role, model.is_adapted)
        checkpoints.prune(run, path, identity, config.keep_checkpoints)

    step_name = "step-{:06d}".format
    saved = progress.step if restored is not None else None
    try:
        clock = Clock(run, "train", total, progress.step)
        while progress.step < total:
            epoch = batches(job.train, config.batch_size, config.seed, progress.epoch)
            for groups in epoch[progress.index :]:
                if run.stop_requested():
                    raise Stopped
                take_step(job, optimizer, groups, progress, total)
                progress.index += 1
                clock.tick(progress.step)
                if progress.step == total:
                    break
                if config.evaluate_every and progress.step % config.evaluate_every == 0:
                    run.metrics(progress.step, job.evaluate())
                    clock = Clock(run, "train", total, progress.step)
                if config.checkpoint_every and progress.step % config.checkpoint_every == 0:
                    save(step_name(progress.step))
                    saved = progress.step
                    clock = Clock(run, "train", total, progress.step)
            else:
                progress.epoch, progress.index = progress.epoch + 1, 0
        run.phase("finish")
        job.finish()
        measured = job.evaluate()
    except Stopped:
        if saved != progress.step:
            save(step_name(progress.step))
        run.emit("result", metrics={"stopped": True, "step": progress.step})
        return
    run.metrics(total, measured)
    progress.metrics |= {**job.facts, **measured, "steps": total, **machine()}
    save(checkpoints.FINAL, model.save_model)
    run.emit("result", metrics=progress.metrics)


def identity_of(run: RunDir) -> str:
    config = run.read_config()
    return checkpoints.identity(
        config,
        weights={name: weights_hash(folder) for name, folder in config["models"].items()},
        data={
            name: checkpoints.file_hash(run.data_path(name))
            for name in ("train", "test")
            if run.data_path(name).exists()
        },
    )


def count_steps(job: Job) -> int:
    if not job.train:
        left_out = ", ".join(
            f"{name}: {n:.0f}" for name, n in job.facts.items() if "dropped" in name
        )
        raise NothingToLearn(
            "No judgement of the training split can be learnt from"
            + (f" ({left_out})." if left_out else ".")
            + " Judge more pairs, or raise max_length if responses were too long."
        )
    steps = job.config.epochs * math.ceil(len(job.train) / job.config.batch_size)
    return min(steps, job.config.max_steps) if job.config.max_steps else steps


def restore(
    model: Model, optimizer: Optimizer | FlatOptimizer, restored: checkpoints.Restored
) -> None:
    with torch.no_grad():
        for name, parameter in model.trainable():
            parameter.copy_(restored.weights[name])
    model.renew()
    optimizer.load_state_tensors(restored.optimizer)


def take_step(
    job: Job,
    optimizer: Optimizer | FlatOptimizer,
    groups: Sequence[Group],
    progress: Progress,
    total: int,
) -> None:
    """One update; raises Diverged instead of logging a number that is none."""
    began, config = time.monotonic(), job.config
    step = progress.step + 1
    batch = collate(groups).to(job.model.device)
    rate = learning_rate(step, total, config.learning_rate, config.warmup_share, config.schedule)
    loss, logged = job.loss(batch, groups)
    torch.autograd.backward(loss)
    norm = optimizer.step(rate)
    optimizer.zero_grad()
    logged = {"loss": loss.detach(), **logged, "grad_norm": norm.detach()}
    # One copy to the host a step: each .item() of its own would wait for the device.
    numbers = torch.stack([value.float() for value in logged.values()]).tolist()
    values = dict(zip(logged, numbers, strict=True))
    check_finite(values, step)
    seconds = time.monotonic() - began
    values |= {"learning_rate": rate, "tokens_per_second": len(batch.ids) / seconds}
    job.run.metrics(step, values)
    progress.step = step


def evaluate_pairs(
    run: RunDir,
    groups: Sequence[Group],
    batch_size: int,
    pair_logits: Callable[[TreeBatch, Sequence[Group]], Tensor],
    device: torch.device,
) -> dict[str, float]:
    """How well the logits of "a is preferred to b" agree with the judgements of the test split.

    test_accuracy counts each decided pair once (a tie in the logits is one half); its standard
    error takes pairs of one conversation together. test_accuracy_by_root counts each conversation
    once. Nothing is reported where there is nothing to test on. Raises Stopped.
    """
    right: list[float] = []
    roots: list[str] = []
    losses: list[float] = []
    weights: list[float] = []
    chunks = in_order(groups, batch_size)
    clock = Clock(run, "evaluate", len(chunks))
    for number, chunk in enumerate(chunks, start=1):
        if run.stop_requested():
            raise Stopped
        batch = collate(chunk).to(device)
        with torch.no_grad():
            logits = pair_logits(batch, chunk).float()
        losses += bernoulli_loss(logits, batch.p).tolist()
        weights += batch.weight.tolist()
        root_of_pair = [group.root for group in chunk for _ in group.preferences]
        for agrees, p, root in zip(
            agreement(logits, batch.p).tolist(), batch.p.tolist(), root_of_pair, strict=True
        ):
            if p != 0.5:
                right.append(agrees)
                roots.append(root)
        clock.tick(number)
    result: dict[str, float] = {"test_n": len(right)}
    if losses:
        total = math.fsum(loss * w for loss, w in zip(losses, weights, strict=True))
        result["test_loss"] = total / math.fsum(weights)
    if right:
        mean, error = mean_with_error(right, roots)
        result |= {"test_accuracy": mean, "test_roots": len(set(roots))}
        if error is not None:
            result["test_accuracy_se"] = error
        by_root: dict[str, list[float]] = {}
        for agrees, root in zip(right, roots, strict=True):
            by_root.setdefault(root, []).append(agrees)
        means = [math.fsum(values) / len(values) for values in by_root.values()]
        result["test_accuracy_by_root"] = math.fsum(means) / len(means)
    return result


def machine() -> dict[str, float]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB
    measured = {"peak_memory_gib": peak / 2**30}
    if torch.cuda.is_available():
        measured["peak_device_memory_gib"] = torch.cuda.max_memory_allocated() / 2**30
    return measured
